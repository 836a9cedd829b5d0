"""How do pictures look? Figures, colours and labels that all of them share, by matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from numafit.errors import printable
from numafit.extras import need

if TYPE_CHECKING:
    from numafit.planning._shown_figure import ShownFigure

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PINK, SKY, YELLOW = "#cc79a7", "#56b4e9", "#f0e442"
"""Colours that people tell apart who do not see all of them (Okabe and Ito, 2008)."""
GREY, LIGHT, INK = "#8a8a8a", "#dddddd", "#22303c"
SEVERAL = (ORANGE, BLUE, PINK, GREEN, YELLOW, SKY, RED)
"""For parts beside each other, in this order."""
WIDTH = 8.0
"""Inches; as wide as a notebook's page."""
MOST_LABEL = 40
_CHARACTERS = 12.8
"""Of a title, in an inch."""
BESIDE = 66
"""Characters of labels beside each other, and the gaps between them."""
_LEGEND = 78
"""Characters of a legend's line, six of them for each colour."""


def figure(height: float, title: str = "", width: float = WIDTH) -> ShownFigure:
    """A Figure that needs no display, and that notebooks show without pyplot. Inches."""
    need("matplotlib.figure", "plot")
    from numafit.planning._shown_figure import ShownFigure

    lines = textwrap.wrap(plain(title), int(width * _CHARACTERS))
    made = ShownFigure(figsize=(width, height + 0.18 * len(lines)), layout="constrained")
    if lines:
        made.suptitle("\n".join(lines), x=0.01, ha="left", fontsize="medium", color=INK)
    return made


def png(drawn: Any) -> bytes:
    """A picture as the bytes of a file."""
    to = BytesIO()
    drawn.savefig(to, format="png")
    return to.getvalue()


def bare(axes: Any) -> Any:
    """Without the frame, that says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def bars(rows: int, title: str, lines: int = 1) -> tuple[ShownFigure, Any]:
    """For horizontal bars below each other, whose labels have so many lines at most."""
    made = figure(1.2 + (0.16 + 0.18 * lines) * max(rows, 1), title)
    axes = bare(made.subplots())
    axes.margins(x=0.12)
    return made, axes


def named(axes: Any, labels: Sequence[str]) -> None:
    """One label for each bar, the first above."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def turned_height(labels: Sequence[str]) -> float:
    """Inches that ``beside`` needs more where it turns these labels; 0 where it does not."""
    longest = max(map(len, labels), default=0)
    return 0.055 * longest if longest > BESIDE // max(len(labels), 1) else 0.0


def beside(axes: Any, at: Sequence[int], labels: Sequence[str], above: bool = False) -> None:
    """Labels beside each other on the x axis, turned where they would stand on each other."""
    turned: dict[str, Any] = {}
    if turned_height(labels):
        turned = {"rotation": 40, "ha": "left" if above else "right", "rotation_mode": "anchor"}
    axes.set_xticks(at, labels, fontsize="small", **turned)


def at_ends(axes: Any, ends: Iterable[float], texts: Iterable[str]) -> None:
    """A text behind each bar."""
    for row, (end, text) in enumerate(zip(ends, texts, strict=True)):
        axes.annotate(
            text,
            (end, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color=INK,
        )


def thousands(axis: Any, unit: str = "") -> None:
    """Ticks as ``1,200``, and none between whole numbers."""
    ticker = need("matplotlib.ticker", "plot")
    axis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}" + unit))


def legend_above(axes: Any) -> None:
    """Where no bar or line is."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        columns = max(_LEGEND // (max(map(len, labels)) + 6), 1)
        axes.legend(
            frameon=False,
            fontsize="small",
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=min(len(handles), columns),
            borderaxespad=0.2,
        )


def plain(text: str) -> str:
    """As it is: matplotlib takes what stands between dollars for a formula."""
    return printable(text).replace("$", r"\$")


def short(label: str) -> str:
    return plain(label if len(label) <= MOST_LABEL else label[: MOST_LABEL - 1] + "…")
