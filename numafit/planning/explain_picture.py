"""Explanations as pictures, by matplotlib (``numafit[plot]``)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from numafit.extras import need

if TYPE_CHECKING:
    from numafit.planning.explain import Explanation
    from numafit.planning.explain_fleet import FleetExplanation

FITS, REFUSED, NEVER = "#7fbf7b", "#e9a3c9", "#999999"
MOST_CAUSES = 12
WIDTH = 34
"""Characters of a line."""


def pairs_picture(found: Explanation) -> Any:
    """Guest cells below each other, host cells beside each other, and in each field what keeps the
    one off the other."""
    guests = sorted({pair.guest_cell for pair in found.pairs})
    hosts = list(dict.fromkeys(pair.host_cell for pair in found.pairs))
    figure = need("matplotlib.figure", "plot").Figure(
        figsize=(2.6 * max(len(hosts), 2) + 1, 0.9 * max(len(guests), 1) + 1.6),
        layout="constrained",
    )
    axes = figure.subplots()
    for pair in found.pairs:
        x, y = hosts.index(pair.host_cell), guests.index(pair.guest_cell)
        color = FITS if pair.reason == "fits" else REFUSED
        axes.barh(y, 0.96, 0.92, left=x - 0.48, color=color)
        text = textwrap.fill(pair.message, WIDTH // 2 + 6)
        axes.text(x, y, text, ha="center", va="center", fontsize="small")
    axes.set_xticks(range(len(hosts)), [f"host cell {cell}" for cell in hosts])
    axes.set_yticks(range(len(guests)), [f"guest cell {cell}" for cell in guests])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(textwrap.fill(str(found), 2 * WIDTH), fontsize="medium")
    return figure


def causes_picture(found: FleetExplanation) -> Any:
    """A bar for each cause; the part of hosts that could never take the guest is grey."""
    causes = found.causes[:MOST_CAUSES]
    figure = need("matplotlib.figure", "plot").Figure(
        figsize=(7, 0.5 * max(len(causes), 1) + 1.6), layout="constrained"
    )
    axes = figure.subplots()
    places = range(len(causes))
    never = [one.never for one in causes]
    rest = [one.reason.hosts - one.never for one in causes]
    axes.barh(places, rest, color=REFUSED, label="not now")
    axes.barh(places, never, left=rest, color=NEVER, label="never")
    axes.set_yticks(places, [textwrap.fill(one.reason.words, WIDTH) for one in causes])
    axes.invert_yaxis()
    axes.set_xlabel("hosts")
    axes.set_title(textwrap.fill(str(found), 2 * WIDTH), fontsize="medium")
    if causes:
        axes.legend()
    return figure
