"""Where a guest lands: Placement, decoded from the engine's numbers when it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numafit.errors import InvalidValue, StalePlacement
from numafit.model import fields
from numafit.model.fields import MAX_ID
from numafit.model.guest import CPU_POLICIES, MAX_MEMORY_MB, THREAD_POLICIES, PciRequest
from numafit.model.hostinfo import MAX_PAGE_KIB, PciPool
from numafit.model.request import Request, pci_list


@dataclass(frozen=True, slots=True)
class PlacementCell:
    """One guest cell on its host cell.

    ``host_cell``: id of the host cell. ``cpuset``: floating vCPUs. ``pcpuset``: dedicated vCPUs,
    each a key of ``pinning`` (vCPU -> host CPU id). ``pagesize``: KiB, or ``None`` where none was
    asked for. ``reserved``: host CPU ids of the emulator threads. ``memory_mb``: MiB.
    """

    host_cell: int
    cpuset: frozenset[int] = frozenset()
    pcpuset: frozenset[int] = frozenset()
    pinning: Mapping[int, int] = field(default_factory=dict)
    pagesize: int | None = None
    reserved: frozenset[int] = frozenset()
    memory_mb: int = 0
    cpu_policy: str | None = None
    cpu_thread_policy: str | None = None

    def __post_init__(self) -> None:
        put, keep = object.__setattr__, fields.keep_number
        keep(self, "host_cell", 0, MAX_ID)
        put(self, "cpuset", fields.ids("cpuset", self.cpuset, "vCPU ids"))
        put(self, "pcpuset", fields.ids("pcpuset", self.pcpuset, "vCPU ids"))
        reserved = () if self.reserved is None else self.reserved
        put(self, "reserved", fields.ids("reserved", reserved))
        put(self, "pinning", _pinning({} if self.pinning is None else self.pinning))
        if self.pagesize is not None:
            keep(self, "pagesize", 0, MAX_PAGE_KIB, "KiB")
        keep(self, "memory_mb", 0, MAX_MEMORY_MB, "MiB")
        fields.word("cpu_policy", self.cpu_policy, CPU_POLICIES)
        fields.word("cpu_thread_policy", self.cpu_thread_policy, THREAD_POLICIES)


def _pinning(given: Any) -> dict[int, int]:
    if not isinstance(given, Mapping):
        raise InvalidValue("pinning", given, "a mapping of vCPU ids to host CPU ids")
    found = {
        fields.number("pinning", vcpu, 0, MAX_ID): fields.number("pinning", cpu, 0, MAX_ID)
        for vcpu, cpu in given.items()
    }
    if len(set(found.values())) != len(found):
        raise InvalidValue("pinning", found, "each host CPU once")
    return found


@dataclass(frozen=True, slots=True)
class PciAllocation:
    """``count`` devices of one pool for PCI request number ``request`` of the guest.

    ``pool``: its number in the fleet, ``info``: its properties, ``numa_node``: its node, or
    ``None`` if unknown. ``devices``: their addresses, where the host came with a device list.
    ``distance``: NUMA distance from the nearest of the guest's cells (ACPI SLIT, 10 is local),
    ``None`` where it is not known.
    """

    request: int
    pool: int
    count: int
    numa_node: int | None
    info: PciPool
    devices: tuple[str, ...] = ()
    distance: int | None = None


class PciSupport:
    """Whether PCI requests can be served, and what is left then; true in a condition if they can.

    ``draws``: (request, pool, count). ``pools_after``: the pools in nova's order, those used up
    left out. ``reason``: why not, ``"pci_numa"`` or, where the search was given up before there was
    an answer, ``"undecided"``.
    """

    __slots__ = ("draws", "pools_after", "reason", "supported")

    def __init__(
        self,
        supported: bool,
        draws: tuple[tuple[int, int, int], ...] = (),
        pools_after: tuple[PciPool, ...] = (),
        reason: str = "",
    ) -> None:
        self.supported = supported
        self.reason = reason
        self.draws = draws
        self.pools_after = pools_after

    def __bool__(self) -> bool:
        return self.supported

    def __repr__(self) -> str:
        if self.reason:
            return f"PciSupport(supported={self.supported}, reason={self.reason!r})"
        return f"PciSupport(supported={self.supported}, draws={list(self.draws)!r})"


class Native(Protocol):
    """What the engine hands over: numbers that turn into cells when somebody looks."""

    def decode(self) -> tuple[PlacementCell, ...]: ...
    def decode_pci(self) -> tuple[PciAllocation, ...]: ...
    def not_judged(self) -> tuple[str, ...]: ...
    @property
    def host(self) -> int: ...
    @property
    def host_name(self) -> str: ...


class Placement:
    """A guest's cells on one host, in guest order; true in a condition, as a Refusal is false.

    Built by ``fit`` of a Host or a Fleet, or from its parts to replay one made elsewhere:
    ``pci_requests`` are then served anew, near its cells, when it is claimed. ``host``: index of
    the host in the fleet (0 of a Host), ``None`` where it was built from its parts.
    ``host_name``: the host's name, ``""`` where it has none. ``pci``: the pools it draws on.
    ``not_judged``: what the answer leaves open, in sentences: traits and inventories that are not
    known or that other providers may have, scheduler filters, devices of Cyborg's.
    """

    __slots__ = (
        "_asked",
        "_cells",
        "_host",
        "_host_name",
        "_native",
        "_not_judged",
        "_pci",
        "pci_requests",
    )

    _asked: Request
    """What it was made for, of one whose host has changed since; not set otherwise."""
    _cells: tuple[PlacementCell, ...] | None
    _pci: tuple[PciAllocation, ...] | None
    _native: Any
    _host: int | None
    _host_name: str | None
    _not_judged: tuple[str, ...] | None
    pci_requests: tuple[PciRequest, ...]

    def __init__(
        self,
        cells: Iterable[PlacementCell] = (),
        *,
        pci_requests: Iterable[PciRequest] = (),
        host_name: str = "",
    ) -> None:
        fields.text("host_name", host_name)
        self._cells = fields.many(
            "cells", cells, PlacementCell, "a PlacementCell", "a list of PlacementCells"
        )
        self._pci = self._not_judged = ()
        self._native = None
        self._host = None
        self._host_name = host_name
        self.pci_requests = pci_list("pci_requests", pci_requests)

    @property
    def host(self) -> int | None:
        return self._host if self._native is None else self._native.host

    @property
    def host_name(self) -> str:
        known = self._host_name
        return self._told("_host_name", lambda native: native.host_name) if known is None else known

    @property
    def asked(self) -> Request | None:
        """What it was made for; ``None``: it was built from parts, and that is not known."""
        first = getattr(self, "_asked", None)
        known: Request | None = None if self._native is None else self._native.prepared.request
        return known if first is None else first

    @property
    def cells(self) -> tuple[PlacementCell, ...]:
        known = self._cells
        if known is None:
            try:
                known = self._cells = self._native.decode()
            except StalePlacement:
                return self._told("_cells", lambda native: native.decode())  # type: ignore[no-any-return]
        return known

    @property
    def pci(self) -> tuple[PciAllocation, ...]:
        known = self._pci
        if known is None:
            try:
                known = self._pci = self._native.decode_pci()
            except StalePlacement:
                return self._told("_pci", lambda native: native.decode_pci())  # type: ignore[no-any-return]
        return known

    @property
    def not_judged(self) -> tuple[str, ...]:
        known = self._not_judged
        read = lambda native: native.not_judged()  # noqa: E731
        return self._told("_not_judged", read) if known is None else known

    def _told(self, slot: str, read: Callable[[Any], object]) -> Any:
        """What the engine says, read once. Who changes the host of a claim reads it first, and
        hands over other numbers: also while this waits."""
        while (known := getattr(self, slot)) is None:
            native = self._native
            try:
                setattr(self, slot, read(native))
            except StalePlacement:
                if getattr(self, slot) is None and self._native is native:
                    raise
        return known

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Placement):
            return NotImplemented
        return self._parts() == other._parts()

    def _parts(self) -> tuple[Any, ...]:
        return (self.cells, self.pci, self.pci_requests, self.host, self.host_name)

    def __hash__(self) -> int:
        return hash((self.host, self.host_name, tuple(cell.host_cell for cell in self.cells)))

    def __repr__(self) -> str:
        where = f"host={self.host!r}, host_name={self.host_name!r}"
        return f"Placement({where}, cells={list(self.cells)!r})"

    def __reduce__(self) -> Any:
        return _rebuild, (*self._parts(), self.not_judged)


def with_native(placement: Placement, native: Native, pci: tuple[PciAllocation, ...]) -> Placement:
    """The placement, as the engine has it; its cells are known."""
    if placement.asked is not None:
        placement._asked = placement.asked
    placement._native = native
    placement._pci = pci
    placement._not_judged = None
    return placement


def _rebuild(
    cells: tuple[PlacementCell, ...],
    pci: tuple[PciAllocation, ...],
    pci_requests: tuple[PciRequest, ...],
    host: int | None,
    host_name: str,
    not_judged: tuple[str, ...] = (),
) -> Placement:
    placement = Placement(cells, pci_requests=pci_requests, host_name=host_name)
    placement._pci = pci
    placement._host = host
    placement._not_judged = not_judged
    return placement
