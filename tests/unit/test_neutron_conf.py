"""Neutron's agents, recorded Open vSwitch databases and 'ip -j addr': what is read and refused."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from numafit.errors import InputError
from numafit.model.neutron_config import NeutronConfig, Switch, SwitchPort
from numafit.readers.addresses import addresses_of, live_links, read_links
from numafit.readers.neutron_conf import from_ovn, read_neutron_conf
from numafit.readers.ovsdb import live_switch, read_switch

DATA = Path(__file__).parent / "data" / "ovs"
AGENTS = """\
[linux_bridge]
physical_interface_mappings = foo:eth1, bar:bond0
[vxlan]
local_ip = 192.0.2.5
[sriov_nic]
physical_device_mappings = bar:ens2f0,bar:ens3f0
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def one(text: str) -> Path:
        file = tmp_path / "agent.ini"
        file.write_text(text)
        return file

    return one


def test_linux_bridge_and_sriov_agents(write: Write) -> None:
    found = read_neutron_conf(write(AGENTS))
    assert found.interfaces == {"foo": ("eth1",), "bar": ("bond0", "ens2f0", "ens3f0")}
    assert found.local_ips == ("192.0.2.5",)
    assert found.bridges == {}


def test_open_vswitch_agent(write: Write) -> None:
    text = "[ovs]\nbridge_mappings = foo:br-ex\nlocal_ip = 2001:db8::5\ntunnel_bridge = br-t\n"
    found = read_neutron_conf(write(text))
    assert found.bridges == {"foo": "br-ex"}
    assert found.local_ips == ("2001:db8::5",)
    assert found.integration_bridges == {"br-int", "br-tun", "br-t"}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("[ovs]\nbridge_mappings = foo\n", "[ovs] bridge_mappings", "foo"),
        ("[ovs]\nbridge_mappings = a:b:c\n", "[ovs] bridge_mappings", "a:b:c"),
        ("[ovs]\nbridge_mappings = a:b,a:c\n", "[ovs] bridge_mappings", "a:c"),
        ("[ovs]\nlocal_ip = 1.2.3\n", "[ovs] local_ip", "1.2.3"),
        ("[vxlan]\nlocal_ip = no\n", "[vxlan] local_ip", "no"),
        (
            "[linux_bridge]\nphysical_interface_mappings = :eth0\n",
            "[linux_bridge] physical_interface_mappings",
            ":eth0",
        ),
    ],
)
def test_refused(write: Write, text: str, key: str, value: str) -> None:
    file = write(text)
    with pytest.raises(InputError) as error:
        read_neutron_conf(file)
    assert (error.value.file, error.value.key, error.value.value) == (str(file), key, value)


def test_the_tools_of_open_vswitch_say_the_same() -> None:
    listed, dumped = read_switch(DATA / "list.json"), read_switch(DATA / "dump.json")
    assert listed.bridges.keys() == {"br-int", "br-ex", "br-bar", "br-tun"}
    for name, ports in listed.bridges.items():
        assert set(ports) == set(dumped.bridges[name])
    assert set(listed.bridges["br-bar"]) == {
        SwitchPort("br-bar", "internal"),
        SwitchPort("ens2f0"),
        SwitchPort("ens3f0"),
    }
    assert SwitchPort("patch-int", "patch", "patch-ex") in listed.bridges["br-ex"]
    assert listed.external_ids == dumped.external_ids
    assert listed.external_ids["ovn-encap-type"] == "geneve,vxlan"


def test_ovn_keeps_its_configuration_in_the_switch() -> None:
    found = from_ovn(read_switch(DATA / "dump.json"))
    assert found is not None
    assert found.bridges == {"foo": "br-ex", "bar": "br-bar"}
    assert found.local_ips == ("192.0.2.5",)
    assert from_ovn(Switch()) is None
    two = from_ovn(Switch("dump", {}, {"ovn-encap-ip": "192.0.2.5, 2001:db8::5"}))
    assert two is not None
    assert two.local_ips == ("192.0.2.5", "2001:db8::5")
    with pytest.raises(InputError, match="ovn-encap-ip"):
        from_ovn(Switch("dump", {}, {"ovn-encap-ip": "nowhere"}))


def test_dpdk_ports_name_their_device(tmp_path: Path) -> None:
    lines = (DATA / "list.json").read_text()
    table = json.loads(next(line for line in lines.splitlines() if '"ofport_request"' in line))
    at = {name: n for n, name in enumerate(table["headings"])}
    row = next(row for row in table["data"] if row[at["name"]] == "eno1")
    row[at["type"]] = "dpdk"
    row[at["options"]] = ["map", [["dpdk-devargs", "0000:3b:00.0,rx_queues=2"]]]
    file = tmp_path / "list.json"
    changed = [json.dumps(table) if '"ofport_request"' in one else one for one in lines.split("\n")]
    file.write_text("\n".join(changed))
    ports = read_switch(file).bridges["br-ex"]
    assert SwitchPort("eno1", "dpdk", None, "0000:3b:00.0") in ports


def test_databases_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "db"
    for text, words in [
        ("OVSDB JSON 14759 deed1\n{}", "ovsdb-client dump"),
        ("{}", "headings"),
        ('{"headings": ["_uuid", "name", "ports"], "data": [[1]]}', "3 cells"),
        ('{"headings": ["_uuid", "name", "ports"], "data": [[["uuid"], "a", []]]}', "RFC 7047"),
        ('{"headings": ["_uuid", "name", "ports"], "data": []}', "Port"),
    ]:
        file.write_text(text)
        with pytest.raises(InputError, match=words) as error:
            read_switch(file)
        assert error.value.file == str(file)


def test_addresses(tmp_path: Path) -> None:
    file = tmp_path / "addr.json"
    # as 'ip -j addr' of iproute2 6.1 prints it
    file.write_text(
        '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"],"addr_info":[{"family":"inet",'
        '"local":"127.0.0.1","prefixlen":8},{"family":"inet6","local":"::1"}]},'
        '{"ifindex":5,"link":"eth0","ifname":"eth0.7","addr_info":[]},{}]'
    )
    found = addresses_of(read_links(file))
    assert found["lo"] == ["127.0.0.1", "::1"]
    assert found["eth0.7"] == []
    file.write_text('[{"ifname":"lo","addr_info":[{"local":"x"}]}]')
    with pytest.raises(InputError) as error:
        read_links(file)
    assert error.value.key == "[0].addr_info[0].local"


@pytest.mark.parametrize("name", ["list.json", "dump.json", "agent.ini", "addr.json"])
def test_mangled_files(tmp_path: Path, name: str) -> None:
    chance = random.Random(7)
    data = AGENTS.encode()
    if name == "addr.json":
        data = b'[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]}]'
    elif name != "agent.ini":
        data = (DATA / name).read_bytes()
    read = {"agent.ini": read_neutron_conf, "addr.json": read_links}.get(name, read_switch)
    file = tmp_path / name
    for _ in range(150):
        mangled = bytearray(data[: chance.choice([len(data), chance.randint(0, len(data))])])
        for _ in range(chance.randint(0, 5)):
            if mangled:
                mangled[chance.randrange(len(mangled))] = chance.choice(b'\x00\xff\n[]{}",:19=$ ')
        file.write_bytes(bytes(mangled))
        with suppress(InputError):
            assert isinstance(read(file), NeutronConfig | Switch | list)


def test_the_tools_of_this_host_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tools print is recorded; here they are scripts that print it again."""
    tables = ("Bridge", "Port", "Interface", "Open_vSwitch")
    for table, line in zip(tables, (DATA / "list.json").read_text().splitlines(), strict=True):
        (tmp_path / table).write_text(line)
    scripts = {
        "ovs-vsctl": f'for last; do :; done; cat "{tmp_path}/$last"',
        "ip": 'echo \'[{"ifname": "eth9", "addr_info": [{"local": "192.0.2.5"}]}]\'',
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert addresses_of(live_links()) == {"eth9": ["192.0.2.5"]}
    found, recorded = live_switch(), read_switch(DATA / "list.json")
    assert found is not None
    assert (found.bridges, found.external_ids) == (recorded.bridges, recorded.external_ids)
    (tmp_path / "ovs-vsctl").write_text("#!/bin/sh\nexit 1\n")
    assert live_switch() is None
    monkeypatch.setenv("PATH", "")
    assert live_switch() is None
    assert live_links() == []
