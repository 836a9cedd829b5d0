"""``numafit capacity``: how many more of each flavor fit, on each host and in all?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from numafit.cli.counting import counting_options
from numafit.cli.notes import Notes
from numafit.cli.output import (
    NOTHING,
    columns_that_fit,
    format_option,
    print_csv,
    print_json,
    print_table,
    say,
)
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.shares import shares_of
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import printable
from numafit.fleet import Fleet
from numafit.model.flavor import Flavor
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.planning.headroom import reached_by
from numafit.plurals import counted
from numafit.views.refused import Reason, reasons

MOST_ASKED = 2000
"""Hosts that are asked why a flavor has no room on any."""
MOST_COLUMNS = 20
"""A terminal has no room for more hosts beside each other; with more only sums are shown."""


@dataclass(frozen=True, slots=True)
class Count:
    """``counts``: one number per host; those at ``cap`` say that there is room for that many or
    more. ``None`` for an entry of the list that is no flavor: ``error`` says why. ``none``: why
    there is room for none on any host: what most of them refuse it for."""

    name: str
    counts: npt.NDArray[np.uint32] | None
    cap: int
    error: str = ""
    none: Reason | None = None

    @property
    def total(self) -> int | None:
        return None if self.counts is None else int(self.counts.sum(dtype=np.uint64))

    @property
    def hosts(self) -> int | None:
        """Hosts with room for one at least."""
        return None if self.counts is None else int(np.count_nonzero(self.counts))

    @property
    def most(self) -> int | None:
        """The room of the host that has most."""
        return None if self.counts is None else int(self.counts.max(initial=0))

    @property
    def capped(self) -> int:
        """Hosts where counting stopped at the cap."""
        return 0 if self.counts is None else int(np.count_nonzero(self.counts >= self.cap))

    def shown(self, count: int | None) -> str:
        """``count`` of one host, with a ``+`` where there is room for more."""
        if count is None:
            return NOTHING
        return f"{count}+" if count >= self.cap else str(count)


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--mix",
    "mix_texts",
    metavar="NAME[=WEIGHT]",
    multiple=True,
    help="Count these flavors together, arriving in turns by their weights (default: 1 each).",
)
@counting_options
@click.option("--by-host", is_flag=True, help="A row for each host in the table.")
@format_option("json", "csv")
def command(
    guests: Guests,
    sources: HostSources,
    mix_texts: Sequence[str],
    cap: int,
    threads: int,
    by_host: bool,
    output: str,
) -> int:
    """How many more guests of each flavor fit, on each host and in all.

    FLAVORS and HOST are files as 'numafit fit' takes them. A count is what placing one guest after
    the other would reach until the host refuses; each flavor is counted as if it came alone, those
    of --mix as if they came in turns. What placement counts (VCPU, PCPU, MEMORY_MB, DISK_GB) bounds
    every flavor, those that ask for no NUMA topology too. What the counts leave open is said below
    them. An entry of FLAVORS that is no flavor, or that nova refuses, has its error in its row.

    \b
    Examples:
      numafit capacity examples/flavors.json examples/hosts/* --flavor nfv.large --flavor db.uneven
      numafit capacity examples/flavors.json examples/hosts/* --by-host --flavor nfv.large
      numafit capacity examples/flavors.json examples/hosts/* --mix nfv.small=3 --mix nfv.large
      numafit capacity examples/flavors.json examples/hosts/* --flavor db.uneven --format csv

    Exit status: 0 there is room for each flavor, 1 for one of them there is none, 2 bad input, one
    flavor of the list among it.
    """
    mix = shares_of("--mix", mix_texts)
    if mix:
        guests.only(list(mix))
    wanted = guests.read(sources.aliases(), sources.filters())
    fleets = sources.fleets(guests.ratios)
    names = [name for fleet in fleets for name in fleet.names]
    options = {"options": guests.options, "cap": cap, "threads": threads}
    if mix:
        counts = _count_mix(fleets, wanted, options, list(mix.values()))
    else:
        counts = [Count(flavor.name, _count(fleets, one, options), cap) for flavor, one in wanted]
    counts = [
        one if one.total else replace(one, none=_why_none(fleets, request, guests.options))
        for one, (_flavor, request) in zip(counts, wanted, strict=True)
    ]
    notes = Notes([(fleet, None) for fleet in fleets])
    room = [one for one, count in zip(wanted, counts, strict=True) if count.total]
    for broken in guests.broken:
        counts.insert(broken.place, Count(broken.name, None, cap, str(broken.error)))
    if output == "json":
        open_of = {flavor.name: notes.described(asked) for flavor, asked in wanted}
        flavors = [_described(count, open_of.get(count.name, [])) for count in counts]
        resting = dict(notes.disabled)
        answer = {"cap": cap, "mix": mix or None, "hosts": names, "disabled": resting}
        print_json({**answer, "derived": notes.derived, "flavors": flavors})
    elif output == "csv":
        _print_csv(names, counts)
        notes.show(room, err=True)
    elif by_host:
        _show_hosts(names, counts)
    else:
        _show_flavors(names, counts)
    if output == "table":
        notes.show(room)
    if guests.broken:
        return 2
    return 0 if all(count.total for count in counts) else 1


def _count(
    fleets: list[Fleet], request: Request, options: dict[str, Any]
) -> npt.NDArray[np.uint32]:
    return np.concatenate([reached_by(fleet, request, **options) for fleet in fleets])


def _why_none(fleets: list[Fleet], request: Request, options: FitOptions) -> Reason | None:
    """The commonest reason; ``None`` where a host refuses it for the others of a mix alone."""
    asked = ((fleet, host) for fleet in fleets for host in range(len(fleet)))
    found = (fleet.explain(request, host, options) for fleet, host in islice(asked, MOST_ASKED))
    # a Refusal is false
    return next(iter(reasons(one for one in found if one is not None)), None)


def _count_mix(
    fleets: list[Fleet],
    wanted: Sequence[tuple[Flavor, Request]],
    options: dict[str, Any],
    weights: list[float],
) -> list[Count]:
    requests = [request for _flavor, request in wanted]
    counts = np.concatenate(
        [fleet.capacity(requests, weights=weights, **options) for fleet in fleets]
    )
    return [Count(wanted[n][0].name, counts[:, n], options["cap"]) for n in range(len(wanted))]


def _show_flavors(names: list[str], counts: list[Count]) -> None:
    """One row per flavor; of few hosts a column for each."""
    heads = ["flavor", "in all", f"of {counted(len(names), 'host')}"]
    rows: list[list[object]] = [[one.name, _total(one), one.hosts] for one in counts]
    if len(names) > MOST_COLUMNS:
        heads.append("most on one")
        for row, count in zip(rows, counts, strict=True):
            row.append(count.shown(count.most))
    else:
        heads += [name or "host" for name in names]
        for row, count in zip(rows, counts, strict=True):
            row += [_at(count, n) for n in range(len(names))]
    _print_in_parts(heads, rows)
    _notes(counts, len(names))


def _show_hosts(names: list[str], counts: list[Count]) -> None:
    """One row per host, and one for the sum."""
    rows = [[name, *(_at(count, n) for count in counts)] for n, name in enumerate(names)]
    rows.append(["in all", *map(_total, counts)])
    _print_in_parts(["host", *(count.name for count in counts)], rows)
    _notes(counts, len(names))


def _print_in_parts(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """As many columns beside each other as a line takes; the others follow, with the first."""
    while True:
        fit = max(columns_that_fit(_widths(heads, rows)), 2)
        print_table(heads[:fit], (row[:fit] for row in rows), numbers=heads[1:])
        if fit >= len(heads):
            return
        heads = [heads[0], *heads[fit:]]
        rows = [[row[0], *row[fit:]] for row in rows]


def _widths(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
    return [max(len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True)]


def _at(count: Count, host: int) -> str:
    return count.shown(None if count.counts is None else int(count.counts[host]))


def _total(count: Count) -> str:
    if count.total is None:
        return NOTHING
    return f"{count.total}+" if count.capped else str(count.total)


def _notes(counts: list[Count], hosts: int) -> None:
    if any(count.capped for count in counts):
        say(f"+: counting stopped at {counts[0].cap} on a host (--cap)")
    for count in counts:
        if count.error:
            say(f"{count.name}: {count.error}")
        if count.none is not None:
            say(printable(f"{count.name}: {_none_words(count.none, hosts)}"))


def _none_words(why: Reason, hosts: int) -> str:
    asked = min(hosts, MOST_ASKED)
    some = "" if why.hosts == asked else f" ({why.hosts:,} of {counted(asked, 'host')})"
    return f"no room: {why.words}{some}" + (f"; {why.miss}" if why.miss else "")


def _described(count: Count, not_judged: list[dict[str, Any]]) -> dict[str, Any]:
    """``counts`` stand in the order of ``hosts``."""
    if count.error:
        return {"flavor": count.name, "error": count.error}
    return {
        "flavor": count.name,
        "in_all": count.total,
        "hosts_with_room": count.hosts,
        "hosts_at_cap": count.capped,
        "counts": None if count.counts is None else count.counts.tolist(),
        "no_room": count.none and {"reason": count.none.code, "message": count.none.words},
        "not_judged": not_judged,
    }


def _print_csv(names: list[str], counts: list[Count]) -> None:
    """One line a flavor and host, and one with its error for an entry that is no flavor."""
    rows: list[tuple[object, ...]] = []
    for count in counts:
        if count.counts is None:
            rows.append((count.name, "", "", "", count.error))
            continue
        for name, number in zip(names, count.counts.tolist(), strict=True):
            rows.append((count.name, name, number, int(number >= count.cap), ""))
    print_csv(("flavor", "host", "count", "at_cap", "error"), rows)
