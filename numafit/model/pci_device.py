"""PCI devices as a host lists them: what nova's driver reports of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numafit.errors import InputError, InvalidRequest
from numafit.model import fields
from numafit.model.fields import MAX_ID
from numafit.model.pci_address import device_fields

DEVICE_TYPES = ("type-PCI", "type-PF", "type-VF", "vdpa")


@dataclass(frozen=True, slots=True)
class PciDevice:
    """One PCI function. ``address`` and ``parent_addr`` (of a VF's or vDPA device's PF) are text,
    ids four hexadecimal digits, ``numa_node`` is ``None`` where the platform does not say.

    ``serial``: card serial number in its Vital Product Data (PCI 3.0, appendix I), which
    remote-managed devices need. ``parent_ifname``: network interface of its PF.
    """

    address: str
    vendor_id: str
    product_id: str
    dev_type: str = "type-PCI"
    numa_node: int | None = None
    parent_addr: str | None = None
    serial: str | None = None
    parent_ifname: str | None = None

    def __post_init__(self) -> None:
        for key in ("address", "vendor_id", "product_id"):
            fields.text(key, getattr(self, key))
        for key in ("parent_addr", "serial", "parent_ifname"):
            fields.text(key, getattr(self, key), none=True)
        fields.word("dev_type", self.dev_type, DEVICE_TYPES, none=False)
        if self.numa_node is not None:
            fields.keep_number(self, "numa_node", -1, MAX_ID)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> PciDevice:
        """From a device as nova's driver reports it (``pci_passthrough_devices``): a dict with
        ``address``, ``vendor_id``, ``product_id`` and, where known, ``dev_type``, ``numa_node``,
        ``parent_addr``, ``parent_ifname`` and ``capabilities.vpd.card_serial_number``.

        Raises ``InputError`` with the key at fault.
        """
        if not isinstance(found, Mapping):
            raise InputError(None, None, found, "a device with address, vendor_id and product_id")
        for key in ("address", "vendor_id", "product_id"):
            if key not in found:
                raise InputError(None, key, None, "text; the key is missing")
        vpd = _within(_within(found, "capabilities", ""), "vpd", "capabilities.")
        serial = vpd.get("card_serial_number")
        if serial is not None:
            fields.text("capabilities.vpd.card_serial_number", serial)
        return cls(
            found["address"],
            found["vendor_id"],
            found["product_id"],
            found.get("dev_type", "type-PCI"),
            found.get("numa_node"),
            found.get("parent_addr"),
            serial,
            found.get("parent_ifname"),
        )


def as_device(found: PciDevice | Mapping[str, Any]) -> PciDevice:
    return found if isinstance(found, PciDevice) else PciDevice.from_dict(found)


def as_devices(found: Iterable[PciDevice | Mapping[str, Any]]) -> list[PciDevice]:
    """Devices of a list; raises ``InputError`` whose key says which of them is at fault."""
    devices = []
    for n, one in enumerate(fields.iterable("devices", found, "a list of devices")):
        try:
            devices.append(as_device(one))
        except InputError as error:
            raise error.within(key=f"devices[{n}]") from None
    return devices


def drop_unaddressable(devices: Sequence[PciDevice]) -> tuple[list[PciDevice], list[PciDevice]]:
    """The devices that nova can speak of, and those that it cannot: domain, bus, slot or function
    beyond its limits (as with the 32-bit domains of VMD controllers). Readers drop and count the
    latter, as nova's guide says.

    Raises ``InvalidRequest`` (``PciDeviceWrongAddressFormat``) for what is not an address at all.
    """
    kept: list[PciDevice] = []
    dropped: list[PciDevice] = []
    for device in devices:
        (kept if _addressable(device) else dropped).append(device)
    return kept, dropped


def with_parent_serials(devices: Sequence[PciDevice]) -> list[PciDevice]:
    """VFs without a card serial number of their own get their PF's, as nova's driver does it."""
    serials = {device.address: device.serial for device in devices}
    return [
        replace(device, serial=serials.get(device.parent_addr))
        if device.dev_type == "type-VF" and device.parent_addr and not device.serial
        else device
        for device in devices
    ]


def _addressable(device: PciDevice) -> bool:
    try:
        device_fields(device.address)
        if device.parent_addr is not None:
            device_fields(device.parent_addr)
    except InvalidRequest as error:
        if error.nova_exception == "PciConfigInvalidSpec":
            return False
        raise
    return True


def _within(found: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    inner = found.get(key)
    if inner is None:
        return {}
    if not isinstance(inner, Mapping):
        raise InputError(None, path + key, inner, "a mapping")
    return inner
