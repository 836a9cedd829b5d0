"""``[pci] device_spec``: which devices of a host may be given to guests, and with which tags."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from numafit.errors import InvalidRequest, InvalidValue, MisuseError, shorten
from numafit.model import fields
from numafit.model.pci_address import (
    ANY,
    Exact,
    Pattern,
    device_fields,
    glob,
    hex_field,
    regex,
    single,
)
from numafit.model.pci_device import PciDevice, as_device
from numafit.model.values import flag, refuse, strict_flag

Functions = Mapping[str, Mapping[str, str]]
"""Address of each physical function of the host -> ``vendor_id``, ``product_id`` and
``vf_product_id`` (sysfs: ``vendor``, ``device``, ``sriov_vf_device``)."""

Netdevs = Mapping[str, tuple[str, bool]]
"""Network interface -> address of its device, and whether that is a physical function."""

_FLAGS = ("managed", "live_migratable", "one_time_use")


class Entry:
    """One dict of a ``device_spec``: ids, an address pattern, and the tags of what matches."""

    __slots__ = ("devname", "key", "pattern", "pf", "product_id", "remote_managed", "tags",
                 "vendor_id")  # fmt: skip

    def __init__(
        self, key: str, spec: Mapping[str, Any], functions: Functions, netdevs: Netdevs,
        report_in_placement: bool,
    ) -> None:  # fmt: skip
        self.key = key
        self.tags: dict[str, Any] = dict(spec)
        vendor = self.tags.pop("vendor_id", ANY)
        product = self.tags.pop("product_id", ANY)
        self.devname: Any = self.tags.pop("devname", None)
        address = self.tags.pop("address", None)
        self.vendor_id = _id(f"{key}.vendor_id", vendor, "AttributeError").strip()
        self.vendor_id = hex_field(self.vendor_id, 0xFFFF, 4, f"{key}.vendor_id", vendor)
        product = _id(f"{key}.product_id", product, "TypeError")
        self.product_id = hex_field(product, 0xFFFF, 4, f"{key}.product_id", product)
        if address and self.devname:
            raise refuse(
                "PciDeviceInvalidDeviceName",
                f"{key}.devname",
                self.devname,
                "either devname or address, not both",
                "Leave out one of them; an address says the same on every boot.",
            )
        self.pf = False
        self.pattern: Pattern | None = None  # None: the interface is not there
        if self.devname:
            self._resolve(netdevs, functions)
        else:
            self._set_pattern(address or "*:*:*.*", functions)
        self.remote_managed = flag(self.tags.get("remote_managed"))
        self._normalise_flags(report_in_placement)
        if self.remote_managed:
            self._check_remote_managed(functions)

    def matches(self, device: PciDevice) -> bool:
        """Raises ``InvalidRequest`` for a device whose address is beyond nova's limits."""
        if self.pattern is None:
            return False
        # nova judges the address whatever the ids say, so that a bad one is always an error
        here = self._address_matches(device)
        return (
            here
            and self.vendor_id in (ANY, device.vendor_id)
            and self.product_id in (ANY, device.product_id)
            and (bool(device.serial) or not self.remote_managed)
        )

    def _address_matches(self, device: PciDevice) -> bool:
        assert self.pattern is not None
        if self.pf and device.parent_addr:
            parent = device_fields(device.parent_addr, f"parent_addr of {device.address}")
            if self.pattern.matches(parent):
                return True
        return self.pattern.matches(device_fields(device.address))

    def _resolve(self, netdevs: Netdevs, functions: Functions) -> None:
        key = f"{self.key}.devname"
        address, self.pf = netdevs.get(str(self.devname), (None, False))
        if address is None:
            return
        if self.pf:
            self.pattern = Exact(device_fields(address, key))
        else:
            self._set_pattern(address, functions)

    def _set_pattern(self, address: Any, functions: Functions) -> None:
        key = f"{self.key}.address"
        if isinstance(address, str):
            pattern: Any = glob(address, key)
        elif isinstance(address, Mapping):
            pattern = regex(address, key)
        else:
            raise refuse(
                "PciDeviceWrongAddressFormat",
                key,
                address,
                "text such as 0000:3b:*.*, or a dict of domain, bus, slot and function",
            )
        self.pattern = pattern
        only = single(pattern)
        self.pf = only is not None and only in functions

    def _normalise_flags(self, report_in_placement: bool) -> None:
        for tag in _FLAGS:
            value = self.tags.get(tag)
            if value is None:
                continue
            try:
                self.tags[tag] = "true" if strict_flag(value) else "false"
            except ValueError as error:
                raise _invalid(f"{self.key}.{tag}", value, str(error)) from None
        if self.tags.get("one_time_use") == "true" and not report_in_placement:
            raise _invalid(
                f"{self.key}.one_time_use",
                True,
                "[pci] report_in_placement to be on",
                "Only placement can reserve a device that was used.",
            )

    def _check_remote_managed(self, functions: Functions) -> None:
        key = f"{self.key}.remote_managed"
        value = self.tags["remote_managed"]
        if self.pattern is None:
            raise refuse(
                "PciDeviceRemoteManagedNotPresent",
                f"{self.key}.devname",
                self.devname,
                "a network interface of this host, for remote-managed devices",
            )
        if not self.pf:
            return
        pf = functions.get(str(self.pattern)) if isinstance(self.pattern, Exact) else None
        if pf is None:
            # nova asks sysfs for its own notation of the pattern, which no device has
            raise refuse(
                "PciDeviceNotFoundById",
                key,
                value,
                "no address of a PF beside it, or one whose ids sysfs knows",
                "Name the VFs by vendor_id and product_id, or by a pattern of their addresses.",
            )
        mine = self.vendor_id in (pf["vendor_id"], ANY)
        if mine and self.product_id == pf["vf_product_id"]:
            return
        if mine and self.product_id in (pf["product_id"], ANY):
            raise refuse(
                "PciDeviceInvalidPFRemoteManaged",
                key,
                value,
                "remote_managed on VFs only, never on a PF",
                f"Give the product_id of the VFs ({pf['vf_product_id']}).",
            )
        raise _invalid(
            f"{self.key}.product_id",
            f"{self.vendor_id}:{self.product_id}",
            f"{pf['vendor_id']}:{pf['vf_product_id']}, the ids of this PF's VFs",
        )


class DeviceSpec:
    """One value of ``[pci] device_spec``, made by ``parse``: a dict of its text, or a list of
    dicts."""

    __slots__ = ("entries",)

    entries: tuple[Entry, ...]

    def __init__(self) -> None:
        self.entries = ()

    @classmethod
    def parse(
        cls,
        text: str,
        functions: Functions | None = None,
        netdevs: Netdevs | None = None,
        *,
        report_in_placement: bool = False,
        key: str = "[pci] device_spec",
    ) -> DeviceSpec:
        """From JSON text. ``functions``: the host's physical functions by address, each with
        ``vendor_id``, ``product_id`` and ``vf_product_id``; without them an address names one
        device and not the VFs of a PF. ``netdevs``: its interfaces by name, each with the
        address of its device and whether that is a PF; without them no ``devname`` is found.

        Raises ``InvalidRequest`` with nova's error for what nova refuses; ``check_placement`` is
        the rest of what ``[pci] report_in_placement`` asks for. ``key`` leads the messages.
        """
        fields.text("key", key)
        functions, netdevs = _functions(functions), _netdevs(netdevs)
        report_in_placement = fields.yes_or_no("report_in_placement", report_in_placement)
        found = _decoded(key, text)
        parts = found if isinstance(found, list) else [found]
        self = cls()
        self.entries = tuple(
            Entry(
                key if part is found else f"{key}[{n}]",
                _dict(key, part),
                functions,
                netdevs,
                report_in_placement,
            )
            for n, part in enumerate(parts)
        )
        return self

    def match(self, device: PciDevice | Mapping[str, Any]) -> dict[str, Any] | None:
        """The tags of the first entry that matches, or ``None``: not to be given to guests.

        Raises ``InvalidRequest`` (``PciConfigInvalidSpec``) for a device beyond nova's limits of
        addresses, ``InputError`` for what is not a device.
        """
        device = as_device(device)
        for entry in self.entries:
            if entry.matches(device):
                return dict(entry.tags)
        return None

    def check_placement(self) -> None:
        """Whether the spec can be used with ``[pci] report_in_placement``: not by ``devname``.

        Raises ``InvalidRequest`` (``PlacementPciException``), as nova does since 26.
        """
        for entry in self.entries:
            if entry.devname:
                raise refuse(
                    "PlacementPciException",
                    f"{entry.key}.devname",
                    entry.devname,
                    "an address where [pci] report_in_placement is on",
                    "Placement knows devices by address; a network interface's name can go away "
                    "with its driver.",
                )

    def __repr__(self) -> str:
        return f"DeviceSpec({[entry.tags for entry in self.entries]})"


def parse_device_specs(
    texts: Iterable[str],
    functions: Functions | None = None,
    netdevs: Netdevs | None = None,
    *,
    report_in_placement: bool = False,
    option: str = "device_spec",
) -> list[DeviceSpec]:
    """All values of the option, as ``DeviceSpec.parse`` reads one.

    ``option``: the name that it has in the configuration. ``passthrough_whitelist`` and
    ``pci_passthrough_whitelist`` (in ``[DEFAULT]``) are older names of the same: nova still
    reads them, and a ``DeprecationWarning`` says so.
    """
    fields.text("option", option)
    texts = fields.iterable(option, texts, "a list of texts")
    if option != "device_spec":
        old = warn_of_old_name(option)
        return list(_each(texts, old, functions, netdevs, report_in_placement))
    return list(_each(texts, "[pci] device_spec", functions, netdevs, report_in_placement))


def warn_of_old_name(option: str) -> str:
    """Warn of an older name of ``device_spec``; gives its section and name."""
    sections = {"passthrough_whitelist": "[pci]", "pci_passthrough_whitelist": "[DEFAULT]"}
    if option not in sections:
        known = ", ".join(sections)
        raise MisuseError(f"option={shorten(option)}: expected device_spec or {known}")
    name = f"{sections[option]} {option}"
    warnings.warn(
        f"{name} is an older name: write [pci] device_spec", DeprecationWarning, stacklevel=3
    )
    return name


def _each(
    texts: Iterable[str],
    name: str,
    functions: Functions | None,
    netdevs: Netdevs | None,
    report_in_placement: bool,
) -> Iterator[DeviceSpec]:
    for n, text in enumerate(texts):
        yield DeviceSpec.parse(
            text, functions, netdevs, report_in_placement=report_in_placement, key=f"{name}[{n}]"
        )


def _functions(given: Any) -> Functions:
    what = "a mapping of addresses to the ids of their functions"
    found = fields.mapping("functions", {} if given is None else given, what)
    for address, function in found.items():
        known = fields.mapping(f"functions[{address!r}]", function, what)
        for name in ("vendor_id", "product_id", "vf_product_id"):
            fields.text(f"functions[{address!r}].{name}", known.get(name))
    return found


def _netdevs(given: Any) -> Netdevs:
    what = "a mapping of interfaces to (address of the device, whether it is a PF)"
    found = fields.mapping("netdevs", {} if given is None else given, what)
    for name, device in found.items():
        if not (isinstance(device, tuple | list) and len(device) == 2):
            raise InvalidValue(f"netdevs[{name!r}]", device, what)
    return found


def _decoded(key: str, text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict | list):
        raise _invalid(key, text, 'the JSON text of an object, such as {"vendor_id": "8086"}')
    return found


def _dict(key: str, part: Any) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise _invalid(key, part, "JSON objects in the list")
    return part


def _id(key: str, value: Any, nova_exception: str) -> str:
    if not isinstance(value, str):
        raise refuse(
            nova_exception, key, value, "four hexadecimal digits as text", "Put them in quotes."
        )
    return value


def _invalid(key: str, value: object, expected: str, hint: str = "") -> InvalidRequest:
    return refuse("PciConfigInvalidSpec", key, value, expected, hint)
