"""``numafit report``: all that planners look at first, in one HTML file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from numafit.cli.counting import counting_options
from numafit.cli.explain import servers_of
from numafit.cli.heard import heard
from numafit.cli.notes import Notes
from numafit.cli.output import is_terminal
from numafit.cli.plan_guests import guests_of, one_fleet, plan_options
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.columns.drafts import draft_of
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.model.request import Request
from numafit.planning.make_room import MadeRoom, make_room
from numafit.planning.room_gains import CAP
from numafit.readers.checks import nearest
from numafit.reporting.findings import WORST, findings
from numafit.reporting.page import TITLE, need_libraries, page


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@counting_options
@click.option(
    "--worst",
    type=click.IntRange(0, 1000),
    default=WORST,
    show_default=True,
    help="Flavors whose refusals are explained: those that fewest hosts take.",
)
@click.option(
    "--room-for",
    metavar="NAME[=N]",
    help="A plan of moves beside: as few as make room for N guests of this flavor, or as much room "
    "as --moves can make.",
)
@click.option(
    "--moves", "most_moves", metavar="K", type=click.IntRange(0, CAP), help="At most K moves."
)
@plan_options
@click.option("--title", default=TITLE, show_default=True, help="What the page is called.")
@click.option(
    "--output", "path", metavar="FILE", help="Where to write it.  [default: standard output]"
)
def command(
    guests: Guests,
    sources: HostSources,
    cap: int,
    threads: int,
    worst: int,
    room_for: str | None,
    most_moves: int | None,
    claim_files: Sequence[str],
    stay: Sequence[str],
    seconds: float,
    title: str,
    path: str | None,
) -> int:
    """One HTML file about hosts and flavors, to look at, to print and to pass on.

    FLAVORS and HOST are files as 'numafit fit' takes them. In it: the fleet at a glance, headroom
    by flavor, what is stranded and why, the worst refusals with the smallest changes that would do,
    a picture of each host, and what the answers leave open; with --room-for a plan of moves. The
    figures are those of 'numafit headroom', 'stranded', 'explain' and 'plan-moves'. The file needs
    nothing from elsewhere, and the same input gives the same bytes. It takes numafit[report].

    \b
    Examples:
      numafit report examples/flavors.json examples/hosts/*
      numafit report examples/planning/flavors.json examples/planning/rack/* --claims examples/planning/rack-claims.jsonl --room-for p8=1

    Exit status: 0 the file is written, 2 bad input, one flavor of the list among it (the others are
    reported).
    """  # noqa: E501 the example is one line
    _check_plan_options(room_for, most_moves, claim_files, stay)
    need_libraries()
    with heard() as remarks:
        wanted = guests.read(sources.aliases(), sources.filters())
        fleets = sources.fleets(guests.ratios)
        catalogue = {flavor.name: request for flavor, request in wanted}
        plan: tuple[str, MadeRoom] | None = None
        if room_for is not None:
            name, number = _room_for(room_for, most_moves, list(catalogue))
            there = guests_of(sources, claim_files)
            limits: dict[str, Any] = {"most_moves": most_moves, "stay": stay, "seconds": seconds}
            limits["filters"] = sources.filters()
            plan = name, _planned(fleets, catalogue, name, number, guests, there, limits)
        found = findings(
            fleets,
            catalogue,
            guests.options,
            guests=servers_of(sources) if worst else (),
            worst=worst,
            plan=plan,
            cap=cap,
            threads=threads,
        )
    room = [one for one, count in zip(wanted, found.room.in_all.tolist(), strict=True) if count]
    text = page(
        found,
        title=title,
        notes=Notes([(fleet, None) for fleet in fleets]).lines(room),
        remarks=remarks,
        broken=[(one.name, str(one.error)) for one in guests.broken],
    )
    if path is None:
        if is_terminal(sys.stdout):
            raise click.UsageError("--output: name a file; a terminal does not show the page.")
        click.echo(text, nl=False)
    else:
        _write(path, text)
    return 2 if guests.broken else 0


def _check_plan_options(
    room_for: str | None, most_moves: int | None, claim_files: Sequence[str], stay: Sequence[str]
) -> None:
    given = {"--moves": most_moves is not None, "--claims": claim_files, "--stay": stay}
    for option, value in given.items():
        if value and room_for is None:
            raise click.UsageError(f"{option} is of a plan of moves: --room-for asks for one.")


def _room_for(text: str, most_moves: int | None, flavors: Sequence[str]) -> tuple[str, int | None]:
    """``NAME=N``, or ``NAME`` where ``--moves`` says how far to go."""
    name, number = text, None
    if text not in flavors and "=" in text:
        name, _equals, words = text.rpartition("=")
        number = int(words) if words.isascii() and words.isdigit() else 0
        if not 1 <= number <= CAP:
            raise InputError(
                None, "--room-for", text, f"NAME=N, a number of guests from 1 to {CAP}"
            )
    if name not in flavors:
        hint = nearest(name, list(flavors))
        raise InputError(None, "--room-for", name, "the name of one of the flavors", hint)
    if number is None and most_moves is None:
        raise click.UsageError(
            f"--room-for {name}: say how much room (--room-for {name}=N), or how many moves "
            "(--moves K)."
        )
    return name, number


def _planned(
    fleets: Sequence[Fleet],
    catalogue: dict[str, Request],
    name: str,
    number: int | None,
    guests: Guests,
    there: Any,
    limits: dict[str, Any],
) -> MadeRoom:
    fleet = one_fleet(fleets)
    asked = catalogue[name]
    return make_room(fleet, asked, number, there, guests.options, catalogue=catalogue, **limits)


def _write(path: str, text: str) -> None:
    """As a whole or not at all."""
    with draft_of(path) as file:
        file.write(text.encode())
