"""Ctrl-C at every single step of a verb that changes a fleet: all of it has happened, or nothing.

A trace function raises KeyboardInterrupt before the n-th operation that Python runs for a verb, for
each n; of verbs that take many operations, before NUMAFIT_OPERATIONS of them (default: 60), at
random. Python itself does so between some of them.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from numafit import Fleet, Request
from numafit.claims import Claim
from tests.faults import worlds
from tests.faults.fleets import make_fleet, make_request, state

OPERATIONS = int(os.environ.get("NUMAFIT_OPERATIONS", "60"))


class Interrupt:
    """Raises KeyboardInterrupt before the n-th operation in numafit's files; ``left`` stays above 0
    where there were fewer."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        name = frame.f_code.co_filename
        if "numafit" not in name or "tests" in name:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def interrupted(interrupt: Interrupt, verb: Callable[[], object]) -> bool:
    """Whether the verb ended with the interrupt, and not before it."""
    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        verb()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


World = tuple[Fleet, list[Claim], Callable[[], object]]


def claim(devices: bool) -> World:
    fleet = make_fleet(devices)
    return fleet, [], lambda: fleet.claim(make_request(), host=1)


def claim_all(devices: bool) -> World:
    fleet = make_fleet(devices)
    wanted = fleet.fit(make_request())
    return fleet, [], lambda: fleet.claim_all(wanted)


def schedule(devices: bool) -> World:
    fleet = make_fleet(devices)
    return fleet, [], lambda: next(fleet.schedule([make_request()], choose="pack"))


def release(devices: bool) -> World:
    fleet = make_fleet(devices)
    held = fleet.claim_all(fleet.fit(make_request()))
    return fleet, held, lambda: fleet.release(held)


@pytest.mark.parametrize("devices", [False, True])
@pytest.mark.parametrize("make", [claim, claim_all, schedule, release])
def test_an_interrupt_leaves_the_state_before_or_after(
    make: Callable[[bool], World], devices: bool
) -> None:
    fleet, held, verb = make(devices)
    before = state(fleet)
    verb()
    after = state(fleet)
    assert before != after
    found: Counter[str] = Counter()
    for n in range(1, 10_000):
        fleet, held, verb = make(devices)
        if not interrupted(Interrupt(n), verb):
            break
        now = state(fleet)
        assert fleet.check() is None
        assert now in (before, after), f"half a change at operation {n}"
        found["before" if now == before else "after"] += 1
        for one in held if now == before else []:
            fleet.release(one)  # a claim that was not given back still can be
    assert found["before"] > 50, "hardly anything was interrupted"


# journals, and files that Ctrl-C meets between opening and first use, are closed by the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", worlds.WORLDS)
def test_an_interrupt_leaves_each_host_and_claim_as_before_or_after(
    name: str, tmp_path: Path
) -> None:
    """And the verb can be asked again."""
    worlds.WORLDS[name](tmp_path).verb()  # whatever it does the first time only
    world = worlds.WORLDS[name](tmp_path)
    before, counter = worlds.state(world), Interrupt(-1)
    interrupted(counter, world.verb)
    after, operations = worlds.state(world), -1 - counter.left
    assert operations > 500
    assert worlds.fault(world) is None
    tried = sorted(random.Random(5).sample(range(1, operations), min(OPERATIONS, operations - 1)))
    found: Counter[str] = Counter()
    for n in tried:
        world = worlds.WORLDS[name](tmp_path)
        assert interrupted(Interrupt(n), world.verb)
        now = worlds.state(world)
        assert now in (before, after), f"half a change at operation {n}"
        assert worlds.fault(world) is None, f"at operation {n}"
        found["before" if now == before else "after"] += 1
        if now == before != after:
            world.verb()
            assert worlds.state(world) == after, f"another change after operation {n}"
            assert worlds.fault(world) is None, f"after operation {n}"
    assert found["before"] > OPERATIONS / 4


def test_a_stream_that_is_interrupted_goes_on() -> None:
    def requests() -> Iterator[Request]:
        yield make_request()
        raise KeyboardInterrupt

    fleet = make_fleet(devices=True)
    got: list[Claim | None] = []
    with pytest.raises(KeyboardInterrupt):
        got += fleet.schedule(requests())
    stream = fleet.schedule([make_request()] * 7)
    taken = [one for one in stream if one is not None]
    assert len(taken) == 5  # of the six places one is taken by the first stream
    assert fleet.check() is None
