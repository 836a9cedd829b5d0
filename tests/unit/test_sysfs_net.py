"""Trees of small files, and the network interfaces of a copy of sysfs."""

from __future__ import annotations

import io
import os
import random
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from numafit.errors import InputError
from numafit.model.interface import NetInterface, netdevs_of
from numafit.readers.sysfs_net import read_interfaces
from numafit.readers.tree import Tree, open_tree

INSIDE = ("devices", "system")
BUS = "devices/pci0000:17/0000:17:00.0"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Laid out as Linux 6.1 does: a NIC behind a bridge, a virtio NIC, a bond, a VLAN, a bridge."""
    root = tmp_path / "sys"

    def put(path: str, text: str) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def link(path: str, target: str) -> None:
        there = root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(os.path.relpath(root / target, there.parent))

    put("devices/system/cpu/online", "0-3")
    for n, (address, node) in enumerate([("0000:18:00.0", 0), ("0000:18:00.1", -1)]):
        device = f"{BUS}/{address}"
        put(f"{device}/numa_node", str(node))
        put(f"{device}/sriov_totalvfs", "64" if n == 0 else "0")
        put(f"{device}/net/eno{n}/ifindex", str(n + 2))
        link(f"{device}/net/eno{n}/device", device)
        link(f"class/net/eno{n}", f"{device}/net/eno{n}")
        link(f"bus/pci/devices/{address}", device)
    virtio = "devices/pci0000:00/0000:00:03.0"
    put(f"{virtio}/numa_node", "1")
    put(f"{virtio}/virtio0/net/eth0/ifindex", "9")
    link(f"{virtio}/virtio0/net/eth0/device", f"{virtio}/virtio0")
    link("class/net/eth0", f"{virtio}/virtio0/net/eth0")
    virtual = "devices/virtual/net"
    put(f"{virtual}/bond0/bonding/slaves", "eno0 eno1")
    put(f"{virtual}/bond0/ifindex", "5")
    put(f"{virtual}/bond0.7/uevent", "DEVTYPE=vlan\nINTERFACE=bond0.7")
    put(f"{virtual}/bond0.7/iflink", "5")
    put(f"{virtual}/br0/ifindex", "7")
    link(f"{virtual}/br0/lower_bond0.7", f"{virtual}/bond0.7")
    link(f"{virtual}/br0/brif/bond0.7", f"{virtual}/bond0.7")
    for name in ("bond0", "bond0.7", "br0"):
        link(f"class/net/{name}", f"{virtual}/{name}")
    put("class/net/bonding_masters", "bond0")
    return root


EXPECTED = (
    NetInterface("bond0", lower=("eno0", "eno1")),
    NetInterface("bond0.7", lower=("bond0",)),
    NetInterface("br0", lower=("bond0.7",)),
    NetInterface("eno0", "0000:18:00.0", 0, physical_function=True),
    NetInterface("eno1", "0000:18:00.1"),
    NetInterface("eth0", "0000:00:03.0", 1),
)


def test_interfaces_of_a_directory(sysfs: Path) -> None:
    found = read_interfaces(open_tree(sysfs, INSIDE))
    assert found == EXPECTED
    assert netdevs_of(found) == {
        "eno0": ("0000:18:00.0", True),
        "eno1": ("0000:18:00.1", False),
        "eth0": ("0000:00:03.0", False),
    }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_says_the_same(sysfs: Path, tmp_path: Path, mode: str) -> None:
    file = tmp_path / "sys.tar"
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        archive.add(sysfs, "host-1/sys")
    assert read_interfaces(open_tree(file, INSIDE)) == read_interfaces(open_tree(sysfs, INSIDE))


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "devices" / "system").mkdir(parents=True)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "up").symlink_to("../../../../etc/passwd")
    (tmp_path / "top").symlink_to("/etc/passwd")
    tree = open_tree(tmp_path, INSIDE)
    for name in ("a", "b", "up", "top", "../x", "absent"):
        assert tree.text(name) is None
        assert not tree.exists(name)


def test_archives_that_reach_out(tmp_path: Path) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as archive:
        member = tarfile.TarInfo("devices/system/../../../etc/cron.d/x")
        archive.addfile(member, io.BytesIO())
    with pytest.raises(InputError, match="inside the archive"):
        open_tree(file, INSIDE)
    with tarfile.open(file, "w") as archive:
        for name, target in (("devices/system/a", "../../../../etc/passwd"), ("b", "/etc/passwd")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    tree = open_tree(file, INSIDE)
    assert tree.text("devices/system/a") is None
    assert tree.text("b") is None


def test_what_is_no_tree(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no archive")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").mkdir()
    for name in ("file", "fifo", "empty", "absent", "a\0b"):
        with pytest.raises(InputError) as error:
            open_tree(f"{tmp_path}/{name}", INSIDE)
        assert error.value.file == f"{tmp_path}/{name}"


def test_a_number_that_is_none(sysfs: Path) -> None:
    (sysfs / BUS / "0000:18:00.0" / "numa_node").write_text("zero\n")
    with pytest.raises(InputError) as error:
        read_interfaces(open_tree(sysfs, INSIDE))
    assert error.value.key == f"{BUS}/0000:18:00.0/numa_node"


def test_mangled_archives(sysfs: Path, tmp_path: Path) -> None:
    file = tmp_path / "sys.tar"
    with tarfile.open(file, "w:gz") as archive:
        archive.add(sysfs, "sys")
    data = file.read_bytes()
    chance = random.Random(3)
    for _ in range(150):
        mangled = bytearray(data[: chance.choice([len(data), chance.randint(0, len(data))])])
        for _ in range(chance.randint(0, 4)):
            if mangled:
                mangled[chance.randrange(len(mangled))] = chance.randrange(256)
        file.write_bytes(bytes(mangled))
        with suppress(InputError):
            tree = open_tree(file, INSIDE)
            assert isinstance(tree, Tree)
            assert isinstance(read_interfaces(tree), tuple)
