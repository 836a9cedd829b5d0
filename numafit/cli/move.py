"""``numafit move``: can a server that exists go to another host, or be resized where it is?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from numafit.cli import ports
from numafit.cli.fit import Answer, _described, _show
from numafit.cli.glance import MOST_HOSTS, Answered, Glance
from numafit.cli.notes import Notes
from numafit.cli.output import format_option, print_json, print_table, say
from numafit.cli.running import Shape
from numafit.cli.sections import Sectioned
from numafit.cli.servers import find
from numafit.cli.servers import read as read_database
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, printable, shorten
from numafit.fleet import Fleet
from numafit.model.flavor import Flavor
from numafit.model.options import FitOptions
from numafit.model.refusal import Refusal
from numafit.model.server import Server
from numafit.moves import Move, moves
from numafit.plurals import counted
from numafit.readers.checks import nearest
from numafit.readers.flavors import read_flavors, read_image
from numafit.readers.server_show import read_server
from numafit.rules.moved_server import request_of_server
from numafit.rules.pci_alias import parse_aliases
from numafit.views.refused import reasons


@click.command(cls=Sectioned)
@click.argument("name", metavar="SERVER")
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@click.option(
    "--to",
    "to",
    metavar="GLOB",
    multiple=True,
    help="Hosts to ask about, by their names or those of their nova-compute; may be given several "
    "times. Default: all but its own.",
)
@click.option(
    "--resize",
    "flavors_file",
    metavar="FLAVORS",
    help="It gets the flavor of this file, or the one of --flavor there; its own host counts too "
    "where --config sets allow_resize_to_same_host.",
)
@click.option("--flavor", "flavor_name", metavar="NAME", help="The flavor of --resize.")
@click.option("--live", is_flag=True, help="It keeps running: its pages keep their size.")
@click.option(
    "--image",
    "image_file",
    metavar="FILE",
    help="Its image ('openstack image show -f json'), where SERVER is a file.",
)
@click.option(
    "--alias",
    "aliases",
    metavar="JSON",
    multiple=True,
    help="A PCI alias, as a value of nova's [pci] alias; those of --config count too.",
)
@click.option("--port", "port_texts", metavar="KEY=VALUE,...", multiple=True, help=ports.HELP)
@click.option("--volume-backed", is_flag=True, help="Its root disk is a volume.")
@host_sources
@click.option("--by-host", is_flag=True, help=f"Also of more than {MOST_HOSTS} hosts.")
@format_option("json")
def command(
    name: str,
    sources: HostSources,
    to: Sequence[str],
    by_host: bool,
    output: str,
    **given: Any,
) -> int:
    """Can this server move to another host, and does a resize fit beside its old claim?

    SERVER is a uuid or a name in --nova-db, or a file that 'openstack server show -f json' printed.
    It asks for what it was started with. Nova resizes on the own host only with
    allow_resize_to_same_host, and counts what the server has there until the resize is confirmed:
    where the new flavor does not fit beside it, the answer without it stands below.

    \b
    Examples:
      numafit move examples/server.json examples/hosts/*
      numafit move examples/server.json examples/hosts/* --resize examples/flavor-router.json

    Exit status: 0 it can go to one of the hosts at least, 1 to none, 2 bad input.
    """
    if given["live"] and given["flavors_file"] is not None:
        raise click.UsageError("--live, --resize: nova resizes no server live; ask for one.")
    server = _server(name, sources, given["image_file"])
    flavor = _flavor(given["flavors_file"], given["flavor_name"])
    request = request_of_server(
        server,
        flavor,
        aliases=parse_aliases([*sources.aliases(), *given["aliases"]]).check(),
        ports=ports.parse_ports(given["port_texts"]),
        volume_backed=given["volume_backed"],
        filters=sources.filters(),
    )
    # nova's API decides it, whose nova.conf is no host's
    config = sources.configs.for_all
    how = {
        "live": given["live"],
        "resized": flavor is not None,
        "same_host": config is not None and config.allow_resize_to_same_host,
        "options": FitOptions(strategy=sources.configs.strategy() or "spread"),
    }
    glance = Glance(tuple(to), option="--to")
    parts = [
        (fleet, list(moves(fleet, server, request, hosts=indices, **how)))
        for fleet, indices in glance.hosts(
            sources.fleets(patterns=glance.patterns), sources.services
        ).parts
    ]
    notes = Notes([(fleet, [one.host for one in some]) for fleet, some in parts])
    placed = [(fleet, one) for fleet, some in parts for one in some]
    found = [one for _fleet, one in placed]
    if not found:
        raise click.UsageError(f"{server.label} is on {server.host}: name another host by --to.")
    name = printable(server.label)
    label = name if flavor is None else f"{name} with {flavor.name}"
    asked = replace(flavor or server.flavor, name=label)
    shape = Shape.of(asked, server.image, request.guest)

    def answer(fleet: Fleet, one: Move) -> Answer:
        return Answer.of(asked, shape, Answered(one.host_name, one.found, fleet, one.host), sources)

    if output == "json":
        wanted = (flavor or server.flavor).name
        print_json([_json(server, wanted, one, answer(fleet, one), notes) for fleet, one in placed])
        return 0 if any(found) else 1
    if len(found) > MOST_HOSTS and not by_host:
        _summary(label, found)
    else:
        for fleet, one in placed:
            _show_move(one, answer(fleet, one))
    notes.show([(asked, request)] if any(found) else [])
    return 0 if any(found) else 1


def _server(name: str, sources: HostSources, image_file: str | None) -> Server:
    databases: Sequence[str] = sources.given["nova_db"]
    if not databases and not os.path.exists(name):
        raise click.UsageError(
            f"SERVER: {shorten(name)} is no file; by a name or uuid servers are found in --nova-db."
        )
    if os.path.exists(name) or not databases:
        image = read_image(image_file) if image_file else None
        return read_server(name, image)
    if image_file:
        raise click.UsageError("--image: the database knows the image of the server.")
    return find([server for one in databases for server in read_database(one)], name)


def _flavor(file: str | None, name: str | None) -> Flavor | None:
    if file is None:
        if name is not None:
            raise click.UsageError("--flavor goes with --resize, the file that it stands in.")
        return None
    flavors = read_flavors(file)
    if name is None and len(flavors) == 1:
        return flavors[0]
    if name is None:
        raise click.UsageError(
            f"--resize: {file} has {len(flavors)} flavors: name one by --flavor."
        )
    for flavor in flavors:
        if flavor.name == name:
            return flavor
    hint = nearest(name, [flavor.name for flavor in flavors])
    raise InputError(file, None, name, "the name of one of its flavors", hint)


def _show_move(one: Move, answer: Answer) -> None:
    _show(answer)
    if one and one.own:
        say("It fits beside what it has there, which counts until the resize is confirmed.")
    elif one.own and one.after is not None:
        words = "it would fit"
        if isinstance(one.after, Refusal):
            words = f"it would not fit either: {one.after.message}"
        say(f"Without what it has there, which counts until then, {words}.")


def _summary(label: str, found: Sequence[Move]) -> None:
    fits = sum(map(bool, found))
    say(f"{label}: can go to {fits:,} of {counted(len(found), 'host')}")
    refused = reasons(one.found for one in found if isinstance(one.found, Refusal))
    if refused:
        print_table(
            ("hosts", "why not", "nearest miss"),
            ((one.hosts, one.words, one.miss or None) for one in refused),
            numbers=("hosts",),
        )


def _json(server: Server, flavor: str, one: Move, answer: Answer, notes: Notes) -> dict[str, Any]:
    return {
        "server": server.uuid,
        "server_name": server.name,
        "own_host": one.own,
        "fits_without_old": None if one.after is None else bool(one.after),
        **_described(answer, notes),
        "flavor": flavor,
    }
