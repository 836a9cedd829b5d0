"""``numafit servers``: who sits on which CPU, cell and device of each host?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import click

from numafit.cli.glance import match_option
from numafit.cli.output import cpu_text, format_option, print_json, print_table, say, size_text
from numafit.cli.source_kinds import SOURCES
from numafit.errors import InputError, printable, shorten
from numafit.model.server import Server
from numafit.plurals import counted
from numafit.readers.checks import nearest
from numafit.readers.hostcell import page_size_text
from numafit.views.seats import Seat, seats


def _no_servers_there(function: Callable[..., Any]) -> Callable[..., Any]:
    """The other sources of hosts, which know no servers, are an error that says so."""

    def refuse(_context: click.Context, option: click.Parameter, values: Sequence[str]) -> None:
        if values:
            raise click.UsageError(
                f"{option.opts[0]} tells no servers: they stand in a cell's database (--nova-db)."
            )

    wrapped = function
    for source in SOURCES:
        if source.name != "nova_db":
            wrapped = click.option(
                source.flag, multiple=True, hidden=True, expose_value=False, callback=refuse
            )(wrapped)
    return wrapped


@click.command()
@click.option(
    "--nova-db",
    "sources",
    metavar="URL|FILE",
    multiple=True,
    help="A cell database of nova, by URL, env:VARIABLE or a nova.conf, as for other commands; may "
    "be given several times.",
)
@_no_servers_there
@match_option
@format_option("json")
def command(sources: Sequence[str], patterns: Sequence[str], output: str) -> int:
    """Who sits on which CPU, cell and device of each host, as nova's instances say it.

    CPUs are those of the host that a server has for itself, its emulator threads among them;
    floating are vCPUs that share the others. Servers without a NUMA topology stand in no cell.

    \b
    Examples:
      numafit servers --nova-db env:NOVA_CELL1 --match xeon-1

    Exit status: 0 shown, 2 bad input.
    """
    if not sources:
        raise click.UsageError("Whose servers? Name the database of a nova cell with --nova-db.")
    found = seats(_on([server for one in sources for server in read(one)], patterns))
    if output == "json":
        print_json(list(map(_described, found)))
        return 0
    for host, on_host in groupby(found, key=lambda seat: seat.host):
        several = list(on_host)
        say(printable(f"{host}: {counted(len({seat.server.uuid for seat in several}), 'server')}"))
        print_table(
            ("cell", "server", "CPUs", "floating", "memory", "pages", "devices"),
            map(_row, several),
            numbers=("cell", "floating", "memory", "pages"),
        )
    if any(seat.server.moving for seat in found):
        say("*: between two hosts, or waiting for its resize to be confirmed")
    if not found:
        say("no servers")
    return 0


def read(source: str) -> list[Server]:
    """The servers of a database; InputError where it cannot be read."""
    from numafit.readers.nova_db import NovaDb, database_url
    from numafit.readers.nova_db_servers import read_servers

    with NovaDb(database_url(source)) as database:
        return list(read_servers(database))


def find(servers: Sequence[Server], name: str) -> Server:
    """The one of this uuid or name. Raises InputError: none, or several."""
    found = [one for one in servers if one.uuid == name] or [
        one for one in servers if one.name == name
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        hint = nearest(name, [one.label for one in servers])
        raise InputError(None, "server", name, "the uuid or name of a server on some host", hint)
    uuids = ", ".join(one.uuid for one in found[:4])
    raise InputError(None, "server", name, f"one server, {len(found)} have this name: {uuids}")


def _on(servers: Iterable[Server], patterns: Sequence[str]) -> Iterator[Server]:
    servers = list(servers)
    for pattern in patterns:
        names = list(dict.fromkeys(one.host for one in servers))
        if not any(fnmatchcase(name, pattern) for name in names):
            raise click.UsageError(
                f"--match {shorten(pattern)}: no host with servers matches. "
                f"{nearest(pattern, names)}".rstrip()
            )
    for one in servers:
        if not patterns or any(fnmatchcase(one.host, pattern) for pattern in patterns):
            yield one


def _row(seat: Seat) -> tuple[object, ...]:
    return (
        seat.cell,
        seat.server.label + "*" * seat.server.moving,
        _cpus(seat),
        seat.floating or None,
        size_text(seat.memory_mb) if seat.memory_mb else None,
        page_size_text(seat.pagesize) if seat.pagesize else None,
        ", ".join(seat.devices) or None,
    )


def _cpus(seat: Seat) -> str | None:
    """``0-3,8 (8 emulator)``: those of the emulator threads among them."""
    text = cpu_text(seat.cpus)
    return f"{text} ({cpu_text(seat.emulator)} emulator)" if seat.emulator else text


def _described(seat: Seat) -> dict[str, Any]:
    """Memory is MiB, page sizes KiB, CPUs are ids of the host."""
    return {
        "host": seat.host,
        "cell": seat.cell,
        "server": seat.server.uuid,
        "name": seat.server.name,
        "flavor": seat.server.flavor.name,
        "moving": seat.server.moving,
        "cpus": sorted(seat.cpus),
        "emulator": sorted(seat.emulator),
        "floating": seat.floating,
        "memory_mb": seat.memory_mb,
        "pagesize_kib": seat.pagesize,
        "devices": list(seat.devices),
    }
