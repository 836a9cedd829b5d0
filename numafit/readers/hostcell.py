"""One NUMA cell of a host file, both ways: mapping -> HostCell -> mapping."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numafit.cpuset import MAX_CPU_ID, format_cpu_list
from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import (
    MAX_ID,
    MAX_PAGE_KIB,
    MAX_THREADS,
    UNKNOWN_MEMORY,
    HostCell,
    PagePool,
    max_pages,
)
from numafit.plurals import counted
from numafit.readers import checks

_CELL = (
    "id",
    "cpus",
    "shared_cpus",
    "dedicated_cpus",
    "siblings",
    "threads",
    "memory_mb",
    "memory_used_mb",
    "pages",
    "pinned",
    "shared_cpu_usage",
    "physnets",
    "tunneled",
    "socket",
)
_PAGES = ("size", "total", "used", "reserved")
_UNITS = {"kib": 1, "mib": 1 << 10, "gib": 1 << 20}
_SIZE = re.compile(r"([0-9]{1,12}) ?(kib|mib|gib)", re.IGNORECASE)


def read_cell(value: object) -> HostCell:
    """The cell of a decoded host file; keys of errors are relative to the cell."""
    data = checks.mapping(None, value, "a mapping with the keys of a cell")
    checks.known_keys(data, _CELL)
    cell_id = checks.required(data, "id", "the number of the NUMA cell")
    memory = checks.required(data, "memory_mb", "the memory of the cell in MiB")
    shared, dedicated = _cell_cpus(data)
    names = checks.sequence("physnets", data.get("physnets", ()), "a list of names")
    socket = data.get("socket")
    return HostCell(
        id=checks.whole("id", cell_id, 0, MAX_ID),
        cpuset=shared,
        pcpuset=dedicated,
        memory_mb=checks.whole("memory_mb", memory, 0, MAX_MEMORY_MB, "MiB"),
        cpu_usage=checks.whole("shared_cpu_usage", data.get("shared_cpu_usage", 0), 0, MAX_ID),
        memory_usage=checks.whole(
            "memory_used_mb", data.get("memory_used_mb", 0), 0, MAX_MEMORY_MB, "MiB"
        ),
        pinned_cpus=checks.cpu_list("pinned", data.get("pinned", ())),
        siblings=_siblings(data, shared | dedicated),
        page_pools=_page_pools(data.get("pages", ())),
        physnets=frozenset(checks.text(f"physnets[{n}]", name) for n, name in enumerate(names)),
        tunneled=checks.flag("tunneled", data.get("tunneled", False)),
        socket=None if socket is None else checks.whole("socket", socket, -1, MAX_ID),
    )


def _cell_cpus(data: Mapping[str, Any]) -> tuple[frozenset[int], frozenset[int]]:
    """Shared and dedicated CPUs; ``cpus`` alone is both, beside them it bounds them."""
    known = {
        key: checks.cpu_list(key, data[key])
        for key in ("cpus", "shared_cpus", "dedicated_cpus")
        if key in data
    }
    if not known:
        checks.required(data, "cpus", "a CPU list (or shared_cpus and dedicated_cpus)")
    everything = known.pop("cpus", None)
    if everything is not None and not known:
        return everything, everything
    for key, cpus in known.items():
        if everything is not None and not cpus <= everything:
            raise _outside(key, data[key], cpus - everything)
    none: frozenset[int] = frozenset()
    return known.get("shared_cpus", none), known.get("dedicated_cpus", none)


def _outside(key: str, value: object, cpus: frozenset[int]) -> InputError:
    # a hint has room for a few
    some = format_cpu_list(sorted(cpus)[:16])
    return InputError(None, key, value, f"a part of cpus, which {some} is not in")


def _siblings(data: Mapping[str, Any], guests: frozenset[int]) -> tuple[frozenset[int], ...]:
    """One set of CPUs per core, in the order of the file.

    Where ``cpus`` bounds the cell, threads that no guest may use are left out, as nova's libvirt
    driver does: two threads of which the host keeps one count as a core with one thread.
    """
    key = "threads" if "threads" in data else "siblings"
    cores: list[frozenset[int]] = []
    seen: set[int] = set()
    # one after the other, so that what stands twice ends it before all is read
    for place, found, core in _listed_cores(data, key):
        if not core:
            raise InputError(None, place, found, "at least one CPU")
        if seen & core:
            twice = min(seen & core)
            raise InputError(None, place, found, f"each CPU once (CPU {twice} stands in two)")
        seen |= core
        cores.append(core)
    if "cpus" in data:
        everything = checks.cpu_list("cpus", data["cpus"])
        if not seen <= everything:
            raise _outside(key, data[key], frozenset(seen - everything))
        cores = [core & guests for core in cores]
    return tuple(core for core in cores if core)


def _listed_cores(
    data: Mapping[str, Any], key: str
) -> Iterator[tuple[str, object, frozenset[int]]]:
    """Each core with its place and what stands there."""
    if key == "siblings":
        listed = checks.sequence(key, data.get(key, ()), "a list of CPU lists")
        for n, found in enumerate(listed):
            yield f"{key}[{n}]", found, checks.cpu_list(f"{key}[{n}]", found)
        return
    if "siblings" in data:
        raise InputError(None, key, data[key], "either siblings or threads, not both")
    for core in _cores_of_threads(data[key]):
        yield key, data[key], core


def _cores_of_threads(value: object) -> list[frozenset[int]]:
    """``["0-3", "8-11"]``: the n-th CPUs of the lists are the threads of core n."""
    lists = checks.sequence("threads", value, "a list of CPU lists")
    if len(lists) > MAX_THREADS:
        expected = f"at most {MAX_THREADS} lists, one per thread of each core"
        raise InputError(None, "threads", f"{len(lists)} lists", expected)
    columns = [sorted(checks.cpu_list(f"threads[{n}]", one)) for n, one in enumerate(lists)]
    for n, column in enumerate(columns):
        if len(column) != len(columns[0]):
            raise InputError(
                None,
                f"threads[{n}]",
                lists[n],
                f"{counted(len(columns[0]), 'CPU')}, as many as threads[0] has (got {len(column)})",
            )
    cores = [frozenset(core) for core in zip(*columns, strict=True)]
    if sum(map(len, cores)) != sum(map(len, columns)):
        raise InputError(None, "threads", value, "each CPU once")
    return cores


def _page_pools(value: object) -> tuple[PagePool, ...]:
    listed = checks.sequence("pages", value, "a list of page sizes")
    pools = checks.each("pages", listed, _page_pool)
    seen: set[int] = set()
    for n, pool in enumerate(pools):
        if pool.size_kib in seen:
            found = listed[n]["size"]
            raise InputError(None, f"pages[{n}].size", found, "each page size once in a cell")
        seen.add(pool.size_kib)
    return tuple(pools)


def _page_pool(value: object) -> PagePool:
    data = checks.mapping(None, value, "a mapping with size and total")
    checks.known_keys(data, _PAGES)
    size = _page_size(checks.required(data, "size", "a page size such as 2MiB"))
    total = checks.required(data, "total", "the number of pages of this size")
    bound = max_pages(size)
    return PagePool(
        size_kib=size,
        total=checks.whole("total", total, 0, bound, "pages"),
        used=checks.whole("used", data.get("used", 0), 0, bound, "pages"),
        reserved=checks.whole("reserved", data.get("reserved", 0), 0, bound, "pages"),
    )


def _page_size(value: object) -> int:
    """KiB of ``"2MiB"`` or of a plain number of KiB."""
    size = value if type(value) is int else 0
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        size = int(match[1]) * _UNITS[match[2].lower()]
    if not 1 <= size <= MAX_PAGE_KIB:
        raise InputError(
            None, "size", value, f"4KiB, 2MiB, 1GiB..., or KiB from 1 to {MAX_PAGE_KIB}"
        )
    return size


def check_cells(cells: Sequence[HostCell]) -> None:
    """What the cells of one host owe each other: ids of their own, and CPUs of their own."""
    ids: set[int] = set()
    homes: dict[int, int] = {}
    for n, cell in enumerate(cells):
        if cell.id in ids:
            raise InputError(None, f"cells[{n}].id", cell.id, "an id that no other cell has")
        ids.add(cell.id)
        cpus = cell.cpuset.union(cell.pcpuset, cell.pinned_cpus, *cell.siblings)
        for cpu in sorted(cpus & homes.keys()):
            raise InputError(
                None,
                f"cells[{n}]",
                cpu,
                f"CPUs of one cell only (CPU {cpu} is in cells[{homes[cpu]}] too)",
            )
        homes.update(dict.fromkeys(cpus, n))


def write_cell(cell: HostCell) -> dict[str, Any]:
    """What ``read_cell`` reads back as ``cell``; keys at their default are left out.

    Raises ``InputError`` where the memory of the cell is not known: a host file tells it.
    """
    data: dict[str, Any] = {"id": cell.id}
    if cell.socket is not None:
        data["socket"] = cell.socket
    # beside 'cpus' the reader trims siblings to it, so it is written only where nothing is lost
    if cell.cpuset == cell.pcpuset and cell.cpuset >= frozenset[int]().union(*cell.siblings):
        data["cpus"] = _cpu_text(cell.cpuset)
    else:
        data["shared_cpus"] = _cpu_text(cell.cpuset)
        data["dedicated_cpus"] = _cpu_text(cell.pcpuset)
    if cell.siblings:
        data["siblings"] = [_cpu_text(core) for core in cell.siblings]
    if cell.memory_mb is None:
        raise InputError(None, "memory_mb", None, UNKNOWN_MEMORY)
    data["memory_mb"] = cell.memory_mb
    if cell.page_pools:
        data["pages"] = [_write_pool(pool) for pool in cell.page_pools]
    optional = {
        "memory_used_mb": cell.memory_usage,
        "shared_cpu_usage": cell.cpu_usage,
        "pinned": _cpu_text(cell.pinned_cpus),
        "physnets": sorted(cell.physnets),
        "tunneled": cell.tunneled,
    }
    return data | {key: value for key, value in optional.items() if value}


def _cpu_text(cpus: frozenset[int]) -> str | list[int]:
    # ids beyond what a CPU list takes are written one by one
    return sorted(cpus) if max(cpus, default=0) > MAX_CPU_ID else format_cpu_list(cpus)


def _write_pool(pool: PagePool) -> dict[str, Any]:
    data: dict[str, Any] = {"size": page_size_text(pool.size_kib), "total": pool.total}
    if pool.used:
        data["used"] = pool.used
    if pool.reserved:
        data["reserved"] = pool.reserved
    return data


def page_size_text(size_kib: int) -> str:
    """The shortest whole number of KiB, MiB or GiB: 2048 -> ``"2MiB"``."""
    for unit, kib in (("GiB", 1 << 20), ("MiB", 1 << 10)):
        if size_kib % kib == 0:
            return f"{size_kib // kib}{unit}"
    return f"{size_kib}KiB"
