"""What placement knows of hosts, on the command line: its database, or what its tools printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from numafit.cli.output import listed, say
from numafit.errors import printable, shorten
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Provider
from numafit.readers.checks import nearest
from numafit.readers.placement_facts import PlacementFacts, tells_inventories, with_placement

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "placement_db": click.option(
        "--placement-db",
        metavar="URL|FILE",
        multiple=True,
        help="Placement's database, for inventories, what is in use, traits and aggregates: a URL "
        "such as mysql://placement:PW@db/placement, env:VARIABLE that holds one, or a "
        "placement.conf.",
    ),
    "placement": click.option(
        "--placement",
        "placement",
        metavar="[HOST=]FILE|DIR",
        multiple=True,
        help="What 'openstack resource provider list', 'inventory list', 'usage show', 'trait "
        "list', 'aggregate list' or 'openstack allocation candidate list' prints with -f json; "
        "without HOST= the file is called HOST.json or HOST.inventory.json, HOST.traits.json...",
    ),
}


class PlacementSources:
    """The options, read when the first host is asked about."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._urls: tuple[str, ...] = tuple(given.get("placement_db") or ())
        self._files: tuple[str, ...] = tuple(given.get("placement") or ())
        self._known: Mapping[str, Provider] | None = None
        self._complete = False
        self._named: dict[str, None] = {}
        self._listed: set[str] = set()
        self._hosts: dict[str, None] = {}
        self._untold: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._urls or self._files)

    def applied(self, host: HostInfo) -> HostInfo:
        """``host`` with what placement knows of it."""
        if not self:
            return host
        if self._known is None:
            self._known = self._read()
        self._hosts[host.name] = None
        provider = self._known.get(host.name)
        if not self._complete if provider is None else not tells_inventories(provider):
            self._untold.append(host.name)
        return with_placement(host, self._known, self._complete)

    def report(self) -> None:
        """One line that names hosts of which no inventory was told. A ``HOST=FILE`` whose HOST is
        neither a host nor a provider of a list is a UsageError."""
        for name in self._named:
            if name not in self._hosts and name not in self._listed:
                hint = nearest(name, [*self._hosts, *sorted(self._listed)])
                raise click.UsageError(
                    f"--placement {shorten(name)}=...: no host matches. {hint}".rstrip()
                )
        if self._untold:
            whose = "the host itself shows" if len(self._untold) == 1 else "the hosts show"
            say(
                printable(
                    f"numafit: placement: no inventory was given of {listed(self._untold)}: what "
                    f"{whose} counts"
                ),
                err=True,
            )

    def _read(self) -> Mapping[str, Provider]:
        known: dict[str, Provider] = {}
        for url in self._urls:
            from numafit.readers.placement_db import read_placement_db

            known |= read_placement_db(url)
            self._complete = True
            self._listed.update(known)
        if self._files:
            facts = PlacementFacts()
            for text in self._files:
                if name := _read_file(facts, text):
                    self._named[name] = None
            self._listed |= facts.listed_names()
            known |= facts.hosts()
            self._complete = self._complete or facts.listed
        return known


def _read_file(facts: PlacementFacts, text: str) -> str:
    """HOST of ``HOST=FILE``; empty for others."""
    from numafit.readers.placement_json import read_placement_file, read_placement_folder

    host, equals, file = text.partition("=")
    if not equals or os.path.exists(text):
        if os.path.isdir(text):
            read_placement_folder(facts, text)
        else:
            read_placement_file(facts, text)
        return ""
    if not host or not file:
        raise click.BadParameter(
            f"{shorten(text)}: expected FILE, HOST=FILE or a folder.", param_hint="--placement"
        )
    read_placement_file(facts, file, host)
    return host
