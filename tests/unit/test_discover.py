"""numafit discover: from neutron's configuration and a machine to nova.conf, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import main
from numafit.readers.nova_conf import read_nova_conf

EXAMPLES = Path(__file__).parents[2] / "examples" / "networking"
OVS = Path(__file__).parent / "data" / "ovs"
SYSFS = ["--sysfs", str(EXAMPLES / "sys.tar.xz")]
BRIDGES = [
    *SYSFS,
    "--neutron",
    str(EXAMPLES / "linuxbridge_agent.ini"),
    "--addresses",
    str(EXAMPLES / "addr.json"),
]


def discover(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["discover", *arguments, "--format", "json"]) == status
    return json.loads(capsys.readouterr().out)


def test_what_is_printed_is_read_back_by_nova_conf(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["discover", *BRIDGES, "--format", "conf"]) == 0
    file = tmp_path / "nova.conf"
    file.write_text(capsys.readouterr().out)
    found, guide = read_nova_conf(file), read_nova_conf(EXAMPLES / "nova.conf")
    assert found.physnet_nodes == guide.physnet_nodes == {"foo": (0,), "bar": (2, 3)}
    assert found.tunnel_nodes == guide.tunnel_nodes == (0,)


def test_linux_bridges(capsys: pytest.CaptureFixture[str]) -> None:
    found = discover(capsys, *BRIDGES)
    assert found["nodes"][2] == {"id": 2, "cpus": "8-11,24-27"}
    foo, bar = found["physnets"]
    assert (foo["numa_nodes"], bar["numa_nodes"]) == ([0], [2, 3])
    assert [card["pci_address"] for card in bar["cards"]] == ["0000:85:00.0", "0000:c4:00.0"]
    assert found["tunnel"]["numa_nodes"] == [0]
    assert found["not_found_out"] == []


@pytest.mark.parametrize("tables", ["list.json", "dump.json"])
def test_ovn(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    addresses = str(EXAMPLES / "addr.json")
    found = discover(capsys, *SYSFS, "--switch", str(OVS / tables), "--addresses", addresses)
    assert {one["network"]: one["numa_nodes"] for one in found["physnets"]} == {
        "foo": [0],
        "bar": [2, 3],
    }
    assert found["tunnel"]["mapped_to"] == "eno1.7"


def test_open_vswitch_agent_with_a_tables_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tmp_path / "openvswitch_agent.ini"
    agent.write_text("[ovs]\nbridge_mappings = baz:br-bar\nlocal_ip = 192.0.2.5\n")
    switch = ["--switch", str(OVS / "list.json"), "--addresses", str(EXAMPLES / "addr.json")]
    found = discover(capsys, *SYSFS, "--neutron", str(agent), *switch)
    assert {one["network"]: one["numa_nodes"] for one in found["physnets"]}["baz"] == [2, 3]


def test_the_words_for_two_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", *BRIDGES]) == 0
    text = capsys.readouterr().out
    assert "hw:numa_nodes=2" in text
    assert "[neutron_physnet_bar]\nnuma_nodes = 2, 3\n" in text
    assert "bond0 stands on ens2f0, ens3f0" in text


def test_what_is_not_found_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*SYSFS, "--map", "x:absent", "--tunnel-ip", "192.0.2.77"]
    found = discover(capsys, *arguments, status=1)
    assert [text for text in found["not_found_out"] if "ip -j addr" in text]
    assert [text for text in found["not_found_out"] if "ip link show absent" in text]
    assert main(["discover", *arguments]) == 1
    assert "# not found out" in capsys.readouterr().out


@pytest.mark.parametrize("output", ["table", "conf", "json"])
def test_without_configuration_nothing_is_found_out_and_it_says_what_to_give(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["discover", *SYSFS, "--format", output]) == 1
    assert "--map PHYSNET:INTERFACE" in capsys.readouterr().out


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    main(["discover", "--format", "json"])  # of its networks it may know none
    found = json.loads(capsys.readouterr().out)
    nodes = Path("/sys/devices/system/node")
    there = [name.name for name in nodes.glob("node[0-9]*")] if nodes.exists() else []
    assert len(found["nodes"]) == len(there)
    links = {name.name for name in Path("/sys/class/net").iterdir() if name.is_dir()}
    assert {one["name"] for one in found["interfaces"]} == links


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sysfs", "absent"],
        [*SYSFS, "--neutron", "absent"],
        [*SYSFS, "--switch", str(EXAMPLES / "addr.json")],
        [*SYSFS, "--addresses", str(EXAMPLES / "host.yaml")],
        [*SYSFS, "--map", "foo"],
        [*SYSFS, "--tunnel-ip", "here"],
    ],
)
def test_bad_input(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("numafit: ")
    assert errors.count("\n") == 1
