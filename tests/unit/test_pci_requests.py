"""A server's flavor, image and ports -> one Request."""

from __future__ import annotations

import pytest

from numafit import (
    Flavor,
    GuestCell,
    Host,
    HostInfo,
    Image,
    InputError,
    InvalidRequest,
    MisuseError,
    Networks,
    PciPool,
    PciRequest,
    Port,
    Request,
    parse_aliases,
)
from numafit.diagnosis.check_pci import pci_findings
from numafit.diagnosis.remote_managed import check_computes, findings
from numafit.model.pci_device import PciDevice
from numafit.rules.nova_config import NovaConfig
from numafit.rules.pci_filter import usable

ALIAS = '{"name": "qat", "vendor_id": "8086", "product_id": "0443", "numa_policy": "required"}'
DEVICES = {"pci_passthrough:alias": "qat:2"}


def test_a_server_in_one_step() -> None:
    flavor = Flavor("f", 2, 512, {**DEVICES, "hw:cpu_policy": "dedicated"})
    ports = [
        Port("direct", "foo", trusted=True),
        Port("normal", tunneled=True),
        Port("normal", "bar"),
        Port("direct-physical", "foo", numa_affinity_policy="socket"),
        Port("remote-managed", None),
        Port("vdpa", "baz"),
    ]
    request = Request.for_server(flavor, Image(), ports, [ALIAS])
    assert request.guest is not None
    assert request.networks == Networks(frozenset({"foo", "bar", "baz"}), True)
    assert [(one.count, dict(one.spec[0]), one.numa_policy) for one in request.pci] == [
        (2, {"vendor_id": "8086", "product_id": "0443"}, "required"),
        (
            1,
            {"physical_network": "foo", "remote_managed": "False", "trusted": "True"},
            None,
        ),
        (
            1,
            {"physical_network": "foo", "remote_managed": "False", "dev_type": "type-PF"},
            "socket",
        ),
        (1, {"physical_network": None, "remote_managed": "True"}, None),
        (1, {"physical_network": "baz", "remote_managed": "False", "dev_type": "vdpa"}, None),
    ]
    assert request.pci[0].alias_name == "qat"


def test_policies_of_port_flavor_and_alias() -> None:
    """The port's beats the flavor's or image's, which beats the alias's."""
    flavor = Flavor("f", 1, 64, {**DEVICES, "hw:pci_numa_affinity_policy": "preferred"})
    ports = [Port("direct", "a"), Port("direct", "a", numa_affinity_policy="legacy")]
    request = Request.for_server(flavor, ports=ports, aliases=parse_aliases([ALIAS]))
    assert [one.numa_policy for one in request.pci] == ["preferred", "preferred", "legacy"]
    with pytest.raises(InvalidRequest) as caught:
        Request.for_server(
            flavor, Image("i", {"hw_pci_numa_affinity_policy": "required"}), aliases=[ALIAS]
        )
    assert caught.value.nova_exception == "ImagePCINUMAPolicyForbidden"


def test_devices_imply_a_topology_only_on_request() -> None:
    """docs/nova-differences.md: nova's code looks at devices alone, its guide does not."""
    flavor = Flavor("f", 3, 512, DEVICES)
    assert Request.for_server(flavor, aliases=[ALIAS]).guest is None
    guest = Request.for_server(flavor, aliases=[ALIAS], pci_implies_topology=True).guest
    assert guest is not None
    assert guest.cells == (GuestCell(frozenset({0, 1, 2}), frozenset(), 512),)
    plain = Request.for_server(Flavor("f", 3, 512), pci_implies_topology=True)
    assert plain.guest is None
    behind_port = Request.for_server(
        Flavor("f", 1, 512), ports=[Port("direct", "a")], pci_implies_topology=True
    )
    assert behind_port.guest is not None


def test_no_ports_no_networks() -> None:
    assert Request.for_server(Flavor()).networks is None
    assert Request.for_server(Flavor(), ports=[Port()]).networks == Networks()


def test_ports_that_neutron_or_numafit_does_not_know() -> None:
    with pytest.raises(InputError, match="vnic_type: got 'Direct', expected one of direct"):
        Port("Direct")
    with pytest.raises(InvalidRequest, match=r"accelerator-direct.*Cyborg"):
        Port("accelerator-direct")
    with pytest.raises(MisuseError, match=r"ports\[0\]"):
        Request.for_server(Flavor(), ports=["direct"])  # type: ignore[list-item]


def test_remote_managed_ports_need_computes_of_yoga() -> None:
    ports = [Port("remote-managed")]
    check_computes(ports, [61, 70])
    check_computes([Port("direct")], [60])
    with pytest.raises(InvalidRequest, match=r"Yoga.*the oldest is 60") as caught:
        check_computes(ports, [70, 60])
    assert caught.value.nova_exception == "ForbiddenWithRemoteManagedPorts"


def test_remote_managed_pools_need_a_libvirt_that_knows_them() -> None:
    tags = {"dev_type": "type-VF", "remote_managed": "True", "address": "0000:3b:00.0"}
    vfs = PciPool("15b3", "101e", 0, 2, tags)
    pf = PciPool("15b3", "a2d6", 0, 1, {**tags, "dev_type": "type-PF"})
    plain = PciPool("15b3", "101e", 0, 2, {**tags, "remote_managed": "false"})
    assert list(findings([plain], (7, 0, 0))) == []
    assert list(findings([vfs], (8, 1, 0))) == []
    assert list(findings([vfs])) == []
    (clears,) = map(str, findings([vfs], (7, 9, 0)))
    assert clears.startswith("warning: libvirt 7.9.0: clears the VLAN of a VF")
    assert "8.1.0" in clears
    no_vpd, _clears = map(str, findings([vfs], (7, 8, 0)))
    assert no_vpd.startswith("error: libvirt 7.8.0: shows no Vital Product Data, expected 7.9.0")
    (on_pf,) = map(str, findings([plain, pf], (8, 1, 0)))
    assert "15b3:a2d6 at 0000:3b:00.0: remote_managed on a PF, expected on VFs only" in on_pf


def test_the_check_of_a_host_speaks_of_remote_managed_pfs() -> None:
    pf = PciDevice("0000:3b:00.0", "15b3", "a2d6", "type-PF", 0, serial="MT1")
    vf = PciDevice("0000:3b:00.1", "15b3", "101e", "type-VF", 0, pf.address)
    wide = NovaConfig(device_specs=('{"vendor_id": "15b3", "remote_managed": "yes"}',))
    found = [str(one) for one in pci_findings(wide, [pf, vf], {}, 2)]
    assert any("15b3:a2d6 at 0000:3b:00.0: remote_managed on a PF" in one for one in found)
    text = '{"vendor_id": "15b3", "product_id": "101e", "remote_managed": "yes"}'
    narrow = NovaConfig(device_specs=(text,))
    found = [str(one) for one in pci_findings(narrow, [pf, vf], {}, 2)]
    assert not any("on a PF" in one for one in found)


def test_ports_as_mappings() -> None:
    request = Request.for_server(
        Flavor(),
        ports=[
            {"vnic_type": "direct", "physnet": "foo", "trusted": "yes"},
            {"network_type": "geneve"},
            {"network_type": "vlan", "physnet": "bar", "numa_affinity_policy": "required"},
        ],
    )
    assert request.networks == Networks(frozenset({"foo", "bar"}), True)
    assert request.pci == tuple(
        Request.for_server(Flavor(), ports=[Port("direct", "foo", trusted=True)]).pci
    )
    for port, said in (
        ({"vnic": "direct"}, r"ports\[0\]\.vnic: got 'direct', expected one of vnic_type"),
        ({"network_type": "local"}, r"ports\[0\]\.network_type: got 'local'"),
        ({"trusted": 7}, r"ports\[0\]\.trusted: got 7, expected yes or no"),
    ):
        with pytest.raises(InputError, match=said):
            Request.for_server(Flavor(), ports=[port])


@pytest.mark.parametrize("word", ["true", "True", " TRUE ", True, "1", "t", "on", "y", "yes"])
def test_remote_managed_devices_go_to_those_who_ask_for_them(word: object) -> None:
    theirs = PciPool("8086", "1572", 0, 1, {"remote_managed": word, "physical_network": "foo"})
    host = Host(HostInfo((), pci_pools=(theirs,)))
    for asked, fits in (("True", True), ("true", True), ("False", False), (None, False)):
        spec = {"physical_network": "foo"} | ({"remote_managed": asked} if asked else {})
        assert usable(PciRequest(1, [spec]), theirs.tags) is fits
        if asked == word or not asked:
            assert bool(host.fit(Request(None, pci=[PciRequest(1, [spec])]))) is fits


def test_of_several_segments_the_first_with_a_physical_network_counts() -> None:
    segments = [
        {"provider:network_type": "vxlan", "provider:physical_network": None},
        {"provider:network_type": "vlan", "provider:physical_network": "foo"},
        {"provider:network_type": "vlan", "provider:physical_network": "bar"},
    ]
    port = Port.from_neutron({"binding:vnic_type": "normal"}, {"segments": segments})
    assert (port.physnet, port.tunneled) == ("foo", False)
