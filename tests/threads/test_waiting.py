"""Who waits for a lock of the engine lets others run; hosts have locks enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from numafit import Fleet, GuestCell, GuestTopology, Host, PciRequest, Placement, Request
from tests.threads.world import VENDOR, Library, asking, host, whole

HELD_MS = 60

Verb = Callable[[Fleet], Any]


def adopted(fleet: Fleet) -> Any:
    made = Host(fleet.hostinfo(0)).fit(asking())
    assert isinstance(made, Placement)
    elsewhere = Placement(made.cells, pci_requests=made.pci_requests)
    return lambda: fleet.claim(elsewhere, 0)


def claimed(fleet: Fleet) -> Any:
    return fleet.claim(asking(), 0)


# what is made before the locks are held, and what is called then
VERBS: dict[str, tuple[Verb, Callable[[Fleet, Any], Any]]] = {
    "hostinfo": (len, lambda fleet, _: fleet.hostinfo(0)),
    "hostinfos": (len, lambda fleet, _: list(fleet.hostinfos())),
    "usage": (len, lambda fleet, _: fleet.usage(0)),
    "pools": (len, lambda fleet, _: fleet.pools(0)),
    "columns": (len, lambda fleet, _: fleet.columns()),
    "c_columns": (len, lambda fleet, _: fleet.c_columns()),
    "check": (len, lambda fleet, _: fleet.check()),
    "save": (len, lambda fleet, _: fleet.save("/dev/null/nothing")),
    "arrow": (len, lambda fleet, _: pyarrow.table(fleet)),
    "scan": (len, lambda fleet, _: fleet.scan(asking())),
    "capacity": (len, lambda fleet, _: fleet.capacity(asking())),
    "mix": (len, lambda fleet, _: fleet.capacity([asking(), whole()])),
    "fit": (len, lambda fleet, _: fleet.fit_on(asking(), 0)),
    "explain": (claimed, lambda fleet, _: fleet.explain(whole(), 0)),
    "supports_pci": (
        len,
        lambda fleet, _: fleet.supports_pci([PciRequest(1, VENDOR, "preferred")], 0),
    ),
    "claim": (lambda fleet: fleet.fit_on(asking(), 0), lambda fleet, made: fleet.claim(made)),
    "claim_all": (lambda fleet: fleet.fit(asking()), lambda fleet, made: fleet.claim_all(made)),
    "adopt": (adopted, lambda _fleet, made: made()),
    "release": (claimed, lambda fleet, made: fleet.release(made)),
    "schedule": (len, lambda fleet, _: next(iter(fleet.schedule([asking()])))),
}


class Ticker:
    """A thread that needs the GIL, and notes when it had it."""

    def __enter__(self) -> Ticker:
        self._done = threading.Event()
        self._times: list[float] = []
        self._thread = threading.Thread(target=self._tick)
        self._thread.start()
        return self

    def _tick(self) -> None:
        while not self._done.is_set():
            self._times.append(time.perf_counter())
            time.sleep(0.001)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def between(self, start: float, end: float) -> int:
        return sum(start < at < end for at in self._times)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_waits_for_a_lock_lets_other_threads_run(
    library: Library, verb: str, tmp_path: Path
) -> None:
    fleet = Fleet([host("h0"), host("h1")])
    before, call = VERBS[verb]
    if verb == "save":
        call = lambda fleet, _: fleet.save(tmp_path / "fleet.npz")  # noqa: E731
    made = before(fleet)
    with Ticker() as ticker:
        holding = library.hold(fleet, HELD_MS)
        start = time.perf_counter()
        call(fleet, made)
        end = time.perf_counter()
        library.held(holding)
    assert end - start > HELD_MS / 2000, "it took no lock"
    assert ticker.between(start, end) > 5
    assert fleet.check() is None


def test_a_long_call_lets_other_threads_run() -> None:
    fleet = Fleet([host("h")])
    cell = GuestCell((), range(2), 8, None, "dedicated")
    request = Request(GuestTopology((cell,)), pci=[PciRequest(1, VENDOR, "preferred")])
    with Ticker() as ticker:
        start = time.perf_counter()
        fleet.capacity(request, hosts=[0] * 20_000)  # each by placing guests on a copy
        end = time.perf_counter()
    assert end - start > 0.05, "too short to say anything"
    assert ticker.between(start, end) > 5


@pytest.mark.parametrize(
    ("hosts", "expected"), [(1, (1, 64)), (64, (1, 64)), (65, (2, 64)), (25_600, (256, 100))]
)
def test_hosts_are_spread_over_the_locks(
    library: Library, hosts: int, expected: tuple[int, int]
) -> None:
    assert library.locks(Fleet([host("h")] * hosts)) == expected
