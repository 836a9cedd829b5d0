"""Ctrl-C in the middle of each verb over many hosts: it ends within a blink, and the fleet is what
it was. NUMAFIT_HOSTS says how many hosts (default: 1500), NUMAFIT_INTERRUPTS how often (3)."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest

from numafit import Fleet, GuestCell, GuestTopology, HostCell, HostInfo, PagePool, Request
from tests.faults.fleets import nova_row, state

HOSTS = int(os.environ.get("NUMAFIT_HOSTS", "1500"))
TIMES = int(os.environ.get("NUMAFIT_INTERRUPTS", "3"))
AT_MOST = 2.0
"""Seconds from the signal to the exception; 0.05 at 100,000 hosts on a machine with nothing else
to do."""

Verb = Callable[[], object]


def info(n: int) -> HostInfo:
    cells = tuple(
        HostCell(
            cell,
            frozenset(),
            frozenset(range(24 * cell, 24 * cell + 24)),
            1 << 17,
            siblings=tuple(frozenset({24 * cell + k, 24 * cell + 12 + k}) for k in range(12)),
            page_pools=(PagePool(4, 1 << 24), PagePool(2048, 1 << 14)),
        )
        for cell in range(2)
    )
    return HostInfo(cells, f"h{n}")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    few = [info(n) for n in range(100)]
    return Fleet(few[n % 100] for n in range(HOSTS))


def guest(cells: int) -> Request:
    return Request(
        GuestTopology(
            tuple(GuestCell((), {2 * c, 2 * c + 1}, 512, None, "dedicated") for c in range(cells))
        )
    )


VERBS = "scan fit capacity mix schedule check columns save load to_arrow from_arrow rows build"


@pytest.fixture(params=VERBS.split())
def verb(request: pytest.FixtureRequest, fleet: Fleet, tmp_path: Path) -> Verb:
    one, two = guest(1), guest(2)
    saved, table, rows = tmp_path / "a.npz", pyarrow.table(fleet), list(map(nova_row, range(500)))
    fleet.save(saved)
    verbs: dict[str, Verb] = {
        "scan": lambda: [fleet.scan(two) for _ in range(400)],
        "fit": lambda: [fleet.fit(two) for _ in range(300)],
        "capacity": lambda: [fleet.capacity(two) for _ in range(20)],
        "mix": lambda: fleet.capacity([one, two], cap=20),
        "schedule": lambda: [fleet.release(c) for c in fleet.schedule([two] * 300, "pack") if c],
        "check": lambda: [fleet.check() for _ in range(100)],
        "columns": lambda: [fleet.columns() for _ in range(100)],
        "save": lambda: fleet.save(tmp_path / "b.npz"),
        "load": lambda: Fleet.load(saved),
        "to_arrow": lambda: pyarrow.table(fleet),
        "from_arrow": lambda: Fleet.from_arrow(table),
        "rows": lambda: Fleet.from_nova_rows(rows[n % 500] for n in range(HOSTS)),
        "build": lambda: Fleet(fleet.hostinfos()),
    }
    return verbs[request.param]


# a file that Ctrl-C meets between its opening and its first use is closed by the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_ends_each_verb_and_leaves_the_fleet(
    verb: Verb, fleet: Fleet, tmp_path: Path
) -> None:
    before = state(fleet)
    verb()  # whatever takes time once
    start = time.perf_counter()
    verb()
    whole = time.perf_counter() - start
    rng = random.Random(1)
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupted = 0
    try:
        for _ in range(TIMES):
            wait = max(0.0005, rng.uniform(0, whole / 2))
            due = time.perf_counter() + wait
            signal.setitimer(signal.ITIMER_REAL, wait)
            try:
                verb()
                signal.setitimer(signal.ITIMER_REAL, 0)
                whole /= 8  # others had the processor when it was measured
            except KeyboardInterrupt:
                interrupted += 1
                assert time.perf_counter() - due < AT_MOST
            assert fleet.check() is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert interrupted
    # of a stream, one claim may have been taken as the last thing before each end
    if "schedule" not in os.environ["PYTEST_CURRENT_TEST"]:
        assert state(fleet) == before
    if (tmp_path / "b.npz").exists():
        fleet.save(tmp_path / "b.npz")  # removes what an interrupted one left
        assert len(Fleet.load(tmp_path / "b.npz")) == HOSTS
    assert not list(tmp_path.glob(".*draft"))
