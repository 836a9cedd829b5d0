"""Answers as pictures, by matplotlib. Each makes a Figure of its own and needs no display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from numafit.extras import need

if TYPE_CHECKING:
    from numafit.planning.stranded_causes import Cause

REACHED, LOST, FREE = "#2a6f97", "#e09f3e", "#d9d9d9"
MOST_LABEL = 40


def _bars(rows: int) -> tuple[Any, Any]:
    figure = need("matplotlib.figure", "plot").Figure(figsize=(8, 1.2 + 0.35 * rows))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _short(label: str) -> str:
    return label if len(label) <= MOST_LABEL else label[: MOST_LABEL - 3] + "..."


def headroom_bars(
    flavors: Sequence[str],
    reached: npt.NDArray[Any],
    most: npt.NDArray[Any],
    exact: npt.NDArray[Any],
) -> Any:
    """``reached`` and ``most`` guests of each flavor; a bound is hatched."""
    figure, axes = _bars(len(flavors))
    at = np.arange(len(flavors))
    axes.barh(at, reached, color=REACHED, label="the scheduler reaches")
    for sure, label, hatch in ((True, "any order could", ""), (False, "at most", "//")):
        more = np.where(exact == sure, most - reached, 0)
        if more.any():
            axes.barh(at, more, left=reached, color=LOST, hatch=hatch, label=label)
    axes.set_yticks(at, [_short(name) for name in flavors])
    axes.invert_yaxis()
    axes.set_xlabel("guests")
    axes.legend(frameon=False)
    return figure


def stranded_bars(
    kinds: Sequence[str],
    units: Sequence[str],
    free: npt.NDArray[Any],
    causes: Sequence[Cause],
) -> Any:
    """Of each kind the part of what is free that is stranded, in per cent, by what it lacks."""
    figure, axes = _bars(len(kinds))
    at = np.arange(len(kinds))
    total = np.maximum(free, 1)
    axes.barh(at, np.where(free > 0, 100.0, 0.0), color=FREE, label="in reach of some flavor")
    left = np.zeros(len(kinds))
    colours = need("matplotlib", "plot").colormaps["tab10"]
    for n, lacks in enumerate(dict.fromkeys(cause.lacks for cause in causes)):
        part = np.zeros(len(kinds))
        for cause in causes:
            if cause.lacks == lacks:
                part[kinds.index(cause.kind)] += cause.units
        part = 100.0 * part / total
        axes.barh(at, part, left=left, color=colours(n % 10), label=f"lacks {lacks}")
        left += part
    words = [f"{_short(kind)} ({int(n):,} free)" for kind, n in zip(kinds, free, strict=True)]
    axes.set_yticks(at, words)
    axes.invert_yaxis()
    axes.set_xlabel("% of what is free")
    axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def stranded_course(kind: str, course: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Free and stranded units of a kind over time, and below them its index."""
    figure = need("matplotlib.figure", "plot").Figure(figsize=(8, 5))
    figure.set_layout_engine("constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    at = np.arange(len(course["moment"]))
    above.fill_between(at, course["free"], color=FREE, label="free")
    above.fill_between(at, course["stranded"], color=LOST, label="stranded")
    above.set_ylabel(kind)
    above.legend(frameon=False)
    below.plot(at, course["index"], color=REACHED, marker="o")
    below.set_ylim(0, 1)
    below.set_ylabel("fragmentation")
    below.set_xticks(at, [_short(str(moment)) for moment in course["moment"]], rotation=30)
    return figure
