"""Saved fleets for tests: one with everything in it, and files changed by somebody who knows the
format: with a checksum that fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    Limits,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
    StalePlacement,
    saved,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources

Change = Callable[[dict[str, Any], dict[str, Any]], None]
"""Gets the arrays and the rest of a file, to change them where they are."""

PF = PciPool("8086", "1572", 0, 1, {"dev_type": "type-PF", "address": "0000:81:00.0"},
             devices=("0000:81:00.0",))  # fmt: skip
VFS = PciPool("8086", "154c", 0, 3,
              {"dev_type": "type-VF", "address": "0000:81:00.0", "rp_uuid": "vfs"},
              devices=("0000:81:02.0", "0000:81:02.1", "0000:81:02.2"))  # fmt: skip
COUNTED = PciPool("10de", "1eb8", 1, 2, {"dev_type": "type-PCI"})
LOOSE = PciPool("10de", "1eb9", None, 2, {"dev_type": "type-PCI", "net": None})

DEVICES = [
    PciRequest(1, [{"product_id": "1572", "dev_type": "type-PF"}], "legacy"),
    PciRequest(1, [{"product_id": "154c"}], "preferred"),
    PciRequest(2, [{"vendor_id": "10de"}], "socket"),
]
PINNED = GuestCell((), range(2), 256, 2048, "dedicated")
REQUESTS = [
    Request(GuestTopology([PINNED])),
    Request(GuestTopology([PINNED, GuestCell({4}, range(2, 4), 128, -3, "mixed")], "isolate"),
            Networks({"a", "b"}, tunneled=True)),
    Request(GuestTopology([GuestCell({0}, (), 64, None, "shared")])),
    Request(GuestTopology([GuestCell((), {0}, 64, 4, "dedicated", "prefer")]), pci=DEVICES[1:2]),
    Request(GuestTopology([GuestCell((), range(2), 64, -2, "dedicated", "require")]),
            pci=DEVICES[:1]),
    Request(GuestTopology([GuestCell((), {0}, 64, -1, "dedicated", "isolate")]), pci=DEVICES[2:]),
    Request(GuestTopology([PINNED]), resources=Resources((ResourceGroup("", {"DISK_GB": 5}),),
                                                         zone="east")),
]  # fmt: skip


OPTIONS: list[dict[str, Any]] = [
    {},
    {"strategy": "pack", "limits": None, "pci_matching": "exact"},
    {"strategy": "closest", "limits": Limits(8.0, 1.2), "physnet_affinity": "all"},
]


def cell(n: int, wide: bool = False) -> HostCell:
    """8 CPUs on cores of unlike width, one of them of no core; or 70 of them in two words."""
    cpus = range(n * 100, n * 100 + (70 if wide else 8))
    cores = [set(cpus[at : at + 2]) for at in range(0, len(cpus) - 1, 2)]
    if not wide:
        cores = [set(cpus[:4]), set(cpus[4:6]), {cpus[6]}]
    return HostCell(
        id=n,
        cpuset=cpus[:2],
        pcpuset=cpus[2:],
        memory_mb=8192,
        cpu_usage=1,
        memory_usage=512,
        pinned_cpus={cpus[2]},
        siblings=cores,
        page_pools=[PagePool(4, 1 << 20, 4096, 16), PagePool(2048, 2048, 3)][: 2 - wide],
        physnets={"a", "b"} if n else {"a"},
        tunneled=not n,
        socket=n if n else None,
    )


def hosts() -> list[HostInfo]:
    known = Provider({"DISK_GB": Inventory(100, 3, 2.0, used=7)}, frozenset({"HW"}), frozenset())
    cells = [cell(0), cell(1)]
    near = ((10, 21), (21, 10))
    return [
        HostInfo(cells, "höst", [PF, VFS, COUNTED, LOOSE], 16.0, 1.5, near, known, "east"),
        HostInfo((), "no topology", [LOOSE]),
        HostInfo([cell(0, wide=True), cell(1), cell(2)], "", (), 4.0, None),
        HostInfo(cells, "höst 4", [PF, VFS], None, 2.0, near, disabled="maintenance"),
        HostInfo([cell(5)], "last", None, 2.0, 1.0, ((10,),)),
    ]


def rich_fleet() -> Fleet:
    """With guests on it: of a PF and its VFs each hides the other somewhere."""
    fleet = Fleet(hosts())
    for request, host in ((4, 0), (0, 0), (3, 3), (2, 2)):
        fleet.claim(REQUESTS[request], host=host, limits=None)
    assert fleet.columns()["pool_hidden"].any()
    return fleet


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A file's arrays, and the rest of it."""
    with np.load(path) as found:
        arrays = {name: found[name] for name in found.files}
    return arrays, json.loads(arrays.pop("meta").tobytes())


def rewrite(path: Path, change: Change) -> None:
    arrays, meta = read(path)
    change(arrays, meta)
    if "checksum" in meta:
        meta["checksum"] = saved._checksum(arrays)
    np.savez(path, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)


def loaded(path: Path) -> Fleet | None:
    """``None``: refused, by a word of the file."""
    try:
        return Fleet.load(path)
    except InputError as error:
        refused = error
    assert refused.file == str(path)
    assert refused.key
    return None


def use(fleet: Fleet, path: Path) -> None:
    """Every verb: none may fail but in words, and what is taken comes back."""
    assert fleet.check() is None
    before = fleet.columns()
    claims = []
    for request in REQUESTS:
        for how in OPTIONS:
            fits = fleet.scan(request, **how)
            fleet.capacity(request, cap=3, **how)
            found = fleet.fit(request, **how)
            assert len(found) == fits.sum()
            for host in range(len(fleet)):
                assert (fleet.explain(request, host, **how) is None) == fits[host]
            for placement in found[:1]:
                assert placement.cells is not None
                assert placement.pci is not None
                try:
                    claims.append(fleet.claim(placement))
                except StalePlacement:
                    continue
                assert fleet.check() is None
    for host, info in enumerate(fleet.hostinfos()):
        assert len(fleet.usage(host)) == len(info.cells)
    Fleet(fleet.hostinfos())
    fleet.save(path)
    again = Fleet.load(path)
    assert again.names == fleet.names
    for name, column in fleet.columns().items():
        np.testing.assert_array_equal(again.columns()[name], column, err_msg=name)
    table = pyarrow.table(fleet)
    table.validate(full=True)
    refused = "name"
    try:
        Fleet.from_arrow(table)
    except InputError as error:
        refused = error.key or ""
    # names, ids and tags that Python takes and no reader does
    assert refused.endswith(("name", "cpuset", "siblings")) or ".tags" in refused, refused
    fleet.release(claims)
    for name, column in fleet.columns().items():
        if name != "host_generation":
            np.testing.assert_array_equal(column, before[name], err_msg=name)
    assert fleet.check() is None
