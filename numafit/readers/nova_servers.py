"""Columns of nova's ``instances`` and ``instance_extra`` -> Server: what it was started with, and
what it holds.

``flavor`` and ``numa_topology`` are versioned objects as JSON, ``pci_requests`` and
``network_info`` plain JSON; properties of the image stand in ``instance_system_metadata``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numafit._header import PAGES_ANY
from numafit.errors import InputError
from numafit.model.flavor import MAX_VCPUS, Flavor, Image
from numafit.model.guest import MAX_MEMORY_MB, Networks, PciRequest
from numafit.model.hostinfo import MAX_ID, MAX_PAGE_KIB
from numafit.model.placement import Placement, PlacementCell
from numafit.model.resources import MAX_UNITS
from numafit.readers import bounds, checks
from numafit.readers.nova_objects import OBJECT_NAME, decode, unwrap

_IMAGE = "image_"
_NO_PROPERTY = ("base_image_ref", "min_ram", "min_disk", "disk_format", "container_format")


def flavor_of(text: str) -> Flavor:
    """``instance_extra.flavor``: the flavor that counts now."""
    with bounds.document(text):
        held = checks.mapping(None, decode(text), "the flavors of an instance")
        try:
            data, _ = unwrap(checks.required(held, "cur", "the flavor"), "Flavor", 2)
        except InputError as error:
            raise error.within(key="cur") from None
        specs = checks.mapping("extra_specs", data.get("extra_specs") or {})
        return Flavor(
            checks.label("name", data.get("name") or ""),
            checks.whole("vcpus", data.get("vcpus"), 1, MAX_VCPUS),
            checks.whole("memory_mb", data.get("memory_mb"), 0, MAX_MEMORY_MB, "MiB"),
            {key: checks.text(f"extra_specs.{key}", value) for key, value in specs.items()},
            _units(data, "root_gb"),
            _units(data, "ephemeral_gb"),
            _units(data, "swap"),
        )


def _units(data: Mapping[str, Any], key: str) -> int:
    return checks.whole(key, data.get(key) or 0, 0, MAX_UNITS)


def image_of(metadata: Iterable[tuple[str, str | None]]) -> Image:
    """``instance_system_metadata``: key and value of each row of the instance."""
    properties = {
        key.removeprefix(_IMAGE): value
        for key, value in metadata
        if key.startswith(_IMAGE) and value is not None
    }
    return Image("", {key: properties[key] for key in properties if key not in _NO_PROPERTY})


def placement_of(text: str | None, host: str = "") -> Placement:
    """``instance_extra.numa_topology``: the instance's cells with the CPUs that they are pinned
    to; no cells where it has no NUMA topology."""
    if not text:
        return Placement(host_name=host)
    with bounds.document(text):
        value = decode(text)
        if isinstance(value, Mapping) and OBJECT_NAME not in value:
            cells = checks.sequence("cells", value.get("cells", ()), "a list of cells")
            return _placement(checks.each("cells", cells, _legacy_cell), host)
        data, _ = unwrap(value, "InstanceNUMATopology", 3)
        cells = checks.sequence("cells", checks.required(data, "cells", "a list of cells"))
        return _placement(checks.each("cells", cells, _cell), host)


def _placement(cells: Iterable[PlacementCell | None], host: str) -> Placement:
    return Placement((cell for cell in cells if cell is not None), host_name=host)


def _cell(value: object) -> PlacementCell | None:
    """``None``: it was never placed, and holds nothing."""
    data, _ = unwrap(value, "InstanceNUMACell", 6)
    if _node(data) < 0:
        return None
    policy = data.get("cpu_policy")
    cpus, pcpus = _cpus(data, "cpuset"), _cpus(data, "pcpuset")
    if "pcpuset" not in data and policy == "dedicated":
        # until 1.5 the vCPUs of a dedicated guest stood in cpuset
        cpus, pcpus = frozenset(), cpus
    pinning = checks.mapping("cpu_pinning_raw", data.get("cpu_pinning_raw") or {})
    return PlacementCell(
        host_cell=_node(data),
        cpuset=cpus,
        pcpuset=pcpus,
        pinning={
            checks.whole("cpu_pinning_raw", int(vcpu) if vcpu.isdigit() else vcpu, 0, MAX_ID): (
                checks.whole(f"cpu_pinning_raw.{vcpu}", cpu, 0, MAX_ID)
            )
            for vcpu, cpu in pinning.items()
        },
        pagesize=_pagesize(data.get("pagesize")),
        reserved=_cpus(data, "cpuset_reserved"),
        memory_mb=checks.whole("memory", data.get("memory"), 0, MAX_MEMORY_MB, "MiB"),
        cpu_policy=policy,
        cpu_thread_policy=data.get("cpu_thread_policy"),
    )


def _legacy_cell(value: object) -> PlacementCell | None:
    data = checks.mapping(None, value, "a cell")
    if _node(data) < 0:
        return None
    memory = checks.mapping("mem", data.get("mem", {}), "the total memory")
    return PlacementCell(
        host_cell=_node(data),
        cpuset=checks.cpu_list("cpus", data.get("cpus", "")),
        pagesize=_pagesize(data.get("pagesize")),
        memory_mb=checks.whole("mem.total", memory.get("total", 0), 0, MAX_MEMORY_MB, "MiB"),
    )


def _node(data: Mapping[str, Any]) -> int:
    return checks.whole("id", data.get("id"), -1, MAX_ID)


def _cpus(data: Mapping[str, Any], key: str) -> frozenset[int]:
    cpus = data.get(key)
    return frozenset() if cpus is None else checks.cpu_list(key, cpus)


def _pagesize(value: object) -> int | None:
    if value is None:
        return None
    size = checks.whole("pagesize", value, PAGES_ANY, MAX_PAGE_KIB, "KiB")
    return size if size > 0 else None


def pci_of(text: str | None) -> tuple[PciRequest, ...]:
    """``instance_extra.pci_requests``, in its order."""
    if not text:
        return ()
    with bounds.document(text):
        found = checks.sequence(None, decode(text), "a list of PCI requests")
        return tuple(checks.each("", found, _pci_request))


def _pci_request(value: object) -> PciRequest:
    data = checks.mapping(None, value, "a PCI request")
    specs = checks.sequence("spec", data.get("spec") or (), "a list of mappings")
    return PciRequest(
        checks.whole("count", data.get("count"), -MAX_ID, MAX_ID),
        [checks.mapping("spec", spec) for spec in specs],
        data.get("numa_policy"),
        data.get("alias_name"),
        data.get("request_id"),
    )


def networks_of(text: str | None) -> Networks | None:
    """``instance_info_caches.network_info``: physical networks and tunnels of the ports."""
    if not text:
        return None
    with bounds.document(text):
        ports = checks.sequence(None, decode(text), "a list of ports")
        metas = checks.each("", ports, _meta)
    if not metas:
        return None
    physnets = {meta["physical_network"] for meta in metas if meta.get("physical_network")}
    return Networks(frozenset(physnets), any(meta.get("tunneled") is True for meta in metas))


def vnic_types_of(text: str | None) -> tuple[str, ...] | None:
    """``instance_info_caches.network_info``: of each port."""
    if not text:
        return None
    with bounds.document(text):
        ports = checks.sequence(None, decode(text), "a list of ports")
        return tuple(checks.each("", ports, _vnic_type))


def _vnic_type(value: object) -> str:
    return checks.text("vnic_type", checks.mapping(None, value).get("vnic_type") or "normal")


def _meta(value: object) -> Mapping[str, Any]:
    network = checks.mapping("network", checks.mapping(None, value).get("network") or {})
    meta = checks.mapping("network.meta", network.get("meta") or {})
    physnet = meta.get("physical_network")
    if physnet is not None:
        checks.text("network.meta.physical_network", physnet)
    return meta
