"""Rows of Arrow data, as ``numafit.columns.to_arrow`` writes them -> HostInfo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

from numafit.columns.gather import Gatherer
from numafit.cpuset import MAX_CPU_ID, parse_cpu_list
from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import MAX_ID, HostCell, HostInfo, PagePool, PciPool
from numafit.readers import checks

MAX_GENERATION = (1 << 64) - 1
MAX_TEXT = 1 << 17
"""Characters of a CPU list: 8192 CPUs, one by one, with ids of ten digits take fewer."""
_TYPE = "Arrow data with the columns that a Fleet gives"


def gather(rows: Iterable[Any]) -> tuple[Gatherer, list[int]]:
    """All hosts, and the generation of each; an error names row, key and value."""
    gatherer = Gatherer()
    generations = []
    for n, row in enumerate(rows):
        try:
            data = checks.mapping(None, row, _TYPE)
            gatherer.add_host(_host(data))
            generation = data.get("generation", 0)
            generations.append(checks.whole("generation", generation, 0, MAX_GENERATION))
        except InputError as error:
            raise error.within(f"row {n}") from None
    return gatherer, generations


def _host(data: Mapping[str, Any]) -> HostInfo:
    cells = checks.sequence("cells", checks.required(data, "cells", _TYPE), "a list of cells")
    pools = checks.sequence("pci_pools", data.get("pci_pools") or (), "a list of PCI pools")
    return HostInfo(
        cells=tuple(checks.each("cells", cells, _cell)),
        name=checks.label("name", data.get("name") or ""),
        pci_pools=tuple(checks.each("pci_pools", pools, _pool)),
        cpu_allocation_ratio=_ratio(data, "cpu_allocation_ratio"),
        ram_allocation_ratio=_ratio(data, "ram_allocation_ratio"),
        distances=tuple(map(tuple, data.get("distances") or ())),
    )


def _ratio(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    return None if value is None else checks.number(key, value)


def _cell(value: object) -> HostCell:
    data = checks.mapping(None, value, "a cell")

    def whole(key: str, high: int = MAX_MEMORY_MB) -> int:
        return checks.whole(key, checks.required(data, key, _TYPE), 0, high)

    def listed(key: str) -> Any:
        return checks.sequence(key, checks.required(data, key, _TYPE))

    names = listed("physnets")
    return HostCell(
        id=whole("id", MAX_ID),
        cpuset=_cpus("cpuset", data.get("cpuset")),
        pcpuset=_cpus("pcpuset", data.get("pcpuset")),
        memory_mb=whole("memory_mb"),
        cpu_usage=whole("cpu_usage", MAX_ID),
        memory_usage=whole("memory_usage"),
        pinned_cpus=checks.cpu_list("pinned_cpus", listed("pinned_cpus")),
        siblings=_cores(checks.text("siblings", data.get("siblings"), "CPU lists")),
        page_pools=tuple(checks.each("page_pools", listed("page_pools"), _page_pool)),
        physnets=frozenset(checks.text(f"physnets[{n}]", name) for n, name in enumerate(names)),
        tunneled=checks.flag("tunneled", data.get("tunneled")),
        socket=data.get("socket"),
    )


# hosts share their layouts
@lru_cache(maxsize=4096)
def _cores(text: str) -> tuple[frozenset[int], ...]:
    return tuple(_cpus("siblings", core) for core in text.split())


_parse = lru_cache(maxsize=4096)(partial(parse_cpu_list, limit=MAX_CPU_ID))


def _cpus(key: str, value: object) -> frozenset[int]:
    text = checks.text(key, value, "a CPU list")
    if len(text) > MAX_TEXT:
        raise InputError(None, key, text, f"at most {MAX_TEXT} characters")
    try:
        return _parse(text)
    except ValueError as error:
        raise InputError(None, key, value, "a CPU list such as 0-3,8", f"{error}.") from None


def _page_pool(value: object) -> PagePool:
    data = checks.mapping(None, value, "a page pool")
    return PagePool(
        *(checks.required(data, key, _TYPE) for key in ("size_kib", "total", "used", "reserved"))
    )


def _pool(value: object) -> PciPool:
    data = checks.mapping(None, value, "a PCI pool")
    text = checks.text("tags", data.get("tags") or "{}")
    try:
        tags = checks.mapping("tags", json.loads(text))
    except (ValueError, RecursionError):
        raise InputError(None, "tags", text, "a JSON object") from None
    devices = checks.sequence("devices", data.get("devices") or (), "a list of PCI addresses")
    return PciPool(
        vendor_id=checks.text("vendor_id", data.get("vendor_id")),
        product_id=checks.text("product_id", data.get("product_id")),
        numa_node=data.get("numa_node"),
        count=checks.required(data, "count", _TYPE),
        tags=tags,
        devices=tuple(checks.text(f"devices[{n}]", one) for n, one in enumerate(devices)),
    )
