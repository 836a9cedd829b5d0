"""libvirt's own test hosts: numafit reads from sysfs what libvirt makes of the same tree."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from numafit import InputError
from numafit.model.hostinfo import HostInfo
from numafit.readers.libvirt import read_capabilities, read_nodedevs
from numafit.readers.sysfs import read_sysfs

pytestmark = pytest.mark.machines

NO_CPUS = {
    "x86_64-test1": "no CPU is linked to a node, and the nodes have no lists",
    "ppc-test1": "the tree of x86_64-test1",
}
"""Trees that numafit refuses; libvirt counts their CPUs beside the nodes."""
SUBCORES = {
    "ppc64-subcores1": "KVM guests use the threads of a core that are off on the host itself,",
    "ppc64-subcores2": "and so libvirt counts them; sysfs has them off,",
    "ppc64-subcores3": "and numafit keeps to sysfs",
    "ppc64-deconf-cpus": "likewise",
}
MADE_UP = {"pci_0000_00_02_0_header_type": "a bus beyond 32 bits"}
_COUNTS = re.compile(
    r"CPUs: (\d+)/(\d+), .*Nodes: (\d+), Sockets: (\d+), Cores: (\d+), Threads: (\d+)"
)


def copy(tree: Path, into: Path) -> Path:
    """A tree that holds ``system`` or a part of it, as a copy of sysfs with all links followed."""
    system = into / "sys" / "devices" / "system"
    system.mkdir(parents=True)
    found = tree / "system" if (tree / "system").exists() else tree
    for part in ("cpu", "node"):
        if (found / part).exists():
            subprocess.run(["cp", "-rL", str(found / part), str(system)], check=True)
    return into / "sys"


def facts(host: HostInfo) -> list[object]:
    return [
        (cell.id, cell.cpuset, frozenset(cell.siblings), cell.socket, host.distances)
        for cell in host.cells
    ]


def test_capabilities_are_read_from_the_trees_too(libvirt_tests: Path, tmp_path: Path) -> None:
    data = libvirt_tests / "vircaps2xmldata"
    compared = 0
    told = Counter[str]()
    for path in sorted(data.glob("vircaps-*.xml")):
        tree = data / f"linux-{path.stem.split('-', 2)[2]}"
        theirs, ours = read_capabilities(path), read_sysfs(copy(tree, tmp_path / path.stem)).host
        # libvirt's tests make up memory, pages, and that there are no distances
        assert facts(theirs) == [(*one[:-1], ()) for one in facts(ours)], path.stem
        assert not theirs.remarks
        assert not theirs.offline
        as_written(theirs, path)
        told.update(as_in_the_tree(ours, tmp_path / path.stem / "sys"))
        compared += 1
    assert compared >= 11
    assert told["memory"] >= 1
    assert (told["pages"] >= 20, told["distances"] >= 10) == (True, True)


def test_counts_of_cpus_are_libvirts(libvirt_tests: Path, tmp_path: Path) -> None:
    data = libvirt_tests / "virhostcpudata"
    counted = compared = 0
    told = Counter[str]()
    for path in sorted(data.glob("*.expected")):
        name = path.stem.removeprefix("linux-")
        tree = data / f"linux-{name.partition('-')[2]}"
        found = _COUNTS.search(path.read_text())
        assert found is not None
        on, there, nodes, sockets, cores, threads = map(int, found.groups())
        sys = copy(tree, tmp_path / path.stem)
        if name in NO_CPUS:
            with pytest.raises(InputError, match="at least one CPU that is on"):
                read_sysfs(sys)
            continue
        host = read_sysfs(sys).host
        told.update(as_in_the_tree(host, sys))
        mine = sum(len(cell.cpuset) for cell in host.cells)
        off = sum(len(one.cpus) for one in host.offline)
        assert mine + off == there, name
        if name in SUBCORES:
            continue
        assert mine == on, name
        counted += 1
        # libvirt's way to say that no such product makes up the host
        if (nodes, sockets, threads) == (1, 1, 1) and cores == there:
            continue
        assert len(host.cells) == nodes, name
        assert sum(len(cell.siblings) for cell in host.cells) == nodes * sockets * cores, name
        assert max(len(core) for cell in host.cells for core in cell.siblings) == threads, name
        compared += 1
    assert (counted >= 14, compared >= 5) == (True, True)
    assert told["memory"] >= 30


def as_in_the_tree(host: HostInfo, sys: Path) -> Counter[str]:
    """Memory, huge pages and distances are those that the tree tells, and no other; how many of
    each it tells."""
    told = Counter[str]()
    rows = []
    for cell in host.cells:
        node = sys / f"devices/system/node/node{cell.id}"
        path = node / "meminfo"
        found = re.search(r"MemTotal:\s+(\d+) kB", path.read_text()) if path.exists() else None
        assert cell.memory_mb == (int(found[1]) // 1024 if found else None)
        told["memory"] += found is not None
        pages = {
            int(one.parent.name.removeprefix("hugepages-").removesuffix("kB")): int(one.read_text())
            for one in node.glob("hugepages/hugepages-*/nr_hugepages")
        }
        assert {p.size_kib: p.total for p in cell.page_pools if p.size_kib > 64} == pages
        told["pages"] += len(pages)
        if (node / "distance").exists():
            rows.append(tuple(map(int, (node / "distance").read_text().split())))
    assert host.distances == tuple(rows)
    told["distances"] += len(rows)
    return told


def as_written(host: HostInfo, path: Path) -> None:
    """Memory, pages of each size and distances are those of libvirt's XML."""
    cells = ET.parse(path).getroot().findall("host/topology/cells/cell")
    for cell, xml in zip(host.cells, cells, strict=True):
        assert cell.memory_mb == int(xml.findtext("memory") or 0) // 1024
        assert [(pool.size_kib, pool.total) for pool in cell.page_pools] == [
            (int(pages.attrib["size"]), int(pages.text or 0)) for pages in xml.findall("pages")
        ]
    rows = [[int(to.attrib["value"]) for to in xml.findall("distances/sibling")] for xml in cells]
    assert list(map(list, host.distances)) == [row for row in rows if row]


def test_all_capabilities_load(libvirt_tests: Path) -> None:
    found = sorted((libvirt_tests / "capabilityschemadata").glob("*.xml"))
    assert len(found) >= 4
    for path in found:
        root, host = ET.parse(path).getroot(), read_capabilities(path)
        cpus = {int(cpu.attrib["id"]) for cpu in root.findall("host/topology/cells/cell/cpus/cpu")}
        assert frozenset().union(*(cell.cpuset for cell in host.cells)) == cpus
        as_written(host, path)


def test_all_devices_load(libvirt_tests: Path) -> None:
    compared = 0
    for path in sorted((libvirt_tests / "nodedevschemadata").glob("*.xml")):
        if path.stem in MADE_UP:
            with pytest.raises(InputError, match="4294967295"):
                read_nodedevs(path)
            continue
        found = read_nodedevs(path)
        pci = ET.parse(path).getroot().findall("capability[@type='pci']")
        assert len(found.devices) == len(pci), path.stem
        for device, one in zip(found.devices, pci, strict=True):
            numa = one.find("numa")
            assert device.numa_node == (None if numa is None else int(numa.attrib["node"]))
            kinds = [inner.get("type") for inner in one.findall("capability")]
            first = next((kind for kind in kinds if kind and kind.endswith("_functions")), None)
            if "phys_function" in kinds:
                assert device.dev_type == "type-VF"
            else:
                assert device.dev_type == ("type-PF" if first else "type-PCI")
            compared += 1
    assert compared >= 13
