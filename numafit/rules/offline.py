"""CPUs that are off, on hosts whose dedicated CPUs nova switches on and off.

With ``[libvirt] cpu_power_management`` a dedicated CPU is off while no guest has it, and counts all
the same: nova 34 powers them all up before it asks libvirt for the topology. A source that was
written while they were at rest has lost which of them are threads of one core.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from numafit.cpuset import cpu_words, format_cpu_list
from numafit.model.hostinfo import HostInfo

Cores = tuple[frozenset[int], ...]


def with_resting_cpus(host: HostInfo, dedicated: frozenset[int]) -> HostInfo:
    """``host`` with those of ``dedicated`` that are off put into their cells, for all guests.

    Where the source does not tell their cores, they are taken to be like those of the CPUs that
    are on, if that leaves none over; ``remarks`` says so.
    """
    found = {one.cell: one for one in host.offline if one.cpus & dedicated}
    if not found:
        return host
    pattern = _pattern(host)
    like_others: set[int] = set()
    alone: set[int] = set()
    cells = []
    for cell in host.cells:
        off = found.get(cell.id)
        if off is not None:
            resting = off.cpus & dedicated
            on = tuple(core - off.cpus for core in cell.siblings if core - off.cpus)
            everything = cell.cpuset | cell.pcpuset | resting
            if resting <= frozenset[int]().union(*off.siblings):
                cores = _joined(off.siblings, on)
            elif guessed := _by_pattern(everything | off.cpus, on, pattern):
                cores = guessed
                like_others |= resting
            else:
                cores = (*on, *(frozenset((cpu,)) for cpu in sorted(resting)))
                alone |= resting
            cores = tuple(core & everything for core in cores if core & everything)
            cell = replace(cell, cpuset=everything, pcpuset=everything, siblings=cores)
        cells.append(cell)
    rest = (replace(one, cpus=one.cpus - dedicated) for one in host.offline)
    return replace(
        host,
        cells=tuple(cells),
        offline=tuple(one for one in rest if one.cpus),
        remarks=(*host.remarks, *_remarks(like_others, alone, pattern)),
    )


def _remarks(
    like_others: Collection[int], alone: Collection[int], pattern: tuple[int, ...]
) -> Iterator[str]:
    example = format_cpu_list(pattern)
    like = f"taken to be as those of the CPUs that are on ({example}; ...)"
    if len(like_others) == 1:
        yield f"{_resting(like_others)} its core is not told: it is {like}"
    elif like_others:
        yield f"{_resting(like_others)} their cores are not told: they are {like}"
    if len(alone) == 1:
        yield f"{_resting(alone)} its core is not told: it counts as a core of its own"
    elif alone:
        yield f"{_resting(alone)} their cores are not told: each counts as a core of its own"


def _resting(cpus: Collection[int]) -> str:
    are, whose = ("is off and counts", "its") if len(cpus) == 1 else ("are off and count", "their")
    return f"{cpu_words(cpus)} {are}, for nova manages {whose} power;"


def _joined(told: Cores, on: Cores) -> Cores:
    """``told``, and those of ``on`` that have no part in them; by first threads."""
    listed = frozenset[int]().union(*told)
    return tuple(sorted((*told, *(core for core in on if not core & listed)), key=min))


def _pattern(host: HostInfo) -> tuple[int, ...]:
    """CPU ids of the first of the widest cores, less its first, where all of those are alike;
    empty where they are not, or no core has two threads that are on."""
    off = frozenset[int]().union(*(one.cpus for one in host.offline))
    cores = [core - off for cell in host.cells for core in cell.siblings if core - off]
    widest = max(map(len, cores), default=0)
    patterns = {_steps(core) for core in cores if len(core) == widest}
    return patterns.pop() if widest > 1 and len(patterns) == 1 else ()


def _steps(core: Iterable[int]) -> tuple[int, ...]:
    first, *rest = sorted(core)
    return (0, *(cpu - first for cpu in rest))


def _by_pattern(cpus: frozenset[int], on: Cores, pattern: tuple[int, ...]) -> Cores:
    """The cores that ``pattern`` makes of ``cpus``; none where a CPU is left over, or where a core
    of ``on`` belongs to none of them."""
    if not pattern:
        return ()
    cores = []
    left = set(cpus)
    for cpu in sorted(cpus):
        if cpu in left:
            core = frozenset(cpu + step for step in pattern)
            if not core <= left:
                return ()
            left -= core
            cores.append(core)
    return tuple(cores) if all(any(one <= core for core in cores) for one in on) else ()


def off_remark(host: HostInfo) -> str:
    """What is to be said of CPUs that are off and count for nothing; empty where there are none."""
    shown = frozenset[int]().union(*(cell.cpuset | cell.pcpuset for cell in host.cells))
    off = frozenset[int]().union(*(one.cpus for one in host.offline))
    parts = []
    if off - shown:
        are = "is off: no guest is placed on it"
        if len(off - shown) > 1:
            are = "are off: no guest is placed on them"
        parts.append(f"{cpu_words(off - shown)} {are}")
    if off & shown:
        one = len(off & shown) == 1
        parts.append(
            f"{cpu_words(off & shown)} {'looks' if one else 'look'} as libvirt shows CPUs that are "
            "off (socket 0, core 0, no siblings): "
            f"{'its core is' if one else 'their cores are'} not known"
        )
    return "; ".join(parts)
