"""``numafit what-if``: how long do the hosts last as guests come and go?"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from functools import reduce
from itertools import product
from operator import add
from typing import Any

import click

from numafit.cli.notes import Notes
from numafit.cli.output import NOTHING, format_option, print_json, print_table
from numafit.cli.requests import Guests, guest_options
from numafit.cli.shares import shares_of
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import shorten
from numafit.fleet import Fleet
from numafit.planning.changes import Add, Change
from numafit.planning.trace import LIFETIMES, STAYS, Trace
from numafit.planning.what_if import CHOICES, Comparison, Plan, what_if
from numafit.readers.hostfile import read_host_file
from numafit.rules.inventories import with_inventories

_HEADS = ("plan", "placed", "refused", "of all", "full after", "because of", "closeness")


@click.command()
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--mix",
    "mix_texts",
    metavar="NAME[=WEIGHT]",
    multiple=True,
    help="These flavors come, in these shares (default: all of FLAVORS, equally often).",
)
@click.option(
    "--guests",
    "count",
    type=click.IntRange(1, 10_000_000),
    default=1000,
    show_default=True,
    help="How many come.",
)
@click.option(
    "--per-hour",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="How many come in an hour, on average.",
)
@click.option(
    "--stay",
    "stay_hours",
    type=click.FloatRange(0, min_open=True),
    default=STAYS,
    help="How many hours each stays, on average (default: for good).",
)
@click.option(
    "--lifetime",
    type=click.Choice(LIFETIMES),
    default="exponential",
    show_default=True,
    help="How the hours vary.",
)
@click.option(
    "--choose",
    "choices",
    type=click.Choice(CHOICES),
    multiple=True,
    default=("spread",),
    show_default=True,
    help="How a host is chosen; several are compared.",
)
@click.option(
    "--add",
    "more",
    metavar="COUNT=HOST_FILE",
    multiple=True,
    help="Compare with so many more hosts like the one of this file.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes (default: one a CPU). The answer does not depend on it.",
)
@format_option("json", "csv")
def command(
    guests: Guests,
    sources: HostSources,
    mix_texts: Sequence[str],
    count: int,
    per_hour: float,
    stay_hours: float,
    lifetime: str,
    choices: Sequence[str],
    more: Sequence[str],
    seed: int,
    workers: int | None,
    output: str,
) -> int:
    """How many of the guests that come find a host, and when the hosts are full.

    Guests of FLAVORS come at random and leave again; each is placed as nova's scheduler would, or
    refused. FLAVORS and HOST are files as 'numafit fit' takes them. Each --choose is played with
    the hosts as they are, and once more with each --add. The same --seed gives the same answer.

    "full after" is the hour of the first refusal, or where the trend of what is in use goes.
    "closeness" is 10 over the mean distance between the cells of guests that have several.

    \b
    Examples:
      numafit what-if examples/flavors.json examples/hosts/* --guests 20 --mix nfv.small
      numafit what-if examples/flavors.json examples/hosts/* --guests 30 --mix nfv.small --choose pack
      numafit what-if examples/flavors.json examples/hosts/* --guests 40 --mix nfv.large --add 2=examples/hosts/dual-xeon.yaml

    Exit status: 0 one plan at least refuses nobody, 1 each refuses somebody, 2 bad input.
    """  # noqa: E501 an example is one line
    mix = shares_of("--mix", mix_texts)
    if mix:
        guests.only(list(mix))
    wanted = guests.read(sources.aliases(), sources.filters())
    if guests.broken:
        raise guests.broken[0].error
    fleets = sources.fleets(guests.ratios)
    fleet: Fleet = reduce(add, fleets)
    requests = {flavor.name: (request, mix.get(flavor.name, 1.0)) for flavor, request in wanted}
    trace = Trace.of_mix(requests, count, per_hour, stay_hours, lifetime, seed)
    changes: list[tuple[Change, ...]] = [(), *map(_added, more)]
    plans = [
        Plan(", ".join((choose, *map(str, change))), choose, guests.options, change)
        for change, choose in product(changes, dict.fromkeys(choices))
    ]
    found = what_if(fleet, trace, plans, seed=seed, workers=workers)
    notes = Notes([(fleet, None)])
    if output == "json":
        print_json({"best": found.best(), "hours": trace.seconds / 3600, "plans": found.rows})
    elif output == "csv":
        _print_csv(found)
    else:
        print_table(_HEADS, [_row(row) for row in found.rows], numbers=_HEADS[1:5])
        click.echo(f"{found.best()} places most")
    notes.show(wanted, err=output != "table")
    return 0 if any(not row["refused"] for row in found.rows) else 1


def _added(text: str) -> tuple[Change, ...]:
    number, equals, file = text.partition("=")
    if not equals or not number.isdecimal() or not 0 < int(number) <= 1_000_000 or not file:
        raise click.BadParameter(
            f"{shorten(text)}: expected COUNT=HOST_FILE, a count from 1 to 1000000.",
            param_hint="--add",
        )
    return (Add(with_inventories(read_host_file(file)), int(number)),)


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    hours = row["full_hours"]
    if hours is None:
        full, by = NOTHING, "it does not fill up"
    else:
        full = f"{hours:,.1f} h"
        by = f"{row['full_by']} refused" if row["full_seen"] else f"{row['full_by']}, by trend"
    close = row["closeness"]
    return (
        row["plan"],
        row["placed"],
        row["refused"],
        f"{_share(row):.1%}",
        full,
        by,
        NOTHING if close is None else f"{close:.2f}",
    )


def _share(row: dict[str, Any]) -> float:
    return math.nan if not row["came"] else float(row["placed"] / row["came"])


def _print_csv(found: Comparison) -> None:
    text = io.StringIO()
    lines = csv.DictWriter(text, list(found.rows[0]), lineterminator="\n")
    lines.writeheader()
    lines.writerows(found.rows)
    click.echo(text.getvalue(), nl=False)
