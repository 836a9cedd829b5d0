"""Machines of other people as hwloc and numafit read them from the same tree of sysfs."""

from __future__ import annotations

import os
import subprocess
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from numafit.readers.sysfs import read_sysfs

pytestmark = pytest.mark.machines

DIFFERENT = {
    "64amd64-4s2n4ca2co": "hwloc splits the kernel's thread siblings of this CPU by core id;"
    " libvirt, and so nova, keeps them",
    "8em64t-2s2ca2c-buggynuma": "every node lists every CPU; hwloc drops all nodes",
    "fakeheterocpunuma": "made up: nodes that overlap",
    "nvidiagpunumanodes": "hwloc hides the memory of GPUs (see the .kept variant)",
    "offline-cpu0-node0": "CPUs of an absent node belong to no cell",
}
"""Trees that both read, with differences on purpose."""


def _bits(text: str | None) -> frozenset[int]:
    value = 0
    for word in (text or "0x0").split(","):
        value = value << 32 | int(word or "0", 16)
    return frozenset(n for n in range(value.bit_length()) if value >> n & 1)


def _lstopo(root: Path, env_file: Path) -> ET.Element:
    setting = f". {env_file}; " if env_file.exists() else ""
    done = subprocess.run(
        ["sh", "-c", f"{setting}lstopo-no-graphics --disallowed --whole-io --of xml"],
        capture_output=True,
        check=True,
        env={
            **os.environ,
            "HWLOC_COMPONENTS": "linux,stop",
            "HWLOC_FSROOT": str(root),
            "HWLOC_DUMPED_HWDATA_DIR": "/var/run/hwloc",
            "LC_ALL": "C",
        },
    )
    return ET.fromstring(done.stdout)


def _index(one: ET.Element) -> int:
    return int(one.attrib["os_index"])


def _distances(root: ET.Element) -> dict[tuple[int, int], int]:
    for found in root.iter("distances2"):
        if found.get("type") == "NUMANode" and found.get("name") == "NUMALatency":
            ids = [int(x) for one in found.findall("indexes") for x in (one.text or "").split()]
            values = [
                int(x) for one in found.findall("u64values") for x in (one.text or "").split()
            ]
            pairs = [(a, b) for a in ids for b in ids]
            return dict(zip(pairs, values, strict=True))
    return {}


def _pci_nodes(root: ET.Element) -> dict[str, frozenset[int]]:
    """PCI address -> CPUs of the object that it hangs below."""
    found: dict[str, frozenset[int]] = {}

    def walk(one: ET.Element, cpus: frozenset[int]) -> None:
        if one.get("cpuset") is not None:
            cpus = _bits(one.get("cpuset"))
        if one.get("type") == "PCIDev":
            found[one.attrib["pci_busid"]] = cpus
        for child in one.findall("object"):
            walk(child, cpus)

    for top in root.findall("object"):
        walk(top, frozenset())
    return found


def _faults(archive: Path, top: Path, env_file: Path, *, exact: bool) -> list[str]:
    theirs = _lstopo(top, env_file)
    machine = read_sysfs(archive)
    cells = {cell.id: cell for cell in machine.host.cells}
    nodes = {_index(o): o for o in theirs.iter("object") if o.get("type") == "NUMANode"}
    faults: list[str] = []
    if not exact:
        return faults
    if set(nodes) != set(cells):
        faults.append(f"nodes {sorted(nodes)} against {sorted(cells)}")
    # hwloc puts the nearest CPUs to a node without any
    faults += [
        f"CPUs of node {n}"
        for n in nodes.keys() & cells.keys()
        if cells[n].cpuset and cells[n].cpuset != _bits(nodes[n].get("cpuset"))
    ]
    pus = {_index(o) for o in theirs.iter("object") if o.get("type") == "PU"}
    if pus != frozenset().union(*(cell.cpuset for cell in cells.values())):
        faults.append("CPUs")
    cores = {_bits(o.get("cpuset")) for o in theirs.iter("object") if o.get("type") == "Core"}
    cores = cores or {frozenset((pu,)) for pu in pus}
    if cores != {core for cell in cells.values() for core in cell.siblings}:
        faults.append("siblings")
    far = _distances(theirs)
    if far and machine.host.distances:
        ids = list(cells)
        ours = {
            (a, b): machine.host.distances[i][j]
            for i, a in enumerate(ids)
            for j, b in enumerate(ids)
        }
        if ours != far:
            faults.append("distances")
    near = _pci_nodes(theirs)
    for device in machine.devices:
        # where the platform says nothing, hwloc takes a guess of its own
        if device.numa_node in cells and device.address in near:
            cpus = cells[device.numa_node].cpuset
            if cpus and not env_file.exists() and near[device.address] != cpus:
                faults.append(f"node of {device.address}")
    return faults


def test_trees_agree_with_hwloc(hwloc_tests: Path, tmp_path: Path) -> None:
    linux = hwloc_tests / "linux"
    wrong: dict[str, list[str]] = {}
    same = 0
    for archive in sorted(linux.glob("*.tar.bz2")):
        name = archive.name.removesuffix(".tar.bz2")
        base = tmp_path / name
        # 'data' would refuse links that leave the tree, which such copies have
        with tarfile.open(archive) as tar:
            tar.extractall(base, filter="tar")
        (top,) = base.iterdir()
        kept = linux / f"{name}.kept.env"
        env_file = kept if kept.exists() else linux / f"{name}.env"
        exact = name not in DIFFERENT or kept.exists()
        faults = _faults(archive, top, env_file, exact=exact)
        if faults:
            wrong[name] = faults
        else:
            same += exact
    assert not wrong
    assert same >= 40
