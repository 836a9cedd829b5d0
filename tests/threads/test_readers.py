"""Readers beside claimers: each sees a claim whole or not at all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from numafit import Fleet
from tests.threads.world import (
    READERS,
    SECONDS,
    Library,
    asking,
    claimer,
    host,
    read_arrow,
    read_c_columns,
    read_columns,
    read_saved,
)


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
