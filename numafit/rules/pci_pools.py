"""Devices of a host -> the pools that it reports, as nova's compute node makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numafit.errors import InvalidRequest
from numafit.model import fields
from numafit.model.hostinfo import MAX_ID, PciPool
from numafit.model.pci_device import (
    PciDevice,
    as_devices,
    drop_unaddressable,
    with_parent_serials,
)
from numafit.model.values import refuse
from numafit.rules.device_spec import DeviceSpec, Functions

_IGNORED = frozenset({"resource_class", "traits", "rp_uuid"})
"""Placement matches these; pools are not told apart by them."""

_NETWORK_TYPES = ("type-PF", "type-VF", "vdpa")


def pools_from_devices(
    devices: Iterable[PciDevice | Mapping[str, Any]],
    specs: Iterable[DeviceSpec],
    *,
    report_in_placement: bool = False,
) -> list[PciPool]:
    """The pools in nova's order: one for each set of properties and PF, with the addresses in it.

    ``devices``: all that the host has, PciDevice values or dicts as nova's driver reports them.
    Those that no spec matches, and those beyond nova's limits of addresses, are left out. VFs
    without a card serial number have their PF's. A spec's tags become properties of the pool.

    Raises ``InvalidRequest`` for what ``[pci] report_in_placement`` refuses, ``InputError`` for
    what is not a device.
    """
    listed = fields.many("specs", specs, DeviceSpec, "a DeviceSpec", "a list of DeviceSpecs")
    report_in_placement = fields.yes_or_no("report_in_placement", report_in_placement)
    if report_in_placement:
        for spec in listed:
            spec.check_placement()
    kept, _dropped = drop_unaddressable(with_parent_serials(as_devices(devices)))
    made: list[tuple[dict[str, Any], list[str]]] = []
    # pools that may be alike, so that not each device is compared with each pool
    near: dict[Any, list[tuple[dict[str, Any], list[str]]]] = {}
    for device in kept:
        tags = _tags(device, listed)
        if tags is None:
            continue
        properties = _properties(device, tags)
        keys = _keys(properties)
        for known, addresses in near.get(keys[0], ()):
            if _alike(known, properties):
                addresses.append(device.address)
                break
        else:
            made.append((properties, [device.address]))
            for key in keys:
                near.setdefault(key, []).append(made[-1])
    made.sort(key=lambda pool: len(pool[0]))
    return [_pool(properties, addresses) for properties, addresses in made]


def _keys(properties: Mapping[str, Any]) -> list[Any]:
    """Pools that are alike share the first of these with the device, and stand under both."""
    names = ("vendor_id", "product_id", "address", "numa_node", "dev_type")
    key: Any = (len(properties), *(properties[name] for name in names))
    try:
        hash(key)
    except TypeError:  # a tag of the spec that is a list
        key = key[:4]
    interface = properties.get("parent_ifname")
    return [key] if interface is None else [(key, interface), key]


def functions_of(devices: Sequence[PciDevice]) -> Functions:
    """The physical functions among the devices, as ``DeviceSpec.parse`` asks for them; the id of
    a PF's VFs is that of the first VF listed."""
    vfs: dict[str, str] = {}
    for device in devices:
        if device.parent_addr is not None:
            vfs.setdefault(device.parent_addr, device.product_id)
    return {
        device.address: {
            "vendor_id": device.vendor_id,
            "product_id": device.product_id,
            "vf_product_id": vfs.get(device.address, ""),
        }
        for device in devices
        if device.dev_type == "type-PF"
    }


def _tags(device: PciDevice, specs: Iterable[DeviceSpec]) -> dict[str, Any] | None:
    for spec in specs:
        tags = spec.match(device)
        if tags is not None:
            return tags
    return None


def _properties(device: PciDevice, tags: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "product_id": device.product_id,
        "vendor_id": device.vendor_id,
        "numa_node": device.numa_node,
        "dev_type": device.dev_type,
    }
    found.update((tag, value) for tag, value in tags.items() if tag not in _IGNORED)
    found["address"] = device.parent_addr or device.address
    if device.parent_ifname:
        found["parent_ifname"] = device.parent_ifname
    if device.dev_type in _NETWORK_TYPES and found.get("remote_managed") is None:
        found["remote_managed"] = "false"
    return found


def _alike(pool: Mapping[str, Any], device: Mapping[str, Any]) -> bool:
    """Nova's test, for which a tag of null is as good as another tag that is missing."""
    return len(pool) == len(device) and all(pool.get(k) == v for k, v in device.items())


def _pool(properties: dict[str, Any], addresses: list[str]) -> PciPool:
    tags = {key: _stored(key, value) for key, value in properties.items()}
    return PciPool(
        vendor_id=str(tags.pop("vendor_id")),
        product_id=str(tags.pop("product_id")),
        numa_node=_node(tags.pop("numa_node")),
        count=len(addresses),
        tags=tags,
        devices=tuple(addresses),
    )


def _stored(key: str, value: Any) -> Any:
    """Tags are stored as text or null."""
    if value is None or isinstance(value, str) or key == "numa_node":
        return value
    if isinstance(value, int | float):
        return str(value)
    raise refuse(
        "ValueError", f"[pci] device_spec.{key}", value, "text, a number, true, false or null"
    )


def _node(value: Any) -> int | None:
    """``numa_node`` may stand among the tags of a spec, and then beats what the device says."""
    if value is None:
        return None
    try:
        node = int(value)
    except (TypeError, ValueError):
        raise _bad_node(value) from None
    if not -1 <= node <= MAX_ID:
        raise _bad_node(value)
    return node


def _bad_node(value: Any) -> InvalidRequest:
    return refuse("ValueError", "[pci] device_spec.numa_node", value, "a number of a NUMA node")
