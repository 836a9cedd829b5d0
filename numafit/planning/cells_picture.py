"""A fleet as a heat map of its cells (``numafit[plot]``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.extras import need
from numafit.planning import figures

NAMED = 30
"""Hosts in a row up to which each is named; above, the first of each row is."""
IN_ROW = 50
MOST_ROWS = 24
"""Of more hosts there are more in a row."""


def heat_map(
    hosts: Sequence[str],
    host: npt.NDArray[np.int64],
    cell: npt.NDArray[np.int64],
    part: npt.NDArray[np.float64],
    kind: str,
    title: str,
) -> Any:
    """Hosts in rows, the cells of each below each other; ``part``: how much is used in each cell,
    NaN where it has none. Darker is fuller."""
    n_hosts = len(hosts)
    in_row = n_hosts if n_hosts <= NAMED else max(IN_ROW, -(-n_hosts // MOST_ROWS))
    in_row = max(in_row, 1)
    place, row = _place(host), host // in_row
    deep = np.ones(max(-(-n_hosts // in_row), 1), np.int64)
    np.maximum.at(deep, row, place + 1)
    # one line more for each row, that keeps it apart from the next
    first = np.cumsum(deep + 1) - (deep + 1)
    grid = np.full((int((deep + 1).sum()) - 1, in_row), np.nan)
    there = np.zeros(grid.shape, np.bool_)
    at = first[row] + place, host % in_row
    grid[at], there[at] = part, True
    tall = 0.16 if len(deep) > 1 else 0.34
    figure = figures.figure(min(1.3 + tall * len(grid), 12.0), title)
    axes = figure.subplots()
    colours = need("matplotlib", "plot").colormaps["cividis_r"].with_extremes(bad="none")
    image = axes.imshow(grid, aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    axes.imshow(
        np.where(there & np.isnan(grid), 1.0, np.nan),
        aspect="auto",
        cmap=need("matplotlib.colors", "plot").ListedColormap([figures.LIGHT]),
        interpolation="nearest",
    )
    if in_row <= 100:
        for x in range(1, in_row):
            axes.axvline(x - 0.5, color="white", linewidth=2 if in_row <= NAMED else 1)
    if len(grid) <= 200:
        for y in range(1, len(grid)):
            axes.axhline(y - 0.5, color="white", linewidth=0.8)
    if len(deep) == 1:
        _one_row(axes, hosts, len(grid), cell, place)
        _numbers(axes, at, part, colours)
    else:
        starts = range(0, n_hosts, in_row)
        axes.set_yticks(
            (first + (deep - 1) / 2).tolist(),
            [figures.short(hosts[n] or f"host {n}") for n in starts],
            fontsize="small",
        )
        axes.set_ylabel("first host of the row")
        axes.set_xlabel(f"{in_row} hosts in a row, their cells below each other")
        axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    percent = need("matplotlib.ticker", "plot").PercentFormatter(1.0, 0)
    bar = figure.colorbar(
        image, format=percent, shrink=min(1.0, 2.5 / figure.get_figheight() + 0.4)
    )
    bar.set_label(f"{kind} in use")
    bar.outline.set_visible(False)
    return figure


def _place(host: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each cell among those of its host; cells stand host after host."""
    starts = np.flatnonzero(np.diff(host, prepend=-1))
    sizes = np.diff(np.append(starts, len(host)))
    return np.arange(len(host)) - np.repeat(starts, sizes)


def _one_row(axes: Any, hosts: Sequence[str], deep: int, cell: Any, place: Any) -> None:
    names = [figures.short(name or f"host {n}") for n, name in enumerate(hosts)]
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(names) > 6 else {}
    axes.set_xticks(range(len(names)), names, **turned)
    ids = {int(at): int(one) for at, one in zip(place, cell, strict=True)}
    axes.set_yticks(range(deep), [f"cell {ids.get(n, n)}" for n in range(deep)])


def _numbers(axes: Any, at: tuple[Any, Any], part: Any, colours: Any) -> None:
    for y, x, value in zip(*(one.tolist() for one in at), part.tolist(), strict=True):
        if value == value:  # not NaN
            dark = sum(colours(min(max(value, 0.0), 1.0))[:3]) < 1.5
            text = f"{100 * value:.0f}"
            axes.text(
                x, y, text, ha="center", va="center", fontsize="small",
                color="white" if dark else figures.INK,
            )  # fmt: skip
