"""What the instances of a host take in sum, beside what the host itself says is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from numafit.cpuset import format_cpu_list
from numafit.diagnosis.finding import WARNING, Finding
from numafit.model.hostinfo import HostCell, HostInfo

_SHOWN = 8
"""Instances that a message names."""


@dataclass(frozen=True, slots=True)
class InstanceCell:
    """What one guest cell holds on host cell ``host_cell``: ``shared`` floating vCPUs, the host
    CPUs ``pinned``, MiB of memory, taken from pages of ``pagesize`` KiB (``None``: the smallest
    that the host has). ``isolated``: the siblings of its CPUs are taken too."""

    host_cell: int
    memory_mb: int
    shared: int = 0
    pinned: frozenset[int] = frozenset()
    pagesize: int | None = None
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance on ``(host, node)``, nova's names of the service and of the compute node.

    ``migrating``: nova counts it on two hosts meanwhile, by rules that its row does not show.
    """

    uuid: str
    host: str
    node: str
    cells: tuple[InstanceCell, ...] = ()
    migrating: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """``what`` (``memory_usage``, ``cpu_usage``, ``pinned_cpus``, ``pages of N KiB``, ``CPUs
    pinned twice``, ``cell``) of a cell as stored in the host's row, and as its instances sum up.
    ``instances``: those that pin one CPU, by uuid."""

    host: str
    cell: int
    what: str
    stored: str
    summed: str
    migrating: int = 0
    instances: tuple[str, ...] = ()

    @property
    def who_shares(self) -> str:
        """The CPUs and the instances; empty unless several pin one."""
        if not self.instances:
            return ""
        cpus = f"CPU {self.summed} is" if self.summed.isdigit() else f"CPUs {self.summed} are"
        return f"{cpus} pinned by several instances: {_some(self.instances)}"

    def __str__(self) -> str:
        where = f"{self.host}: cell {self.cell}"
        text = (
            f"{where}: {self.what}: "
            f"stored {self.stored or 'none'}, its instances sum up to {self.summed or 'none'}"
        )
        if self.instances:
            text = f"{where}: {self.who_shares}"
        if self.migrating:
            text += f" ({self.migrating} of them on the move between hosts)"
        return text


@dataclass(slots=True)
class _Sum:
    memory_mb: int = 0
    shared: int = 0
    pinned: dict[int, str] = field(default_factory=dict)
    """CPU -> the first instance that pins it."""
    isolated: set[int] = field(default_factory=set)
    twice: dict[int, dict[str, None]] = field(default_factory=dict)
    """CPU -> all instances that pin it, where they are several."""
    taken: list[tuple[int | None, int]] = field(default_factory=list)
    """Page size in KiB, or ``None`` for the smallest; MiB."""


class HostSum:
    """The instances of one host, added up one after the other."""

    def __init__(self) -> None:
        self._cells: dict[int, _Sum] = {}
        self._migrating = 0

    def add(self, instance: Instance) -> None:
        self._migrating += instance.migrating
        for cell in instance.cells:
            total = self._cells.setdefault(cell.host_cell, _Sum())
            total.memory_mb += cell.memory_mb
            total.shared += cell.shared
            for cpu in sorted(cell.pinned):
                if cpu in total.pinned:
                    several = total.twice.setdefault(cpu, {total.pinned[cpu]: None})
                    several[instance.uuid] = None
                total.pinned.setdefault(cpu, instance.uuid)
            if cell.isolated:
                total.isolated |= cell.pinned
            total.taken.append((cell.pagesize, cell.memory_mb))

    def differences(self, host: HostInfo) -> Iterator[Difference]:
        """Where the host's own row says something else."""
        there = {cell.id: cell for cell in host.cells}
        for cell_id in sorted(self._cells.keys() - there.keys()):
            yield self._difference(host, cell_id, "cell", "not there", "in use")
        for cell in host.cells:
            total = self._cells.get(cell.id, _Sum())
            for what, stored, summed in _compare(cell, total):
                if stored != summed:
                    yield self._difference(host, cell.id, what, stored, summed)
            if total.twice:
                names = dict.fromkeys(name for cpu in total.twice.values() for name in cpu)
                found = self._difference(
                    host, cell.id, "CPUs pinned twice", "", format_cpu_list(total.twice)
                )
                yield replace(found, instances=tuple(names))

    def _difference(
        self, host: HostInfo, cell: int, what: str, stored: str, summed: str
    ) -> Difference:
        return Difference(host.name, cell, what, stored, summed, self._migrating)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _compare(cell: HostCell, total: _Sum) -> Iterator[tuple[str, str, str]]:
    yield "memory_usage", str(cell.memory_usage), str(total.memory_mb)
    yield "cpu_usage", str(cell.cpu_usage), str(total.shared)
    pinned = set(total.pinned)
    for core in cell.siblings:
        if core & total.isolated:
            pinned |= core
    yield "pinned_cpus", format_cpu_list(cell.pinned_cpus), format_cpu_list(pinned)
    pools = {pool.size_kib: pool.used for pool in cell.page_pools}
    pages = dict.fromkeys(pools, 0)
    for size, memory_mb in total.taken:
        size = size or min(pools, default=None)
        if size is not None:
            pages[size] = pages.get(size, 0) + memory_mb * 1024 // size
    for size, count in sorted(pages.items()):
        stored = str(pools[size]) if size in pools else "no such pages"
        yield f"pages of {size} KiB", stored, str(count)


def usage_differences(
    hosts: Iterable[tuple[tuple[str, str], HostInfo]], sums: Mapping[tuple[str, str], HostSum]
) -> Iterator[Difference]:
    """Differences of all hosts, in their order; each host stands behind its ``(host, node)``."""
    for key, host in hosts:
        yield from sums.get(key, HostSum()).differences(host)


def pinned_findings(pinned: Iterable[Difference]) -> Iterator[Finding]:
    """CPUs of any host that several instances are pinned to."""
    for one in pinned:
        yield Finding(
            WARNING,
            "pinned-twice",
            f"{one.host}: cell {one.cell}",
            one.who_shares,
            "Move all of them but one to other CPUs: a cold migration or a resize pins anew.",
        )
