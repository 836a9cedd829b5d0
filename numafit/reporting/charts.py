"""Charts of a report: matplotlib's SVG, in colours that the page's style names.

Each is drawn twice, for wide pages and for phones. Text stays text, in the page's font; ids are
those of this page alone; the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.errors import printable
from numafit.extras import need
from numafit.planning import reasons
from numafit.planning.headroom import Headroom
from numafit.planning.stranded import Stranded

PIXELS = 72
"""Of the page in one of matplotlib's inches: its points are pixels there."""
WIDE, NARROW = 720, 340
INK, MUTED, LINE, REST = "#000001", "#000002", "#000003", "#000004"
SERIES = tuple(f"#00001{n}" for n in range(6))
"""Colours that stand for those of the style, which knows light and dark."""
_NAMES = {INK: "ink", MUTED: "muted", LINE: "line", REST: "rest"} | {
    one: f"s{n}" for n, one in enumerate(SERIES)
}
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 12.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "numafit",
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.grid.axis": "x",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.color": INK,
}
MOST_BARS = 24
MOST_LABEL = 30
UNASKED = SERIES[-1]
"""Grey: it says more about the catalogue than about the hosts."""
LACKS = len(SERIES) - 1
"""Other causes with colours; where there are more, those of the least share the last."""

Chart = tuple[str, str]
"""Wide, narrow."""


def _twice(name: str, draw: Callable[[Any, bool], None], width: int = WIDE) -> Chart:
    """``draw`` gets a matplotlib Figure, and whether it is the wide one of ``width``."""
    matplotlib = need("matplotlib", "report")
    figures = need("matplotlib.figure", "report")
    found = []
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        for wide in (True, False):
            figure = figures.Figure(layout="constrained")
            figure.set_figwidth((width if wide else NARROW) / PIXELS)
            draw(figure, wide)
            text = io.StringIO()
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(text, format="svg", transparent=True, metadata=nothing)
            found.append(_inlined(text.getvalue(), f"{name}-{'wide' if wide else 'narrow'}"))
    return found[0], found[1]


def _inlined(svg: str, name: str) -> str:
    """For a page that has others: without the head, ids of its own, colours by their names."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', svg))

    def identity(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', identity, svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", svg)
    svg = re.sub(r"#0000[01][0-9]", lambda found: f"var(--{_NAMES[found[0]]})", svg)
    # a colour by its name is one in a style alone
    svg = re.sub(r' fill="(var\([^)]*\))"', r' style="fill: \1"', svg)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    width, height = re.findall(r'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', svg)[0]
    shape = f'width="{float(width):g}" height="{float(height):g}" aria-hidden="true" '
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt" ', shape + 'focusable="false" ', svg, count=1)
    return re.sub(r"\s*\n\s*", "\n", svg)


def _short(label: str, most: int = MOST_LABEL) -> str:
    """Names of one family differ at their ends: the middle is left out."""
    label = printable(label)
    return label if len(label) <= most else f"{label[: most // 2]}…{label[1 - most // 2 :]}"


def _rows(
    figure: Any, labels: Sequence[str], wide: bool, legend: int
) -> tuple[Any, npt.NDArray[np.int64]]:
    """Axes for a bar for each label, from the top; on narrow ones labels stand above bars.
    ``legend``: its lines."""
    figure.set_figheight((36 + 20 * legend + (26 if wide else 42) * len(labels)) / PIXELS)
    axes = figure.subplots()
    at = np.arange(len(labels))
    if wide:
        axes.set_yticks(at, [_short(one) for one in labels])
    else:
        axes.set_yticks([])
        for n, label in enumerate(labels):
            axes.annotate(
                _short(label, 44), (0, n - 0.18), (1, 2), textcoords="offset points", va="bottom"
            )
    axes.set_ylim(len(labels) - (0.4 if wide else 0.7), -0.6 if wide else -0.8)
    axes.spines["bottom"].set_visible(False)
    return axes, at


def _legend(figure: Any, columns: int) -> None:
    figure.legend(loc="outside upper left", frameon=False, ncols=columns, handlelength=1)


def room_chart(room: Headroom) -> Chart:
    """Bars of the flavors with room, those with least of it where they are many."""
    some = [n for n in np.argsort(room.in_all, kind="stable").tolist() if room.in_all[n]]
    chosen = sorted(some[:MOST_BARS])
    labels = [room.flavors[n] for n in chosen]
    reached, most = room.in_all[chosen], room.at_most[chosen]
    others = bool((most > reached).any())

    def draw(figure: Any, wide: bool) -> None:
        axes, at = _rows(figure, labels, wide, 1 if wide or not others else 2)
        thick = 0.62 if wide else 0.36
        axes.barh(at, reached, thick, color=SERIES[0], label="the scheduler reaches")
        if others:
            more = most - reached
            axes.barh(at, more, thick, left=reached, color=SERIES[1], label="another order could")
        for n, count in zip(at, reached.tolist(), strict=True):
            axes.annotate(
                f"{count:,}", (int(most[n]), n), (4, 0), textcoords="offset points", va="center",
                color=MUTED,
            )  # fmt: skip
        axes.margins(x=0.1 if wide else 0.16)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda value, _at: f"{value:,.0f}")
        axes.xaxis.get_major_locator().set_params(nbins=6 if wide else 4, integer=True)
        _legend(figure, 2 if wide else 1)

    return _twice("room", draw)


def stranded_chart(lost: Stranded) -> Chart:
    """Of each kind the part of what is free that is stranded, in per cent, by what it lacks."""
    some = [n for n, free in enumerate(lost.free_in_all.tolist()) if free]
    labels = [lost.kinds[n] for n in some]
    free = lost.free_in_all[some]
    parts = _parts(lost, labels)

    def draw(figure: Any, wide: bool) -> None:
        columns = 3 if wide else 1
        axes, at = _rows(figure, labels, wide, -(-(len(parts) + 1) // columns))
        thick = 0.62 if wide else 0.36
        axes.barh(at, 100.0, thick, color=REST, label="in reach of some flavor")
        left = np.zeros(len(labels))
        for words, color, part in parts:
            axes.barh(at, 100.0 * part / free, thick, left=left, color=color, label=words)
            left += 100.0 * part / free
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter(lambda value, _at: f"{value:.0f} %")
        _legend(figure, columns)

    return _twice("stranded", draw)


def _parts(lost: Stranded, labels: Sequence[str]) -> list[tuple[str, str, npt.NDArray[Any]]]:
    """Causes in words, each with a colour and its units of each kind; the largest first."""
    found: dict[str, npt.NDArray[Any]] = {}
    weight: dict[str, float] = {}
    for cause in lost.causes:
        at = labels.index(cause.kind)
        found.setdefault(cause.lacks, np.zeros(len(labels)))[at] += cause.units
        share = cause.units / int(lost.free_in_all[lost.kinds.index(cause.kind)])
        weight[cause.lacks] = weight.get(cause.lacks, 0.0) + share
    unasked = found.pop(reasons.NOTHING_ASKS, None)
    ranked = sorted(found, key=lambda lacks: -weight[lacks])
    named = ranked if len(ranked) <= LACKS else ranked[: LACKS - 1]
    parts = [
        (f"lacks {lacks}", color, found[lacks]) for lacks, color in zip(named, SERIES, strict=False)
    ]
    if len(named) < len(ranked):
        others = np.sum([found[lacks] for lacks in ranked[len(named) :]], axis=0)
        parts.append(("lacks something else", SERIES[LACKS - 1], others))
    if unasked is not None:
        parts.append((reasons.NOTHING_ASKS, UNASKED, unasked))
    return parts


def use_chart(used: npt.NDArray[Any], total: npt.NDArray[Any]) -> Chart:
    """Hosts by the part of their dedicated CPUs that is in use, in tenths."""
    some = total > 0
    part = used[some] / total[some]
    counts = np.bincount(np.minimum((part * 10).astype(np.int64), 9), minlength=10)

    def draw(figure: Any, wide: bool) -> None:
        figure.set_figheight((190 if wide else 160) / PIXELS)
        axes = figure.subplots()
        axes.grid(False, axis="x")
        axes.bar(np.arange(10) + 0.5, counts, 0.86, color=SERIES[0])
        for n, count in enumerate(counts.tolist()):
            if count:
                axes.annotate(
                    f"{count:,}", (n + 0.5, count), (0, 2), textcoords="offset points",
                    ha="center", color=MUTED, fontsize=12 if wide else 10.5,
                )  # fmt: skip
        axes.set_xticks(range(0, 11, 2), [f"{10 * n} %" for n in range(0, 11, 2)])
        axes.set_xlim(0, 10)
        axes.set_yticks([])
        axes.margins(y=0.15)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("dedicated CPUs in use")

    return _twice("use", draw, 540)
