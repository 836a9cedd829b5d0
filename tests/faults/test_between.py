"""Ctrl-C at every single step of a verb that changes a fleet: all of it has happened, or nothing.

A trace function raises KeyboardInterrupt before the n-th operation that Python runs for a verb, for
each n; of verbs that take many operations, before NUMAFIT_OPERATIONS of them (default: 60), at
random; and once more, or often, while the verb ends what the first one met. Python itself does so
between some of them.
"""

from __future__ import annotations

import dis
import gc
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from numafit import Fleet, Request
from numafit.claims import Claim
from tests.faults import worlds
from tests.faults.fleets import make_fleet, make_request, state

OPERATIONS = int(os.environ.get("NUMAFIT_OPERATIONS", "60"))


LOOKING = {"RESUME", "JUMP_BACKWARD", "CALL", "CALL_KW", "CALL_FUNCTION_EX"}
"""After these Python looks for signals, and raises what comes of it as if they had."""


class Interrupt:
    """Raises KeyboardInterrupt before the n-th operation in numafit's files, and then before those
    that come so many after the one before; ``left`` stays above 0 where there were fewer.

    Of those operations count, unless it is ``anywhere``, that Python itself may raise it before: a
    lock is given back only after those."""

    def __init__(self, n: int, *then: int, anywhere: bool = False) -> None:
        self.left = n
        self.then = list(then)
        self.anywhere = anywhere
        self.last: dict[FrameType, int] = {}
        self.raised = 0

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not _ours(frame):
            return None
        frame.f_trace_opcodes = True
        if event == "return":
            self.last.pop(frame, None)
        if event == "opcode" and (self._looks(frame) or self.anywhere):
            self.left -= 1
            if self.left == 0:
                self.raised += 1
                if self.then:
                    self.left = self.then.pop(0)
                raise KeyboardInterrupt
        return self

    def _looks(self, frame: FrameType) -> bool:
        last, self.last[frame] = self.last.get(frame), frame.f_lasti
        names, handlers = _read(frame.f_code)
        return (
            last is not None
            and names[last] in LOOKING
            and handlers.get(last) == handlers.get(frame.f_lasti)
        )

    def go_on(self, frame: FrameType, _event: str, _arg: object) -> None:
        """A profile function: Python drops a trace function that has raised."""
        if self.raised and sys.gettrace() is None and self.left > 0:
            now: FrameType | None = frame
            while now is not None:
                if _ours(now):
                    now.f_trace, now.f_trace_opcodes = self, True
                now = now.f_back
            sys.settrace(self)


@cache
def _read(code: CodeType) -> tuple[dict[int, str], dict[int, int]]:
    """By offset: each operation's name, and where Python goes on if it raises."""
    names, handlers = {}, {}
    instructions = dis.Bytecode(code)
    for one in instructions:
        names[one.offset] = one.opname
        for entry in instructions.exception_entries:
            if entry.start <= one.offset < entry.end:
                handlers[one.offset] = entry.target
    return names, handlers


def _ours(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    if name.endswith("/contextlib.py"):
        return frame.f_back is not None and _ours(frame.f_back)
    return "/numafit/" in name and "/tests/" not in name


def interrupted(interrupt: Interrupt, verb: Callable[[], object]) -> bool:
    """Whether the verb ended with the interrupt, and not before it."""
    before = sys.gettrace(), sys.getprofile()
    sys.setprofile(interrupt.go_on)
    sys.settrace(interrupt)
    try:
        verb()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
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
        if not interrupted(Interrupt(n, anywhere=True), verb):
            break
        now = state(fleet)
        assert fleet.check() is None
        assert now in (before, after), f"half a change at operation {n}"
        found["before" if now == before else "after"] += 1
        for one in held if now == before else []:
            fleet.release(one)  # a claim that was not given back still can be
    assert found["before"] > 50, "hardly anything was interrupted"


@pytest.fixture
def collected() -> Iterator[None]:
    """Journals, and files that Ctrl-C meets between opening and first use, are closed by the
    collector, while nobody minds that they were open."""
    yield
    gc.collect()


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", worlds.WORLDS)
@pytest.mark.parametrize("anywhere", [False, True])
def test_an_interrupt_leaves_each_host_and_claim_as_before_or_after(
    name: str, anywhere: bool, tmp_path: Path
) -> None:
    """And the verb can be asked again."""
    worlds.WORLDS[name](tmp_path).verb()  # whatever it does the first time only
    world = worlds.WORLDS[name](tmp_path)
    before, counter = worlds.state(world), Interrupt(-1, anywhere=anywhere)
    interrupted(counter, world.verb)
    after, operations = worlds.state(world), -1 - counter.left
    few = name == "forget"  # one line of a journal, and no host
    assert operations > ((200 if few else 500) if anywhere else (20 if few else 50))
    assert worlds.fault(world) is None
    tried = sorted(random.Random(5).sample(range(1, operations), min(OPERATIONS, operations - 1)))
    found: Counter[str] = Counter()
    for n in tried:
        world = worlds.WORLDS[name](tmp_path)
        assert interrupted(Interrupt(n, anywhere=anywhere), world.verb)
        assert anywhere or not worlds.locked(world), f"a lock is held at operation {n}"
        now = worlds.state(world)
        assert now in (before, after), f"half a change at operation {n}"
        assert worlds.fault(world) is None, f"at operation {n}"
        found["before" if now == before else "after"] += 1
        if now == before != after:
            world.verb()
            assert worlds.state(world) == after, f"another change after operation {n}"
            assert worlds.fault(world) is None, f"after operation {n}"
    assert found["before"] > len(tried) / 4


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", worlds.WORLDS)
def test_interrupts_while_a_change_is_ended_or_undone_leave_it_before_or_after(
    name: str, tmp_path: Path
) -> None:
    """Ctrl-C is pressed again, up to eight times, while the first is dealt with."""
    worlds.WORLDS[name](tmp_path).verb()
    world = worlds.WORLDS[name](tmp_path)
    before, counter = worlds.state(world), Interrupt(-1)
    interrupted(counter, world.verb)
    after, operations = worlds.state(world), -1 - counter.left
    dice, found = random.Random(6), 0
    for n in dice.sample(range(1, operations), min(OPERATIONS * 4, operations - 1)):
        world = worlds.WORLDS[name](tmp_path)
        once = Interrupt(n, 1 << 60)
        assert interrupted(once, world.verb)
        more = (1 << 60) - once.left  # operations that were run after it
        found += more > 0
        for presses in (1, dice.randint(2, 7)) if more else ():
            world = worlds.WORLDS[name](tmp_path)
            interrupt = Interrupt(n, *(dice.randint(1, more) for _ in range(presses)))
            assert interrupted(interrupt, world.verb)
            assert interrupt.raised > 1
            what = f"at operation {n}, {interrupt.raised} times"
            assert not worlds.locked(world), f"a lock is held {what}"
            assert worlds.state(world) in (before, after), f"half a change {what}"
            assert worlds.fault(world) is None, what
        if found > OPERATIONS / 10:
            break
    # the last that those two do is what changes the engine
    assert found or before == after or name in ("adopt", "adopt_in_usage")


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
