"""Where a guest lands: Placement, decoded from the engine's numbers when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numafit.errors import MisuseError
from numafit.model.guest import CPU_POLICIES, THREAD_POLICIES, PciRequest
from numafit.model.hostinfo import PciPool


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
        put = object.__setattr__
        put(self, "cpuset", frozenset(self.cpuset))
        put(self, "pcpuset", frozenset(self.pcpuset))
        put(self, "reserved", frozenset(self.reserved or ()))
        put(self, "pinning", {int(v): int(p) for v, p in dict(self.pinning or {}).items()})
        if self.cpu_policy not in (None, *CPU_POLICIES):
            raise MisuseError(f"cpu_policy={self.cpu_policy!r}: expected one of {CPU_POLICIES}")
        if self.cpu_thread_policy not in (None, *THREAD_POLICIES):
            raise MisuseError(
                f"cpu_thread_policy={self.cpu_thread_policy!r}: expected one of {THREAD_POLICIES}"
            )
        if len(set(self.pinning.values())) != len(self.pinning):
            raise MisuseError(f"pinning={self.pinning!r}: a host CPU stands twice")


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
    def decode_host(self) -> str | int: ...


class Placement:
    """A guest's cells on one host, in guest order; true in a condition, as a Refusal is false.

    Built by ``Host.fit`` and ``Fleet.fit``, or from its parts to replay one made elsewhere:
    ``pci_requests`` are then served anew, near its cells, when it is claimed. ``host``: name of
    the host, or its index in the fleet where it has none. ``pci``: the pools it draws on.
    """

    __slots__ = ("_cells", "_host", "_native", "_pci", "pci_requests")

    _cells: tuple[PlacementCell, ...] | None
    _pci: tuple[PciAllocation, ...] | None
    _native: Any
    _host: str | int | None
    pci_requests: tuple[PciRequest, ...]

    def __init__(
        self,
        cells: Iterable[PlacementCell] = (),
        *,
        pci_requests: Iterable[PciRequest] = (),
        host: str | int = "",
    ) -> None:
        self._cells = tuple(cells)
        self._pci = ()
        self._native = None
        self._host = host
        self.pci_requests = tuple(pci_requests)

    @property
    def host(self) -> str | int:
        if self._host is None:
            self._host = self._native.decode_host()
        return self._host

    @property
    def cells(self) -> tuple[PlacementCell, ...]:
        if self._cells is None:
            self._cells = self._native.decode()
        return self._cells

    @property
    def pci(self) -> tuple[PciAllocation, ...]:
        if self._pci is None:
            self._pci = self._native.decode_pci()
        return self._pci

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Placement):
            return NotImplemented
        mine = (self.host, self.cells, self.pci, self.pci_requests)
        return mine == (other.host, other.cells, other.pci, other.pci_requests)

    def __hash__(self) -> int:
        return hash((self.host, tuple(cell.host_cell for cell in self.cells)))

    def __repr__(self) -> str:
        return f"Placement(host={self.host!r}, cells={list(self.cells)!r})"

    def __reduce__(self) -> Any:
        return _rebuild, (self.cells, self.pci, self.pci_requests, self.host)


def _rebuild(
    cells: tuple[PlacementCell, ...],
    pci: tuple[PciAllocation, ...],
    pci_requests: tuple[PciRequest, ...],
    host: str | int,
) -> Placement:
    placement = Placement(cells, pci_requests=pci_requests, host=host)
    placement._pci = pci
    return placement
