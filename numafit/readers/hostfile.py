"""Our own host file, for people without nova: YAML or JSON <-> HostInfo.

``docs/host-file.md`` describes the file, ``host.schema.json`` beside this module is its JSON
Schema. The reader is stricter than the schema and than the model, since a person wrote the file:
unknown keys, a CPU in two cells, and CPUs outside their cell are refused. What is a real state of
a host loads: memory, pages or CPUs in use beyond what is there, pins on CPUs that are no longer
dedicated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import resources
from typing import Any

from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELLS, MAX_ID, HostCell, HostInfo, PciPool
from numafit.readers import bounds, checks
from numafit.readers.hostcell import check_cells, read_cell, write_cell
from numafit.readers.hostresources import KEYS as PLACEMENT
from numafit.readers.hostresources import read_provider, write_provider
from numafit.readers.hoststate import KEYS as STATE
from numafit.readers.hoststate import read_state, write_state
from numafit.readers.naming import host_name
from numafit.readers.textfile import parse_text, read_text

VERSION = 1
_DIRECT_TAGS = ("dev_type", "physical_network", "address", "trusted", "remote_managed")
"""Properties of a PCI pool that stand beside its ids; all others stand under ``tags``."""

_TOP = (
    "version",
    "name",
    "cells",
    "distances",
    "pci",
    "limits",
    "zone",
    "disabled",
    *STATE,
    *PLACEMENT,
)
_POOL_COLUMNS = ("vendor_id", "product_id", "numa_node", "count")
_PCI = (*_POOL_COLUMNS, "devices", "tags", *_DIRECT_TAGS)
_OTHERS = (
    ("numa_topology", "Rows of compute_nodes go with --nova-rows."),
    ("nova_object.name", "A numa_topology of nova's goes with --nova-rows."),
    ("<capabilities>", "What 'virsh capabilities' prints goes with --libvirt."),
    ("<topology", "What 'lstopo --of xml' prints goes with --hwloc."),
)
"""What stands in files of other sources, and the option that reads them."""
_LIMITS = ("cpu_allocation_ratio", "ram_allocation_ratio")


def read_host_file(path: str | os.PathLike[str]) -> HostInfo:
    """The host that a YAML or JSON host file describes.

    A host without a ``name`` is called by the name of its file. Raises ``InputError`` with the
    file, the way to the value (``cells[1].pages[0].size``), the value, and what was expected.
    """
    file = os.fspath(path)
    text = read_text(path)
    try:
        data = parse_text(text, file)
        if isinstance(data, dict) and "name" not in data:
            data["name"] = host_name(path)
        return host_from_mapping(data, file)
    except InputError as error:
        for mark, hint in _OTHERS:
            if mark in text:
                raise InputError(error.file, error.key, error.value, error.expected, hint) from None
        raise


def host_schema() -> dict[str, Any]:
    """The JSON Schema of the host file, for editors and other checkers."""
    text = (resources.files("numafit.readers") / "host.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def host_from_mapping(data: object, file: str | None = None) -> HostInfo:
    """The host of a decoded host file. ``file`` is for messages only."""
    try:
        with bounds.document():
            return _host(checks.mapping(None, data, "a mapping with the keys of a host file"))
    except InputError as error:
        raise error.within(file) from None


def _host(data: Mapping[str, Any]) -> HostInfo:
    # 'x-...' holds what is only there for YAML anchors and notes
    checks.known_keys([key for key in data if not key.startswith("x-")], _TOP)
    version = checks.required(data, "version", f"version: {VERSION}")
    checks.whole("version", version, VERSION, VERSION)
    listed = checks.required(data, "cells", "a list of NUMA cells; [] for a host without any")
    listed = checks.sequence("cells", listed, "a list of NUMA cells")
    if len(listed) > MAX_CELLS:
        raise InputError(None, "cells", f"{len(listed)} cells", f"at most {MAX_CELLS} cells")
    cells = checks.each("cells", listed, read_cell)
    check_cells(cells)
    limits = checks.mapping("limits", data.get("limits", {}))
    try:
        checks.known_keys(limits, _LIMITS)
        ratios = {key: checks.number(key, limits[key]) for key in limits}
    except InputError as error:
        raise error.within(key="limits") from None
    pools = data.get("pci")
    if pools is not None:
        pools = checks.sequence("pci", pools, "a list of PCI pools")
        pools = tuple(checks.each("pci", pools, _read_pool))
    return HostInfo(
        cells=tuple(cells),
        name=checks.label("name", data.get("name", "")),
        pci_pools=pools,
        distances=_distances(data.get("distances", ())),
        provider=read_provider(data),
        zone=checks.label("zone", data["zone"]) if "zone" in data else None,
        disabled=checks.label("disabled", data.get("disabled", "")),
        state=read_state(data),
        cpu_allocation_ratio=ratios.get("cpu_allocation_ratio"),
        ram_allocation_ratio=ratios.get("ram_allocation_ratio"),
    )


def _distances(value: object) -> tuple[tuple[Any, ...], ...]:
    rows = checks.sequence("distances", value, "a row of distances for each cell")
    return tuple(
        tuple(checks.sequence(f"distances[{n}]", row, "a list of distances"))
        for n, row in enumerate(rows)
    )


def _read_pool(value: object) -> PciPool:
    data = checks.mapping(None, value, "a mapping with vendor_id, product_id and count")
    checks.known_keys(data, _PCI)
    ids = {}
    for key in ("vendor_id", "product_id"):
        found = checks.required(data, key, "a PCI id such as '8086'")
        # 8086 without quotes is a number to YAML, and no digit of it is lost
        ids[key] = checks.text(
            key, str(found) if type(found) is int and 1000 <= found <= 9999 else found
        )
    tags = {
        key: _tag(f"tags.{key}", tag)
        for key, tag in checks.mapping("tags", data.get("tags", {})).items()
    }
    for key in _DIRECT_TAGS:
        if key in data:
            if key in tags:
                raise InputError(None, f"tags.{key}", tags[key], f"{key} once, beside tags")
            tags[key] = _tag(key, data[key])
    for key in _POOL_COLUMNS:
        if key in tags:
            raise InputError(None, f"tags.{key}", tags[key], f"{key} beside tags, not in them")
    node = data.get("numa_node")
    addresses = checks.sequence("devices", data.get("devices", ()), "a list of PCI addresses")
    count = checks.required(data, "count", "the number of free devices")
    return PciPool(
        **ids,
        numa_node=None if node is None else checks.whole("numa_node", node, -1, MAX_ID),
        count=checks.whole("count", count, 0, MAX_ID),
        tags=tags,
        devices=tuple(checks.text(f"devices[{n}]", one) for n, one in enumerate(addresses)),
    )


def _tag(key: str, value: object) -> str | None:
    # nova's pools hold text, and 'true' is what it compares with
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else checks.text(key, value, "text or null")


def host_to_mapping(hostinfo: HostInfo) -> dict[str, Any]:
    """What a host file holds for ``hostinfo``: plain dicts, lists, text and numbers.

    ``host_from_mapping`` reads it back equal. Keys at their default are left out. Raises
    ``InputError`` for the hosts that a host file refuses: one CPU in two cells, memory that is not
    known, and properties of devices that are neither text nor ``None``.
    """
    check_cells(hostinfo.cells)
    data: dict[str, Any] = {"version": VERSION, "name": checks.label("name", hostinfo.name)}
    data["cells"] = [_write_cell(n, cell) for n, cell in enumerate(hostinfo.cells)]
    if hostinfo.distances:
        data["distances"] = [list(row) for row in hostinfo.distances]
    if hostinfo.pci_pools is not None:
        data["pci"] = [_write_pool(n, pool) for n, pool in enumerate(hostinfo.pci_pools)]
    ratios = {key: getattr(hostinfo, key) for key in _LIMITS if getattr(hostinfo, key) is not None}
    if ratios:
        data["limits"] = ratios
    if hostinfo.provider is not None:
        data |= write_provider(hostinfo.provider)
    if hostinfo.zone is not None:
        data["zone"] = hostinfo.zone
    if hostinfo.disabled:
        data["disabled"] = hostinfo.disabled
    data |= write_state(hostinfo.state)
    return data


def _write_cell(n: int, cell: HostCell) -> dict[str, Any]:
    try:
        return write_cell(cell)
    except InputError as error:
        raise error.within(key=f"cells[{n}]") from None


def _write_pool(n: int, pool: PciPool) -> dict[str, Any]:
    data: dict[str, Any] = {"vendor_id": pool.vendor_id, "product_id": pool.product_id}
    if pool.numa_node is not None:
        data["numa_node"] = pool.numa_node
    data["count"] = pool.count
    for key, tag in pool.tags.items():
        if tag is not None and not isinstance(tag, str):
            raise InputError(None, f"pci[{n}].tags.{key}", tag, "text or null")
    data |= {key: pool.tags[key] for key in _DIRECT_TAGS if key in pool.tags}
    rest = {key: tag for key, tag in pool.tags.items() if key not in _DIRECT_TAGS}
    if rest:
        data["tags"] = rest
    if pool.devices:
        data["devices"] = list(pool.devices)
    return data
