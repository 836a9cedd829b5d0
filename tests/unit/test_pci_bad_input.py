"""Malformed addresses, device specs, aliases, ports and device files: nova's error by name, and
our sentence with the key, the value and what was expected.

The names in ``data/pci_bad_input.json`` are nova's own answers; ``tests/nova/test_pci_errors.py``
asks it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    DeviceSpec,
    Flavor,
    Image,
    InputError,
    InvalidRequest,
    MisuseError,
    PciAddress,
    Port,
    parse_aliases,
    parse_device_specs,
    pci_numa_policy,
    pci_requests,
    pools_from_devices,
)
from numafit.errors import shorten
from numafit.readers.pci_devices import read_pci_devices

Row = dict[str, Any]
TABLE: list[Row] = json.loads((Path(__file__).parent / "data" / "pci_bad_input.json").read_text())


def ask(row: Row) -> None:
    if row["kind"] == "parse_address":
        PciAddress.parse(row["address"])
    elif row["kind"] == "device_spec":
        specs = parse_device_specs(
            row["specs"], **row["sysfs"], report_in_placement=row["report_in_placement"]
        )
        if row["check_placement"]:
            pools_from_devices([], specs, report_in_placement=True)
    elif row["kind"] == "alias":
        flavor = Flavor(**row["flavor"])
        policy = pci_numa_policy(flavor, Image())
        aliases = parse_aliases(row["aliases"], pci_in_placement=row["pci_in_placement"])
        pci_requests(flavor, aliases, policy)
    else:
        for port in row["ports"].values():
            Port.from_neutron(port, row["networks"][port["network_id"]])


def name_of(row: Row) -> str:
    asked = {"kind", "key", "error", "sysfs", "devices", "image"}
    return row["kind"] + ": " + json.dumps({k: v for k, v in row.items() if k not in asked})[:70]


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_bad_input_has_novas_name_and_our_sentence(row: Row) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(row)
    error = caught.value
    assert error.nova_exception == row["error"]
    message = str(error)
    assert row["key"] in message
    assert "expected" in message
    if error.value is not None:
        assert shorten(error.value) in message
    else:
        assert "is not set" in message
    assert len(message) < 600


def test_the_table_covers_every_error_that_nova_has_here() -> None:
    assert {row["error"] for row in TABLE} == {
        "AttributeError",
        "DeviceProfileError",
        "InvalidPCINUMAAffinity",
        "NovaException",
        "PciConfigInvalidSpec",
        "PciDeviceInvalidDeviceName",
        "PciDeviceInvalidPFRemoteManaged",
        "PciDeviceNotFoundById",
        "PciDeviceRemoteManagedNotPresent",
        "PciDeviceWrongAddressFormat",
        "PciInvalidAlias",
        "PciRequestAliasNotDefined",
        "PlacementPciException",
        "TypeError",
        "ValueError",
    }


def test_aliases_are_read_when_they_are_used_as_nova_does() -> None:
    aliases = parse_aliases(["{}"])
    assert pci_requests(Flavor(), aliases) == []
    with pytest.raises(InvalidRequest, match=r"\[pci\] alias\[0\]\.name is not set"):
        aliases.check()
    with pytest.raises(InvalidRequest):
        len(aliases)


def test_texts_are_a_list_and_not_a_text() -> None:
    with pytest.raises(MisuseError, match="a list of texts"):
        parse_aliases('{"name": "a"}')
    with pytest.raises(MisuseError, match="a list of texts"):
        parse_device_specs("{}")


def test_a_device_beyond_the_limits_is_an_error_of_the_spec_that_is_asked_about_it() -> None:
    device = {"address": "10000:3b:00.0", "vendor_id": "8086", "product_id": "1572"}
    with pytest.raises(InvalidRequest, match=r"address domain='10000:3b:00\.0': .* at most FFFF") as caught:  # fmt: skip  # noqa: E501
        DeviceSpec.parse("{}").match(device)
    assert caught.value.nova_exception == "PciConfigInvalidSpec"
    assert pools_from_devices([device], [DeviceSpec.parse("{}")]) == []


def test_older_names_of_device_spec_are_read_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"\[pci\] passthrough_whitelist is an older name"):
        specs = parse_device_specs(["{}"], option="passthrough_whitelist")
    assert len(specs) == 1
    with (
        pytest.warns(DeprecationWarning, match=r"\[DEFAULT\] pci_passthrough_whitelist"),
        pytest.raises(InvalidRequest, match=r"\[DEFAULT\] pci_passthrough_whitelist\[0\]"),
    ):
        parse_device_specs(["x"], option="pci_passthrough_whitelist")
    with pytest.raises(MisuseError, match="expected device_spec or"):
        parse_device_specs([], option="whitelist")


GOOD = {"address": "0000:3b:00.1", "vendor_id": "8086", "product_id": "154c"}
BAD_DEVICES: list[tuple[Any, str, str]] = [
    ({}, "", "a list of PCI devices"),
    ([5], "devices[0]", "a PCI device"),
    ([{**GOOD, "address": 5}], "devices[0].address", "text"),
    ([{**GOOD, "address": "3b:00.1"}], "devices[0].address", "an address such as"),
    ([{**GOOD, "address": "0000:3b:00"}], "devices[0].address", "an address such as"),
    ([{**GOOD, "address": "0000:3z:00.1"}], "devices[0].address", "an address such as"),
    ([GOOD, {**GOOD, "vendor_id": None}], "devices[1].vendor_id", "text"),
    ([{"address": "0000:3b:00.1"}], "devices[0].vendor_id", "the key is missing"),
    ([{**GOOD, "dev_type": "VF"}], "devices[0].dev_type", "one of type-PCI"),
    ([{**GOOD, "numa_node": "0"}], "devices[0].numa_node", "a whole number from -1"),
    ([{**GOOD, "numa_node": -2}], "devices[0].numa_node", "a whole number from -1"),
    ([{**GOOD, "numa_node": True}], "devices[0].numa_node", "a whole number from -1"),
    ([{**GOOD, "parent_addr": 7}], "devices[0].parent_addr", "text"),
    ([{**GOOD, "parent_addr": "pf"}], "devices[0].parent_addr", "an address such as"),
    ([{**GOOD, "capabilities": []}], "devices[0].capabilities", "a mapping"),
    ([{**GOOD, "capabilities": {"vpd": 1}}], "devices[0].capabilities.vpd", "a mapping"),
    (
        [{**GOOD, "capabilities": {"vpd": {"card_serial_number": 1}}}],
        "devices[0].capabilities.vpd.card_serial_number",
        "text",
    ),
    ([{**GOOD, "vendor": "8086"}], "devices[0].vendor", "Did you mean 'vendor_id'?"),
    ([GOOD, GOOD], "devices[1].address", "each address once"),
]


def test_devices_that_are_no_list_are_named() -> None:
    with pytest.raises(InputError) as caught:
        pools_from_devices(5, [])  # type: ignore[arg-type]
    assert caught.value.key == "devices"


@pytest.mark.parametrize(("found", "key", "expected"), BAD_DEVICES)
def test_bad_device_files(tmp_path: Path, found: Any, key: str, expected: str) -> None:
    file = tmp_path / "devices.json"
    file.write_text(json.dumps(found))
    with pytest.raises(InputError) as caught:
        read_pci_devices(file)
    assert caught.value.file == str(file)
    assert (caught.value.key or "") == key
    assert expected in str(caught.value)


def test_devices_beyond_the_limits_are_dropped_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "devices.json"
    far = [
        {**GOOD, "address": address}
        for address in ("10000:3b:00.1", "0000:3b:20.0", "0000:3b:00.8")
    ]
    orphan = {**GOOD, "address": "0000:3b:00.2", "parent_addr": "10000:00:00.0"}
    file.write_text(json.dumps([*far, GOOD, orphan]))
    found = read_pci_devices(file)
    assert [device.address for device in found.devices] == ["0000:3b:00.1"]
    assert len(found.dropped) == 4
