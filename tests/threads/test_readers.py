"""Readers beside claimers: each sees a claim whole or not at all.

Every claim takes the same of every cell, so usage that differs between cells is one state by half
and the next by half. NUMAFIT_SECONDS says how long each of the tests runs (default: 2).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

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


def asking(cells: int = CELLS) -> Request:
    guest = tuple(
        GuestCell((), range(4 * g, 4 * g + 4), 64, None, "dedicated") for g in range(cells)
    )
    return Request(GuestTopology(guest), pci=[PciRequest(4, VENDOR, "preferred")])


class Torn(Exception):
    pass


def same(values: Iterator[Any] | list[Any], what: str) -> None:
    found = set(values)
    if len(found) > 1:
        raise Torn(f"{what}: {sorted(found)}")


def read_hostinfo(fleet: Fleet) -> None:
    info = fleet.hostinfo(0)
    same([(c.memory_usage, len(c.pinned_cpus)) for c in info.cells], "hostinfo")
    (pool,) = info.pci_pools or (None,)
    taken = info.cells[0].memory_usage // 64 * 4
    left = 0 if pool is None else pool.count
    if left + taken != 16 or (pool is not None and len(pool.devices) != pool.count):
        raise Torn(f"hostinfo: {left} devices left, {taken} taken")


def read_usage(fleet: Fleet) -> None:
    cells = fleet.usage(0)
    same([(c["memory_usage"], len(c["pinned_cpus"])) for c in cells], "usage")


def read_pools(fleet: Fleet) -> None:
    for pool in fleet.pools(0):
        if pool.count % 4 or len(pool.devices) != pool.count:
            raise Torn(f"pools: {pool.count} devices")


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


def read_arrow(fleet: Fleet) -> None:
    table = pyarrow.table(fleet)
    cells = table.column("cells").to_pylist()
    same([cell["memory_usage"] for row in cells for cell in row], "Arrow")


def read_answers(fleet: Fleet) -> None:
    large = asking()
    refusal = fleet.explain(
        Request(GuestTopology((GuestCell((), range(99), 1, None, "dedicated"),))), 0
    )
    if refusal is None:
        raise Torn("explain: it fits")
    fleet.scan(large)
    fleet.supports_pci([PciRequest(1, VENDOR, "preferred")], 0)


READERS: list[Callable[[Fleet], None]] = [
    read_hostinfo,
    read_usage,
    read_pools,
    read_columns,
    read_c_columns,
    read_check,
    read_saved,
    read_arrow,
    read_answers,
]


def run(fleet: Fleet, claimers: list[Callable[[], None]], readers: list[Any]) -> Counter[str]:
    """Everybody for SECONDS; how often each reader read."""
    stop, failed, reads = threading.Event(), [], Counter[str]()

    def again_and_again(work: Callable[[], None], name: str) -> None:
        try:
            while not stop.is_set():
                work()
                reads[name] += 1
        except BaseException as error:
            failed.append(error)
            stop.set()

    threads = [threading.Thread(target=again_and_again, args=(c, "claims")) for c in claimers]
    for some in (readers[0::4], readers[1::4], readers[2::4], readers[3::4]):

        def read(some: list[Any] = some) -> None:
            for reader in some:
                reader(fleet)
                reads[reader.__name__] += 1

        threads.append(threading.Thread(target=again_and_again, args=(read, "rounds")))
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    assert not failed, failed[0]
    assert fleet.check() is None
    return reads


def claimer(fleet: Fleet, prepared: Any, hosts: int) -> Callable[[], None]:
    def claim_and_release() -> None:
        try:
            placements = [fleet.fit_on(prepared, host) for host in range(hosts)]
            claims = fleet.claim_all(placements) if all(placements) else []
        except StalePlacement:
            return
        fleet.release(claims)

    return claim_and_release


@pytest.mark.parametrize("hosts", [1, 2])
def test_readers_beside_python_threads_that_claim(hosts: int) -> None:
    fleet = Fleet([host(f"h{n}") for n in range(hosts)])
    prepared = fleet.prepare(asking())
    readers = READERS if hosts == 1 else [read_columns, read_c_columns, read_saved, read_arrow]
    reads = run(fleet, [claimer(fleet, prepared, hosts) for _ in range(4)], readers)
    assert reads["claims"] > 20
    assert all(reads[reader.__name__] for reader in readers), reads
    print(dict(reads))
    assert fleet.columns()["cell_memory_used"].sum() == 0


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
        self._with_gil.churn_start.restype = ctypes.c_void_p
        self._without.churn_stop.restype = ctypes.c_long
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        names = [name for name in vars(engine) if name.startswith("nf_api_")]
        assert len(names) == 1
        self._table = pointer(getattr(engine, names[0]), f"numafit._engine.{names[0]}".encode())

    def start(self, fleet: Fleet, prepared: Any, hosts: int) -> Any:
        started = self._with_gil.churn_start(
            ctypes.c_void_p(self._table),
            ctypes.py_object(fleet),
            ctypes.py_object(prepared),
            ctypes.c_uint32(hosts),
        )
        assert started
        return ctypes.c_void_p(started)

    def stop(self, started: Any) -> int:
        return int(self._without.churn_stop(started))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("churn"))


@pytest.mark.parametrize("hosts", [1, 2])
def test_readers_beside_c_threads_that_claim(library: Library, hosts: int) -> None:
    fleet = Fleet([host(f"h{n}") for n in range(hosts)])
    prepared = fleet.prepare(asking())
    readers = READERS if hosts == 1 else [read_columns, read_c_columns, read_saved, read_arrow]
    started = [library.start(fleet, prepared, hosts) for _ in range(2)]
    try:
        reads = run(fleet, [claimer(fleet, prepared, hosts) for _ in range(2)], readers)
    finally:
        claims = [library.stop(one) for one in started]
    assert min(claims) > 100, claims
    print(claims, dict(reads))
    assert fleet.check() is None
    assert fleet.columns()["cell_memory_used"].sum() == 0


def test_the_table_refuses_what_is_no_fleet_of_its_own(library: Library) -> None:
    fleet = Fleet([host("h")])
    with pytest.raises(numafit.MisuseError, match="expected a Fleet or a Host"):
        library.start(3, fleet.prepare(asking()), 1)  # type: ignore[arg-type]
    with pytest.raises(numafit.MisuseError, match="expected what prepare"):
        library.start(fleet, asking(), 1)


def test_a_request_prepared_for_another_fleet_is_refused() -> None:
    fleet, other = Fleet([host("h")]), Fleet([host("h")])
    prepared = other.prepare(asking())
    verbs: list[Callable[[], Any]] = [
        lambda: fleet.scan(prepared),
        lambda: fleet.capacity(prepared),
        lambda: fleet.fit_on(prepared, 0),
        lambda: fleet.claim(prepared, host=0),
        lambda: next(iter(fleet.schedule([prepared]))),
    ]
    for verb in verbs:
        with pytest.raises(numafit.MisuseError, match="prepared for another fleet"):
            verb()


def test_a_long_call_lets_other_threads_run() -> None:
    fleet = Fleet([host("h")])
    cell = GuestCell((), range(2), 8, None, "dedicated")
    request = Request(GuestTopology((cell,)), pci=[PciRequest(1, VENDOR, "preferred")])
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    fleet.capacity(request, hosts=[0] * 20_000)  # each by placing guests on a copy
    end = time.perf_counter()
    done.set()
    ticker.join()
    assert end - start > 0.05, "too short to say anything"
    assert sum(start < t < end for t in ticks) > 5
