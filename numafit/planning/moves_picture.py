"""A plan of live migrations as a picture: a column for each host, below each other an arrow for
each move (``numafit[plot]``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from numafit.planning import figures
from numafit.planning.move_plan import Step

MOST_NAMED = 50
"""Steps and hosts that are named; of more each second one, and so on."""
LINE, TALLEST = 0.24, 12.0
"""Inches: of a step, and of all."""


def moves_picture(
    steps: Sequence[Step], title: str, before: int | None = None, emptied: int | None = None
) -> Any:
    """Time goes downwards. ``before``: guests that fit before the first step; beside each is then
    how many do after it. ``emptied``: index of a host that stands first."""
    names = _hosts(steps, emptied)
    columns = {host: n for n, host in enumerate(names)}
    shown = list(names.values())
    some = _named(len(shown))
    labels = [figures.short(shown[n]) for n in some]
    tall = 1.3 + min(LINE * len(steps), TALLEST) + figures.turned_height(labels)
    figure = figures.figure(tall, title)
    axes = figures.bare(figure.subplots())
    for n, step in enumerate(steps):
        source, target = columns[step.source_host], columns[step.target_host]
        how = {"arrowstyle": "-|>", "color": figures.BLUE, "shrinkA": 0, "shrinkB": 0}
        axes.plot([source], [n], marker="o", color=figures.BLUE, markersize=4, linestyle="")
        axes.annotate("", (target, n), (source, n), arrowprops=how)
    _steps(axes, steps)
    axes.xaxis.tick_top()
    figures.beside(axes, some, labels, above=True)
    axes.set_xlim(-0.5, max(len(shown), 1) - 0.5)
    axes.grid(axis="x", color=figures.LIGHT)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if before is not None and any(step.gain is not None for step in steps):
        _fitting(axes, steps, before)
    return figure


def _hosts(steps: Sequence[Step], first: int | None) -> dict[int, str]:
    """Index -> name of hosts that give, then of hosts that take, in the order of the plan."""
    given = {step.source_host: step.source for step in steps}
    taken = {step.target_host: step.target for step in steps}
    ordered = dict.fromkeys([first] if first in given else [])
    ordered |= dict.fromkeys([*given, *taken])
    known = taken | given
    return {host: known[host] or f"host {host}" for host in ordered if host is not None}


def _named(count: int) -> list[int]:
    return list(range(0, count, max(-(-count // MOST_NAMED), 1)))


def _steps(axes: Any, steps: Sequence[Step]) -> None:
    some = _named(len(steps))
    labels = [
        f"{figures.short(steps[n].guest)}, {steps[n].memory_mb / 1024:,.4g} GiB   {n + 1}"
        for n in some
    ]
    axes.set_yticks(some, labels, fontsize="small")
    axes.set_ylim(max(len(steps), 1) - 0.5, -0.6)
    axes.set_xlabel("live migrations in this order", fontsize="small")


def _fitting(axes: Any, steps: Sequence[Step], before: int) -> None:
    """On the right."""
    fits = list(accumulate((step.gain or 0 for step in steps), initial=before))[1:]
    beside = axes.secondary_yaxis("right")
    some = _named(len(steps))
    beside.set_yticks(some, [f"{fits[n]:,} fit" for n in some], fontsize="small")
    axes.set_xlabel(
        f"live migrations in this order; right: guests that fit then ({before:,} before)",
        fontsize="small",
    )
    beside.spines[:].set_visible(False)
    beside.tick_params(length=0)
