"""Explanations as pictures (``numafit[plot]``)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numafit.cpuset import format_cpu_list
from numafit.planning import figures

if TYPE_CHECKING:
    from numafit.planning.explain import Explanation
    from numafit.planning.explain_fleet import FleetExplanation

FITS, REFUSED, NEVER = "#a6dbc8", "#f3c9a5", figures.GREY
MOST_CAUSES = 12
LINE = 34
"""Characters of a label's line."""


def pairs_picture(found: Explanation) -> Any:
    """Guest cells below each other, host cells beside each other, and in each field what keeps the
    one off the other. Cells that all the same is said of share a field."""
    texts = {(one.guest_cell, one.host_cell): figures.plain(one.message) for one in found.pairs}
    guests = _alike(texts, 0)
    hosts = _alike(texts, 1)
    below = [
        f"would fit once {words}"
        if kind == "guest"
        else f"would fit with a change of the {kind}: {words}"
        for kind in ("request", "host", "guest")
        if (words := found.smallest_words(kind)) is not None
    ]
    lines = "\n".join(
        textwrap.fill(figures.plain(line), 95, subsequent_indent="    ") for line in below
    )
    height = 0.75 * max(len(guests), 1) + 0.6 + 0.17 * (lines.count("\n") + 1)
    figure = figures.figure(height, str(found))
    axes = figure.subplots()
    room = int(78 / max(len(hosts), 1))
    for y, guest in enumerate(guests):
        for x, host in enumerate(hosts):
            text = texts.get((guest[0], host[0]), "")
            color = FITS if text == "fits" else REFUSED if text else figures.LIGHT
            axes.barh(y, 0.97, 0.92, left=x - 0.485, color=color)
            axes.text(
                x, y, textwrap.fill(text, max(room, 8)), ha="center", va="center", fontsize="small"
            )
    axes.set_xticks(range(len(hosts)), [_cells("host", some) for some in hosts])
    axes.set_yticks(range(len(guests)), [_cells("guest", some) for some in guests])
    axes.set_xlim(-0.5, max(len(hosts), 1) - 0.5)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if lines:
        axes.set_xlabel(lines, loc="left", fontsize="small")
    return figure


def _alike(texts: dict[tuple[int, int], str], side: int) -> list[list[int]]:
    """Cells of one side, gathered by what is said of them and each of the other side."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for cell in sorted({pair[side] for pair in texts}):
        said = tuple((pair[1 - side], text) for pair, text in texts.items() if pair[side] == cell)
        groups.setdefault(said, []).append(cell)
    return list(groups.values())


def _cells(whose: str, ids: Iterable[int]) -> str:
    some = list(ids)
    return f"{whose} {'cell' if len(some) == 1 else 'cells'} {format_cpu_list(some)}"


def causes_picture(found: FleetExplanation) -> Any:
    """A bar for each cause; the part of hosts that could never take the guest is grey."""
    causes = found.causes[:MOST_CAUSES]
    labels = [textwrap.fill(figures.plain(one.reason.words), LINE) for one in causes]
    lines = max((label.count("\n") + 1 for label in labels), default=1)
    figure, axes = figures.bars(len(causes), str(found), lines)
    never = [one.never for one in causes]
    rest = [one.reason.hosts - one.never for one in causes]
    places = range(len(causes))
    if any(rest):
        axes.barh(places, rest, color=figures.ORANGE, label="not now")
    if any(never):
        axes.barh(places, never, left=rest, color=NEVER, label="never, were they empty")
    hosts = [one.reason.hosts for one in causes]
    figures.at_ends(axes, hosts, (f"{n:,}" for n in hosts))
    figures.named(axes, labels)
    axes.set_xlabel("hosts that refuse it")
    axes.set_xlim(left=0)
    figures.thousands(axes.xaxis)
    figures.legend_above(axes)
    return figure
