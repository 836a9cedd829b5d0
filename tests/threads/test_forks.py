"""A child process gets the fleet of one moment, with nothing locked, whoever claims meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
import warnings

from numafit import Fleet
from tests.threads.world import READERS as ALL
from tests.threads.world import SECONDS, Library, asking, claimer, host, read_arrow, read_saved

READERS = [reader for reader in ALL if reader not in (read_arrow, read_saved)]


def child(fleet: Fleet, other: Fleet) -> None:
    """Look at everything, claim, and end; by the alarm if something hangs."""
    signal.alarm(30)
    status = 1
    try:
        for some in (fleet, other):
            for _round in range(2):
                for reader in READERS:
                    reader(some)
            before = some.usage(0)
            if (claim := next(iter(some.schedule([asking()])))) is not None:
                some.release(claim)
            assert some.usage(0) == before
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def test_a_fork_beside_threads_that_claim(library: Library) -> None:
    fleet, other = Fleet([host("h0"), host("h1")]), Fleet([host("h")])
    prepared = fleet.prepare(asking())
    started = [library.start(fleet, prepared, 2) for _ in range(2)]
    stop, failed = threading.Event(), []

    def work(claim_and_release: object) -> None:
        try:
            while not stop.is_set():
                claim_and_release()  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)

    claimers = [claimer(fleet, prepared, 2), claimer(other, other.prepare(asking()), 1)]
    threads = [threading.Thread(target=work, args=(one,)) for one in claimers]
    for thread in threads:
        thread.start()
    statuses = []
    end = time.monotonic() + SECONDS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads
        while not any(statuses) and (time.monotonic() < end or len(statuses) < 20):
            if (pid := os.fork()) == 0:
                child(fleet, other)
            statuses.append(os.waitpid(pid, 0)[1])
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    assert min(library.stop(one) for one in started) > 0
    assert not failed, failed[0]
    assert not any(statuses), statuses
    assert [fleet.check(), other.check()] == [None, None]
    print(len(statuses), "forks")
