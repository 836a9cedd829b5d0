"""Rows of nova's ``compute_nodes`` -> columns, without a Python object for each host and cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numafit.columns.gather import Gatherer
from numafit.columns.layouts import Layout
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, HostCell, HostInfo, PciPool
from numafit.readers import bounds, checks
from numafit.readers.node_totals import node_columns, read_node
from numafit.readers.nova_bulk import Cell, cpu_sets, decode
from numafit.readers.nova_rows import host_from_nova, pools_from_nova, ratio
from numafit.rules.inventories import CellTotals, derived_provider

Row = (
    tuple[str, str | None, str | None]
    | tuple[str, str | None, str | None, float | None, float | None]
    | tuple[str, str | None, str | None, float | None, float | None, Mapping[str, Any]]
    | Mapping[str, Any]
)
PROGRESS_STEP = 1000
_REMEMBERED = 4096


class _Irregular(Exception):
    """A row that the careful reader has to look at."""


class RowGatherer(Gatherer):
    """Takes rows as they are stored."""

    def __init__(self, beside: Gatherer | None = None) -> None:
        super().__init__(beside)
        self._layout_by_text: dict[tuple[bytes, bytes, bytes], int] = {}
        self._new_texts: list[tuple[bytes, bytes, bytes]] = []
        """Those of the row that is being added."""
        self._pools_by_text: dict[str, tuple[PciPool, ...]] = {}

    def add_any(self, row: Row) -> None:
        """A row in any of its forms."""
        if isinstance(row, Mapping):
            self.add_row(*_columns(row))
            return
        try:
            # rows of database drivers are sequences of their own kinds; text would be one too
            parts: tuple[Any, ...] = () if isinstance(row, str | bytes) else tuple(row)
        except TypeError:
            parts = ()
        if not 3 <= len(parts) <= 6:
            expected = "name, numa_topology, pci_stats, two ratios and a mapping of other columns"
            raise InputError(None, None, row, expected)
        self.add_row(*parts)

    def add_named(self, row: Row) -> None:
        """As ``add_any``; an error names the host."""
        try:
            self.add_any(row)
        except InputError as error:
            raise error.within(_name_of(row).strip(" ()") or None) from None

    def add_row(
        self,
        name: str,
        numa_topology: str | None,
        pci_stats: str | None,
        cpu_ratio: float | None = None,
        ram_ratio: float | None = None,
        node: Mapping[str, Any] | None = None,
    ) -> None:
        cells = None
        if isinstance(numa_topology, str | bytes):
            bounds.grant_cpus(len(numa_topology) // 8)
            cells = decode(numa_topology)
        parts = None if cells is None else self._all_parts(cells)
        if cells is None or parts is None:
            parts_of_row = (numa_topology, pci_stats, name, cpu_ratio, ram_ratio)
            self.add_host(host_from_nova(*parts_of_row, node=node))
            return
        label = checks.label("name", name)
        cpus = ratio("cpu_allocation_ratio", cpu_ratio)
        ram = ratio("ram_allocation_ratio", ram_ratio)
        pools = self._pools(pci_stats) if pci_stats else ()
        told = self._told(cells, parts, cpus, ram, node) if node else None
        for cell, (layout, pinned) in zip(cells, parts, strict=True):
            network = cell.network_metadata.data
            self.add_cell(
                cell.id,
                cell.socket,
                layout,
                pinned,
                (cell.memory, cell.memory_usage),
                cell.cpu_usage,
                [
                    (p.data.size_kb, p.data.total, p.data.used, p.data.reserved)
                    for p in cell.mempages
                ],
                network.physnets,
                network.tunneled,
            )
        self.end_host(label, cpus, ram, pools, known=told)

    def _told(
        self,
        cells: list[Cell],
        parts: list[tuple[int, bytes]],
        cpu_ratio: float | None,
        ram_ratio: float | None,
        columns: Mapping[str, Any],
    ) -> HostInfo:
        """What the row says of the host as a whole."""
        node = read_node(columns)
        if node.totals is None:
            return HostInfo((), disabled=node.disabled, state=node.state)
        layouts = [self.layouts.all[layout] for layout, _pinned in parts]
        totals = CellTotals(
            sum(len(layout.shared) for layout in layouts),
            sum(len(layout.dedicated) for layout in layouts),
            all(layout.alike for layout in layouts),
            sum(cell.memory for cell in cells),
            sum(len(cell.pinned_cpus) for cell in cells),
            sum(cell.cpu_usage for cell in cells),
            sum(cell.memory_usage for cell in cells),
        )
        provider = derived_provider(totals, node.totals, cpu_ratio, ram_ratio)
        return HostInfo((), disabled=node.disabled, state=node.state, provider=provider)

    def _all_parts(self, cells: list[Cell]) -> list[tuple[int, bytes]] | None:
        known = len(self.layouts.all)
        self._new_texts.clear()
        try:
            return [self._parts(cell) for cell in cells]
        except _Irregular:
            if len(self.layouts.all) > known:
                self.layouts.cut(known)
                for key in self._new_texts:
                    self._layout_by_text.pop(key, None)
            return None

    def _parts(self, cell: Cell) -> tuple[int, bytes]:
        """The cell's layout, and its pinned CPUs as words."""
        key = (bytes(cell.siblings), bytes(cell.cpuset), bytes(cell.pcpuset))
        number = self._layout_by_text.get(key)
        if number is None:
            number = self._layout_of(cell)
            if len(self._layout_by_text) >= _REMEMBERED:
                self._layout_by_text.clear()
            self._layout_by_text[key] = number
            self._new_texts.append(key)
        layout: Layout = self.layouts.all[number]
        pinned = cell.pinned_cpus
        try:
            mask = sum(map(layout.dedicated_bits.__getitem__, pinned))
        except KeyError:
            # pinned outside the dedicated set: such a cell has a layout of its own
            raise _Irregular from None
        if mask.bit_count() != len(pinned):
            raise _Irregular  # a CPU stands twice
        return number, layout.words(mask)

    def _layout_of(self, cell: Cell) -> int:
        sets = cpu_sets(cell)
        if sets is None or len(sets.siblings) > MAX_CELL_CPUS:
            raise _Irregular
        try:
            return self.layouts.of(
                HostCell(
                    id=0,
                    cpuset=frozenset(sets.cpuset),
                    pcpuset=frozenset(sets.pcpuset),
                    memory_mb=0,
                    siblings=tuple(map(frozenset, sets.siblings)),
                )
            )
        except InputError:
            raise _Irregular from None

    def _pools(self, text: Any) -> tuple[PciPool, ...]:
        if not isinstance(text, str):
            return pools_from_nova(text) or ()
        # hosts without devices all say so in the same words
        known = self._pools_by_text.get(text)
        if known is None:
            known = pools_from_nova(text) or ()
            if len(self._pools_by_text) >= _REMEMBERED:
                self._pools_by_text.clear()
            self._pools_by_text[text] = known
        return known


def name_of(row: Row) -> str:
    """The host's name in a row, ``""`` where there is none."""
    return _name_of(row)[2:-1]


def hostinfo_of(row: Row) -> HostInfo:
    """A row that was gathered before, as a value."""
    parts: tuple[Any, ...] = _columns(row) if isinstance(row, Mapping) else tuple(row)
    parts += (None,) * (6 - len(parts))
    name, topology, pools, cpu, ram, node = parts
    return host_from_nova(topology, pools, name, cpu, ram, node=node)


def gather_rows(rows: Iterable[Row], progress: Callable[[int], object] | None) -> RowGatherer:
    """All rows; an error names the row by its number and the host's name."""
    gatherer = RowGatherer()
    n = -1
    with bounds.document():
        for n, row in enumerate(rows):
            try:
                gatherer.add_any(row)
            except InputError as error:
                raise error.within(f"row {n}{_name_of(row)}") from None
            if progress is not None and (n + 1) % PROGRESS_STEP == 0:
                progress(n + 1)
    if progress is not None:
        progress(n + 1)
    return gatherer


def _is_sequence(row: object) -> bool:
    """Database drivers have rows that are none of Python's sequences, and do what those do."""
    likely = hasattr(row, "__getitem__") and hasattr(row, "__len__")
    return likely and not isinstance(row, str | bytes)


def _columns(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row.get("hypervisor_hostname") or row.get("host") or "",
        row.get("numa_topology"),
        row.get("pci_stats"),
        row.get("cpu_allocation_ratio"),
        row.get("ram_allocation_ratio"),
        node_columns(row),
    )


def _name_of(row: Row) -> str:
    if isinstance(row, Mapping):
        name = _columns(row)[0]
    else:
        name = row[0] if _is_sequence(row) and len(row) else None
    return f" ({name})" if isinstance(name, str) and name else ""
