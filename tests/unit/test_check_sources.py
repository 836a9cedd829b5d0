"""numafit check on every source of hosts, and of flavors and images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import main
from numafit.fleet import Fleet
from numafit.readers.hostfile import read_host_file

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "examples" / "hosts"
ROWS = Path(__file__).parent / "data" / "nova_rows.json"
LIBVIRT = ROOT / "tests" / "data" / "libvirt" / "two-socket.xml"
SYNTHETIC = "pack:2 numa:2 core:8 pu:2"
HOST = """\
version: 1
name: stored-1
cells:
  - {id: 0, cpus: 0-7, memory_mb: 4096}
pci:
  - {vendor_id: "8086", product_id: "154c", numa_node: 0, count: 2, dev_type: type-VF}
"""
TYPO = "[compute]\ncpu_dedicate_set = 1-3\n"


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[Any]]:
    status = main(["check", *map(str, arguments), "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


def rules(found: list[Any]) -> list[str]:
    return [one["rule"] for one in found]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    file = tmp_path / "nova.conf"
    file.write_text(TYPO)
    return file


def sources(folder: Path) -> list[list[object]]:
    saved = folder / "fleet.npz"
    Fleet([read_host_file(HOSTS / "dual-xeon.yaml")]).save(saved)
    return [
        [HOSTS / "dual-xeon.yaml"],
        ["--host", HOSTS / "edge-gold.json"],
        ["--nova-rows", ROWS],
        ["--sysfs", ROOT / "examples" / "networking" / "sys.tar.xz"],
        ["--libvirt", LIBVIRT],
        ["--hwloc", SYNTHETIC],
        ["--fleet", saved],
    ]


def test_every_source_is_checked(
    tmp_path: Path, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in sources(tmp_path):
        status, found = asked(capsys, *source, "--config", conf)
        assert status == 0, source
        assert rules(found)[0] == "unknown-option", source
        assert found[0]["advice"] == "Did you mean [compute] cpu_dedicated_set?"
        assert asked(capsys, *source, "--config", conf, "--strict")[0] == 2, source


def test_a_machine_without_nova_conf_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--hwloc", SYNTHETIC]) == 2
    assert "Name the nova.conf of pack:2 numa:2 core:8 pu:2" in capsys.readouterr().err


def test_this_machine_without_nova_conf_ends_as_the_help_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("numafit.cli.check.NOVA_CONF", "/absent/nova.conf")
    assert main(["check"]) == 2
    assert "/absent/nova.conf" in capsys.readouterr().err
    assert main(["check", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "2 bad input, no nova.conf where one is needed, or names" in text


def test_a_stored_host_needs_no_nova_conf(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, HOSTS / "dual-xeon.yaml") == (0, [])


def test_a_stored_host_that_is_not_as_its_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, conf = tmp_path / "host.yaml", tmp_path / "nova.conf"
    host.write_text(HOST)
    conf.write_text(
        "[compute]\ncpu_dedicated_set = 2-7\n"
        "[DEFAULT]\nreserved_huge_pages = node:0,size:2048,count:4\n"
        '[pci]\ndevice_spec = {"vendor_id": "8086"}\n'
        'alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4"}\n'
    )
    status, found = asked(capsys, host, "--config", conf)
    assert status == 0
    assert [(one["rule"], one["where"]) for one in found] == [
        ("not-as-stored", "[compute] cpu_dedicated_set"),
        ("alias-unserved", "[pci] alias 'gpu'"),
        ("no-bearing", "[DEFAULT] reserved_huge_pages of node 0, 2048 KiB"),
    ]
    conf.write_text("[compute]\ncpu_dedicated_set = 2-8\n")
    status, found = asked(capsys, host, "--config", conf)
    assert status == 1
    assert rules(found) == ["nova-refuses"]


def test_what_several_hosts_share_is_one_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[compute]\ncpu_dedicated_set = 400\n[neutron]\nphysnets = foo\n")
    hosts = []
    for n in range(5):
        hosts.append(tmp_path / f"h{n}.yaml")
        hosts[-1].write_text(HOST.replace("stored-1", f"h{n}"))
    status, found = asked(capsys, *hosts, "--config", conf)
    assert status == 1
    assert [one["hosts"] for one in found] == [["h0", "h1", "h2", "h3", "h4"]]
    main(["check", *map(str, hosts), "--config", str(conf)])
    assert " on h0, h1, h2 and 2 more: " in capsys.readouterr().out.splitlines()[0]


def test_a_file_for_hosts_that_are_not_there_is_refused(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(HOSTS / "dual-xeon.yaml"), "--config", f"edge-*={conf}"]) == 2
    assert "no host matches" in capsys.readouterr().err


def test_flavors_and_images_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flavors, image = tmp_path / "flavors.json", tmp_path / "image.json"
    specs = {"hw:cpu_polcy": "dedicated", "tier": "gold"}
    flavors.write_text(
        json.dumps([{"name": "a", "vcpus": 1, "memory_mb": 1, "extra_specs": specs}])
    )
    image.write_text(json.dumps({"name": "i", "properties": {"hw_cpu_polcy": "dedicated"}}))
    status, found = asked(capsys, "--flavors", flavors, "--image", image)
    assert status == 0
    assert [(one["where"], one["advice"]) for one in found] == [
        ("flavor a", "Did you mean hw:cpu_policy?"),
        ("image i", "Did you mean hw_cpu_policy?"),
    ]
    assert asked(capsys, "--flavors", flavors, "--strict")[0] == 2
    flavors.write_text("[]")
    assert asked(capsys, "--flavors", flavors, "--strict") == (0, [])


def test_networks_are_of_one_machine(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = [str(HOSTS / "dual-xeon.yaml"), "--config", str(conf), "--map", "foo:eno1"]
    assert main(["check", *hosts]) == 2
    assert "one machine" in capsys.readouterr().err
