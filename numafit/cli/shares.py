"""``NAME=WEIGHT``: what part each flavor has of all that arrive."""

from __future__ import annotations

from collections.abc import Sequence

import click

from numafit.errors import shorten


def shares_of(option: str, texts: Sequence[str]) -> dict[str, float]:
    """``["a=3", "b"]`` -> ``{"a": 3.0, "b": 1.0}``. ``option``: where they stood."""
    shares: dict[str, float] = {}
    for text in texts:
        # a name may hold '=', a weight does not
        name, equals, weight = text.rpartition("=")
        name, weight = (name, weight) if equals else (text, "1")
        try:
            share = float(weight)
        except ValueError:
            share = 0.0
        if not name or name in shares or not 0.0 < share < float("inf"):
            raise click.BadParameter(
                f"{shorten(text)}: expected NAME=WEIGHT, each name once, a weight above 0.",
                param_hint=option,
            )
        shares[name] = share
    return shares
