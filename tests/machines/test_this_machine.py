"""This machine as numafit, lscpu, lstopo and numactl see it."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET

import pytest

from numafit.cpuset import parse_cpu_list
from numafit.readers.sysfs import read_sysfs

pytestmark = pytest.mark.machines


def _out(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_lscpu() -> None:
    host = read_sysfs("/sys").host
    fields = {
        one["field"].rstrip(":"): one["data"] for one in json.loads(_out("lscpu", "-J"))["lscpu"]
    }
    for cell in host.cells:
        assert parse_cpu_list(fields[f"NUMA node{cell.id} CPU(s)"]) == cell.cpuset
    assert int(fields["NUMA node(s)"]) == len(host.cells)
    widest = max(len(core) for cell in host.cells for core in cell.siblings)
    assert int(fields["Thread(s) per core"]) == widest


def test_numactl() -> None:
    host = read_sysfs("/sys").host
    text = _out("numactl", "--hardware")
    for n, cell in enumerate(host.cells):
        cpus = re.search(rf"node {cell.id} cpus: ?(.*)", text)
        size = re.search(rf"node {cell.id} size: (\d+) MB", text)
        row = re.search(rf"^ +{cell.id}: +(.*)$", text, re.MULTILINE)
        assert cpus is not None
        assert size is not None
        assert row is not None
        assert {int(cpu) for cpu in cpus[1].split()} == cell.cpuset
        assert int(size[1]) == cell.memory_mb
        assert tuple(int(value) for value in row[1].split()) == host.distances[n]


def test_lstopo() -> None:
    machine = read_sysfs("/sys")
    root = ET.fromstring(_out("lstopo-no-graphics", "--disallowed", "--whole-io", "--of", "xml"))
    kinds = [one.get("type") for one in root.iter("object")]
    assert kinds.count("NUMANode") == len(machine.host.cells)
    assert kinds.count("PU") == sum(len(cell.cpuset) for cell in machine.host.cells)
    assert kinds.count("Core") == sum(len(cell.siblings) for cell in machine.host.cells)
    addresses = {one.get("pci_busid") for one in root.iter("object") if one.get("pci_busid")}
    assert addresses == {device.address for device in machine.devices}
