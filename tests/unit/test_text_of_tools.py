"""Switches and interfaces in the text that tools print for people, as reports of a host keep it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from numafit import InputError
from numafit.model.interface import NetInterface
from numafit.model.neutron_config import Switch, SwitchPort
from numafit.readers.addresses import addresses_of, read_links, with_links
from numafit.readers.ovsdb import read_switch

OVS = Path(__file__).parent / "data" / "ovs" / "text"


def unordered(switch: Switch) -> dict[str, set[SwitchPort]]:
    return {name: set(ports) for name, ports in switch.bridges.items()}


@pytest.mark.parametrize("name", ["list.txt", "dump.txt", "dump_list.txt", "show.txt"])
def test_text_of_a_switch_says_what_its_json_says(name: str) -> None:
    of_text, of_json = read_switch(OVS / name), read_switch(OVS / "dump.json")
    assert unordered(of_text) == unordered(of_json)
    # what is shown for people leaves out the host's external_ids
    assert of_text.external_ids == ({} if name == "show.txt" else of_json.external_ids)


def test_what_the_json_of_that_switch_says() -> None:
    switch = read_switch(OVS / "dump.json")
    assert SwitchPort("dpdk p=0", "dpdk", None, "0000:85:00.0") in switch.bridges["br-bar"]
    assert SwitchPort("patch-int", "patch", "patch-ex") in switch.bridges["br-ex"]
    assert switch.external_ids["hostname"] == 'cmp 1, {x}="y"'


@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("_uuid : 1\nname : br\nports : [2]\n", "Port", "do ovs-vsctl"),
        ("_uuid : 1\nname : br\nports : [2\n", "line 3", "as ovs-vsctl prints them"),
        ("_uuid : 1\nname\n", "line 2", "a column, a colon"),
        ("hello\n", "line 1", "a table of Open vSwitch"),
        ("1\n    Port x\n", "line 2", "inside a Bridge"),
        ('_uuid : 1\nname : "\\x"\nports : []\n', "line 2", "text in quotes"),
        ("_uuid : 1\nexternal_ids : {a=b, c}\nbridges : []\n", "line 2", ""),
    ],
)
def test_text_that_is_no_table_names_its_place(
    text: str, where: str, word: str, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_switch(file)
    assert (error.value.file, error.value.key) == (str(file), where)
    assert word in str(error.value)


LINKS = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0 minmtu 0 maxmtu 0
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eno1: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq master bond0 state UP group default qlen 1000
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff numtxqueues 8 parentbus pci parentdev \
0000:18:00.0
    bond_slave state ACTIVE mii_status UP
3: bond0: <BROADCAST,MULTICAST,MASTER,UP> mtu 1500 qdisc noqueue state UP group default
    bond mode 802.3ad miimon 100
4: bond0.7@bond0: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state UP group default
    vlan protocol 802.1Q id 7 <REORDER_HDR>
    inet 192.0.2.5/24 brd 192.0.2.255 scope global bond0.7
    inet6 2001:db8::5/64 scope link tentative
5: tap1@if9: <BROADCAST,MULTICAST,UP> mtu 1400 qdisc noqueue state UP
    inet 192.0.2.9 peer 192.0.2.10/32 scope global tap1
"""
SHORT = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
4: bond0.7    inet 192.0.2.5/24 brd 192.0.2.255 scope global bond0.7\\       valid_lft forever
4: bond0.7    inet6 2001:db8::5/64 scope link tentative \\       valid_lft forever
5: tap1    inet 192.0.2.9 peer 192.0.2.10/32 scope global tap1\\       valid_lft forever
"""
ADDRESSES = {
    "lo": ["127.0.0.1"],
    "bond0.7": ["192.0.2.5", "2001:db8::5"],
    "tap1": ["192.0.2.9"],
}


@pytest.mark.parametrize("text", [LINKS, SHORT])
def test_addresses_of_text(text: str, tmp_path: Path) -> None:
    file = tmp_path / "addr.txt"
    file.write_text(text)
    found = addresses_of(read_links(file))
    assert {name: texts for name, texts in found.items() if texts} == ADDRESSES


def test_links_tell_what_a_copy_of_sysfs_lacks(tmp_path: Path) -> None:
    file = tmp_path / "link.txt"
    file.write_text(LINKS)
    of_sysfs = [NetInterface("bond0", lower=("ens9",)), NetInterface("lo")]
    found = {one.name: one for one in with_links(of_sysfs, read_links(file), {"0000:18:00.0": 1})}
    assert found["eno1"] == NetInterface("eno1", "0000:18:00.0", 1)
    assert found["bond0.7"].lower == ("bond0",)
    # what sysfs shows stays
    assert found["bond0"].lower == ("ens9",)
    assert found["tap1"] == NetInterface("tap1")


def test_text_that_ip_does_not_print(tmp_path: Path) -> None:
    file = tmp_path / "addr.txt"
    for text, where in (("inet\n", "line 1"), ("2: e: <UP>\n    inet 1.2.3/24\n", "line 2")):
        file.write_text(text)
        with pytest.raises(InputError) as error:
            read_links(file)
        assert (error.value.file, error.value.key) == (str(file), where)


def test_a_tunnel_is_found_in_a_report_of_a_host(tmp_path: Path, numafit: Callable) -> None:
    files = {
        "sys/devices/system/node/node0/cpulist": "0\n",
        "sys/devices/system/node/node1/cpulist": "1\n",
        "sys/bus/pci/devices/0000:18:00.0/numa_node": "1\n",
        "ip_addr": LINKS,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = numafit(
        *("discover", "--sysfs", tmp_path / "sys", "--addresses", tmp_path / "ip_addr"),
        *("--tunnel-ip", "192.0.2.5", "--format", "conf"),
    )
    assert (done.status, done.err) == (0, "")
    assert "[neutron_tunnel]\nnuma_nodes = 1" in done.out


@pytest.mark.parametrize("name", ["list.txt", "dump.txt", "show.txt", "ip"])
def test_mangled_text_is_refused_or_read(name: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    whole = LINKS.encode() if name == "ip" else (OVS / name).read_bytes()
    file = tmp_path / "text"
    for _ in range(150):
        bent = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            bent[chance.randrange(len(bent))] = chance.choice(b'\x00\xff\n[]{}",:19=\\ ')
        file.write_bytes(bytes(bent[: chance.randint(1, len(bent))]))
        with suppress(InputError):
            if name == "ip":
                assert isinstance(read_links(file), list)
            else:
                assert isinstance(read_switch(file), Switch)
