"""A claim is given back or was lost, whoever replaces or removes its host at that moment: it is
never one that the host does not have, and that is held nevertheless."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from numafit import Fleet, GuestCell, GuestTopology, MisuseError, Request, StalePlacement
from numafit.model.hostinfo import HostCell, HostInfo, PciPool

SECONDS = 1.5
REQUEST = Request(GuestTopology((GuestCell((), range(2), 8, None, "dedicated"),)))
HOST = HostInfo((HostCell(0, frozenset(), frozenset(range(8)), 4096),), name="h")
FULL = HostInfo((replace(HOST.cells[0], pinned_cpus=frozenset(range(8))),), name="h")
DEVICES = (PciPool("8086", "1889", 0, 1, {}, ("0000:01:00.0",)),)


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """Threads take turns after 10 us."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("host", [HOST, replace(HOST, pci_pools=DEVICES)], ids=["pins", "devices"])
def test_a_release_beside_changes(host: HostInfo) -> None:
    fleet = Fleet([host])
    done = threading.Event()
    failed: list[BaseException] = []
    given, refused = [0, 0], list[str]()

    def change() -> None:
        while not done.is_set():
            fleet.replace(0, host, claims="on top")
            fleet.replace(0, FULL, claims="on top")
            fleet.remove(0)

    def take_and_give(which: int) -> None:
        try:
            while not done.is_set():
                claims = []
                with suppress(StalePlacement):  # of one that was fitted to the host of before
                    claims.append(fleet.claim(REQUEST, 0))
                time.sleep(0.0002)  # until the host is another
                for claim in claims:
                    try:
                        fleet.release(claim)
                        given[which] += 1
                    except MisuseError as error:
                        refused.append(str(error))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=change)]
    threads += [threading.Thread(target=take_and_give, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    # on a busy machine it may take longer until both have happened
    while time.monotonic() < end or not ((sum(given) and refused) or time.monotonic() > end + 20):
        time.sleep(0.05)
    done.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert sum(given) > 0
    assert set(refused) == {"claim: it was lost when its host changed"}
    assert not fleet.claims()
    assert fleet.check() is None
