"""Rows of nova's ``compute_nodes`` -> columns, without a Python object for each host and cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from numafit.columns._nova_text import NovaPools, NovaText
from numafit.columns.gather import Gatherer
from numafit.columns.pools import rank
from numafit.columns.resources import NOTHING_TOLD, Told
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, HostCell, HostInfo, PciPool
from numafit.readers import bounds, checks
from numafit.readers.node_totals import node_columns, read_node
from numafit.readers.nova_rows import cpu_ids, host_from_nova, pools_from_nova, ratio
from numafit.readers.textfile import parse_json
from numafit.rules.inventories import CellTotals, derived_provider

Row = (
    tuple[str, str | None, str | None]
    | tuple[str, str | None, str | None, float | None, float | None]
    | tuple[str, str | None, str | None, float | None, float | None, Mapping[str, Any]]
    | Mapping[str, Any]
)
PROGRESS_STEP = 1000
_REMEMBERED = 4096


class RowGatherer(Gatherer):
    """Takes rows as they are stored."""

    def __init__(self, beside: Gatherer | None = None) -> None:
        super().__init__(beside)
        self._text = NovaText(self, self._learn)
        self._pools_text = NovaPools()
        self._kinds: dict[bytes, _Kinds] = {}

    def add_any(self, row: Row) -> None:
        """A row in any of its forms."""
        if type(row) is tuple:
            parts: tuple[Any, ...] = row
        elif isinstance(row, Mapping):
            parts = _columns(row)
        else:
            parts = _parts(row)
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
        if not self._reads(numa_topology):
            parts_of_row = (numa_topology, pci_stats, name, cpu_ratio, ram_ratio)
            self.add_host(host_from_nova(*parts_of_row, node=node))
            return
        label = checks.label("name", name)
        cpus = ratio("cpu_allocation_ratio", cpu_ratio)
        ram = ratio("ram_allocation_ratio", ram_ratio)
        nothing = pci_stats is None or (isinstance(pci_stats, str) and not pci_stats)
        pools, classes = ((), None) if nothing else self._pools(pci_stats)
        told = NOTHING_TOLD if node is None else self._told(cpus, ram, node)
        self._text.add()
        self.end_host(label, cpus, ram, pools, told=told, classes=classes)

    def _reads(self, numa_topology: object) -> bool:
        """Is it an ordinary topology, whose cells can be added?"""
        if not isinstance(numa_topology, str | bytes):
            return False
        bounds.grant_cpus(len(numa_topology) // 8)
        known = len(self.layouts.all)
        if self._text.read(numa_topology):
            return True
        if len(self.layouts.all) > known:
            self.layouts.cut(known)
            self._text.forget()
        return False

    def _learn(self, texts: list[bytes]) -> tuple[int, int, dict[int, int]] | None:
        """A layout from the texts of ``cpuset``, ``pcpuset`` and ``siblings``: its number, bytes
        of a mask, the slot of each dedicated CPU. ``None``: the careful reader has to judge it."""
        try:
            cpuset, pcpuset, siblings = (parse_json(text.decode()) for text in texts)
            if len(siblings) > MAX_CELL_CPUS:
                return None
            number = self.layouts.of(
                HostCell(
                    id=0,
                    cpuset=cpu_ids("cpuset", cpuset),
                    pcpuset=cpu_ids("pcpuset", pcpuset),
                    memory_mb=0,
                    siblings=tuple(cpu_ids("siblings", core) for core in siblings),
                )
            )
        except (InputError, UnicodeError):
            return None
        layout = self.layouts.all[number]
        slots = {cpu: layout.slot_of[cpu] for cpu in layout.dedicated}
        return number, 8 * layout.n_words, slots

    def _told(
        self, cpu_ratio: float | None, ram_ratio: float | None, columns: Mapping[str, Any]
    ) -> Told:
        """What the row says of the host as a whole."""
        node = read_node(columns)
        if node.totals is None:
            return None, None, node.disabled, node.state
        numbers, memory_mb, pinned, floating, memory_used = self._text.totals()
        layouts = [self.layouts.all[number] for number in numbers]
        totals = CellTotals(
            sum(len(layout.shared) for layout in layouts),
            sum(len(layout.dedicated) for layout in layouts),
            all(layout.alike for layout in layouts),
            memory_mb,
            pinned,
            floating,
            memory_used,
        )
        provider = derived_provider(totals, node.totals, cpu_ratio, ram_ratio)
        return provider, None, node.disabled, node.state

    def _pools(self, text: Any) -> tuple[Sequence[PciPool], list[int] | None]:
        """A host's pools, and their classes where those are known."""
        found = self._pools_text.read(text)
        if found is None:
            return pools_from_nova(text) or (), None
        key, counts, providers = found
        kinds = self._kinds.get(key)
        if kinds is None:
            if len(self._kinds) >= _REMEMBERED:
                self._kinds.clear()
            kinds = self._kinds[key] = _Kinds(pools_from_nova(text) or (), self.pools.class_of)
        return kinds.with_now(counts, providers), kinds.classes


class _Kinds:
    """Pools of hosts that differ in counts and resource providers alone. ``classes``: in nova's
    order, which is that of the answers too."""

    def __init__(self, pools: Sequence[PciPool], class_of: Callable[[PciPool], int]) -> None:
        self._pools = sorted(enumerate(pools), key=lambda one: rank(one[1]))
        self._known: dict[tuple[int, int], PciPool] = {}
        self.classes = [class_of(pool) for _n, pool in self._pools]

    def with_now(self, counts: list[int], providers: list[str | None]) -> list[PciPool]:
        return [self._with(n, pool, counts[n], providers[n]) for n, pool in self._pools]

    def _with(self, n: int, pool: PciPool, count: int, provider: str | None) -> PciPool:
        if provider is not None:
            return pool.now(count, {**pool.tags, "rp_uuid": provider})
        known = self._known.get((n, count))
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[n, count] = pool.now(count, dict(pool.tags))
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


def _parts(row: Any) -> tuple[Any, ...]:
    """None where there are none."""
    try:
        # rows of database drivers are sequences of their own kinds; text would be one too
        return () if isinstance(row, str | bytes) else tuple(row)
    except TypeError:
        return ()


def _is_sequence(row: object) -> bool:
    """Database drivers have rows that are none of Python's sequences, and do what those do."""
    likely = hasattr(row, "__getitem__") and hasattr(row, "__len__")
    return likely and not isinstance(row, str | bytes)


def _host_of(row: Mapping[str, Any]) -> Any:
    return row.get("hypervisor_hostname") or row.get("host") or ""


def _columns(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        _host_of(row),
        checks.required(row, "numa_topology", "what nova keeps of the host's cells, or None"),
        row.get("pci_stats"),
        row.get("cpu_allocation_ratio"),
        row.get("ram_allocation_ratio"),
        node_columns(row),
    )


def _name_of(row: Row) -> str:
    if isinstance(row, Mapping):
        name = _host_of(row)
    else:
        name = row[0] if _is_sequence(row) and len(row) else None
    return f" ({name})" if isinstance(name, str) and name else ""
