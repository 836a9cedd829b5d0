"""Whoever holds an index, a claim or a stream over compact() goes on with the same hosts, or hears
of it: beside other threads, too."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import Fleet, Journal, MisuseError, Request, StalePlacement, filled
from numafit.rules import pci_filter
from tests.unit.test_prepared_lives import make_host, requests

SECONDS = 0.7  # of threads against each other


def fleet_of(names: str) -> Fleet:
    return Fleet(make_host(name) for name in names)


def request_of(name: str) -> Request:
    """For a device, of the host of this name alone."""
    return next(iter(requests(name)))


def units_of(name: str) -> Request:
    return list(requests(name))[1]


def compact_without(fleet: Fleet, name: str) -> None:
    fleet.remove(name)
    fleet.compact()


def test_a_claim_says_its_units_after_its_host_is_gone() -> None:
    fleet = fleet_of("ab")
    claim, released = (fleet.claim(units_of("b"), host=1) for _ in range(2))
    fleet.release(released)
    assert '"resources":{"CUSTOM_B":1}' in released.to_json()
    fleet.remove("b")
    assert claim.state == "lost"
    for one in (claim, released):
        assert '"resources":{"CUSTOM_B":1}' in one.to_json()
    fleet.compact()
    assert '"resources":{"CUSTOM_B":1}' in claim.to_json()


def test_a_released_claim_that_was_never_read_says_that_its_host_is_gone() -> None:
    fleet = fleet_of("ab")
    claim = fleet.claim(units_of("b"), host=1)
    fleet.release(claim)
    fleet.remove("b")
    with pytest.raises(StalePlacement, match="become another host"):
        claim.to_json()


def test_a_release_that_is_refused_is_not_in_the_journal(tmp_path: Path) -> None:
    fleet = fleet_of("ab")
    with Journal(tmp_path / "claims") as journal:
        fleet.adopt(journal)
        released, lost, held = (
            fleet.claim(units_of(name), host="ab".index(name)) for name in "bab"
        )
        fleet.release(released)
        fleet.remove("a")
        for claims in (released, lost, [held, released], [lost, held], [held, held]):
            with pytest.raises(MisuseError):
                fleet.release(claims)
            assert held.state == "held"
            (summed,) = journal.events(journal.position)
            assert [one.to_json() for one in summed.take.values()] == [held.to_json()]


def test_a_request_is_looked_up_in_the_numbers_of_one_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another thread compacts between two names of one request."""
    fleet = fleet_of("abc")
    look_up, waiting = pci_filter.providers, ["a"]

    def slow(*given: Any) -> Any:
        while waiting:
            compact_without(fleet, waiting.pop())
        return look_up(*given)

    monkeypatch.setattr(pci_filter, "providers", slow)
    ready = fleet.prepare(request_of("c"))
    assert not waiting
    assert fleet.scan(ready).tolist() == [False, True]
    assert fleet.scan(request_of("b")).tolist() == [True, False]


def test_a_stream_over_some_hosts_ends_when_they_have_other_indices() -> None:
    scores = np.array([0.0, 1.0, 2.0])
    for how in ({"hosts": [1, 2]}, {"choose": scores}):
        fleet = fleet_of("abc")
        stream = fleet.schedule([request_of("c")] * 2, **how)  # type: ignore[arg-type]
        first = next(stream)
        assert first is not None
        assert first.host_name == "c"
        compact_without(fleet, "a")
        with pytest.raises(StalePlacement, match="other indices"):
            next(stream)


def test_a_stream_over_all_hosts_goes_on_with_those_that_are_there() -> None:
    fleet = fleet_of("abc")
    stream = fleet.schedule(map(request_of, "cce"))
    assert [claim.host for claim in (next(stream),) if claim] == [2]
    compact_without(fleet, "a")
    assert [claim.host for claim in (next(stream),) if claim] == [1]
    fleet.add(make_host("e"))
    assert [claim.host_name for claim in (next(stream),) if claim] == ["e"]


def test_reading_hosts_one_by_one_ends_when_they_have_other_indices() -> None:
    fleet = fleet_of("abc")
    reading = fleet.hostinfos()
    assert next(reading).name == "a"
    compact_without(fleet, "b")
    with pytest.raises(StalePlacement, match="other indices"):
        next(reading)


def test_no_host_changes_while_a_mix_fills_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is written to where hosts stood when the call began."""
    fleet = fleet_of("ab")
    fill_mix, added = filled.fill_mix, threading.Event()
    other = threading.Thread(target=lambda: (fleet.add(make_host("c")), added.set()))

    def slow(*given: Any) -> None:
        other.start()
        assert not added.wait(0.2)
        fill_mix(*given)

    monkeypatch.setattr(filled, "fill_mix", slow)
    found = fleet.filled_mix([units_of("a"), units_of("b")], cap=3)
    other.join(10)
    assert added.is_set()
    assert [one.counts.tolist() for one in found] == [[3, 0], [0, 3]]


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns at every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def against_compact(fleet: Fleet, work: Callable[[], object]) -> None:
    """``work`` again and again in threads, while the fleet gets and loses a first host whose device
    and class are others each time, so that all is numbered anew."""
    failed: list[BaseException] = []
    ended = time.monotonic() + SECONDS

    def again() -> None:
        try:
            while time.monotonic() < ended:
                work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=again, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    while time.monotonic() < ended:
        for name in "abc":
            fleet.add(replace(make_host(name), name="x"))
            compact_without(fleet, "x")
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    if failed:
        raise failed[0]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("which", [0, 1])
def test_claims_beside_compact_are_held_or_not(which: int) -> None:
    """Of devices, under Python's lock, and of units, under the engine's alone."""
    fleet = fleet_of("def")
    begun = list(fleet.hostinfos())

    def work() -> None:
        for name in "def":
            try:
                claim = fleet.claim(list(requests(name))[which], host=fleet.index(name))
            except StalePlacement as error:
                assert "other indices" in str(error)  # noqa: PT017
                continue
            assert claim.host_name == name
            assert claim.state == "held"
            assert claim in fleet.claims()
            fleet.release(claim)

    against_compact(fleet, work)
    assert fleet.claims() == []
    assert fleet.check() is None
    assert list(fleet.hostinfos()) == begun


@pytest.mark.usefixtures("hurried")
def test_answers_about_all_hosts_beside_compact_are_of_one_moment() -> None:
    fleet = fleet_of("def")

    def work() -> None:
        for n, name in enumerate("def"):
            request = request_of(name)
            fits, counts = fleet.scan(request), fleet.capacity(request)
            assert fits[:3].tolist() == [n == k for k in range(3)]
            assert counts[:3].tolist() == [2 * (n == k) for k in range(3)]
            assert [found.host for found in fleet.fit(request)] == [n]

    against_compact(fleet, work)


@pytest.mark.usefixtures("hurried")
def test_a_refusal_beside_compact_is_of_its_host_or_there_is_none() -> None:
    fleet = fleet_of("def")

    def work() -> None:
        for host in range(4):
            try:
                found = fleet.fit_on(units_of("d"), host)
            except (MisuseError, StalePlacement) as error:
                assert host == 3 or "other indices" in str(error)  # noqa: PT017
                continue
            assert bool(found) == (host == 0)
            if host in (1, 2):
                assert "CUSTOM_D" in found.message  # type: ignore[union-attr]

    against_compact(fleet, work)
