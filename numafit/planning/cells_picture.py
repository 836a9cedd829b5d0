"""A fleet as a heat map of its cells (``numafit[plot]``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.extras import need
from numafit.planning import figures

NUMBERED, NAMED = 18, 30
"""Hosts up to which there is a number in each field, and a name below each host."""
IN_ROW, MOST_ROWS = 50, 24
"""Of more hosts than these there are more in a row."""
RULED = 100
"""Hosts in a row, up to which there is a line between them."""
Ints = npt.NDArray[np.int64]


def heat_map(
    hosts: Sequence[str],
    host: Ints,
    cell: Ints,
    part: npt.NDArray[np.float64],
    kind: str,
    title: str,
) -> Any:
    """Hosts beside each other, the cells of each below each other; ``part``: how much is used in
    each cell, NaN where it has none. Darker is fuller. Many hosts are in several rows, those of as
    many cells together."""
    rows = _Rows.of(host, len(hosts))
    place = _place(host)
    # one line more for each row, that keeps it apart from the next
    first = np.cumsum(rows.deep + 1) - (rows.deep + 1)
    grid = np.full((int((rows.deep + 1).sum()) - 1, rows.wide), np.nan)
    there = np.zeros(grid.shape, np.bool_)
    at = first[rows.row[host]] + place, rows.column[host]
    grid[at], there[at] = part, True
    alone = len(rows.deep) == 1
    labels = [_known_as(hosts, n) for n in range(len(hosts))] if len(hosts) <= NAMED else []
    tall = min(1.3 + (0.34 if alone else 0.16) * len(grid), 12.0) + figures.turned_height(labels)
    figure = figures.figure(tall, title)
    axes = figure.subplots()
    image = _fields(axes, grid, there)
    if len(hosts) <= NAMED:
        figures.beside(axes, range(len(labels)), labels)
        ids = {int(at): int(one) for at, one in zip(place, cell, strict=True)}
        axes.set_yticks(range(len(grid)), [f"cell {ids.get(n, n)}" for n in range(len(grid))])
        if len(hosts) <= NUMBERED:
            _numbers(axes, at, part, image.cmap)
    else:
        starts = [int(np.flatnonzero(rows.row == n)[0]) for n in range(len(rows.deep))]
        axes.set_yticks(
            (first + (rows.deep - 1) / 2).tolist(),
            [_known_as(hosts, n) for n in starts],
            fontsize="small",
        )
        axes.set_ylabel("first host of the row")
        axes.set_xlabel("hosts, their cells below each other", fontsize="small")
        axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    percent = need("matplotlib.ticker", "plot").PercentFormatter(1.0, 0)
    high = figure.get_figheight()
    bar = figure.colorbar(image, format=percent, shrink=min(1.0, 2.5 / high + 0.4))
    bar.set_label(f"{kind} in use")
    bar.outline.set_visible(False)
    return figure


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where each host stands. ``deep``: cells below each other in each row; ``wide``: hosts in the
    widest."""

    row: Ints
    column: Ints
    deep: Ints
    wide: int

    @classmethod
    def of(cls, host: Ints, n_hosts: int) -> _Rows:
        sizes = np.bincount(host, minlength=n_hosts)
        if n_hosts <= NAMED:
            deep = np.array([max(int(sizes.max(initial=1)), 1)])
            return cls(np.zeros(n_hosts, np.int64), np.arange(n_hosts), deep, max(n_hosts, 1))
        most = max(IN_ROW, -(-n_hosts // MOST_ROWS))
        row, column = np.zeros(n_hosts, np.int64), np.zeros(n_hosts, np.int64)
        depths: list[int] = []
        # the order in which a size is met first
        for size in dict.fromkeys(sizes.tolist()):
            alike = np.flatnonzero(sizes == size)
            own = -(-len(alike) // most)
            in_row = -(-len(alike) // own)
            n = np.arange(len(alike))
            row[alike], column[alike] = len(depths) + n // in_row, n % in_row
            depths += [max(size, 1)] * own
        return cls(row, column, np.array(depths), int(column.max()) + 1)


def _place(host: Ints) -> Ints:
    """Of each cell among those of its host; cells stand host after host."""
    starts = np.flatnonzero(np.diff(host, prepend=-1))
    sizes = np.diff(np.append(starts, len(host)))
    return np.arange(len(host)) - np.repeat(starts, sizes)


def _fields(axes: Any, grid: npt.NDArray[np.float64], there: npt.NDArray[np.bool_]) -> Any:
    how = {"aspect": "auto", "interpolation": "nearest"}
    colours = need("matplotlib", "plot").colormaps["cividis_r"].with_extremes(bad="none")
    image = axes.imshow(grid, cmap=colours, vmin=0, vmax=1, **how)
    grey = need("matplotlib.colors", "plot").ListedColormap([figures.LIGHT])
    axes.imshow(np.where(there & np.isnan(grid), 1.0, np.nan), cmap=grey, **how)
    high, wide = grid.shape
    if wide <= RULED:
        for x in range(1, wide):
            axes.axvline(x - 0.5, color="white", linewidth=1)
        for y in range(1, high):
            axes.axhline(y - 0.5, color="white", linewidth=1)
    return image


def _known_as(hosts: Sequence[str], n: int) -> str:
    return figures.short(hosts[n] or f"host {n}")


def _numbers(axes: Any, at: tuple[Ints, Ints], part: Any, colours: Any) -> None:
    for y, x, value in zip(*(one.tolist() for one in at), part.tolist(), strict=True):
        if not np.isnan(value):
            dark = sum(colours(min(max(value, 0.0), 1.0))[:3]) < 1.5
            colour = "white" if dark else figures.INK
            how = {"ha": "center", "va": "center", "fontsize": "small", "color": colour}
            axes.text(x, y, f"{100 * value:.0f}", **how)
