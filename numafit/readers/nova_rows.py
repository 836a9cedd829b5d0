"""Rows of nova's ``compute_nodes`` table -> HostInfo.

``numa_topology`` and ``pci_stats`` hold versioned objects as JSON text. What is read: NUMACell
1.0 to 1.5 (each version added fields, none was taken away), the unversioned rows from before
Liberty, PciDevicePool 1.0 and 1.1, and the plain dicts that came before pools were objects.
Objects of later versions are refused, as nova 34 refuses them: what their new fields mean for
a fit cannot be guessed.

Where nova 34 loads a row and then stumbles over a field that the row is too old to have, the
reader fills in what the field meant when the row was written: a cell without ``pcpuset`` (before
1.4) had one set of CPUs for shared and dedicated vCPUs alike, one without ``socket`` (before
1.5) did not know it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import (
    MAX_CELL_CPUS,
    MAX_CELLS,
    MAX_ID,
    MAX_PAGE_KIB,
    HostCell,
    HostInfo,
    PagePool,
    PciPool,
    max_pages,
)
from numafit.readers import bounds, checks
from numafit.readers.node_totals import read_node
from numafit.readers.nova_objects import OBJECT_NAME, decode, unwrap
from numafit.readers.row_files import stored_rows
from numafit.rules.inventories import with_totals

_T = TypeVar("_T")
# field -> the minor version of its object that brought it
_CELL_SINCE = {
    "id": 0,
    "cpuset": 0,
    "memory": 0,
    "cpu_usage": 0,
    "memory_usage": 0,
    "pinned_cpus": 1,
    "siblings": 1,
    "mempages": 2,
    "network_metadata": 3,
    "pcpuset": 4,
    "socket": 5,
}
_CELL_REQUIRED = {
    minor: [
        name
        for name, since in _CELL_SINCE.items()
        if since <= minor and name not in ("network_metadata", "socket")
    ]
    for minor in range(6)
}
_PAGES = ("size_kb", "total", "used", "reserved")
_NETWORK = ("physnets", "tunneled")
_LEGACY_POOL = ("vendor_id", "product_id", "numa_node", "count")
_POOL = (*_LEGACY_POOL, "tags")
_LEGACY_CELL = ("id", "cpus", "cpu_usage", "mem")
_LEGACY_MEM = ("total", "used")
_INTS = frozenset((int,))


def host_from_nova(
    numa_topology: str | Mapping[str, Any] | None,
    pci_stats: str | Mapping[str, Any] | list[Any] | None = None,
    name: str = "",
    cpu_allocation_ratio: float | None = None,
    ram_allocation_ratio: float | None = None,
    file: str | None = None,
    node: Mapping[str, Any] | None = None,
) -> HostInfo:
    """One host from the columns of its row, as JSON text or decoded.

    ``numa_topology`` of ``None`` or ``""``: a host without a NUMA topology (no cells).
    ``pci_stats`` of ``None`` or ``""``: nothing is known of devices; pools keep the order in
    which they are stored. A ratio of 0 means, as in nova, that the row does not hold it.
    ``node``: columns of the row that speak of the host as a whole (``NODE_COLUMNS`` of
    node_totals.py); inventories are derived where it has some of them.

    Raises ``InputError`` with ``file``, the way to the value
    (``numa_topology.cells[1].mempages[0].total``), the value, and what was expected.
    """
    try:
        with bounds.document(numa_topology):
            told = read_node(node)
            host = HostInfo(
                cells=_under("numa_topology", _topology, numa_topology),
                name=checks.label("name", name),
                pci_pools=pools_from_nova(pci_stats),
                cpu_allocation_ratio=ratio("cpu_allocation_ratio", cpu_allocation_ratio),
                ram_allocation_ratio=ratio("ram_allocation_ratio", ram_allocation_ratio),
                disabled=told.disabled,
                state=told.state,
                service=told.service,
            )
            return host if told.totals is None else with_totals(host, told.totals)
    except InputError as error:
        raise error.within(file) from None


def pools_from_nova(pci_stats: object) -> tuple[PciPool, ...] | None:
    """The pools of ``compute_nodes.pci_stats``, JSON text or decoded, in the order stored."""
    return _under("pci_stats", _pools, pci_stats)


def read_nova_rows(
    path: str | os.PathLike[str], unreadable: Callable[[str, InputError], object] | None = None
) -> list[HostInfo]:
    """The hosts of a file of ``compute_nodes`` rows; rows that are soft-deleted are left out.

    The forms of files: ``numafit.readers.row_files``. Of use are the columns
    ``hypervisor_hostname`` (or ``host``), ``numa_topology``, ``pci_stats``, the allocation
    ratios, ``deleted``, and what the row says of vCPUs, memory and disk as a whole.

    Raises ``InputError`` with the file, the row and its host, the way to the value and what was
    expected. With ``unreadable`` a row that tells of no host is left out, and its name and error
    handed there.
    """
    file = os.fspath(path)
    hosts = []
    with bounds.document():
        for way, row in stored_rows(path):
            try:
                hosts.append(host_from_nova(*row[:5], node=row[5]))
            except InputError as error:
                name = row[2]
                seen = error.within(file, f"{way} ({name})".strip() if name else way)
                if unreadable is None:
                    raise seen from None
                unreadable(name, seen)
    return hosts


def ratio(key: str, value: object) -> float | None:
    """An allocation ratio; ``None`` where the row does not hold it."""
    # nova stores 0.0 until the host reports its ratio
    return None if value is None else checks.number(key, value) or None


def _under(key: str, read: Callable[[object], _T], value: object) -> _T:
    """``read(value)``; decodes text before, and puts ``key`` in front of what is at fault."""
    try:
        return read(decode(value) if isinstance(value, str) and value else value)
    except InputError as error:
        raise error.within(key=key) from None


def _topology(value: object) -> tuple[HostCell, ...]:
    if value is None or (isinstance(value, str) and not value):
        return ()
    if isinstance(value, Mapping) and OBJECT_NAME not in value:
        return _legacy_topology(checks.mapping(None, value))
    data, _ = unwrap(value, "NUMATopology", 2)
    checks.known_keys(data, ("cells",))
    return _cells(data, _cell)


def _cells(data: Mapping[str, Any], read: Callable[[object], HostCell]) -> tuple[HostCell, ...]:
    found = checks.required(data, "cells", "a list of NUMA cells")
    cells = checks.sequence("cells", found, "a list of NUMA cells")
    if len(cells) > MAX_CELLS:
        raise InputError(None, "cells", len(cells), f"at most {MAX_CELLS} cells")
    result = tuple(checks.each("cells", cells, read))
    seen: set[int] = set()
    for n, cell in enumerate(result):
        if cell.id in seen:
            raise InputError(None, f"cells[{n}].id", cell.id, "an id that no other cell has")
        seen.add(cell.id)
    return result


def _cell(value: object) -> HostCell:
    data, minor = unwrap(value, "NUMACell", 5)
    if not data.keys() <= _CELL_SINCE.keys():
        checks.known_keys(data, _CELL_SINCE)
    for name in _CELL_REQUIRED[minor]:
        if name not in data:
            checks.required(data, name, f"a field of every NUMACell 1.{minor}")
    cpuset = cpu_ids("cpuset", data["cpuset"])
    physnets, tunneled = _network(data.get("network_metadata"))
    pages = checks.sequence("mempages", data.get("mempages", ()))
    siblings = checks.sequence("siblings", data.get("siblings", ()))
    if len(siblings) > MAX_CELL_CPUS:
        raise InputError(None, "siblings", len(siblings), f"at most {MAX_CELL_CPUS} cores")
    return HostCell(
        id=data["id"],
        cpuset=cpuset,
        pcpuset=cpu_ids("pcpuset", data["pcpuset"]) if "pcpuset" in data else cpuset,
        memory_mb=checks.whole("memory", data["memory"], 0, MAX_MEMORY_MB, "MiB"),
        cpu_usage=data["cpu_usage"],
        memory_usage=data["memory_usage"],
        pinned_cpus=cpu_ids("pinned_cpus", data.get("pinned_cpus", ())),
        siblings=tuple(cpu_ids(f"siblings[{n}]", core) for n, core in enumerate(siblings)),
        page_pools=_page_pools(pages),
        physnets=physnets,
        tunneled=tunneled,
        socket=data.get("socket"),
    )


def cpu_ids(key: str, value: object) -> frozenset[int]:
    """A list of CPU ids, of which HostCell asks whether they can be."""
    cpus = checks.sequence(key, value, "a list of CPU ids")
    # the model asks for the range of each; here only for what a set can hold
    if not _INTS.issuperset(map(type, cpus)):
        n = next(n for n, cpu in enumerate(cpus) if type(cpu) is not int)
        raise InputError(None, f"{key}[{n}]", cpus[n], "a CPU id")
    return frozenset(cpus)


def _page_pools(values: Sequence[object]) -> tuple[PagePool, ...]:
    pools = tuple(checks.each("mempages", values, _page_pool))
    seen: set[int] = set()
    for n, pool in enumerate(pools):
        if pool.size_kib in seen:
            raise InputError(None, f"mempages[{n}].size_kb", pool.size_kib, "each page size once")
        seen.add(pool.size_kib)
    return pools


def _page_pool(value: object) -> PagePool:
    data, _ = unwrap(value, "NUMAPagesTopology", 1)
    checks.known_keys(data, _PAGES)
    size = checks.required(data, "size_kb", "the page size in KiB")
    size = checks.whole("size_kb", size, 1, MAX_PAGE_KIB, "KiB")
    counts = []
    for name in _PAGES[1:]:
        # 'reserved' came with 1.1; nova reads a row without it as 0
        count = 0 if name == "reserved" else checks.required(data, name, "a number of pages")
        counts.append(checks.whole(name, data.get(name, count), 0, max_pages(size), "pages"))
    return PagePool(size, *counts)


def _network(value: object) -> tuple[frozenset[str], bool]:
    if value is None:
        return frozenset(), False
    try:
        data, _ = unwrap(value, "NetworkMetadata", 0)
        checks.known_keys(data, _NETWORK)
        names = checks.sequence("physnets", data.get("physnets", ()), "a list of physnets")
        physnets = [checks.text(f"physnets[{n}]", net) for n, net in enumerate(names)]
        return frozenset(physnets), checks.flag("tunneled", data.get("tunneled", False))
    except InputError as error:
        raise error.within(key="network_metadata") from None


def _legacy_topology(data: Mapping[str, Any]) -> tuple[HostCell, ...]:
    checks.known_keys(data, ("cells",))
    return _cells(data, _legacy_cell)


def _legacy_cell(value: object) -> HostCell:
    """A cell as Juno and Kilo wrote it: no pinning, no siblings, no pages."""
    data = checks.mapping(None, value, "a NUMA cell")
    checks.known_keys(data, _LEGACY_CELL)
    cell_id = checks.required(data, "id", "the number of the cell")
    cpus = checks.cpu_list("cpus", checks.text("cpus", data.get("cpus", ""), "a CPU list"))
    memory = checks.mapping("mem", data.get("mem", {}), "total and used memory")
    try:
        checks.known_keys(memory, _LEGACY_MEM)
        total, used = (
            checks.whole(name, memory.get(name, 0), 0, MAX_MEMORY_MB, "MiB") for name in _LEGACY_MEM
        )
    except InputError as error:
        raise error.within(key="mem") from None
    return HostCell(
        id=cell_id,
        cpuset=cpus,
        pcpuset=cpus,
        memory_mb=total,
        cpu_usage=data.get("cpu_usage", 0),
        memory_usage=used,
    )


def _pools(value: object) -> tuple[PciPool, ...] | None:
    if value is None or (isinstance(value, str) and not value):
        return None
    if isinstance(value, Mapping) and OBJECT_NAME in value:
        data, _ = unwrap(value, "PciDevicePoolList", 1)
        checks.known_keys(data, ("objects",))
        objects = checks.required(data, "objects", "a list of pools")
        return tuple(checks.each("", checks.sequence("objects", objects, "a list of pools"), _pool))
    # before pools were objects: a plain dict a pool, or one such dict alone
    if isinstance(value, Mapping):
        return (_legacy_pool(value),) if value else ()
    return tuple(checks.each("", checks.sequence(None, value, "a list of pools"), _legacy_pool))


def _pool(value: object) -> PciPool:
    data, _ = unwrap(value, "PciDevicePool", 1)
    checks.known_keys(data, _POOL)
    found = checks.required(data, "tags", "the properties of the pool")
    try:
        tags = _tags(found)
    except InputError as error:
        raise error.within(key="tags") from None
    return _pci_pool(data, tags)


def _legacy_pool(value: object) -> PciPool:
    data = checks.mapping(None, value, "a pool of PCI devices")
    return _pci_pool(data, _tags({key: data[key] for key in data if key not in _LEGACY_POOL}))


def _tags(value: object) -> dict[str, str | None]:
    tags = checks.mapping(None, value, "the properties of the pool")
    return {
        key: None if tag is None else checks.text(key, tag, "text or null")
        for key, tag in tags.items()
    }


def _pci_pool(data: Mapping[str, Any], tags: dict[str, str | None]) -> PciPool:
    node = data.get("numa_node")
    vendor = checks.required(data, "vendor_id", "a PCI vendor id")
    product = checks.required(data, "product_id", "a PCI product id")
    count = checks.required(data, "count", "a number of devices")
    return PciPool(
        vendor_id=checks.text("vendor_id", vendor),
        product_id=checks.text("product_id", product),
        numa_node=None if node is None else checks.whole("numa_node", node, -1, MAX_ID),
        count=checks.whole("count", count, 0, MAX_ID),
        tags=tags,
    )
