"""What does the page know of each host: a row of the table, and what its picture is drawn from?

The pictures' data is one compact value for JSON. What many hosts share (the CPUs of a cell, the
lines below a picture) stands in it once, and hosts name it by its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numafit.errors import printable
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.planning import reasons
from numafit.reporting.findings import Findings
from numafit.views import words
from numafit.views.text import rest_lines

STATES = ("dedicated", "shared", "both")
"""States of a CPU that is not pinned, as the page's script numbers them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A host in numbers. ``make``: the number of its kind; CPUs are dedicated ones, memory is
    MiB, ``stranded`` CPUs; ``flavors``: those that it has room for; ``disabled``: why it takes no
    guests."""

    name: str
    make: int
    cells: int
    cpus: int
    cpus_free: int
    memory: int
    memory_free: int
    stranded: int
    flavors: int
    disabled: str


def rows(found: Findings, infos: Sequence[HostInfo]) -> list[Row]:
    """``infos``: every host, one fleet after the other."""
    tables = [fleet.table() for fleet in found.fleets]
    joined = {key: np.concatenate([one[key] for one in tables]) for key in tables[0]}
    make = np.zeros(found.hosts, np.int64)
    for n, group in enumerate(found.room.by("kind")):
        make[group.hosts] = n
    lost = found.lost
    at = lost.kinds.index(reasons.CPUS)
    columns = (
        make,
        joined["cells"],
        joined["dedicated_cpus"],
        lost.free[at],
        joined["memory_mb"],
        np.maximum(joined["memory_mb"] - joined["memory_used_mb"], 0),
        lost.stranded[at],
        np.count_nonzero(found.room.reached, axis=1),
    )
    names = [printable(one.name) or f"host {n}" for n, one in enumerate(infos)]
    resting = [printable(one.disabled) for one in infos]
    numbers = (column.tolist() for column in columns)
    return list(map(Row, names, *numbers, resting))


class _Once:
    """Values that stand once, each with its number."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    @property
    def all(self) -> list[Any]:
        return list(self.numbers)


def pictures(found: Findings, infos: Sequence[HostInfo]) -> dict[str, Any]:
    """What ``report.js`` draws hosts from."""
    room, lost = found.room, found.lost
    ends, ended = room.ends
    cores, lines, distances = _Cores(), _Once(), _Once()
    hosts = [
        [
            [_cell(host, cell, cores) for cell in host.cells],
            [lines.number(printable(line)) for line in rest_lines(host)],
            distances.number(host.distances),
        ]
        for host in infos
    ]
    return {
        "cap": room.cap,
        "flavors": list(map(printable, room.flavors)),
        "ends": list(ends),
        "room": room.reached.tolist(),
        "ended": ended.tolist(),
        "kinds": [[printable(k), u] for k, u in zip(lost.kinds, lost.units, strict=True)],
        "free": lost.free.T.tolist(),
        "lost": lost.stranded.T.tolist(),
        "cores": cores.all,
        "lines": lines.all,
        "distances": distances.all,
        "hosts": hosts,
    }


class _Cores(_Once):
    """CPUs of cells, core by core, and what each is for where it is not pinned."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, tuple[int, list[int]]] = {}

    def of(self, cell: HostCell) -> tuple[int, list[int]]:
        """Their number, and the CPUs in this order."""
        key = cell.cpuset, cell.pcpuset, cell.siblings
        if key not in self._known:
            cores = words.cores(cell)
            cpus = [cpu for core in cores for cpu in core]
            free = replace(cell, pinned_cpus=frozenset())
            states = "".join(str(STATES.index(words.state(free, cpu))) for cpu in cpus)
            text = ";".join(",".join(map(str, core)) for core in cores)
            self._known[key] = self.number((text, states)), cpus
        return self._known[key]


def _cell(host: HostInfo, cell: HostCell, cores: _Cores) -> list[Any]:
    number, cpus = cores.of(cell)
    return [
        words.cell_title(cell),
        number,
        cell.memory_mb,
        cell.memory_usage,
        cell.cpu_usage,
        _bits([cpu in cell.pinned_cpus for cpu in cpus]),
        [[one.size_kib, one.total, one.used, one.reserved] for one in cell.page_pools],
        printable(words.networks(cell)),
        [printable(words.pool(one)) for one in words.pools_at(host, cell)],
    ]


def _bits(flags: list[bool]) -> str:
    """Four of them a hexadecimal digit, the first the highest bit of the first digit."""
    digits = [flags[n : n + 4] for n in range(0, len(flags), 4)]
    return "".join(f"{sum(8 >> k for k, flag in enumerate(some) if flag):x}" for some in digits)
