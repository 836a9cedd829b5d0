"""From physnet and tunnel address down to the NICs and their nodes, and nova.conf from that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from numafit.diagnosis.affinity import Affinities, HostNetwork, find_affinities, nova_conf_text
from numafit.model.neutron_config import NeutronConfig, Switch, SwitchPort
from numafit.readers.neutron_conf import from_ovn
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.ovsdb import read_switch

DATA = Path(__file__).parent / "data" / "ovs"


@dataclass(frozen=True)
class Link:
    name: str
    pci_address: str | None = None
    numa_node: int | None = None
    lower: tuple[str, ...] = ()


LINKS = [
    Link("lo"),
    Link("eno1", "0000:18:00.0", 0),
    Link("eno1.7", lower=("eno1",)),
    Link("ens2f0", "0000:af:00.0", 2),
    Link("ens3f0", "0000:d8:00.0", 3),
    Link("bond0", lower=("ens2f0", "ens3f0")),
    Link("bond0.20", lower=("bond0",)),
    Link("brq-1", lower=("bond0.20", "tap0")),
    Link("tap0"),
    Link("br-ex"),
    Link("mystery", "0000:01:00.0", -1),
]


def find(config: NeutronConfig, switch: Switch | None = None, cells: int = 4) -> Affinities:
    network = HostNetwork(LINKS, range(cells), switch, {}, config.integration_bridges)
    return find_affinities(network, [config], {"eno1.7": ["192.0.2.5"], "lo": ["127.0.0.1"]})


def test_the_guides_host_with_linux_bridges(tmp_path: Path) -> None:
    mappings = {"foo": ("eno1",), "bar": ("bond0.20",)}
    found = find(NeutronConfig(interfaces=mappings, local_ips=("192.0.2.5",)))
    foo, bar = found.physnets
    assert (foo.nodes, bar.nodes) == ((0,), (2, 3))
    assert [nic.name for nic in bar.nics] == ["ens2f0", "ens3f0"]
    assert found.tunnel is not None
    assert found.tunnel.nodes == (0,)
    text = nova_conf_text(found)
    file = tmp_path / "nova.conf"
    file.write_text(text)
    read = read_nova_conf(file)
    assert read.physnet_nodes == {"foo": (0,), "bar": (2, 3)}
    assert read.tunnel_nodes == (0,)


def test_the_same_host_with_ovn() -> None:
    switch = read_switch(DATA / "dump.json")
    config = from_ovn(switch)
    assert config is not None
    found = find(config, switch)
    assert [(one.network, one.nodes) for one in found.physnets] == [("foo", (0,)), ("bar", (2, 3))]
    assert not any(one.unknown for one in found.physnets)
    assert found.tunnel is not None
    assert found.tunnel.nodes == (0,)


def test_an_address_on_a_port_of_the_bridge_itself() -> None:
    switch = read_switch(DATA / "list.json")
    network = HostNetwork(LINKS, range(4), switch, {}, frozenset({"br-int", "br-tun"}))
    config = NeutronConfig(local_ips=("192.0.2.7",))
    for holder in ("br-ex", "br-v101"):
        found = find_affinities(network, [config], {holder: ["192.0.2.7"]})
        assert found.tunnel is not None
        assert found.tunnel.nodes == (0,)


def test_bridges_patched_to_each_other_but_not_through_the_integration_bridge() -> None:
    ports = {
        "br-a": (SwitchPort("pa", "patch", "pb"), SwitchPort("pi", "patch", "ip")),
        "br-b": (SwitchPort("pb", "patch", "pa"), SwitchPort("ens2f0")),
        "br-int": (SwitchPort("ip", "patch", "pi"), SwitchPort("jp", "patch", "pj")),
        "br-c": (SwitchPort("pj", "patch", "jp"), SwitchPort("eno1")),
    }
    found = find(NeutronConfig(bridges={"a": "br-a"}), Switch(None, ports))
    assert found.physnets[0].nodes == (2,)


def test_dpdk_ports_are_found_by_their_address() -> None:
    ports = {"br-d": (SwitchPort("dpdk0", "dpdk", None, "0000:AF:00.0"),)}
    network = HostNetwork([], range(4), Switch(None, ports), {"0000:af:00.0": 2})
    assert network.affinity("d", ["br-d"]).nodes == (2,)


def test_what_is_unknown_is_said_with_the_command_that_tells() -> None:
    mappings = {"a": ("absent",), "b": ("mystery",), "c": ("tap0",)}
    found = find(NeutronConfig(interfaces=mappings, local_ips=("192.0.2.99",)))
    text = nova_conf_text(found)
    for command in (
        "ip link show absent",
        "cat /sys/bus/pci/devices/0000:01:00.0/numa_node",
        "ip -d link show tap0",
        "ip -j addr",
    ):
        assert command in text
    assert all(line.startswith("#") or not line for line in text.splitlines())


def test_on_a_host_with_one_node_every_card_is_on_it() -> None:
    found = find(NeutronConfig(interfaces={"b": ("mystery",)}), cells=1)
    assert found.physnets[0].nodes == (0,)
    assert "one NUMA node" in found.physnets[0].via[-1]


def test_loops_end() -> None:
    loop = [Link("a", lower=("b",)), Link("b", lower=("a",))]
    assert HostNetwork(loop).affinity("x", ["a"]).unknown


def test_stacks_that_fan_out_and_in_end_soon() -> None:
    links = [
        Link(f"{side}{n}", lower=(f"a{n + 1}", f"b{n + 1}")) for n in range(60) for side in "ab"
    ]
    links += [Link("a60"), Link("b60")]
    switch = Switch(None, {"br": (SwitchPort("a0"), SwitchPort("b0"))})
    assert HostNetwork(links, (), switch).affinity("x", ["br"]).unknown
