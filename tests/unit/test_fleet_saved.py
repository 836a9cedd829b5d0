"""Fleets in files: the same fleet comes back; a file that is not whole is refused in words."""

from __future__ import annotations

import os
import random
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.readers.textfile import irregular


def make_host(n: int) -> HostInfo:
    cells = [
        HostCell(
            id=node,
            cpuset=range(node * 8, node * 8 + 2),
            pcpuset=range(node * 8 + 2, node * 8 + 8 - n % 2),
            memory_mb=4096 + n,
            siblings=[{node * 8 + core, node * 8 + core + 4} for core in range(4)],
            page_pools=[PagePool(4, 1 << 20), PagePool(2048, 600 + n)],
            physnets={f"net{n % 3}"} if node else (),
            tunneled=not node,
            socket=node,
        )
        for node in (0, 1)
    ]
    pools = [
        PciPool("8086", "1515", 0, 2, {"dev_type": "type-VF", "address": f"0000:0{n}:00.0"},
                devices=(f"0000:0{n}:01.0", f"0000:0{n}:01.1")),
        PciPool("8086", "1528", None, 3, {"dev_type": "type-PCI", "physical_network": None}),
    ]  # fmt: skip
    return HostInfo(cells, f"höst {n}", pools, 16.0, None, ((10, 21), (21, 10)))


@pytest.fixture
def fleet() -> Fleet:
    return Fleet([make_host(n) for n in range(5)])


REQUEST = Request(
    GuestTopology([GuestCell((), range(2), 512, 2048, "dedicated")]),
    Networks({"net1"}),
    [PciRequest(1, [{"vendor_id": "8086", "product_id": "1515"}])],
)


def same(a: Fleet, b: Fleet) -> None:
    for field, value in a.c_columns().items():
        np.testing.assert_array_equal(b.c_columns()[field], value, err_msg=field)
    assert list(a.names) == list(b.names)


def test_round_trip_with_claims(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    claims = [fleet.claim(REQUEST, host=n) for n in (0, 0, 3)]
    assert claims[0].pci[0].devices
    fleet.save(path)
    again = Fleet.load(path)
    same(fleet, again)
    assert again.check() is None
    assert again.capacity(REQUEST).tolist() == fleet.capacity(REQUEST).tolist()
    # devices that are taken stay taken
    free = again.claim(REQUEST, host=3)
    assert free.pci[0].devices not in [claim.pci[0].devices for claim in claims]
    assert [p.devices for p in free.pci] == [p.devices for p in fleet.claim(REQUEST, host=3).pci]


def test_empty_fleet(tmp_path: Path) -> None:
    Fleet([]).save(tmp_path / "none.npz")
    assert len(Fleet.load(tmp_path / "none.npz")) == 0


def test_save_follows_symlinks(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for name in ("there", "not_yet"):
        target, link = tmp_path / "kept" / name, tmp_path / f"{name}.npz"
        if name == "there":
            target.write_bytes(b"stale")
        link.symlink_to(Path("kept", name))
        fleet.save(link)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert Fleet.load(target).names == fleet.names
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        fleet.save(loop)
    assert loop.is_symlink()


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["a directory", "a FIFO", "a socket"])
def test_save_replaces_nothing_but_regular_files(
    fleet: Fleet, tmp_path: Path, kind: str, linked: bool
) -> None:
    there = path = tmp_path / "there"
    if kind == "a directory":
        there.mkdir()
    elif kind == "a FIFO":
        os.mkfifo(there)
    else:
        os.mknod(there, stat.S_IFSOCK | 0o600)
    if linked:
        path = tmp_path / "link"
        path.symlink_to(there)
    before = os.lstat(there)
    with pytest.raises(InputError, match=f"got '{kind}', expected a regular file") as caught:
        fleet.save(path)
    assert caught.value.file == str(path)
    after = os.lstat(there)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert {one.name for one in tmp_path.iterdir()} == {there.name, path.name}


def test_save_names_a_device_and_leaves_it_alone() -> None:
    # by its mode: a test that made the mistake would replace a device of the machine
    assert irregular(stat.S_IFCHR | 0o666) == "a device"
    assert irregular(stat.S_IFBLK | 0o660) == "a device"
    assert irregular(stat.S_IFREG | 0o644) is None


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_save_keeps_the_mode_of_the_file_it_replaces(
    fleet: Fleet, tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "fleet.npz"
    before = os.umask(0o027)
    try:
        fleet.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(mode)
        fleet.save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_save_replaces_the_file_as_a_whole(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    path.write_text("what was there before")
    fleet.save(path)
    assert os.listdir(tmp_path) == ["fleet.npz"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400
    before = path.read_bytes()
    with pytest.raises(OSError, match="No such file"):
        fleet.save(tmp_path / "nowhere" / "fleet.npz")
    os.chmod(path, 0o600)

    class Full(Fleet):
        pass

    broken = Full([make_host(0)])
    broken._columns.names = "no names"  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        broken.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["fleet.npz"]


def test_every_cut_and_many_changes_are_refused(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    fleet.save(path)
    whole = path.read_bytes()
    bad = tmp_path / "bad.npz"
    rng = random.Random(7)
    for length in [0, 1, 3, 4, 30, len(whole) - 1, *rng.sample(range(len(whole)), 60)]:
        bad.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"bad\.npz"):
            Fleet.load(bad)
    refused = 0
    for at in rng.sample(range(len(whole)), 300):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        try:
            same(Fleet.load(bad), fleet)  # zip has bytes that mean nothing, such as dates
        except InputError:
            refused += 1
    assert refused > 150


def test_files_of_before_there_were_resources_still_load() -> None:
    """tests/unit/data/fleet_1.npz was written by the numafit of that time."""
    old = Fleet.load(Path(__file__).parent / "data" / "fleet_1.npz")
    fleet = Fleet([make_host(n) for n in range(5)])
    for n in (0, 0, 3):
        fleet.claim(REQUEST, host=n)
    same(fleet, old)
    assert old.check() is None
    assert list(old.hostinfos()) == list(fleet.hostinfos())
    assert old.claim(REQUEST, host=3).pci == fleet.claim(REQUEST, host=3).pci


def test_what_placement_knows_of_hosts_is_kept(tmp_path: Path) -> None:
    known = Provider({"DISK_GB": Inventory(100, 3, 2.0, used=7)}, frozenset({"HW"}))
    hosts = [
        make_host(0),
        replace(make_host(1), provider=known, zone="east"),
        replace(make_host(2), disabled="maintenance"),
    ]
    fleet = Fleet(hosts)
    disk = Request(None, resources=Resources((ResourceGroup("", {"DISK_GB": 5}),)))
    fleet.claim(disk, host=1)
    fleet.save(tmp_path / "fleet.npz")
    again = Fleet.load(tmp_path / "fleet.npz")
    same(fleet, again)
    assert list(again.hostinfos()) == list(fleet.hostinfos())
    assert again.hostinfo(1).provider.inventories["DISK_GB"].used == 12  # type: ignore[union-attr]
    refusal = again.explain(disk, host=2)
    assert refusal is not None
    assert "maintenance" in refusal.message


def test_odd_hosts_come_back(tmp_path: Path) -> None:
    """What Python takes and no reader does: names with half surrogates, CPUs in two cells."""
    cell = HostCell(0, {0}, {1}, 64, physnets={"\ud800"}, pinned_cpus={7})
    host = HostInfo([cell, replace(cell, id=3)], "\udcff", [PciPool("a", "b", -1, 0)])
    fleet = Fleet([host, HostInfo(())])
    fleet.save(tmp_path / "odd.npz")
    again = Fleet.load(tmp_path / "odd.npz")
    assert list(again.hostinfos()) == list(fleet.hostinfos())
    assert again.names == ["\udcff", ""]


def test_foreign_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.save(tmp_path / "lone.npy", np.zeros(3))
    (tmp_path / "text").write_text("hello")
    np.savez(tmp_path / "pickle.npz", meta=np.array([{}], object))
    for name in ("other.npz", "lone.npy", "text", "pickle.npz"):
        with pytest.raises(InputError, match="a numafit fleet"):
            Fleet.load(tmp_path / name)
    with pytest.raises(InputError, match="No such file"):
        Fleet.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="directory"):
        Fleet.load(tmp_path)
