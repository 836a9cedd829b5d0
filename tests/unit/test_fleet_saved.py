"""Fleets in files: the same fleet comes back; a file that is not whole is refused in words."""

from __future__ import annotations

import json
import os
import random
import stat
from pathlib import Path
from typing import Any

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
    broken._columns.cell_id = "no array"  # type: ignore[assignment]
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


def rewrite(path: Path, **changes: Any) -> None:
    """As somebody would who knows the format and means harm: with a checksum that fits."""
    from numafit import saved

    with np.load(path) as found:
        arrays = {name: found[name] for name in found.files}
    meta = json.loads(arrays.pop("meta").tobytes())
    meta |= changes.pop("meta", {})
    arrays |= changes
    meta["checksum"] = saved._checksum(arrays)
    np.savez(path, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"meta": {"format": "a cake"}}, "format"),
        ({"meta": {"version": 99}}, "version"),
        ({"meta": {"nets": ["x"] * 500}}, "cell_nets"),
        ({"meta": {"nets": None}}, "meta"),
        ({"meta": {"pools": []}}, "pools"),
        ({"meta": {"pools": [1] * 10}}, "meta"),
        ({"cell_mask_at": np.full(10, 2**63, np.uint64)}, "cell_mask_at"),
        ({"cell_mask_at": np.full(10, 2**64 - 1, np.uint64)}, "cell_mask_at"),
        ({"cell_layout": np.full(10, 77, np.uint32)}, "cell_layout"),
        ({"host_first_cell": np.array([0, 2, 4, 99, 8, 10], np.uint32)}, "host_first_cell"),
        ({"host_distance_at": np.full(5, 2**63, np.uint64)}, "host_distance_at"),
        ({"pinned": np.zeros(0, np.uint64)}, "cell_mask_at"),
        ({"cell_memory": np.zeros(3, np.int64)}, "cell_memory"),
        ({"cell_memory": np.zeros(10, np.int32)}, "cell_memory"),
        ({"name_ends": np.array([0, 9, 3, 4, 5, 6], np.uint64)}, "name_ends"),
    ],
)
def test_columns_that_do_not_agree(fleet: Fleet, tmp_path: Path, changes: Any, key: str) -> None:
    path = tmp_path / "fleet.npz"
    fleet.save(path)
    rewrite(path, **changes)
    with pytest.raises(InputError) as error:
        Fleet.load(path)
    assert error.value.key == key
    assert "fleet.npz" in str(error.value)


@pytest.mark.parametrize("column", ["cell_devices", "pool_class", "pool_cell", "pages_used"])
def test_numbers_out_of_range_are_refused_by_the_engine(
    fleet: Fleet, tmp_path: Path, column: str
) -> None:
    path = tmp_path / "fleet.npz"
    fleet.save(path)
    with np.load(path) as found:
        wild = np.full_like(found[column], -5 if found[column].dtype.kind == "i" else 99)
    rewrite(path, **{column: wild})
    with pytest.raises(InputError, match=column):
        Fleet.load(path)


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
