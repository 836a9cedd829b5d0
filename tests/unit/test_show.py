"""numafit show: text, picture and host file say what the host is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from numafit import Host, HostCell, HostInfo, PagePool, PciPool
from numafit.cli import main
from numafit.readers.hostfile import host_from_mapping, host_to_mapping, read_host_file
from numafit.readers.synthetic import host_of_synthetic
from numafit.views.svg import host_svg
from numafit.views.text import host_text

HOSTS = sorted((Path(__file__).parents[2] / "examples" / "hosts").iterdir())
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_pictures_show_every_cpu_once(path: Path) -> None:
    host = read_host_file(path)
    svg = host_svg(host)
    root = ElementTree.fromstring(svg)
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    shown = [int(match[1]) for title in titles if (match := re.match(r"CPU (\d+)", title))]
    assert sorted(shown) == sorted(cpu for cell in host.cells for cpu in cell.cpuset | cell.pcpuset)
    pinned = {int(t.split()[1].rstrip(":")) for t in titles if ": pinned" in t}
    assert pinned == set().union(*(cell.pinned_cpus for cell in host.cells))
    assert host.name in texts(svg)
    width = float(root.get("width", "0"))
    for box in root.iter(f"{SVG}rect"):
        if box.get("width") != "100%":
            assert 0 <= float(box.get("x", "0")) <= width
            assert float(box.get("width", "0")) >= 0


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_json_is_the_host_file_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(path), "--format", "json"]) == 0
    assert host_from_mapping(json.loads(capsys.readouterr().out)) == read_host_file(path)


def test_text_of_a_host_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(HOSTS[1])]) == 0
    out = capsys.readouterr().out
    for words in (
        "dedicated 2-19,42-59, free 10-19,50-59",
        "pages of 1 GiB: 96 in all, 80 used, 16 free",
        "80 GiB used",
        "near edge",
    ):
        assert words in out


def test_what_placement_and_the_scheduler_know_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "resources": {"VCPU": {"total": 8, "reserved": 1, "allocation_ratio": 4.0, "used": 3}},
        "traits": ["CUSTOM_B", "CUSTOM_A"],
        "aggregates": [],
        "zone": "az1",
        "disabled": "new disk",
        "aggregate_metadata": {"ssd": "true", "gpu": ["h100", "a100"]},
        "hypervisor": {"type": "QEMU", "version": "8.2.0", "instances": ["x86_64 kvm hvm"]},
    }
    path = tmp_path / "h.json"
    path.write_text(json.dumps({"version": 1, "name": "h", "cells": [], **told}))
    assert main(["show", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "h",
        "└─ no NUMA topology",
        "├─ VCPU: 8 in all, 1 reserved, given out 4 times, 3 used, 25 free",
        "├─ traits: CUSTOM_A, CUSTOM_B",
        "├─ aggregates: none",
        "├─ availability zone az1",
        "├─ takes no guests: new disk",
        "├─ aggregate metadata: gpu=a100|h100, ssd=true",
        "└─ hypervisor QEMU 8.2.0 for x86_64/kvm/hvm",
    ]


def test_hosts_are_shown_by_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    files = list(map(str, HOSTS))
    assert main(["show", *files, "--match", "edge*", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "edge-gold"
    assert main(["show", *files, "--match", "edge", "--match", "dual*"]) == 2
    assert "--match 'edge': no host matches. Did you mean 'edge-gold'?" in capsys.readouterr().err


def odd_host() -> HostInfo:
    cell = HostCell(
        id=3,
        cpuset=range(4),
        pcpuset=range(2, 6),
        memory_mb=100,
        memory_usage=5000,
        pinned_cpus={5},
        siblings=[{0, 1}, {2, 3}],
        page_pools=[PagePool(4, 10, used=50), PagePool(2048, 0)],
        physnets={"<b>&\"'"},
    )
    pools = [PciPool("8086", "1515", 9, 0, {"dev_type": "type-VF", "remote_managed": "true"})]
    return HostInfo([cell, HostCell(id=7, cpuset=(), pcpuset=(), memory_mb=0)], "<svg>&", pools)


def test_odd_hosts_are_shown_and_escaped() -> None:
    for host in (odd_host(), HostInfo((), "empty"), HostInfo((), "")):
        assert host_text(host)
        ElementTree.fromstring(host_svg(host))
    assert "<svg>&" in texts(host_svg(odd_host()))
    assert "on no node: 0 x 8086:1515 type-VF remote-managed" in host_text(odd_host())
    assert "no NUMA topology" in host_text(HostInfo((), "empty"))


def test_many_cells_and_notebooks() -> None:
    cells = [
        HostCell(id=n, cpuset=range(8 * n, 8 * n + 8), pcpuset=range(8 * n, 8 * n + 8),
                 memory_mb=1024)
        for n in range(16)
    ]  # fmt: skip
    picture = Host(HostInfo(cells))._repr_svg_()
    assert sum(text.startswith("cell ") for text in texts(picture)) == 16
    assert host_to_mapping(HostInfo(cells))["cells"]


def test_synthetic_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--hwloc", "pack:2 numa:3 core:5 pu:2"]) == 0
    out = capsys.readouterr().out
    assert out.count("5 cores of 2 threads") == 6
    assert "cell 5, socket 1" in out


@pytest.mark.parametrize(
    ("indexes", "cores"),
    [
        ("2*4:1*2", [{0, 4}, {1, 5}, {2, 6}, {3, 7}]),
        ("2*4", [{0, 4}, {1, 5}, {2, 6}, {3, 7}]),
        ("core", [{0, 4}, {1, 5}, {2, 6}, {3, 7}]),
        # every second core is of the other package
        ("package:core", [{0, 4}, {2, 6}, {1, 5}, {3, 7}]),
        ("7,6,5,4,3,2,1,0", [{6, 7}, {4, 5}, {2, 3}, {0, 1}]),
    ],
)
def test_indexes_of_synthetic_machines(indexes: str, cores: list[set[int]]) -> None:
    inner = f"L2Cache:1(size=262144) Core:2 PU:2(indexes={indexes})"
    host = host_of_synthetic(f"Package:2 [NUMANode(memory=1073741824)] {inner}")
    assert [cell.siblings for cell in host.cells] == [
        tuple(map(frozenset, cores[:2])),
        tuple(map(frozenset, cores[2:])),
    ]
    assert [cell.socket for cell in host.cells] == [0, 1]


def test_indexes_of_synthetic_nodes() -> None:
    first, second = host_of_synthetic("pack:2 [numa(indexes=3,1)] pu:2").cells
    assert (first.id, first.cpuset, first.socket) == (1, {2, 3}, 1)
    assert (second.id, second.cpuset, second.socket) == (3, {0, 1}, 0)


@pytest.mark.parametrize(
    "text",
    ["pu:4(indexes=0,1,2)", "pu:4(indexes=0,1,1,2)", "pu:4(indexes=3*2)", "pu:4(indexes=0*4)",
     "core:2 pu:2(indexes=pu)", "core:2 pu:2(indexes=core:core)", "pu:2(indexes=)",
     "pu:2(indexes=0,99999999)", "core:2 pu:2(indexes=2*2:2*2)",
     "pack:0 pu:2", "pu:99999999", "core:2", "pack:2 pack:2 pu:1", "numa:2000 pu:1",
     "numa:2(memory=lots) pu:1", "cake:3 pu:1", "[core] pu:2", "pu:65536 pu:65536", "core:2 pu:(x"],
)  # fmt: skip
def test_bad_synthetic_machines(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--hwloc", text]) == 2
    assert capsys.readouterr().err.startswith("numafit: ")


def test_one_picture_is_of_one_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", *map(str, HOSTS), "--format", "svg"]) == 2
    assert "one host" in capsys.readouterr().err
