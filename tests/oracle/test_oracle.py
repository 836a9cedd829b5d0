"""A short run of each kind of world; ``make oracle CASES=1000000`` is a long one."""

from __future__ import annotations

import pytest

from .agree import OUTCOMES
from .compare import compare_but_known
from .dials import KINDS
from .known import KNOWN, Known
from .reduce import difference
from .worlds import World, world

SEED = 12
CASES = 6000


@pytest.mark.parametrize("kind", KINDS)
def test_engine_and_oracle_agree_on_random_worlds(kind: str) -> None:
    OUTCOMES.clear()
    cases = number = 0
    while cases < CASES:
        cases += compare_but_known(world(kind, SEED, number))[0]
        number += 1
    fits, refusals = OUTCOMES[True], OUTCOMES[False]
    if kind != "fleet":  # which asks of hosts by the hundred, in calls of its own
        assert fits > (fits + refusals) / 10
        assert refusals > (fits + refusals) / 10


@pytest.mark.parametrize("fault", KNOWN.values(), ids=list(KNOWN))
def test_a_fault_that_is_known_is_still_there(fault: Known) -> None:
    host, ask = fault.example
    assert fault.touches(host, ask)
    assert difference(World("", [host], [ask])), "it is mended: take it out of KNOWN"
