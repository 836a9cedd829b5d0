"""Headroom and what is stranded as pictures (``numafit[plot]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from numafit.planning import figures, reasons

if TYPE_CHECKING:
    from numafit.planning.stranded_causes import Cause

REACHED, LOST, FREE = figures.BLUE, figures.ORANGE, figures.LIGHT


def headroom_bars(
    flavors: Sequence[str],
    reached: npt.NDArray[Any],
    most: npt.NDArray[Any],
    exact: npt.NDArray[Any],
    title: str = "",
) -> Any:
    """``reached`` and ``most`` guests of each flavor; a bound is hatched."""
    figure, axes = figures.bars(len(flavors), title)
    at = np.arange(len(flavors))
    axes.barh(at, reached, color=REACHED, label="the scheduler reaches")
    lost = np.maximum(most.astype(np.int64) - reached, 0)
    for sure, label, hatch in ((True, "any order could", ""), (False, "at most", "///")):
        more = np.where(exact == sure, lost, 0)
        if more.any():
            axes.barh(at, more, left=reached, color=LOST, hatch=hatch, label=label)
    figures.at_ends(
        axes,
        np.maximum(most, reached).tolist(),
        (f"{n:,}" + (f" + {m:,}" if m else "") for n, m in zip(reached, lost, strict=True)),
    )
    figures.named(axes, list(map(figures.short, flavors)))
    axes.set_xlabel("more guests that fit")
    figures.thousands(axes.xaxis)
    figures.legend_above(axes)
    return figure


def stranded_bars(
    kinds: Sequence[str],
    units: Sequence[str],
    free: npt.NDArray[Any],
    causes: Sequence[Cause],
    title: str = "",
) -> Any:
    """Of each kind the part of what is free that is stranded, in per cent, by what it lacks."""
    figure, axes = figures.bars(len(kinds), title)
    at = np.arange(len(kinds))
    total = np.maximum(free, 1)
    axes.barh(at, np.where(free > 0, 100.0, 0.0), color=FREE, label="in reach of some flavor")
    left = np.zeros(len(kinds))
    colours = iter(figures.SEVERAL * (1 + len(causes) // len(figures.SEVERAL)))
    for lacks in dict.fromkeys(cause.lacks for cause in causes):
        part = np.zeros(len(kinds))
        for cause in causes:
            if cause.lacks == lacks:
                part[kinds.index(cause.kind)] += cause.units
        part = 100.0 * part / total
        if lacks == reasons.NOTHING_ASKS:
            how: dict[str, Any] = {"color": "white", "edgecolor": figures.GREY, "hatch": "///"}
            label = "no flavor asks for it"
        else:
            how, label = {"color": next(colours)}, figures.plain(f"lacks {lacks}")
        # a bar of no width would still have its edge
        some = part > 0
        axes.barh(at[some], part[some], left=left[some], label=label, **how)
        left += part
    figures.at_ends(
        axes,
        np.where(free > 0, 100, 0).tolist(),
        (f"of {_amount(n, unit)}" for n, unit in zip(free.tolist(), units, strict=True)),
    )
    figures.named(axes, list(map(figures.short, kinds)))
    axes.set_xlim(0, 125)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("% of what is free")
    figures.legend_above(axes)
    return figure


def _amount(n: int, unit: str) -> str:
    return f"{n / 1024:,.0f} GiB" if unit == "MiB" else f"{n:,}"


def stranded_course(kind: str, course: Mapping[str, npt.NDArray[Any]], title: str = "") -> Any:
    """Free and stranded units of a kind over time, and below them its index."""
    moments = [figures.short(str(moment)) for moment in course["moment"]]
    at = np.arange(len(moments))
    shown = range(0, len(at), -(-len(at) // MOST_MOMENTS))
    labels = [moments[n] for n in shown]
    figure = figures.figure(5 + figures.turned_height(labels), title)
    above, below = map(figures.bare, figure.subplots(2, 1, sharex=True, height_ratios=(3, 2)))
    # a moment alone is a bar, as an area has no width
    for name, colour, width in (("free", FREE, 0.8), ("stranded", LOST, 0.8)):
        if len(at) == 1:
            above.bar(at, course[name], width, color=colour, label=name)
        else:
            above.fill_between(at, course[name], color=colour, label=name)
    above.set_ylabel(f"{kind}" + (", MiB" if kind == reasons.MEMORY else ""))
    above.set_ylim(bottom=0)
    figures.thousands(above.yaxis)
    figures.legend_above(above)
    below.plot(at, course["index"], color=REACHED, marker="o", markersize=4)
    below.set_ylim(0, 1)
    below.set_ylabel("fragmentation\n(0 to 1)")
    figures.beside(below, shown, labels)
    return figure


MOST_MOMENTS = 16
"""That are named below a course."""
