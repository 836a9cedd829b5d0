"""Hosts and guests in which a read by half shows, readers of them, and threads that claim.

Every claim takes the same of every cell, so usage that differs between cells is one state by half
and the next by half. NUMAFIT_SECONDS says how long each of the tests runs (default: 2).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow

import numafit
from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
    StalePlacement,
)
from numafit import _engine as engine

SECONDS = float(os.environ.get("NUMAFIT_SECONDS", "2"))
CELLS, GUESTS = 4, 4
VENDOR = [{"vendor_id": "8086"}]


def host(name: str) -> HostInfo:
    cells = tuple(
        HostCell(n, frozenset(), frozenset(range(64 * n, 64 * n + 16)), 65536) for n in range(CELLS)
    )
    devices = tuple(f"0000:3b:{n:02x}.0" for n in range(16))
    pools = (PciPool("8086", "154c", None, 16, {"dev_type": "type-VF"}, devices),)
    return HostInfo(cells, name, pci_pools=pools)


def asking() -> Request:
    """4 of the 16 CPUs of each cell, and 4 of the 16 devices."""
    guest = tuple(
        GuestCell((), range(4 * g, 4 * g + 4), 64, None, "dedicated") for g in range(CELLS)
    )
    return Request(GuestTopology(guest), pci=[PciRequest(4, VENDOR, "preferred")])


def whole() -> Request:
    """All CPUs: a guest for an empty host."""
    guest = tuple(
        GuestCell((), range(16 * g, 16 * g + 16), 64, None, "dedicated") for g in range(CELLS)
    )
    return Request(GuestTopology(guest))


class Torn(Exception):
    pass


def same(values: Iterator[Any] | list[Any], what: str) -> None:
    found = set(values)
    if len(found) > 1:
        raise Torn(f"{what}: {sorted(found)}")


def left(pools: Iterable[PciPool], taken: int, what: str) -> None:
    """As many devices as claims have left, each with its name."""
    (pool,) = tuple(pools) or (PciPool("8086", "154c", None, 0),)
    if pool.count + taken != 16 or len(set(pool.devices)) != pool.count:
        raise Torn(f"{what}: {pool.count} devices left of 16, {taken} taken, {pool.devices}")


def read_hostinfo(fleet: Fleet) -> None:
    for info in fleet.hostinfos():
        same([(c.memory_usage, len(c.pinned_cpus)) for c in info.cells], "hostinfo")
        left(info.pci_pools or (), info.cells[0].memory_usage // 16, "hostinfo")


def read_usage(fleet: Fleet) -> None:
    cells = fleet.usage(0)
    same([(c["memory_usage"], len(c["pinned_cpus"])) for c in cells], "usage")


def read_pools(fleet: Fleet) -> None:
    pools = fleet.pools(0)
    count = sum(pool.count for pool in pools)
    if count % 4:
        raise Torn(f"pools: {count} devices")
    left(pools, 16 - count, "pools")


def read_columns(fleet: Fleet) -> None:
    columns = fleet.columns()
    same(columns["cell_memory_used"].tolist(), "columns")
    same([16 - n for n in columns["cell_free"].tolist()], "columns")
    pinned = [bin(word).count("1") for word in columns["pinned"].tolist()]
    if sum(pinned) != 4 * sum(columns["cell_memory_used"].tolist()) // 64:
        raise Torn(f"columns: {pinned} pinned")


def read_c_columns(fleet: Fleet) -> None:
    same(fleet.c_columns()["cell_memory_used"].tolist(), "c_columns")


def read_check(fleet: Fleet) -> None:
    if (reason := fleet.check()) is not None:
        raise Torn(f"check: {reason}")


def read_saved(fleet: Fleet) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fleet.npz"
        fleet.save(path)
        again = Fleet.load(path)
    same(again.columns()["cell_memory_used"].tolist(), "save")
    read_check(again)
    read_hostinfo(again)


def read_arrow(fleet: Fleet) -> None:
    table = pyarrow.table(fleet)
    cells = table.column("cells").to_pylist()
    same([cell["memory_usage"] for row in cells for cell in row], "Arrow")
    for pool in (pool for row in table.column("pci_pools").to_pylist() for pool in row):
        same([pool["count"], len(set(pool["devices"]))], "Arrow")
    read_hostinfo(Fleet.from_arrow(table))


def read_explain(fleet: Fleet) -> None:
    refusal = fleet.explain(whole(), 0)
    if refusal is None:
        return  # nobody is there
    same([(c.reason, c.wanted, c.available) for c in refusal.cells], "explain")
    first = refusal.cells[0]
    same([(refusal.reason, refusal.available), (first.reason, first.available)], "explain")


def read_supports_pci(fleet: Fleet) -> None:
    found = fleet.supports_pci([PciRequest(1, VENDOR, "preferred")], 0)
    if found:
        count = sum(pool.count for pool in found.pools_after)
        if count % 4 != 3 or count != sum(len(pool.devices) for pool in found.pools_after):
            raise Torn(f"supports_pci: {found.pools_after}")


def read_scan(fleet: Fleet) -> None:
    fleet.scan(asking())
    if fleet.capacity(asking())[0] > 4:
        raise Torn("capacity: more than the host has")


READERS: list[Callable[[Fleet], None]] = [
    read_hostinfo,
    read_usage,
    read_pools,
    read_columns,
    read_c_columns,
    read_check,
    read_saved,
    read_arrow,
    read_explain,
    read_supports_pci,
    read_scan,
]


def claimer(fleet: Fleet, prepared: Any, hosts: int) -> Callable[[], None]:
    def claim_and_release() -> None:
        try:
            placements = [fleet.fit_on(prepared, host) for host in range(hosts)]
            claims = fleet.claim_all(placements) if all(placements) else []
        except StalePlacement:
            return
        for claim in claims:
            if any(len(set(drawn.devices)) != drawn.count for drawn in claim.pci):
                raise Torn(f"claim: {claim.pci}")
        fleet.release(claims)

    return claim_and_release


class Library:
    """churn.c, built against the installed header: threads that know no Python."""

    def __init__(self, folder: Path) -> None:
        built = folder / "churn.so"
        source = Path(__file__).parent / "churn.c"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", f"-I{numafit.get_include()}",
             str(source), "-o", str(built), "-lpthread"],
            check=True,
        )  # fmt: skip
        self._with_gil, self._without = ctypes.PyDLL(str(built)), ctypes.CDLL(str(built))
        for name in ("churn_start", "churn_hold"):
            getattr(self._with_gil, name).restype = ctypes.c_void_p
        self._without.churn_stop.restype = ctypes.c_long
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        names = [name for name in vars(engine) if name.startswith("nf_api_")]
        assert len(names) == 1
        self._table = pointer(getattr(engine, names[0]), f"numafit._engine.{names[0]}".encode())

    def _call(self, name: str, *words: Any) -> Any:
        given = [ctypes.c_uint32(w) if isinstance(w, int) else ctypes.py_object(w) for w in words]
        return getattr(self._with_gil, name)(ctypes.c_void_p(self._table), *given)

    def start(self, fleet: Any, prepared: Any, hosts: int) -> Any:
        """A thread that claims and releases until ``stop`` says how often it did."""
        started = self._call("churn_start", fleet, prepared, hosts)
        assert started
        return ctypes.c_void_p(started)

    def stop(self, started: Any) -> int:
        return int(self._without.churn_stop(started))

    def hold(self, fleet: Fleet, milliseconds: int) -> Any:
        """A thread that holds all locks of the fleet for so long, from now on."""
        return ctypes.c_void_p(self._call("churn_hold", fleet, milliseconds))

    def held(self, holding: Any) -> None:
        self._without.churn_held(holding)

    def locks(self, fleet: Fleet) -> tuple[int, int]:
        """How many the fleet has, and for how many hosts each."""
        return self._call("churn_locks", fleet), self._call("churn_hosts_per_lock", fleet)

    def taken(self, fleet: Fleet, prepared: Any) -> int:
        """How many calls did not refuse this request as one of another fleet."""
        return int(self._call("churn_foreign", fleet, prepared))
