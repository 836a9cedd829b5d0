"""XML of hwloc; `make test-machines` reads many more files and asks lstopo of each."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from numafit import InputError
from numafit.readers.hwloc import HwlocMachine, read_hwloc

FILE = Path(__file__).parents[1] / "data" / "hwloc" / "two-nodes.xml"


def test_a_machine_of_two_nodes() -> None:
    machine = read_hwloc(FILE)
    first, second = machine.host.cells
    assert first.cpuset == first.pcpuset == {0, 1, 4, 5}
    assert first.siblings == (frozenset({0, 4}), frozenset({1, 5}))
    assert second.siblings == (frozenset({2, 6}), frozenset({3, 7}))
    assert (first.memory_mb, second.memory_mb) == (8192, 4096)
    assert [(p.size_kib, p.total) for p in first.page_pools] == [(4, 1835008), (1048576, 1)]
    assert (first.socket, second.socket) == (0, 1)
    assert machine.host.distances == ((10, 21), (21, 10))
    (device,) = machine.devices
    assert (device.address, device.vendor_id, device.numa_node) == ("0000:03:00.0", "8086", 0)
    assert [(net.name, net.numa_node) for net in machine.interfaces] == [("eno1", 0)]


def damaged(tmp_path: Path, old: str, new: str) -> Path:
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "machine.xml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('type="PU" os_index="4"', 'type="PU" os_index="0"', "topology"),
        ('type="PU" os_index="4"', 'type="PU" os_index="-4"', "@os_index"),
        ('type="PU" os_index="4"', 'type="PU"', "@os_index"),
        ('cpuset="0x00000033" nodeset="0x00000001" gp_index="3"', 'cpuset="0xf...f"', "@cpuset"),
        ('local_memory="8589934592"', 'local_memory="much"', "@local_memory"),
        ('count="1835008"', 'count="-1"', "@count"),
        ("[8086:1528]", "[intel]", "@pci_type"),
        ("10 21 21 10", "10 far 21 10", "u64values"),
        ("</topology>", "", "line"),
        ("hwloc2.dtd", '/etc/passwd" [<!ENTITY a "b">]><x a="', ""),
    ],
)
def test_bad_machines(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(InputError) as error:
        read_hwloc(damaged(tmp_path, old, new))
    assert key in (error.value.key or "")
    assert "machine.xml" in str(error.value)


@pytest.mark.parametrize("text", ["<capabilities/>", "<topology/>", "[]", "<topology><object/>"])
def test_what_is_no_machine(tmp_path: Path, text: str) -> None:
    path = tmp_path / "machine.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"machine\.xml"):
        read_hwloc(path)


def test_without_distances_and_nodes(tmp_path: Path) -> None:
    assert read_hwloc(damaged(tmp_path, "10 21 21 10", "10 21 21")).host.distances == ()
    text = FILE.read_text()
    for node in ("0", "1"):
        start = text.index(f'<object type="NUMANode" os_index="{node}"')
        end = text.index("</object>" if node == "0" else "/>", start)
        text = text[:start] + text[end + (9 if node == "0" else 2) :]
    path = tmp_path / "machine.xml"
    path.write_text(text)
    (cell,) = read_hwloc(path).host.cells
    assert cell.cpuset == set(range(8))
    assert cell.socket is None


def test_mutations_are_refused_or_read(tmp_path: Path) -> None:
    dice = random.Random(9)
    path = tmp_path / "machine.xml"
    whole = FILE.read_bytes()
    for _ in range(500):
        text = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            text[dice.randrange(len(text))] = dice.randrange(256)
        path.write_bytes(text[: dice.randint(1, len(text))] if dice.random() < 0.3 else text)
        try:
            assert isinstance(read_hwloc(path), HwlocMachine)
        except InputError:
            continue


def test_nodes_that_do_not_say_which_cpus_are_theirs_are_refused(tmp_path: Path) -> None:
    """All CPUs went to the first of them; hwloc refuses such a file."""
    path = tmp_path / "machine.xml"
    text, many = re.subn(r' cpuset="[^"]*"', "", FILE.read_text())
    assert many > 2
    path.write_text(text)
    with pytest.raises(InputError, match=r"cpuset.*expected the CPUs of the node"):
        read_hwloc(path)
