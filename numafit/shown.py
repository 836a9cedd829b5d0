"""How does a fleet look: in a terminal, in a notebook, as a table of one row per host?"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

import numpy.typing as npt

from numafit._engine import ManyHosts
from numafit.columns import Columns
from numafit.columns.totals import Totals, by_host, totals
from numafit.extras import need
from numafit.plurals import counted


class HostRow(NamedTuple):
    """One host in numbers, its cells summed up; memory in MiB."""

    name: str
    cells: int
    dedicated_cpus: int
    dedicated_used: int
    shared_cpus: int
    shared_vcpus_used: int
    memory_mb: int
    memory_used_mb: int


class ShownHalf:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    def columns(self, copy: bool = True) -> dict[str, npt.NDArray[Any]]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[HostRow]:
        """A row of ``table`` for each host: what frames are made of."""
        table = self.table()
        numbers = (table[name].tolist() for name in HostRow._fields[1:])
        return map(HostRow._make, zip(table["name"], *numbers, strict=True))

    def __repr__(self) -> str:
        return f"<Fleet of {', '.join(_said(totals(self.columns(copy=False))))}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        said = totals(self.columns(copy=False))
        bars = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text)}</td>"
            f"<td><meter min='0' max='1' value='{used / limit:.4f}'></meter></td></tr>"
            for name, text, used, limit in _bars(said)
        )
        head = f"{counted(said.hosts, 'host')}, {counted(said.cells, 'cell')}"
        return f"<div><strong>Fleet</strong>: {escape(head)}<table>{bars}</table></div>"

    def table(self) -> dict[str, Any]:
        """One value per host in each of the columns of ``HostRow``, as they are at this moment:
        ``name`` is a list, the others are arrays of int64. A removed host has 0 of all."""
        numbers = by_host(self.columns(), self._columns.n_hosts)
        return {"name": list(self._columns.names), **numbers}

    def to_pandas(self) -> Any:
        """``table`` as a pandas DataFrame (``numafit[plot]``). ``pandas.DataFrame(fleet)`` is the
        same."""
        return need("pandas", "plot").DataFrame(self.table())

    def to_polars(self) -> Any:
        """``table`` as a polars DataFrame; ``polars.DataFrame(fleet)`` has cells, pages and pools
        too. Needs polars."""
        return need("polars", "plot").DataFrame(self.table())


def _bars(said: Totals) -> list[tuple[str, str, int, int]]:
    """What is used of what, where there is any of it."""
    gib = said.memory_mb / 1024, said.memory_limit / 1024
    rows = [
        (
            "dedicated CPUs",
            f"{said.dedicated_cpus:,} of {counted(said.dedicated_limit, 'dedicated CPU')} used",
            said.dedicated_cpus,
            said.dedicated_limit,
        ),
        (
            "shared vCPUs",
            f"{counted(said.shared_vcpus, 'vCPU')} on {counted(said.shared_limit, 'shared CPU')}",
            said.shared_vcpus,
            said.shared_limit,
        ),
        (
            "memory",
            f"{gib[0]:,.0f} of {gib[1]:,.0f} GiB used",
            said.memory_mb,
            said.memory_limit,
        ),
    ]
    return [row for row in rows if row[3]]


def _said(said: Totals) -> list[str]:
    return [
        counted(said.hosts, "host"),
        counted(said.cells, "cell"),
        *(text for _name, text, _used, _limit in _bars(said)),
    ]
