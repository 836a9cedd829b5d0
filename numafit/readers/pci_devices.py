"""A list of PCI devices in a file, as nova's driver reports it -> PciDevice values."""

from __future__ import annotations

import os
from dataclasses import dataclass

from numafit.errors import InputError
from numafit.model.pci_address import device_fields
from numafit.model.pci_device import (
    PciDevice,
    as_devices,
    drop_unaddressable,
    with_parent_serials,
)
from numafit.readers import checks, textfile

_KEYS = (
    "address",
    "vendor_id",
    "product_id",
    "dev_type",
    "numa_node",
    "parent_addr",
    "parent_ifname",
    "capabilities",
    "dev_id",
    "label",
    "mac_address",
)


@dataclass(frozen=True, slots=True)
class DeviceList:
    """``devices`` that nova can speak of; ``dropped``: those beyond its limits of addresses
    (domain FFFF, bus FF, slot 1F, function 7), which readers leave out and count."""

    devices: tuple[PciDevice, ...]
    dropped: tuple[PciDevice, ...] = ()


def read_pci_devices(path: str | os.PathLike[str]) -> DeviceList:
    """Devices of a JSON or YAML list of mappings with ``address``, ``vendor_id`` and
    ``product_id``, and as far as known ``dev_type`` (``type-PCI``, ``type-PF``, ``type-VF``,
    ``vdpa``), ``numa_node``, ``parent_addr``, ``parent_ifname`` and
    ``capabilities.vpd.card_serial_number``: nova's ``pci_passthrough_devices``.

    Raises ``InputError`` with the file, the way to the value, the value and what was expected.
    """
    file = os.fspath(path)
    try:
        found = checks.sequence(None, textfile.load(path), "a list of PCI devices")
        for n, one in enumerate(found):
            try:
                checks.known_keys(checks.mapping(None, one, "a PCI device"), _KEYS)
            except InputError as error:
                raise error.within(key=f"devices[{n}]") from None
        devices = as_devices(found)
        _check_addresses(devices)
    except InputError as error:
        raise error.within(file) from None
    kept, dropped = drop_unaddressable(with_parent_serials(devices))
    return DeviceList(tuple(kept), tuple(dropped))


def _check_addresses(devices: list[PciDevice]) -> None:
    seen: set[str] = set()
    for n, device in enumerate(devices):
        for key in ("address", "parent_addr"):
            text = getattr(device, key)
            if text is not None and not _has_form(text):
                raise InputError(
                    None, f"devices[{n}].{key}", text, "an address such as 0000:3b:00.1"
                )
        if device.address in seen:
            raise InputError(
                None, f"devices[{n}].address", device.address, "each address once in the list"
            )
        seen.add(device.address)


def _has_form(text: str) -> bool:
    """Hexadecimal parts, within the limits or not."""
    try:
        device_fields(text)
    except ValueError:
        parts = text.replace(".", ":").split(":")
        return len(parts) == 4 and all(_is_hex(part) for part in parts)
    return True


def _is_hex(part: str) -> bool:
    return part.isascii() and part.isalnum() and all(c in "0123456789abcdefABCDEF" for c in part)
