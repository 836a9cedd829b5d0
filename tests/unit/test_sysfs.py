"""Hosts and PCI devices of sysfs: a copy with four nodes, odd trees, and this machine."""

from __future__ import annotations

import os
import random
import tarfile
from pathlib import Path

import pytest

from numafit import HostInfo
from numafit.errors import InputError
from numafit.readers.hostfile import read_host_file
from numafit.readers.sysfs import read_sysfs
from numafit.readers.sysfs_pci import serial_number

EXAMPLES = Path(__file__).parents[2] / "examples" / "networking"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    with tarfile.open(EXAMPLES / "sys.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "sys"


def test_a_copy_is_the_host_that_its_host_file_describes() -> None:
    found = read_sysfs(EXAMPLES / "sys.tar.xz").host
    described = read_host_file(EXAMPLES / "host.yaml")
    assert found.cells == described.cells
    assert found.distances == described.distances


def test_physical_and_virtual_functions() -> None:
    devices = {one.address: one for one in read_sysfs(EXAMPLES / "sys.tar.xz").devices}
    assert len(devices) == 9
    function, virtual = devices["0000:85:00.0"], devices["0000:85:02.1"]
    assert (function.dev_type, function.product_id, function.numa_node) == ("type-PF", "1572", 2)
    assert (virtual.dev_type, virtual.parent_addr) == ("type-VF", "0000:85:00.0")
    assert (virtual.parent_ifname, virtual.numa_node) == ("ens2f0", 2)


def test_cpus_that_are_off_belong_to_no_cell(copy: Path) -> None:
    (copy / "devices/system/cpu/online").write_text("0-2,4-19,21-31\n")
    cells = read_sysfs(copy).host.cells
    assert cells[0].cpuset == {0, 1, 2, 16, 17, 18, 19}
    assert frozenset({19}) in cells[0].siblings
    assert frozenset({4}) in cells[1].siblings


def test_sparse_nodes_without_cpus_or_memory(copy: Path) -> None:
    nodes = copy / "devices/system/node"
    (nodes / "node3").rename(nodes / "node8")
    (nodes / "node8" / "cpulist").write_text("\n")
    (nodes / "node1" / "meminfo").unlink()
    host = read_sysfs(copy).host
    assert [cell.id for cell in host.cells] == [0, 1, 2, 8]
    assert host.cells[3].cpuset == frozenset()
    assert host.cells[3].socket is None
    assert host.cells[3].memory_mb == 65536
    assert host.cells[1].memory_mb is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("devices/system/node/node1/cpulist", "4-"),
        ("devices/system/node/node1/distance", "10 12"),
        ("devices/system/cpu/online", "0-9999999"),
        ("devices/system/cpu/cpu4/topology/physical_package_id", "x"),
        ("devices/system/node/node2/hugepages/hugepages-2048kB/nr_hugepages", "-1"),
        ("bus/pci/devices/0000:85:00.0/vendor", "8086"),
        ("bus/pci/devices/0000:85:00.0/numa_node", "two"),
    ],
)
def test_files_that_hold_something_else(copy: Path, path: str, text: str) -> None:
    (copy / path).write_text(text)
    with pytest.raises(InputError) as error:
        read_sysfs(copy)
    assert error.value.file == str(copy)


def test_serial_numbers_of_vital_product_data() -> None:
    def resource(tag: int, data: bytes) -> bytes:
        return bytes((tag, len(data) & 255, len(data) >> 8)) + data

    fields = b"PN\x04ABCDSN\x06XYZ123RV\x01\x00"
    vpd = resource(0x82, b"a card") + resource(0x90, fields) + b"\x78"
    assert serial_number(vpd) == "XYZ123"
    for damaged in (b"", vpd[:-12], b"\x78" + vpd, resource(0x90, b"SN\x00"), b"\xff" * 40):
        assert serial_number(damaged) in (None, "XYZ123", "XYZ")
    assert serial_number(resource(0x90, b"SN\x04\x1b[2J")) is None


def test_this_machine() -> None:
    found = read_sysfs()
    assert len(frozenset().union(*(cell.cpuset for cell in found.host.cells))) == os.cpu_count()
    there = Path("/sys/bus/pci/devices")
    assert {one.address for one in found.devices} == (
        {one.name for one in there.iterdir()} if there.exists() else set()
    )


def test_mangled_files_are_refused_or_read(copy: Path) -> None:
    dice = random.Random(11)
    files = sorted(path for path in copy.rglob("*") if path.is_file() and not path.is_symlink())
    nasty = [
        b"",
        b"\0",
        b"-1",
        b"0-",
        b"9" * 400,
        b"0-4294967295",
        b"\xff\xfe",
        b"a,b",
        b"0x",
        b"^",
    ]
    for _ in range(120):
        path = dice.choice(files)
        whole = path.read_bytes()
        bent = bytearray(whole) or bytearray(b"?")
        bent[dice.randrange(len(bent))] = dice.randrange(256)
        path.write_bytes(dice.choice([*nasty, bytes(bent), whole[: len(whole) // 2]]))
        try:
            assert isinstance(read_sysfs(copy).host, HostInfo)
        except InputError:
            continue
        finally:
            path.write_bytes(whole)
