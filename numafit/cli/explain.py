"""``numafit explain``: why does a guest not fit, and which change is the least that would do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from numafit.cli.fit import print_pairs
from numafit.cli.glance import Glance
from numafit.cli.notes import Notes
from numafit.cli.output import format_option, print_json, print_table, say
from numafit.cli.requests import Guests, broken_rows, guest_options, show_broken
from numafit.cli.sections import Sectioned
from numafit.cli.servers import read as read_servers
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, printable
from numafit.fleet import Fleet
from numafit.model.flavor import Flavor
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.model.server import Server
from numafit.planning.explain import KINDS, WANTED, Explanation, Suggestion, explain
from numafit.planning.explain_fleet import NEAREST, FleetExplanation, explain_fleet

Answer = Explanation | FleetExplanation
_CHANGED = {"request": "the request", "host": "the host", "guest": "the host's guests"}


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--change",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only changes of this kind: to the request, to a host, or guests that leave it; may be "
    "given twice.  [default: all]",
)
@click.option(
    "--most",
    type=click.IntRange(1, 100),
    default=WANTED,
    show_default=True,
    help="Suggestions of each kind for one host.",
)
@click.option(
    "--nearest",
    type=click.IntRange(0, 1000),
    default=NEAREST,
    show_default=True,
    help="Of several hosts, those that get suggestions.",
)
@format_option("json")
def command(
    guests: Guests,
    sources: HostSources,
    kinds: Sequence[str],
    most: int,
    nearest: int,
    output: str,
) -> int:
    """Why a flavor's guest does not fit, and the smallest changes by which it would.

    FLAVORS and HOST are files as 'numafit fit' takes them. Of one host: whether it could never take
    the guest, were it empty, or cannot now; what is wanted and there, for each pair of cells; then
    the smallest changes to the request, to the host, or, where the servers are known (--nova-db),
    of guests that leave. Each was tried, and so was one unit less of it, which does not do. Of
    several hosts: the causes with the number of hosts of each, and the hosts that miss it least.

    A change is smaller than another by its number of parts, then by its units: CPUs, vCPUs, pages,
    MiB, devices; guests by their number, then by their vCPUs.

    \b
    Examples:
      numafit explain examples/flavors.json examples/hosts/* --flavor nfv.large --match 'e*'
      numafit explain examples/flavors.json examples/hosts/* --flavor nfv.large --change host

    Exit status: 0 each flavor fits on at least one host, 1 one of them does not, 2 bad input, one
    flavor of the list among it.
    """
    wanted = guests.read(sources.aliases(), sources.filters())
    hosts = Glance().hosts(sources.fleets(guests.ratios), sources.services)
    notes = Notes(hosts.parts)
    changed = tuple(kinds) or KINDS
    servers = servers_of(sources) if "guest" in changed else []
    asked = _Asked(hosts.parts, guests.options, servers, changed, most, nearest)
    answers = [(flavor, request, asked.answer(request)) for flavor, request in wanted]
    if output == "json":
        print_json(
            [
                _described(flavor, one)
                | {"not_judged": notes.described(request), "derived": notes.derived}
                for flavor, request, one in answers
            ]
            + broken_rows(guests)
        )
    else:
        for flavor, _request, one in answers:
            _show(flavor, one)
        show_broken(guests)
        notes.show((flavor, request) for flavor, request, _one in answers)
    if guests.broken:
        return 2
    return 0 if all(answer for *_guest, answer in answers) else 1


class _Asked:
    """Hosts, and how much is to be said of them."""

    def __init__(
        self,
        parts: Sequence[tuple[Fleet, npt.NDArray[np.intp]]],
        options: FitOptions,
        servers: Sequence[Server],
        kinds: Sequence[str],
        most: int,
        nearest: int,
    ) -> None:
        self._parts = parts
        self._hosts = [(fleet, host) for fleet, some in parts for host in some.tolist()]
        self._options = options
        self._servers = servers
        self._kinds = kinds
        self._most = most
        self._nearest = nearest

    def answer(self, request: Request) -> Answer:
        if len(self._hosts) == 1:
            ((fleet, host),) = self._hosts
            return explain(
                fleet,
                request,
                host,
                self._options,
                guests=self._servers,
                kinds=self._kinds,
                wanted=self._most,
            )
        return explain_fleet(
            self._parts,
            request,
            self._options,
            guests=self._servers,
            nearest=self._nearest,
            kinds=self._kinds,
        )


def servers_of(sources: HostSources) -> list[Server]:
    """Of the databases that hosts come from; one that cannot be read is said."""
    found: list[Server] = []
    for source in sources.given["nova_db"]:
        try:
            found += read_servers(source)
        except InputError as error:
            text = f"numafit: no guests that could leave, their servers cannot be read: {error}"
            say(printable(text), err=True)
    return found


def _show(flavor: Flavor, answer: Answer) -> None:
    if isinstance(answer, FleetExplanation):
        _show_fleet(flavor, answer)
        return
    say(printable(f"{flavor.name} {_without_changes(answer)}"))
    print_pairs(answer.answer)
    rows = [(_CHANGED[one.kind], _words(one)) for kind in KINDS for one in answer.of(kind)]
    if rows:
        print_table(("change", "it would fit with"), rows)
    elif not answer:
        say(_nothing(answer))


def _without_changes(answer: Explanation) -> str:
    return str(answer).partition("; it would with: ")[0]


def _words(one: Suggestion) -> str:
    return f"{one}{'' if one.smallest else ' (there may be less)'}"


def _nothing(answer: Explanation) -> str:
    if len(answer.ended) > 1:
        return "No change of those that numafit knows would do."
    return "No change that would do was found."


def _show_fleet(flavor: Flavor, answer: FleetExplanation) -> None:
    say(printable(f"{flavor.name} {answer}"))
    if answer.causes:
        print_table(
            ("hosts", "never", "why not", "nearest miss"),
            (
                (one.reason.hosts, one.never, one.reason.words, one.reason.miss or None)
                for one in answer.causes
            ),
            numbers=("hosts", "never"),
        )
    kinds = [kind for kind in KINDS if any(one.of(kind) for one in answer.nearest)]
    if kinds:
        print_table(
            ("host", *(f"a change to {_CHANGED[kind]}" for kind in kinds)),
            ((one.known_as, *map(one.smallest_words, kinds)) for one in answer.nearest),
        )


def _described(flavor: Flavor, answer: Answer) -> dict[str, Any]:
    """For machines: amounts as docs/guide/why-not.md says."""
    about: dict[str, Any] = {"flavor": flavor.name, "sentence": f"{flavor.name} {answer}"}
    if isinstance(answer, Explanation):
        return (
            about
            | {"hosts": 1, "fits_on": int(answer.fits), "causes": []}
            | {"nearest": [_explained(answer)] if not answer else []}
        )
    return about | {
        "hosts": answer.hosts,
        "fits_on": answer.fitting,
        "causes": [
            {
                "reason": one.reason.code,
                "words": one.reason.words,
                "hosts": one.reason.hosts,
                "never": one.never,
                "short": one.reason.short or None,
                "nearest": one.reason.nearest or None,
            }
            for one in answer.causes
        ],
        "nearest": list(map(_explained, answer.nearest)),
    }


def _explained(one: Explanation) -> dict[str, Any]:
    return {
        "host": one.host_name,
        "verdict": one.verdict,
        "reason": getattr(one.answer, "reason", None),
        "message": str(one.answer),
        "cells": [
            {
                "guest_cell": pair.guest_cell,
                "host_cell": pair.host_cell,
                "reason": pair.reason,
                "wanted": pair.wanted,
                "available": pair.available,
                "message": pair.message,
            }
            for pair in one.pairs
        ],
        "suggestions": [
            {
                "change": found.kind,
                "text": str(found),
                "units": found.units,
                "smallest": found.smallest,
                "parts": [
                    {"what": part.what, "amount": part.amount, "cell": part.cell}
                    | {"subject": part.subject or None, "text": part.text}
                    for part in found.parts
                ],
                "host_cells": [cell.host_cell for cell in found.placement.cells],
            }
            for found in one.suggestions
        ],
        "all_tried": sorted(one.ended),
    }
