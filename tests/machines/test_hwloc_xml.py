"""Machines that hwloc keeps as XML: numafit's reader and lstopo see the same in each file."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from numafit import InputError
from numafit.readers.hwloc import read_hwloc

pytestmark = pytest.mark.machines

DIFFERENT = {"16amd64-8n2c-cpusets": "CPUs of nodes that are not there belong to no cell"}
TOO_LARGE = {"16em64t-4s2c2t": "made up: 32 TiB of 4 KiB pages in one node"}


def bits(text: str | None) -> frozenset[int]:
    value = 0
    for word in (text or "0x0").split(","):
        value = value << 32 | int(word or "0", 16)
    return frozenset(n for n in range(value.bit_length()) if value >> n & 1)


def lstopo(path: Path) -> ET.Element:
    """What hwloc makes of the file, in its newest format."""
    environment = {**os.environ, "LC_ALL": "C"}
    command = ["lstopo-no-graphics", "--disallowed", "--whole-io", "--of", "xml", "-i", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    return ET.fromstring(done.stdout)


def of(root: ET.Element, kind: str) -> list[ET.Element]:
    return [one for one in root.iter("object") if one.get("type") == kind]


def faults(path: Path) -> list[str]:
    theirs, machine = lstopo(path), read_hwloc(path)
    cells = {cell.id: cell for cell in machine.host.cells}
    found = []
    nodes = {int(one.attrib["os_index"]): one for one in of(theirs, "NUMANode")}
    if set(nodes) != set(cells):
        found.append(f"nodes {sorted(nodes)} against {sorted(cells)}")
    pus = {int(one.attrib["os_index"]) for one in of(theirs, "PU")}
    mine = [cpu for cell in cells.values() for cpu in cell.cpuset]
    if sorted(mine) != sorted(pus):
        found.append("CPUs")
    cores = {bits(one.get("cpuset")) & pus for one in of(theirs, "Core")}
    alone = {frozenset([pu]) for pu in pus - frozenset().union(*cores)}
    if cores | alone != {core for cell in cells.values() for core in cell.siblings}:
        found.append("siblings")
    for number, cell in cells.items():
        memory = int(nodes[number].get("local_memory", "0")) >> 20 if number in nodes else 0
        if memory != (cell.memory_mb or 0):
            found.append(f"memory of node {number}")
    addresses = {one.attrib["pci_busid"] for one in of(theirs, "PCIDev")}
    if addresses != {device.address for device in machine.devices}:
        found.append("PCI devices")
    found += distances(theirs, machine.host.distances, list(cells))
    return found


def distances(root: ET.Element, mine: tuple[tuple[int, ...], ...], ids: list[int]) -> list[str]:
    for matrix in root.iter("distances2"):
        if matrix.get("type") == "NUMANode" and matrix.get("name", "NUMALatency") == "NUMALatency":
            order = [int(w) for one in matrix.findall("indexes") for w in (one.text or "").split()]
            values = [
                int(w) for one in matrix.findall("u64values") for w in (one.text or "").split()
            ]
            at = {node: n for n, node in enumerate(order)}
            if not set(ids) <= set(at):
                return ["distances"] if mine else []
            theirs = tuple(tuple(values[at[a] * len(order) + at[b]] for b in ids) for a in ids)
            return [] if theirs == mine else [f"distances {theirs} against {mine}"]
    return ["distances from nowhere"] if mine else []


def check(folder: Path) -> tuple[int, dict[str, list[str]]]:
    wrong, same = {}, 0
    for path in sorted(folder.glob("*.xml")):
        if path.stem in TOO_LARGE:
            with pytest.raises(InputError):
                read_hwloc(path)
            continue
        fault = faults(path)
        if fault and path.stem not in DIFFERENT:
            wrong[path.stem] = fault
        same += not fault
    return same, wrong


def test_xml_agrees_with_hwloc(hwloc_tests: Path) -> None:
    same, wrong = check(hwloc_tests / "xml")
    assert not wrong
    assert same >= 30
