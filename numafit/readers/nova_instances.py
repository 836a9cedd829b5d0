"""``instance_extra.numa_topology`` of nova -> what an instance holds on its host.

Read are InstanceNUMACell 1.0 to 1.6 and the plain dicts from before Kilo. Until 1.5 the vCPUs of
a dedicated guest stood in ``cpuset``; they are not counted as floating.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numafit._header import PAGES_ANY
from numafit.diagnosis.usage import InstanceCell
from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import MAX_ID, MAX_PAGE_KIB
from numafit.readers import bounds, checks
from numafit.readers.nova_objects import OBJECT_NAME, decode, unwrap

_PINNING = (None, "shared")


def instance_cells(text: str | None) -> tuple[InstanceCell, ...]:
    """The cells of an instance; none where it has no NUMA topology.

    Raises ``InputError`` with the way to the value.
    """
    if not text:
        return ()
    with bounds.document(text):
        return _cells(decode(text))


def _cells(value: object) -> tuple[InstanceCell, ...]:
    if isinstance(value, Mapping) and OBJECT_NAME not in value:
        cells = checks.sequence("cells", value.get("cells", ()), "a list of cells")
        return tuple(checks.each("cells", cells, _legacy_cell))
    data, _ = unwrap(value, "InstanceNUMATopology", 3)
    cells = checks.sequence("cells", checks.required(data, "cells", "a list of cells"))
    return tuple(checks.each("cells", cells, _cell))


def _cell(value: object) -> InstanceCell:
    data, _ = unwrap(value, "InstanceNUMACell", 6)
    policy = data.get("cpu_policy")
    floating = _cpus(data, "cpuset")
    if "pcpuset" not in data and policy == "dedicated":
        floating = frozenset()
    pinned: frozenset[int] = frozenset()
    if policy not in _PINNING:
        pinned = _pinned(data) | _cpus(data, "cpuset_reserved")
    return InstanceCell(
        host_cell=checks.whole("id", data.get("id"), -1, MAX_ID),
        memory_mb=_memory("memory", data.get("memory")),
        shared=len(floating),
        pinned=pinned,
        pagesize=_pagesize(data.get("pagesize")),
        isolated=bool(pinned) and data.get("cpu_thread_policy") == "isolate",
    )


def _pinned(data: Mapping[str, Any]) -> frozenset[int]:
    raw = data.get("cpu_pinning_raw")
    pairs = checks.mapping("cpu_pinning_raw", raw or {}, "host CPUs by vCPU")
    return frozenset(
        checks.whole(f"cpu_pinning_raw.{vcpu}", cpu, 0, MAX_ID) for vcpu, cpu in pairs.items()
    )


def _cpus(data: Mapping[str, Any], key: str) -> frozenset[int]:
    cpus = data.get(key)
    return checks.cpu_list(key, cpus) if cpus is not None else frozenset()


def _memory(key: str, value: object) -> int:
    return checks.whole(key, value, 0, MAX_MEMORY_MB, "MiB")


def _pagesize(value: object) -> int | None:
    # below 0 is what was asked for; a claim writes the size in their place
    if value is None:
        return None
    size = checks.whole("pagesize", value, PAGES_ANY, MAX_PAGE_KIB, "KiB")
    return size if size > 0 else None


def _legacy_cell(value: object) -> InstanceCell:
    data = checks.mapping(None, value, "a cell")
    memory = checks.mapping("mem", data.get("mem", {}), "the total memory")
    cpus = data.get("cpus", "")
    try:
        total = _memory("total", memory.get("total", 0))
    except InputError as error:
        raise error.within(key="mem") from None
    return InstanceCell(
        host_cell=checks.whole("id", data.get("id"), -1, MAX_ID),
        memory_mb=total,
        shared=len(checks.cpu_list("cpus", cpus)),
        pagesize=_pagesize(data.get("pagesize")),
    )
