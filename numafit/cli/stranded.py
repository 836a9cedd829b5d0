"""``numafit stranded``: what is free on hosts and yet in reach of no flavor, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from numafit.cli.counting import counting_options, picture_option
from numafit.cli.notes import Asked, Notes
from numafit.cli.numbers import Number
from numafit.cli.output import (
    NOTHING,
    format_option,
    print_csv,
    print_json,
    print_table,
    save_picture,
    say,
)
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.shares import shares_of
from numafit.cli.sources import HostSources, host_sources
from numafit.fleet import Fleet
from numafit.planning import stranded_words
from numafit.planning.reasons import NOTHING_ASKS
from numafit.planning.stranded import Stranded, stranded
from numafit.planning.stranded_course import Course, stranded_over
from numafit.planning.tables import rows_of


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--share",
    "share_texts",
    metavar="NAME[=WEIGHT]",
    multiple=True,
    help="Look at these flavors alone; fragmentation is their average by these weights (default: 1 "
    "each).",
)
@click.option(
    "--mix",
    "mix_texts",
    metavar="NAME[=WEIGHT]",
    multiple=True,
    help="Fill hosts with these flavors together, arriving in turns by their weights (default: 1 "
    "each).",
)
@counting_options
@click.option("--by-host", is_flag=True, help="A row for each host that has something stranded.")
@click.option(
    "--over-time",
    is_flag=True,
    help="Each --fleet, --nova-rows and --nova-db is a moment, in the order of that list.",
)
@click.option(
    "--at-most",
    metavar="PERCENT",
    type=Number(0, 100),
    help="Status 1 only where more than this part of what is free is stranded, of anything that a "
    "flavor asks for.",
)
@picture_option
@format_option("json", "csv")
def command(
    guests: Guests,
    sources: HostSources,
    share_texts: Sequence[str],
    mix_texts: Sequence[str],
    cap: int,
    threads: int,
    by_host: bool,
    over_time: bool,
    at_most: float | None,
    picture: str | None,
    output: str,
) -> int:
    """What is free on the hosts and yet in reach of no flavor, why, and what would free it.

    FLAVORS and HOST are files as 'numafit fit' takes them; FLAVORS is the catalogue. A host is
    filled with each flavor by itself, as the scheduler places guests; what is free then whichever
    flavor it was is stranded. 'lacks' is what refuses the next guest there, 'freed by' how much
    more of that would do. 'fragmentation' is the part of what is free that a guest cannot reach, on
    average over the flavors that ask for it: 0 none, 1 all.

    \b
    Examples:
      numafit stranded examples/flavors.json examples/hosts/* --at-most 80
      numafit stranded examples/flavors.json examples/hosts/* --share nfv.small --at-most 70
      numafit stranded examples/flavors.json examples/hosts/* --at-most 80 --by-host --format csv

    Exit status: 0 nothing is stranded, 1 something is (more than --at-most), 2 bad input, one
    flavor of the list among it.
    """
    if share_texts and mix_texts:
        raise click.UsageError("--share does not go with --mix: one of them names the flavors.")
    option = "--mix" if mix_texts else "--share"
    shares = shares_of(option, mix_texts or share_texts)
    if shares:
        guests.only(list(shares), option)
    wanted = guests.read(sources.aliases(), sources.filters())
    fleets = sources.fleets(guests.ratios, moments=over_time)
    catalogue = {flavor.name: request for flavor, request in wanted}
    weights = {name: shares.get(name, 1.0) for name in catalogue}
    options: dict[str, Any] = {"shares": weights, "cap": cap, "threads": threads}
    options["mixed"] = bool(mix_texts)
    course: Course | None = None
    if over_time:
        series = zip(sources.moments(len(fleets)), fleets, strict=True)
        course = stranded_over(series, catalogue, guests.options, **options)
        answer = course.answers[-1]
    else:
        answer = stranded(fleets, catalogue, guests.options, **options)
    if picture is not None:
        save_picture((course or answer).picture(), picture)
    errors = [{"flavor": one.name, "error": str(one.error)} for one in guests.broken]
    if output == "json":
        print_json({**(_course(course) if course else _described(answer)), "errors": errors})
    elif output == "csv":
        table = course.of() if course else answer.table()
        print_csv(table, rows_of(table))
    elif course:
        _show_course(course)
    else:
        _show(answer, by_host)
    if output != "json":
        for one in guests.broken:
            say(f"{one.name}: {one.error}", err=output == "csv")
    answers = course.answers if course else (answer,)
    parts = [[fleet] for fleet in fleets] if course else [fleets]
    for line in _notes(parts, answers, wanted):
        say(line, err=output != "table")
    if guests.broken:
        return 2
    return int(any(_too_much(one, at_most) for one in answers))


def _notes(
    parts: Sequence[Sequence[Fleet]], answers: Sequence[Stranded], wanted: Sequence[Asked]
) -> list[str]:
    """What each answer leaves open about its fleets, each line once."""
    lines: dict[str, None] = {}
    for fleets, answer in zip(parts, answers, strict=True):
        # a flavor that leaves all that is free has found no host
        left, free = answer.unreached, answer.free_in_all[:, None]
        fits: list[bool] = np.any((left >= 0) & (left < free), axis=0).tolist()
        room = [one for one, some in zip(wanted, fits, strict=True) if some]
        lines |= dict.fromkeys(Notes([(fleet, None) for fleet in fleets]).lines(room))
    return list(lines)


def _too_much(answer: Stranded, at_most: float | None) -> bool:
    """Whether anything is stranded, or more of it than this part (per cent) of what is free."""
    if at_most is None:
        return bool(answer.in_all.any())
    lost: Counter[str] = Counter()
    for cause in answer.causes:
        if cause.lacks != NOTHING_ASKS:
            lost[cause.kind] += cause.units
    free = zip(answer.kinds, answer.free_in_all.tolist(), strict=True)
    return any(lost[kind] * 100 > at_most * units for kind, units in free)


def _show(answer: Stranded, by_host: bool) -> None:
    heads = ("what", "free", "stranded", "fragmentation")
    rows = [(*row, f"{index:.2f}") for *row, index in stranded_words.kinds(answer)]
    print_table(heads, rows, numbers=heads[1:])
    if by_host:
        _show_hosts(answer)
    else:
        _show_causes(answer)
    say(str(answer))


def _show_causes(answer: Stranded) -> None:
    """A row for each, and one line for what stands in no flavor at all."""
    rows = stranded_words.causes(answer)
    if rows:
        heads = ("what", "stranded", "hosts", "lacks", "freed by")
        print_table(heads, rows, numbers=heads[1:3])
    idle = stranded_words.asked_by_none(answer)
    if idle:
        say(f"asked for by no flavor: {idle}")


def _show_hosts(answer: Stranded) -> None:
    """One row for each host and kind of which something is stranded."""
    rows = []
    for host, name in enumerate(answer.hosts):
        for n, kind in enumerate(answer.kinds):
            lost, best = int(answer.stranded[n, host]), int(answer.best[n, host])
            if lost:
                by = answer.flavors[best] if best >= 0 else NOTHING
                rows.append(
                    (
                        name,
                        stranded_words.of_unit(kind, answer.units[n]),
                        answer.free[n, host],
                        lost,
                        by,
                    )
                )
    heads = ("host", "what", "free", "stranded", "least with")
    print_table(heads, rows, numbers=heads[2:4])


def _show_course(course: Course) -> None:
    one = course.of()
    heads = ("moment", "free CPUs", "stranded", "fragmentation")
    rows = [(moment, free, lost, f"{index:.2f}") for moment, free, lost, index in rows_of(one)]
    print_table(heads, rows, numbers=heads[1:])
    say(str(course))


def _described(answer: Stranded) -> dict[str, Any]:
    """``free``, ``stranded`` and ``best`` stand in the order of ``hosts``."""
    names = [*answer.flavors, None]
    return {
        "sentence": str(answer),
        "hosts": list(answer.hosts),
        "kinds": [
            {
                "kind": kind,
                "unit": answer.units[n],
                "free_in_all": int(answer.free_in_all[n]),
                "stranded_in_all": int(answer.in_all[n]),
                "fragmentation": float(answer.index[n]),
                "free": answer.free[n].tolist(),
                "stranded": answer.stranded[n].tolist(),
                "best": [names[flavor] for flavor in answer.best[n].tolist()],
                "causes": [
                    {
                        "lacks": cause.lacks,
                        "stranded": cause.units,
                        "hosts": cause.hosts,
                        "freed_by": cause.freed_by,
                    }
                    for cause in answer.causes
                    if cause.kind == kind
                ],
            }
            for n, kind in enumerate(answer.kinds)
        ],
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "sentence": str(course),
        "moments": [
            {"moment": moment, **_described(answer)}
            for moment, answer in zip(course.moments, course.answers, strict=True)
        ],
    }
