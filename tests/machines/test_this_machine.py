"""This machine as numafit, lscpu, lstopo and numactl see it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from numafit import HostInfo
from numafit.cpuset import parse_cpu_list
from numafit.readers.hostfile import host_from_mapping
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


def _at_rest() -> tuple[HostInfo, str]:
    """Host and numactl's words at a moment when the memory did not change: that of a virtual
    machine may."""
    for _ in range(20):
        host, text = read_sysfs("/sys").host, _out("numactl", "--hardware")
        if read_sysfs("/sys").host == host:
            return host, text
    raise AssertionError("the memory of this machine changes all the time")


def test_numactl() -> None:
    host, text = _at_rest()
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


def _numafit(*words: str) -> str:
    return _out(sys.executable, "-m", "numafit", *words)


def test_show_as_on_a_server() -> None:
    shown = host_from_mapping(json.loads(_numafit("show", "--sysfs", "/sys", "--format", "json")))
    fields = {
        one["field"].rstrip(":"): one["data"] for one in json.loads(_out("lscpu", "-J"))["lscpu"]
    }
    assert len(shown.cells) == int(fields["NUMA node(s)"])
    for cell in shown.cells:
        assert cell.cpuset == parse_cpu_list(fields[f"NUMA node{cell.id} CPU(s)"])
    text = _numafit("show", "--sysfs", "/sys")
    assert text.count("memory ") == len(shown.cells)
    picture = ET.fromstring(_numafit("show", "--sysfs", "/sys", "--format", "svg"))
    titles = [one.text or "" for one in picture.iter() if one.tag.endswith("}title")]
    assert len(titles) == sum(len(cell.cpuset) for cell in shown.cells)


def test_discover_as_on_a_server() -> None:
    """Its network cards are those that lstopo sees."""
    asked = [sys.executable, "-m", "numafit", "discover", "--format", "json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)  # 1: no network is configured here
    found = json.loads(done.stdout)
    root = ET.fromstring(_out("lstopo-no-graphics", "--disallowed", "--whole-io", "--of", "xml"))
    cards = {
        inner.get("name")
        for one in root.iter("object")
        if one.get("type") == "PCIDev"
        for inner in one.iter("object")
        if inner.get("osdev_type") == "2"
    }
    assert cards <= {interface["name"] for interface in found["interfaces"]}
