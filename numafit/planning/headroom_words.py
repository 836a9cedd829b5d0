"""What does an answer about headroom say to people?"""

from __future__ import annotations

from numafit.planning.headroom import Headroom

MOST_ENDS = 2
"""Reasons that the row of a flavor names."""


def ends(answer: Headroom, flavor: str) -> str:
    """``dedicated CPUs (1,007), memory (2), others (1)``: what refuses the next guest of it once a
    host is full, and on how many hosts."""
    found = list(answer.ended_by(flavor).items())
    words = [f"{what} ({hosts:,})" for what, hosts in found[:MOST_ENDS]]
    rest = sum(hosts for _what, hosts in found[MOST_ENDS:])
    return ", ".join(words + ([f"others ({rest:,})"] if rest else []))
