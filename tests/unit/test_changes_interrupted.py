"""A change that Ctrl-C ends at any line is made or is not; nothing is left half done."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from numafit import Claim, Fleet, changing
from tests.unit.test_prepared_lives import make_host, requests

FOLDER = str(Path(changing.__file__).parent)
WITHIN = ("/changes.py", "/changing.py", "/names.py")
NAMES = "abcd"
Line = tuple[str, int]


def with_claims() -> tuple[Fleet, list[Claim]]:
    fleet = Fleet(map(make_host, NAMES))
    asked = [(host, one) for host, name in enumerate(NAMES) for one in list(requests(name))[:2]]
    return fleet, [fleet.claim(one, host=host) for host, one in asked]


def add(fleet: Fleet) -> None:
    fleet.add([make_host("e"), replace(make_host("f"), name="g")])


def another_in_place(fleet: Fleet) -> None:
    fleet.replace("b", replace(make_host("e"), name="g"))


def same_with_less(fleet: Fleet) -> None:
    fleet.replace("b", replace(make_host("b"), pci_pools=()), claims="on top")


def remove_and_compact(fleet: Fleet) -> None:
    fleet.remove(["a", "c"])
    fleet.compact()


def walked(change: Callable[[Fleet], None], at: tuple[Line, int] | None) -> tuple[Any, Any, Any]:
    """The fleet, its claims of before, and how often the change has come to each line; Ctrl-C comes
    when it is at this line for the so-maniest time."""
    fleet, claims = with_claims()
    seen: Counter[Line] = Counter()

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(FOLDER) or not file.endswith(WITHIN):
            return None
        if event == "line":
            line = (file, frame.f_lineno)
            seen[line] += 1
            if at == (line, seen[line]):
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        change(fleet)
    except KeyboardInterrupt:
        assert at is not None
    finally:
        sys.settrace(before)
    return fleet, claims, seen


def assert_whole(fleet: Fleet, claims: list[Claim]) -> None:
    assert fleet.check() is None
    assert len(fleet.names) == len(fleet)
    for host, name in enumerate(fleet.names):
        assert not name or fleet.index(name) == host
    held = fleet.claims()
    assert [claim for claim in claims if claim.state == "held"] == held
    for claim in claims:
        assert claim.host_name in claim.to_json()
    fleet.release(held)
    for info in fleet.hostinfos():
        assert not any(cell.memory_usage for cell in info.cells)
        assert all(pool.count == 2 for pool in info.pci_pools or ())
        units = info.provider.inventories if info.provider else {}
        assert not any(one.used for one in units.values())
    # and it goes on living
    fleet.add(replace(make_host("f"), name="new"))
    fleet.replace("d", replace(make_host("a"), name="q"))
    fleet.compact()
    anew = Fleet(fleet.hostinfos())
    for request in map(next, map(iter, map(requests, "adef"))):
        assert fleet.scan(request).tolist() == anew.scan(request).tolist()


@pytest.mark.parametrize("change", [add, another_in_place, same_with_less, remove_and_compact])
def test_ctrl_c_at_any_line_leaves_the_fleet_whole(change: Callable[[Fleet], None]) -> None:
    _fleet, _claims, lines = walked(change, None)
    assert len(lines) > 40
    for line, times in lines.items():
        fleet, claims, _seen = walked(change, (line, times))
        try:
            assert_whole(fleet, claims)
        except Exception as error:
            raise AssertionError(f"after Ctrl-C at {line}, time {times}") from error
