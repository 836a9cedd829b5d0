"""Placement's allocation: which resource providers a request's devices come from."""

from __future__ import annotations

import pytest

from numafit import Host, HostInfo, MisuseError, PciPool, PciRequest

VF = {"dev_type": "type-VF"}
HOST = Host(
    HostInfo(
        (),
        pci_pools=(
            PciPool("8086", "154c", 0, 2, {**VF, "rp_uuid": "one"}),
            PciPool("8086", "154c", 1, 2, {**VF, "rp_uuid": "two"}),
        ),
    )
)


def test_devices_come_from_the_providers_of_the_requests_groups() -> None:
    request = PciRequest(2, [VF], alias_name="a", request_id="r")
    mapping = {"r-0": ["two"], "r-1": ["two"], "q-0": ["one"]}
    found = HOST.supports_pci([request], provider_mapping=mapping)
    assert found.draws == ((0, 1, 2),)
    assert not HOST.supports_pci([request], provider_mapping={f"r-{n}": ["two"] for n in range(3)})


def test_a_mapping_needs_requests_with_ids() -> None:
    with pytest.raises(MisuseError, match="PciRequest of alias 'a' has no request_id"):
        HOST.supports_pci([PciRequest(1, [VF], alias_name="a")], provider_mapping={"r-0": ["one"]})


def test_ports_have_no_providers() -> None:
    assert HOST.supports_pci([PciRequest(1, [VF])], provider_mapping={"r-0": ["two"]}).draws == (
        (0, 0, 1),
    )
