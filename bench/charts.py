"""docs/performance.md and its charts, written from what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench import cases, search, stock
from bench.core import ROOT
from bench.measure import prepared, take_turns, turn_of
from bench.report import Row, machine, markdown
from bench.wide import wide
from numafit import Host

CHARTS = ROOT / "docs" / "charts"
PAGE = ROOT / "docs" / "performance.md"
Curves = dict[str, list[tuple[int, float]]]

TEXT = """\
# Performance

Written by `make bench`, figures and charts alike. Times are the least of many turns, taken in one
process by turns; a ratio says more than the times it is made of. How to read them, and how they
mislead, is in `bench/README.md`.

Taken on: {machine}.{missing}

{table}

*ratio* is what the target speaks of: how many times nova's time is numafit's, or how many times the
memory pass (`numpy.sum` over an array of 64 bytes for each NUMA cell) is spent.

## Hosts

One pinned flavor with 1 GiB pages, asked of more and more hosts of two cells. Nova asks one host
after the other: its line is its time for a sample, times the hosts.

![Time of a scan against the number of hosts](charts/hosts.svg)

## Host cells

One pinned guest cell on one host with more and more cells.

![Time of a fit against the number of host cells](charts/cells.svg)

## Guest cells

A guest of more and more cells on a host of one cell more: once it fits, once only its network
stands against it, and nova walks over all permutations of the host's cells.

![Time of a fit against the number of guest cells](charts/guest_cells.svg)
"""


def over_hosts() -> Curves:
    many = wide(1_000_000)
    request = cases.request(cases.PINNED_8_GIANT)
    sizes = [100, 1_000, 10_000, 100_000, 1_000_000]
    # ranges of one fleet: from its first host on
    some = {n: np.arange(n, dtype=np.uint32) for n in sizes}
    turns = [
        turn_of(lambda n=n: many.fleet.scan(request, hosts=some[n]), max(1, 100_000 // n))  # type: ignore[misc]
        for n in sizes
    ]
    found: Curves = {"numafit": list(zip(sizes, take_turns(turns, 9), strict=True))}
    if stock.missing() is None:
        nova = [stock.Stock(many.row(host)) for host in range(20)]
        flavor = cases.PINNED_8_GIANT
        each = sum(
            take_turns([prepared(n.fit, lambda n=n: n.instance(flavor), 3) for n in nova], 3)
        ) / len(nova)
        found["nova 34"] = [(n, n * each) for n in sizes]
    return found


def over_cells() -> Curves:
    found: Curves = {"numafit": [], "nova 34": []}
    for n in (1, 2, 4, 8, 16, 32):
        text = cases.topology(7, n, 16, used=0.25)
        host, request = Host.from_nova(text), cases.request(cases.PINNED_4)
        turns = [turn_of(lambda h=host, r=request: h.fit(r), 200)]
        if stock.missing() is None:
            nova = stock.Stock(text)
            turns.append(prepared(nova.fit, lambda s=nova: s.instance(cases.PINNED_4), 5))
        for name, seconds in zip(found, take_turns(turns, 9), strict=False):
            found[name].append((n, seconds))
    return found


def draw(name: str, curves: Curves, axis: str) -> None:
    """Both axes logarithmic, one line a curve."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "numafit", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for label, points in curves.items():
        if points:
            style = "--" if "nova" in label else "-"
            mark = "s" if "refused" in label else "o"
            axes.plot(*zip(*points, strict=True), style, marker=mark, markersize=3, label=label)
    axes.set(xscale="log", yscale="log", xlabel=axis, ylabel="seconds")
    counted = sorted({n for points in curves.values() for n, _ in points})
    if counted[-1] < 1000:
        axes.set_xticks([n for n in counted if n not in (5, 7)], minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    CHARTS.mkdir(exist_ok=True)
    figure.savefig(CHARTS / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def tidy(path: Path) -> None:
    """No blanks at the ends of lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def write(rows: Iterable[Row], missing: str | None) -> None:
    drawn: dict[str, tuple[Any, str]] = {
        "hosts": (over_hosts, "hosts of two cells"),
        "cells": (over_cells, "host cells"),
        "guest_cells": (search.curves, "guest cells"),
    }
    for name, (curves, axis) in drawn.items():
        draw(name, curves(), axis)
        tidy(CHARTS / f"{name}.svg")
    PAGE.write_text(
        TEXT.format(
            machine=", ".join(f"{key} {value}" for key, value in machine().items()),
            missing=f" Without nova: {missing}." if missing else "",
            table=markdown(rows),
        ),
        encoding="utf-8",
    )
