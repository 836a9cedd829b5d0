"""Could these columns have come from hosts? Files may be damaged, or made by somebody who means
harm: what they hold is checked here and by nf_fleet_check() before anything is looked up by it.

What follows from the names in a file (layouts, pools, kinds of hosts) is not trusted but worked out
anew, by the code that fills columns from hosts, and compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import MAX_SLOTS, MAX_THREADS, NO_DISTANCES
from numafit.columns.gather import FIRST_PHYSNET, WORD_BITS, net_words
from numafit.columns.layouts import Layout, lay_out
from numafit.columns.names import Names
from numafit.columns.pools import Pools, class_key
from numafit.columns.resources import HostResources
from numafit.columns.schema import COLUMNS, Arrays
from numafit.errors import InputError
from numafit.model.hostinfo import (
    MAX_DISTANCE,
    MAX_PAGE_COUNT,
    MAX_PAGE_KIB,
    HostCell,
    HostInfo,
    PciPool,
    check_devices_once,
    max_pages,
)
from numafit.model.resources import MAX_UNITS
from numafit.plurals import counted

Column = npt.NDArray[Any]


def hold(column: str, good: bool, value: object, expected: str) -> None:
    if not good:
        raise InputError(None, column, value, expected)


def hold_all(column: str, values: Column, good: Column, expected: str) -> None:
    """``good``: for each of the values whether it is as expected; names the first that is not."""
    if not good.all():
        raise InputError(None, column, np.asarray(values)[~good][0].item(), expected)


def check_edges(name: str, edges: Column, end: int) -> None:
    """Where something begins for each host, and where the last of it ends."""
    hold(name, len(edges) > 0 and edges[0] == 0, edges[:1].tolist(), "edges that begin at 0")
    hold(name, int(edges[-1]) == end, int(edges[-1]), f"edges that end at {end}")
    hold_all(name, edges[1:], edges[1:] >= edges[:-1], "edges that do not fall")


def names_of(text: Column, ends: Column) -> Names:
    check_edges("name_ends", ends, len(text))
    raw = text.tobytes()
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise InputError(None, "names", raw[error.start : error.end], "UTF-8") from None
    first = text[ends[:-1][ends[:-1] < len(text)].astype(np.int64)]
    hold_all("name_ends", first, first & 0xC0 != 0x80, "ends between characters")
    return Names.of(raw, array("Q", ends.tobytes()))


def layouts_of(arrays: Arrays, shared: Column) -> list[Layout]:
    """Layouts, each as ``lay_out`` makes it, the parts of one behind those of the other."""
    table = arrays["layouts"]
    fields = {name: table[name].astype(np.uint64) for name in table.dtype.names or ()}
    for name, most in (
        ("shift", MAX_THREADS.bit_length() - 1),
        ("threads", MAX_THREADS),
        ("n_slots", MAX_SLOTS),
    ):
        hold_all(f"layouts.{name}", table[name], table[name] <= most, f"at most {most}")
    listed = fields["n_cores"] << fields["shift"]
    good = listed <= fields["n_slots"]
    hold_all("layouts.n_cores", table["n_cores"], good, "no more cores than there are slots")
    parts = []
    for column, values, n, at in (
        ("layout_cpus", arrays["layout_cpus"], "n_slots", "cpu_at"),
        ("layout_words", arrays["layout_words"], "n_words", "mask_at"),
        ("layout_shared", shared, "n_shared", None),
    ):
        ends = np.cumsum(fields[n], dtype=np.uint64)
        whole = int(ends[-1]) if len(ends) else 0
        hold(
            column,
            whole == len(values),
            len(values),
            f"{counted(whole, 'value')}, those of all layouts",
        )
        if at:
            begin = ends - fields[n]
            hold_all(f"layouts.{at}", table[at], table[at] == begin, "layouts without a gap")
        parts.append(np.split(values, ends[:-1].astype(np.int64)) if len(ends) else [])
    # numpy ends the process where it has no memory for a field of a row
    rows = [dict(zip(fields, row, strict=True)) for row in table.tolist()]
    return [_layout(row, *own) for row, *own in zip(rows, *parts, strict=True)]


def _layout(row: dict[str, int], slots: Column, words: Column, shared: Column) -> Layout:
    cpus = slots.tolist()
    mask = int.from_bytes(words.astype("<u8").tobytes(), "little")
    listed = row["n_cores"] << row["shift"]
    cores = [cpus[at : at + (1 << row["shift"])] for at in range(0, listed, 1 << row["shift"])]
    try:
        made = lay_out(
            HostCell(
                id=0,
                cpuset=frozenset(shared.tolist()),
                pcpuset=frozenset(c for slot, c in enumerate(cpus) if c >= 0 and mask >> slot & 1),
                memory_mb=0,
                pinned_cpus=frozenset(cpus[listed:]),
                siblings=tuple(frozenset(c for c in core if c >= 0) for core in cores),
            )
        )
    except InputError as error:
        raise InputError(None, "layout_cpus", error.value, error.expected) from None
    hold("layout_cpus", made.cpus == cpus, cpus, "the slots of a cell, core by core")
    hold("layout_words", made.mask(made.dedicated) == mask, hex(mask), "a mask of CPUs")
    for name, value in made.numbers().items():
        hold(f"layouts.{name}", row[name] == value, row[name], str(int(value)))
    return made


def nets_of(names: list[str], near: Column) -> dict[str, int]:
    hold("nets", len(set(names)) == len(names), names, "each network once")
    words = net_words(len(names))
    hold(
        "cell_nets",
        near.shape[1] == words,
        near.shape[1],
        f"{counted(words, 'word')} for each cell",
    )
    known = (1 << FIRST_PHYSNET + len(names)) - 1
    for word in range(words):
        mask = np.uint64(known >> word * WORD_BITS & (1 << WORD_BITS) - 1)
        hold_all("cell_nets", near[:, word], near[:, word] & ~mask == 0, "bits of known networks")
    return {name: n for n, name in enumerate(names, FIRST_PHYSNET)}


def _compare(arrays: Arrays, again: Arrays, *but: str) -> None:
    """Columns that claims do not change are those that the names make."""
    for name, made in again.items():
        if name in but or COLUMNS[name].claimed:
            continue
        found = arrays[name]
        hold(name, found.shape == made.shape, found.shape, f"the shape {made.shape}")
        if not np.array_equal(found, made):
            at = np.flatnonzero(found != made)[0]
            expected = f"{made.flat[at].item()}, which follows from the names in the file"
            raise InputError(None, name, found.flat[at].item(), expected)


def resources_of(
    hosts: Mapping[int, HostInfo], n_hosts: int, classes: list[str], arrays: Arrays
) -> HostResources:
    """``hosts``: those of which something is known."""
    hold("hosts", max(hosts, default=0) < max(n_hosts, 1), max(hosts, default=0), "a host's index")
    again = HostResources()
    for host in range(n_hosts):
        again.add_host(hosts.get(host))
    hold("resource_classes", list(again.classes) == classes, classes, "those of the hosts")
    _compare(arrays, again.arrays())
    used = arrays["resource_used"]
    hold_all("resource_used", used, (used >= 0) & (used <= MAX_UNITS), f"0 to {MAX_UNITS} units")
    return again


def pools_of(
    infos: list[PciPool],
    classes: list[dict[str, Any]],
    providers: list[Any],
    arrays: Arrays,
) -> Pools:
    """``arrays``: with the edges of hosts, which have been checked, in the place of ranges."""
    first_pool, first_cell = arrays["host_first_pool"], arrays["host_first_cell"]
    hold("pools", len(infos) == int(first_pool[-1]), len(infos), f"{int(first_pool[-1])} pools")
    ids = arrays["cell_id"]
    again = Pools()
    for host in np.flatnonzero(np.diff(first_pool)).tolist():
        own = infos[first_pool[host] : first_pool[host + 1]]
        cell = int(first_cell[host])
        try:
            again.add_host(own, ids[cell : first_cell[host + 1]].tolist(), cell)
        except TypeError:  # a list or a mapping where one word is expected
            raise InputError(None, "pools", own, "an address and a provider in text") from None
        try:
            check_devices_once(own)
        except InputError as error:
            raise InputError(None, "pools", error.value, error.expected) from None
    hold("pools", all(map(_is, infos, again.infos)), None, "pools in nova's order")
    hold("providers", list(again.providers) == providers, providers, "those of the pools")
    _compare(arrays, again.arrays(), "host_first_pool", "host_end_pool", "pool_host", "pool_class")
    keys = [class_key(found) for found in classes]
    made = [class_key(found) for found in again.classes]
    for number, own_number in zip(
        arrays["pool_class"].tolist(), again.arrays().get("pool_class", ()), strict=True
    ):
        good = number < len(keys) and keys[number] == made[own_number]
        hold("pool_class", good, number, "the class that has the pool's properties")
    again.classes = classes
    return again


def _is(a: object, b: object) -> bool:
    return a is b


def check_devices(pools: list[PciPool], taken: Mapping[int, set[str]], arrays: Arrays) -> None:
    """Counts of pools, and the devices that claims hold. nf_fleet_check() has seen the columns."""
    count, held, hidden = (
        arrays[name].astype(np.int64) for name in ("pool_count", "pool_taken", "pool_hidden")
    )
    there = np.array([pool.count for pool in pools], np.int64)
    whole = np.maximum(count, 0) + held + hidden
    hold_all("pool_count", whole, whole <= there, "no more devices than the pool has")
    for number, devices in taken.items():
        hold("devices_taken", number < len(pools), number, f"one of {len(pools)} pools")
        hold("devices_taken", devices <= set(pools[number].devices), devices, "the pool's devices")
        most = int(held[number])
        hold("devices_taken", len(devices) <= most, devices, f"at most {most} devices")
    host = np.repeat(np.arange(len(arrays["host_cpu_ratio"])), np.diff(arrays["host_first_pool"]))
    kin = list(zip(host.tolist(), arrays["pool_family"].tolist(), strict=True))
    kind = arrays["pool_kind"].tolist()
    hiding: dict[Any, set[int]] = {}
    for n in np.flatnonzero(held).tolist():
        hiding.setdefault(kin[n], set()).add(kind[n])
    for n in np.flatnonzero(hidden).tolist():
        good = bool(hiding.get(kin[n], set()) - {kind[n]}) and kin[n][1] > 0
        hold("pool_hidden", good, int(hidden[n]), "0, as no claim hides the pool's devices")


def check_cells(arrays: Arrays, layouts: list[Layout]) -> None:
    """What HostInfo asks of its numbers. nf_fleet_check() has seen the columns."""
    kib = arrays["page_kib"]
    hold_all("page_kib", kib, kib <= MAX_PAGE_KIB, f"at most {MAX_PAGE_KIB} KiB")
    total, used, free = (
        arrays[name].astype(np.int64) for name in ("pages_total", "pages_used", "pages_free")
    )
    most = np.array([max_pages(size) for size in kib.tolist()], np.int64)[:, None]
    hold_all("pages_total", total, total <= most, "no more pages than a cell may have")
    hold_all("pages_used", used, used <= most, "no more pages than a cell may have")
    reserved = total - used - free
    reservable = np.minimum(most, MAX_PAGE_COUNT - used + total)
    good = (reserved >= 0) & (reserved <= reservable)
    hold_all("pages_free", free, good, "what is neither used nor reserved")
    distances = arrays["distances"]
    hold_all("distances", distances, distances <= MAX_DISTANCE, f"at most {MAX_DISTANCE}")
    at = arrays["host_distance_at"]
    own = np.diff(arrays["host_first_cell"]).astype(np.uint64) ** 2
    end = int((at + own)[at != NO_DISTANCES].max(initial=0))
    hold("distances", end == len(distances), len(distances), f"{end} values, those of all hosts")
    words = arrays["layouts"]["n_words"][arrays["cell_layout"]]
    ends = np.cumsum(words, dtype=np.uint64)
    hold_all(
        "cell_mask_at",
        arrays["cell_mask_at"],
        arrays["cell_mask_at"] == ends - words,
        "masks without a gap",
    )
    whole = int(words.sum())
    hold("pinned", len(arrays["pinned"]) == whole, len(arrays["pinned"]), f"{whole} words")
    for layout, cells in _cells_by_layout(arrays["cell_layout"]):
        _check_pinned(arrays, layouts[layout], cells)


def _cells_by_layout(layout_of: Column) -> Iterable[tuple[int, Column]]:
    order = np.argsort(layout_of, kind="stable")
    numbers, first = np.unique(layout_of[order], return_index=True)
    return zip(numbers.tolist(), np.split(order, first[1:]), strict=False)


def _check_pinned(arrays: Arrays, layout: Layout, cells: Column) -> None:
    """A slot where no CPU stands is not pinned."""
    slots = sum(1 << slot for slot in layout.slot_of.values())
    if slots == (1 << len(layout.cpus)) - 1:
        return  # nf_fleet_check() has looked beyond the last
    allowed = np.frombuffer(layout.words(slots), "<u8").astype(np.uint64)
    at = arrays["cell_mask_at"][cells].astype(np.int64)
    pinned = arrays["pinned"][at[:, None] + np.arange(layout.n_words)]
    hold_all("pinned", pinned, pinned & ~allowed == 0, "masks of slots that hold a CPU")
