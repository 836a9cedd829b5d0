"""Host aggregates on the command line: nova's API database, or what the client printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from numafit.cli.output import say
from numafit.errors import printable
from numafit.model.hostinfo import HostInfo
from numafit.rules.aggregates import Aggregate, Aggregates

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "api_db": click.option(
        "--api-db",
        metavar="URL|FILE",
        multiple=True,
        help="nova's API database, for host aggregates with their metadata and zones: a URL such "
        "as mysql://nova:PW@db/nova_api, env:VARIABLE that holds one, or a nova.conf with "
        "[api_database] connection.",
    ),
    "aggregates": click.option(
        "--aggregates",
        metavar="FILE|DIR",
        multiple=True,
        help="What 'openstack aggregate list --long' or 'aggregate show' prints with -f json.",
    ),
}


class AggregateSources:
    """The options, read when the first host is asked about."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._urls: tuple[str, ...] = tuple(given.get("api_db") or ())
        self._files: tuple[str, ...] = tuple(given.get("aggregates") or ())
        self._known: Aggregates | None = None
        self._services: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._urls or self._files)

    def applied(self, host: HostInfo) -> HostInfo:
        """``host`` with what its aggregates say."""
        if not self:
            return host
        if self._known is None:
            self._known = self._read()
        self._services[host.name] = self._known.service_of(host)
        return self._known.applied(host)

    def report(self) -> None:
        """One line where no host of any aggregate is among those that were read."""
        if self._known is None or not self._known.hosts:
            return
        services = set(self._services.values())
        if services.isdisjoint(self._known.hosts):
            theirs, ours = min(self._known.hosts), min(services)
            say(
                printable(
                    "numafit: aggregates: none of the hosts is in one; they have hosts such as "
                    f"{theirs}, and here is {ours}"
                ),
                err=True,
            )

    @property
    def for_projects(self) -> Sequence[Aggregate]:
        """Those that keep their hosts for some projects."""
        return () if self._known is None else self._known.for_projects

    def set_apart(self) -> Iterator[tuple[str, list[str]]]:
        """Hosts that such aggregates have, each with their names."""
        for host, service in self._services.items():
            if names := [one.name for one in self.for_projects if service in one.hosts]:
                yield host, names

    def _read(self) -> Aggregates:
        from numafit.readers.aggregates_json import read_aggregates

        found = read_aggregates(self._files)
        for url in self._urls:
            from numafit.readers.api_db import read_api_db

            found += read_api_db(url)
        return Aggregates(found)
