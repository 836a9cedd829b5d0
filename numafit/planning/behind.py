"""What stands behind a fleet's numbers: the one place in this room that looks there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import POOL_ANYWHERE, POOL_ELSEWHERE, REMOVED_CLASS, TUNNEL_NET
from numafit.errors import MisuseError
from numafit.fleet import Fleet
from numafit.model.guest import Networks, PciRequest
from numafit.model.request import Request
from numafit.model.resources import Provider
from numafit.planning import reasons
from numafit.plurals import counted
from numafit.rules import pci_filter
from numafit.rules.candidates import UNLIMITED, HostKind, short_of
from numafit.spans import host_index

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Members:
    """Which cells, or pools, belong to which host: those from ``first`` to ``end`` - 1."""

    first: Ints
    end: Ints

    @property
    def sizes(self) -> Ints:
        return self.end - self.first

    @property
    def host_of(self) -> Ints:
        """The host of each of ``members``."""
        return np.repeat(np.arange(len(self.first)), self.sizes)

    @property
    def members(self) -> Ints:
        """All of them, host after host."""
        starts = self.first - (np.cumsum(self.sizes) - self.sizes)
        return np.repeat(starts, self.sizes) + np.arange(int(self.sizes.sum()))

    def owned(self, rows: int) -> Flags:
        """Which of so many rows are some host's: others are left behind by changes."""
        found = np.zeros(rows, np.bool_)
        found[self.members] = True
        return found

    def sums(self, values: npt.NDArray[Any]) -> Ints:
        """One value for each cell or pool -> its sum for each host."""
        picked = values[self.members].astype(np.float64)
        return np.bincount(self.host_of, picked, len(self.first)).astype(np.int64)


def _members(fleet: Fleet, part: str) -> Members:
    columns = fleet.columns(copy=False)
    first, end = columns[f"host_first_{part}"], columns[f"host_end_{part}"]
    return Members(first[: len(fleet)].astype(np.int64), end[: len(fleet)].astype(np.int64))


def there(*fleets: Fleet) -> Flags:
    """Which hosts of the fleets, one after the other, were not removed."""
    classes = [fleet.columns(copy=False)["host_class"][: len(fleet)] for fleet in fleets]
    return np.asarray(np.concatenate([*classes, np.empty(0, np.uint32)]) != REMOVED_CLASS)


def takes_guests(fleet: Fleet) -> Flags:
    """Which hosts are there, and their compute services enabled."""
    closed = {n for n, kind in enumerate(_kinds(fleet)) if kind.disabled} | {REMOVED_CLASS}
    numbers = fleet._columns.host_class[: len(fleet)]
    return np.asarray(~np.isin(numbers, list(closed)))


def host_there(fleet: Fleet, host: object) -> int:
    """A host's index. Raises MisuseError for what is none, and for a host that was removed."""
    index = host_index(host, len(fleet))
    if not there(fleet)[index]:
        raise MisuseError(f"host={index}: it was removed from the fleet")
    return index


def cells_of(fleet: Fleet) -> Members:
    return _members(fleet, "cell")


def pools_of(fleet: Fleet) -> Members:
    return _members(fleet, "pool")


def near(fleet: Fleet, networks: Networks | None) -> list[Flags]:
    """For each of the networks that some host knows: which cells are near it."""
    if networks is None:
        return []
    columns = fleet._columns
    wanted = [TUNNEL_NET] if networks.tunneled else []
    wanted += [columns.nets[name] for name in sorted(networks.physnets) if name in columns.nets]
    words = columns.cell_nets.reshape(columns.n_cells, -1)
    bits = [words[:, net // 64] >> np.uint64(net % 64) & np.uint64(1) for net in wanted]
    return [np.asarray(one, np.bool_) for one in bits]


def usable(fleet: Fleet, request: PciRequest) -> Flags:
    """Which pools of hosts the request may take from, wherever they are."""
    columns = fleet._columns
    kinds = [
        pci_filter.matches(request, properties) and pci_filter.usable(request, properties)
        for properties in columns.classes
    ]
    of_pools: Flags = np.array(kinds, np.bool_)[columns.pool_class]
    return of_pools & pools_of(fleet).owned(len(of_pools))


def pool_cells(fleet: Fleet) -> tuple[Ints, Flags]:
    """The cell (of the fleet) on whose node each pool is, -1 for none; and whether its node is
    unknown, so that nova takes it for near."""
    pools = pools_of(fleet)
    cell = fleet._columns.pool_cell.astype(np.int64)
    first = np.zeros(len(cell), np.int64)
    first[pools.members] = cells_of(fleet).first[pools.host_of]
    at = np.where((cell == POOL_ANYWHERE) | (cell == POOL_ELSEWHERE), -1, first + cell)
    return at, cell == POOL_ANYWHERE


def smallest_pages(columns: Mapping[str, npt.NDArray[Any]]) -> Ints:
    """The smallest page size of each cell, by its number; -1 where it has none."""
    sizes = columns["cell_page_sizes"].astype(np.int64)
    lowest = np.log2(np.maximum(sizes & -sizes, 1)).astype(np.int64)
    return np.where(sizes > 0, lowest, -1)


def free_kib(columns: Mapping[str, npt.NDArray[Any]], page_kib: int | None = None) -> Ints:
    """Free memory of each cell, in pages of this size: without one (or with one below 0) in those
    of its smallest size, or of all of the cell where it has no pages."""
    kib = columns["page_kib"].astype(np.int64)
    if page_kib is not None and page_kib > 0:
        number = np.flatnonzero(kib == page_kib)
        if not number.size:
            return np.zeros(len(columns["cell_id"]), np.int64)
        pages = np.maximum(columns["pages_free"][number[0]].astype(np.int64), 0)
        return np.asarray(pages * page_kib)
    bare = np.maximum(columns["cell_memory"] - columns["cell_memory_used"], 0) * 1024
    if not len(kib):
        return np.asarray(bare)
    smallest = smallest_pages(columns)
    pages = columns["pages_free"][np.maximum(smallest, 0), np.arange(len(smallest))]
    return np.where(smallest < 0, bare, np.maximum(pages.astype(np.int64), 0) * kib[smallest])


def device_labels(fleet: Fleet) -> tuple[list[str], Ints]:
    """What pools of hosts hold, in words, each once; and which of them each pool does, -1: it is
    no host's."""
    columns, pools = fleet._columns, pools_of(fleet)
    words = [_device_words(properties) for properties in columns.classes]
    owned = pools.owned(len(columns.pool_class))
    there = np.unique(columns.pool_class[owned]).tolist()
    labels = list(dict.fromkeys(words[number] for number in there))
    numbers = np.full(len(words), -1)
    numbers[there] = [labels.index(words[number]) for number in there]
    return labels, np.where(owned, numbers[columns.pool_class], -1)


def _device_words(properties: dict[str, Any]) -> str:
    words = [f"{properties.get('vendor_id')}:{properties.get('product_id')}"]
    words += [
        str(properties[tag]) for tag in ("dev_type", "physical_network") if properties.get(tag)
    ]
    return " ".join(words)


def vcpus(fleet: Fleet) -> tuple[int, Ints] | None:
    """Row of placement's VCPU in the columns of resources, and what may be in use of it on each
    host, 0 where there is no inventory; ``None``: no host has one."""
    row = fleet._columns.resource_classes.get("VCPU")
    if row is None:
        return None
    limit = fleet._columns.resource_limit[row, : len(fleet)]
    return row, np.where((limit < 0) | (limit == UNLIMITED), 0, limit)


def inventories(fleet: Fleet) -> dict[str, tuple[Flags, Ints, Ints]]:
    """Resource class -> which hosts have an inventory of it, what may be in use there, and what
    is."""
    columns, n_hosts, still = fleet._columns, len(fleet), there(fleet)
    found = {}
    for name, row in columns.resource_classes.items():
        limit = columns.resource_limit[row, :n_hosts].astype(np.int64)
        used = columns.resource_used[row, :n_hosts].astype(np.int64)
        found[name] = (limit != UNLIMITED) & still, limit, used
    return found


def providers(fleet: Fleet) -> Mapping[int, Provider]:
    """What is known of hosts' inventories, by their indices."""
    return fleet._columns.providers_of_hosts


def resource_rows(fleet: Fleet) -> Mapping[str, int]:
    """Rows of the columns of resources, by their classes."""
    return fleet._columns.resource_classes


def lacks(
    fleet: Fleet, request: Request, found: npt.NDArray[Any], words: reasons.Words
) -> npt.NDArray[Any]:
    """A LACK for each of these REASONs, which the fleet gave for the request."""

    def ruled_out(number: int) -> str:
        kind = fleet._columns.host_kinds[number]
        if kind.disabled:
            return reasons.RESTING
        short = None if request.resources is None else short_of(kind, request.resources)
        return reasons.RULED_OUT if short is None else f"{short.name} of placement"

    return reasons.lacks(found, words, list(fleet._columns.resource_classes), ruled_out)


def zones(fleet: Fleet) -> list[tuple[str, ...]]:
    """The availability zone of each host; empty: not known."""
    return _of_kinds(fleet, [(one.zone,) if one.zone else () for one in _kinds(fleet)])


def aggregates(fleet: Fleet) -> list[tuple[str, ...]]:
    """The aggregates of each host, none where they are not known."""
    return _of_kinds(fleet, [tuple(sorted(one.aggregates or ())) for one in _kinds(fleet)])


def _kinds(fleet: Fleet) -> Sequence[HostKind]:
    return fleet._columns.host_kinds


def _of_kinds(fleet: Fleet, values: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """That of each host's kind; a host that was removed has none."""
    numbers = fleet._columns.host_class[: len(fleet)].tolist()
    return [() if number == REMOVED_CLASS else values[number] for number in numbers]


def hardware(fleet: Fleet) -> list[tuple[str, ...]]:
    """The kind of each host in words: hosts that are built alike, whatever is in use."""
    return [(words,) for words in _hardware_words(fleet)]


def _hardware_words(fleet: Fleet) -> list[str]:
    columns, cells = fleet._columns, cells_of(fleet)
    table = columns.layouts[columns.cell_layout]
    sets = [table[name].astype(np.int64) for name in ("n_dedicated", "n_shared", "same_sets")]
    sums = [cells.sizes, *(cells.sums(one) for one in (*sets, columns.cell_memory))]
    sums += [cells.sums(pages) for pages in columns.pages_total]
    rows = np.column_stack(sums)
    rows[:, 4] = (rows[:, 4] + 512) >> 10  # what the kernel keeps differs by some MiB
    page_kib = columns.page_kib.tolist()
    rows[:, 5:][:, [kib < 1 << 20 for kib in page_kib]] = 0
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    words = [_kind_words(row, page_kib) for row in distinct.tolist()]
    return [words[n] for n in which.reshape(-1).tolist()]


def _kind_words(row: list[int], page_kib: list[int]) -> str:
    n_cells, dedicated, shared, same, gib, *pages = row
    if not n_cells:
        return "no NUMA cells"
    cpus = counted(dedicated, "CPU") if same or not shared else f"{dedicated} + {shared} CPUs"
    large = [
        f"{counted(count, 'page')} of {kib >> 20} GiB"
        for kib, count in zip(page_kib, pages, strict=True)
        if count
    ]
    return ", ".join([counted(n_cells, "cell"), cpus, f"{gib} GiB", *large])
