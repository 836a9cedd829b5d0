"""How far state machines walk: the same ways in each run, others where somebody asks for many.

What gates a change must not find by chance what another change did; ``make walks`` looks for it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FEWER = bool(os.environ.get("NUMAFIT_FEWER"))
ASKED = int(os.environ.get("NUMAFIT_WALKS", "0"))


def walks(examples: int, steps: int) -> settings:
    """``examples`` walks of at most ``steps`` steps."""
    return settings(
        max_examples=ASKED or (examples // 4 if FEWER else examples),
        stateful_step_count=steps * 2 // 3 if FEWER else steps,
        derandomize=not ASKED,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
