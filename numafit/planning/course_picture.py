"""What if, as pictures: how much is accepted over time, and by which plan (``numafit[plot]``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from numafit.planning import figures

COLOURS = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PINK, figures.RED, figures.SKY)
STYLES = ("-", "--", "-.", ":")
Rows = Sequence[Mapping[str, Any]]


def over_time(rows: Rows, title: str = "") -> Any:
    """Above the part of the guests until then that found a host, below the part of the dedicated
    CPUs that is used. A line for each plan and trace of the samples; of one alone also what of the
    CPUs is stranded."""
    lines = _lines(rows)
    alone = len(lines) == 1
    figure = figures.figure(4.6 + 0.2 * (len(lines) // 3), title)
    above, below = map(figures.bare, figure.subplots(2, 1, sharex=True))
    for n, (name, samples) in enumerate(lines.items()):
        how: dict[str, Any] = {
            "color": COLOURS[n % len(COLOURS)],
            "linestyle": STYLES[n % len(STYLES)],
            "linewidth": 2,
        }
        hours = [row["hours"] for row in samples]
        placed, refused, used, free, stranded = (
            np.array([row[column] for row in samples], np.float64)
            for column in ("placed", "refused", "dedicated_cpus", "free_cpus", "stranded_cpus")
        )
        came, cpus = placed + refused, np.maximum(used + free, 1)
        accepted = np.where(came > 0, 100 * placed / np.maximum(came, 1), 100)
        above.plot(hours, accepted, label=figures.plain(name), **how)
        below.plot(hours, 100 * used / cpus, **how)
        if alone:
            below.lines[-1].set_label("used")
            below.plot(hours, 100 * stranded / cpus, color=figures.ORANGE, label="free, stranded")
    above.set_ylabel("guests accepted\nuntil then, %")
    below.set_ylabel("dedicated CPUs, %" if alone else "dedicated CPUs\nused, %")
    # where few are refused, the axis is cut so that it can be seen
    lowest = min((float(line.get_ydata().min()) for line in above.lines), default=0.0)
    above.set_ylim(10 * (lowest // 10) - 1 if lowest > 50 else 0, 101 if lowest > 50 else 104)
    below.set_ylim(0, 104)
    below.set_xlabel("hours")
    figures.legend_above(below if alone else above)
    figures.thousands(below.xaxis)
    return figure


def _lines(rows: Rows) -> dict[str, list[Mapping[str, Any]]]:
    """Samples by what they are of: a plan, a trace where there are several, or ``""``."""
    several = len({row.get("trace") for row in rows}) > 1
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(_named(row, several), []).append(row)
    return found


def _named(row: Mapping[str, Any], several: bool) -> str:
    plan = str(row.get("plan", ""))
    return f"{plan}, trace {row['trace']}" if several else plan


def plans(rows: Rows, title: str = "") -> Any:
    """A bar for each plan (and trace, where there are several): the part of the guests that found a
    host, and when the first did not."""
    figure, axes = figures.bars(len(rows), title)
    shares = [100.0 * row["placed"] / max(row["came"], 1) for row in rows]
    best = max(shares, default=0.0)
    colours = [figures.BLUE if share == best else figures.SKY for share in shares]
    axes.barh(range(len(rows)), shares, color=colours)
    figures.at_ends(axes, shares, map(_words, rows, shares))
    several = len({row["trace"] for row in rows}) > 1
    figures.named(axes, [figures.short(_named(row, several)) for row in rows])
    axes.set_xlim(0, 150)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("guests that found a host, %")
    return figure


def _words(row: Mapping[str, Any], share: float) -> str:
    hours = row["full_hours"]
    when = "does not fill up" if hours is None else f"full after {hours:,.1f} h"
    return f"{share:.1f}%, {when}"
