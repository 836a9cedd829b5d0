"""``numafit drain``: can a host be emptied, where do its guests go, and in which order?"""

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
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, printable
from numafit.model.options import FitOptions
from numafit.planning.drain import Drain, drain
from numafit.readers.checks import nearest


@click.command(cls=Sectioned)
@click.argument("name", metavar="NAME")
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@plan_options
@format_option("json")
def command(
    name: str,
    sources: HostSources,
    claim_files: Sequence[str],
    stay: Sequence[str],
    seconds: float,
    output: str,
) -> int:
    """Can the host NAME be emptied by live migrations, where to, and in which order?

    Each step was tried with the guest on both hosts at once, and its pages keep their size. Where a
    guest finds no place, one of another host goes first. Guests that nova does not migrate live
    stay, and those of --stay. Server groups are not looked at.

    \b
    Examples:
      numafit drain xeon-3 --nova-db env:NOVA_CELL1
      numafit drain rack-a examples/planning/rack/* --claims examples/planning/rack-claims.jsonl

    Exit status: 0 it can be emptied, 1 no way was found, 2 bad input.
    """
    fleet = one_fleet(sources.fleets())
    if name not in fleet.names:
        hint = nearest(name, fleet.names)
        raise InputError(None, "NAME", name, "the name of one of the hosts", hint)
    options = FitOptions(strategy=sources.configs.strategy() or "spread")
    guests = guests_of(sources, claim_files)
    found = drain(
        fleet,
        fleet.index(name),
        guests,
        options,
        stay=stay,
        filters=sources.filters(),
        seconds=seconds,
    )
    if output == "json":
        print_json(
            {
                "host": found.host_name,
                "sentence": str(found),
                "can_be_emptied": bool(found),
                "proven": bool(found) or found.proven,
                "guests": found.guests,
                "moved_mb": found.moved_mb,
                "bound": found.bound,
                "steps": described_steps(found.steps),
                "left": [
                    {"guest": one.guest, "why": one.why, "proven": one.proven} for one in found.left
                ],
            }
        )
    else:
        _show(found)
    Notes([(fleet, None)]).show(asked_by(found.steps), err=output != "table")
    return 0 if found else 1


def _show(found: Drain) -> None:
    say(printable(str(found)))
    show_steps(found.steps)
    if found.left:
        print_table(
            ("stays", "why", "proven"),
            ((one.guest, one.why, "yes" if one.proven else "no") for one in found.left),
        )
