"""``numafit plan-moves``: the fewest live migrations that make room for guests of a flavor."""

from __future__ import annotations

from collections.abc import Sequence

import click

from numafit.cli.notes import Notes
from numafit.cli.output import format_option, print_json, print_table, say
from numafit.cli.plan_guests import (
    asked_by,
    described_steps,
    guests_of,
    one_fleet,
    plan_options,
    show_steps,
)
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, printable
from numafit.planning.make_room import MadeRoom, make_room
from numafit.planning.room_gains import CAP
from numafit.readers.checks import nearest


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--for",
    "name",
    metavar="NAME",
    required=True,
    help="The flavor that room is wanted for; the others of FLAVORS are counted beside it.",
)
@click.option(
    "--room",
    "wanted",
    metavar="N",
    type=click.IntRange(1, CAP),
    help="As few moves as make room for N guests. Default: as much room as --moves can make.",
)
@click.option(
    "--moves", "most_moves", metavar="K", type=click.IntRange(0, CAP), help="At most K moves."
)
@plan_options
@format_option("json")
def command(
    guests: Guests,
    sources: HostSources,
    name: str,
    wanted: int | None,
    most_moves: int | None,
    claim_files: Sequence[str],
    stay: Sequence[str],
    seconds: float,
    output: str,
) -> int:
    """The fewest live migrations that make room for N guests, or the most room by K of them.

    FLAVORS and HOST are files as 'numafit fit' takes them. Each step was tried with the guest on
    both hosts at once, and its pages keep their size. Guests that nova does not migrate live stay,
    and those of --stay. The fragment rate is the part of the free dedicated CPUs that guests of the
    flavor cannot use. Server groups are not looked at.

    \b
    Examples:
      numafit plan-moves examples/planning/flavors.json examples/planning/rack/* --claims examples/planning/rack-claims.jsonl --for p8 --room 1

    Exit status: 0 there is room, or some is gained; 1 there is not, or nothing to gain; 2 bad
    input.
    """  # noqa: E501 the example is one line
    if wanted is None and most_moves is None:
        raise click.UsageError("--room or --moves: say how much room, or how many moves.")
    asked = guests.read(sources.aliases(), sources.filters())
    if guests.broken:
        one = guests.broken[0]
        raise InputError(None, "FLAVORS", one.name, "flavors that nova takes", f"{one.error}.")
    fleet = one_fleet(sources.fleets(guests.ratios))
    catalogue = {flavor.name: request for flavor, request in asked}
    if name not in catalogue:
        hint = nearest(name, list(catalogue))
        raise InputError(None, "--for", name, "the name of one of the flavors", hint)
    found = make_room(
        fleet,
        catalogue[name],
        wanted,
        guests_of(sources, claim_files),
        guests.options,
        most_moves=most_moves,
        catalogue=catalogue,
        stay=stay,
        filters=sources.filters(),
        seconds=seconds,
    )
    if output == "json":
        print_json(_described(name, found))
    else:
        say(printable(f"{name}: {found}"))
        show_steps(found.steps, gain=True)
        rows = [(flavor, *counts) for flavor, counts in found.counts.items()]
        print_table(("flavor", "fit before", "after"), rows, numbers=("fit before", "after"))
    there = [one for one in asked if found.counts[one[0].name][1]]
    Notes([(fleet, None)]).show([*there, *asked_by(found.steps)], err=output != "table")
    return 0 if found else 1


def _described(name: str, found: MadeRoom) -> dict[str, object]:
    rates = found.fragments or (None, None)
    return {
        "flavor": name,
        "sentence": f"{name}: {found}",
        "wanted": found.wanted,
        "before": found.before,
        "after": found.after,
        "moved_mb": found.moved_mb,
        "bound": found.bound,
        "proven": found.fewest,
        "fragment_rate_before": rates[0],
        "fragment_rate_after": rates[1],
        "steps": described_steps(found.steps),
        "counts": [
            {"flavor": flavor, "before": before, "after": after}
            for flavor, (before, after) in found.counts.items()
        ],
    }
