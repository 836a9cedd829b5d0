"""What if this guest leaves? A fork gives back what was held when it was made, in itself alone."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from numafit import Claim, Fleet, Host, MisuseError
from tests.unit.travelling import REQUEST, make_fleet, make_host


@pytest.fixture
def fleet() -> Fleet:
    return make_fleet(4)


def test_a_guest_leaves_in_the_fork_alone(fleet: Fleet) -> None:
    before = list(fleet.hostinfos())
    claims = [fleet.claim(REQUEST, host) for host in (0, 0, 2)]
    held = list(fleet.hostinfos())
    fork = fleet.fork()
    fork.release(claims[0])
    assert fork.capacity(REQUEST).tolist() == [1, 2, 1, 2]
    assert fleet.capacity(REQUEST).tolist() == [0, 2, 1, 2]
    fork.release(claims[1:])
    assert list(fork.hostinfos()) == before
    assert list(fleet.hostinfos()) == held
    assert fork.check() is None
    assert [claim.state for claim in claims] == ["held"] * 3
    assert fork.claim(REQUEST, 0).pci[0].devices == claims[0].pci[0].devices
    fleet.release(claims)
    assert list(fleet.hostinfos()) == before


def test_each_leaves_once(fleet: Fleet) -> None:
    one, other = fleet.claim(REQUEST, 0), fleet.claim(REQUEST, 1)
    fork = fleet.fork()
    fork.release(one)
    for again in (one, [other, one]):
        with pytest.raises(MisuseError, match="it was released before"):
            fork.release(again)
    assert fork.capacity(REQUEST).tolist() == [2, 1, 2, 2]
    fork.release(other)
    assert fork.capacity(REQUEST).tolist() == [2, 2, 2, 2]
    third = fleet.fork()
    third.release([one, other])
    with pytest.raises(MisuseError):
        third.release([one, one])


def test_what_was_not_held_when_the_fork_was_made(fleet: Fleet) -> None:
    given = fleet.claim(REQUEST, 0)
    fleet.release(given)
    kept = fleet.claim(REQUEST, 0)
    fork = fleet.fork()
    later = fleet.claim(REQUEST, 1)
    fleet.release(kept)
    for claim in (given, later):
        with pytest.raises(MisuseError, match="not held when the fork was made"):
            fork.release(claim)
    with pytest.raises(MisuseError, match="not held"):
        fork.release([kept, later])
    fork.release(kept)  # which the fork still has
    assert fork.capacity(REQUEST).tolist() == [2] * 4
    assert fleet.capacity(REQUEST).tolist() == [2, 1, 2, 2]


def test_forks_of_forks_know_what_left_on_the_way(fleet: Fleet) -> None:
    first, second = fleet.claim(REQUEST, 0), fleet.claim(REQUEST, 0)
    fork = fleet.fork()
    fork.release(first)
    own = fork.claim(REQUEST, 1)
    deep = fork.fork().fork()
    with pytest.raises(MisuseError, match="released before"):
        deep.release(first)
    deep.release([second, own])
    assert deep.capacity(REQUEST).tolist() == [2] * 4
    assert fork.capacity(REQUEST).tolist() == [1, 1, 2, 2]
    with pytest.raises(MisuseError, match="another host or fleet"):
        fleet.release(own)
    fork.release([second, own])
    assert fork.capacity(REQUEST).tolist() == [2] * 4


def test_a_fork_of_another_fleet_does_not_know_the_claim(fleet: Fleet) -> None:
    claim = fleet.claim(REQUEST, 0)
    for other in (make_fleet(4), make_fleet(4).fork()):
        with pytest.raises(MisuseError, match="another host or fleet"):
            other.release(claim)


def test_hosts_too() -> None:
    host = Host(make_host(1))
    claim = host.claim(REQUEST)
    fork = host.fork()
    fork.release(claim)
    assert (host.capacity(REQUEST), fork.capacity(REQUEST)) == (1, 2)


def test_the_fork_outlives_the_fleet_and_leaves_nothing(fleet: Fleet) -> None:
    mine = make_fleet(2)
    claim = mine.claim(REQUEST, 0)
    fork = mine.fork()
    engine = weakref.ref(fork._engine)
    del mine
    gc.collect()
    fork.release(claim)
    assert fork.capacity(REQUEST).tolist() == [2, 2]
    gc.disable()
    try:
        del fork
        assert engine() is None
    finally:
        gc.enable()


def refused(fork: Fleet, claim: Claim) -> str | None:
    try:
        fork.release(claim)
    except MisuseError as error:
        return str(error)
    return None


def test_beside_threads_that_claim_a_fork_knows_what_it_has(fleet: Fleet) -> None:
    """Whatever the fork says it holds can leave, and it is empty then."""
    stop, failed, made = threading.Event(), [], []

    def work() -> None:
        try:
            while not stop.is_set():
                claim = fleet.claim(REQUEST, 0)
                made.append(claim)
                fleet.release(claim)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    seen = set()
    try:
        for _ in range(300):
            fork = fleet.fork()
            known = made[-3:]
            left = 0
            for claim in known:
                if (why := refused(fork, claim)) is None:
                    left += 1
                elif "while the fork was made" in why:
                    left += 9
                else:
                    assert "not held when the fork was made" in why
            if left < 9:
                # the last claim may not have been in the list yet
                assert fork.capacity(REQUEST)[0] in (1, 2)
                if left:
                    assert fork.capacity(REQUEST)[0] == 2
            seen.add(left)
            del made[:-3]
    finally:
        stop.set()
        thread.join()
    assert not failed
    assert fleet.capacity(REQUEST)[0] == 2
    assert 0 in seen
