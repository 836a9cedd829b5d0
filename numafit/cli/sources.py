"""Where hosts come from: options that every command about hosts shares."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from numafit.cli.aggregates import OPTIONS as AGGREGATE_OPTIONS
from numafit.cli.aggregates import AggregateSources
from numafit.cli.configs import Configs
from numafit.cli.glance import match_option, name_matches, need_matches
from numafit.cli.output import listed, say
from numafit.cli.placement import OPTIONS, PlacementSources
from numafit.cli.remarks import say_overfull, say_remarks
from numafit.cli.source_kinds import (
    PATTERNS,
    SERVICES,
    SOURCES,
    UNREADABLE,
    Given,
    Source,
    note_service,
)
from numafit.errors import InputError, printable
from numafit.fleet import Fleet
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostInfo
from numafit.rules.filters import NOVAS_OWN, Filters

if TYPE_CHECKING:
    from numafit.serving.following import Over

COMPANIONS: dict[str, Callable[[Any], Any]] = {
    "nodedev": click.option(
        "--nodedev",
        metavar="FILE",
        multiple=True,
        help="What 'virsh nodedev-dumpxml' prints of the devices of --libvirt.",
    ),
    "config": click.option(
        "--config",
        metavar="FILE|GLOB=FILE",
        multiple=True,
        help="nova.conf of the hosts, or 'GLOB=FILE' of those whose name matches: CPU sets, "
        "reserved pages, networks, ratios, PCI aliases. Later files win. Over hosts as they were "
        "stored it changes what it sets, and says so.",
    ),
    "config_dir": click.option(
        "--config-dir",
        metavar="DIR",
        multiple=True,
        help="A directory of *.conf files, which win over --config.",
    ),
    **OPTIONS,
    **AGGREGATE_OPTIONS,
    "count_disabled": click.option(
        "--count-disabled",
        is_flag=True,
        help="Count hosts whose compute service is disabled or forced down as if it took guests.",
    ),
    "patterns": match_option,
}
"""Options that stand beside those of the sources: name in ``Given`` -> click option."""

HOST_OPTIONS = (*(source.name for source in SOURCES), *COMPANIONS)
"""Names of what ``host_sources`` adds."""


class HostSources:
    """What was given on the command line; ``read`` gives the hosts, in the order of SOURCES."""

    def __init__(self, given: Given) -> None:
        self.configs = Configs(given)
        self.placement = PlacementSources(given)
        self.aggregates = AggregateSources(given)
        self.services: dict[str, str] = {}
        self.given: Given = {
            **given,
            "configs": self.configs,
            SERVICES: self.services,
        }

    def again(self) -> HostSources:
        """The same, of which nothing was read yet."""
        return HostSources(self.given)

    def leave_out(self, unreadable: list[InputError]) -> None:
        """Leave out rows of nova that tell of no host from now on, and put there what is wrong with
        those that are asked about: no error ends the reading."""

        def note(name: str, error: InputError) -> None:
            if name_matches(name, self.given[PATTERNS], self.services.get(name, "")):
                unreadable.append(error)

        self.given = {**self.given, UNREADABLE: note}

    @property
    def given_any(self) -> bool:
        return any(self.given[source.name] for source in SOURCES)

    def _need_any(self) -> None:
        if not self.given_any:
            flags = ", ".join(source.flag for source in SOURCES[1:-1])
            raise click.UsageError(
                f"No host given: name a host file, or use {flags} or {SOURCES[-1].flag}."
            )

    def _need_some(self, hosts: int) -> None:
        """A cell may be empty; nothing at all is no answer about hosts."""
        if hosts:
            return
        named = [value for source in SOURCES for value in self.given[source.name]]
        raise InputError(named[0], None, "no hosts", "at least one in all that was named")

    def aliases(self) -> Sequence[str]:
        """The texts of ``[pci] alias`` of the configuration, where one is given."""
        return self.configs.aliases()

    def filters(self) -> Filters:
        """``[filter_scheduler]`` of the configuration, nova's own where it is not set."""
        config = self.configs.for_all
        return NOVAS_OWN if config is None else config.filters

    def matches(self, host: HostInfo) -> bool:
        """Whether --match asks about it."""
        return name_matches(host.name, self.given[PATTERNS], host.service)

    def read(self) -> list[HostInfo]:
        """The hosts that are asked about. Raises InputError for what cannot be read, UsageError for
        no host at all."""
        self._need_any()
        hosts = [
            host
            for source in SOURCES
            for value in self.given[source.name]
            for host in self._hosts(source, value)
        ]
        self._need_some(len(hosts))
        self.need_matches(host.name for host in hosts)
        hosts = list(filter(self.matches, hosts))
        self._report([host.name for host in hosts])
        return hosts

    def _report(self, *together: Sequence[str]) -> None:
        for names in together:
            _say_twice(names)
        self.configs.report()
        self.placement.report()
        self.aggregates.report()

    def need_matches(self, names: Iterable[str]) -> None:
        """A pattern of --match that none of these hosts matches is a UsageError."""
        need_matches("--match", self.given[PATTERNS], names, self.services)

    def fleets(
        self,
        ratios: Limits | None = None,
        patterns: tuple[str, ...] = (),
        followed: Callable[[str, Over | None], Fleet] | None = None,
        moments: bool = False,
    ) -> list[Fleet]:
        """The same hosts in the same order, as one fleet or several, made the fastest way. Those
        without inventories have the ones that nova-compute would report; ``ratios``: allocation
        ratios in place of theirs; ``patterns``: nothing is remarked of hosts that match none;
        ``followed``: what reads a --nova-db instead, and is told what is to be put on its hosts
        (``None``: nothing); ``moments``: each is the same hosts at another time."""
        self._need_any()
        asked = self.given[PATTERNS]
        self.given = {**self.given, PATTERNS: asked or patterns}
        on_top = (self.configs, self.placement, self.aggregates, self.given["count_disabled"])
        by_host = any(on_top)
        fleets: list[Fleet] = []
        in_columns: list[Fleet] = []
        for source in SOURCES:
            values = self.given[source.name]
            if followed is not None and source.name == "nova_db":
                over = partial(self._asked_about, ratios) if by_host or asked else None
                found = [followed(one, over) for one in values]
                if not over:
                    found = [one.with_inventories(ratios) for one in found]
                    in_columns += found
                fleets += found
            elif source.fleet is not None and not by_host:
                found = [source.fleet(one, self.given).with_inventories(ratios) for one in values]
                in_columns += found
                fleets += found
            elif values:
                fleets.append(
                    Fleet(
                        self.configs.with_inventories(host, ratios)
                        for one in values
                        for host in self._hosts(source, one)
                    )
                )
        self._need_some(sum(map(len, fleets)))
        if asked:
            self.need_matches(name for fleet in fleets for name in fleet.names)
            for fleet in fleets:
                self._keep_asked(fleet)
        for fleet in in_columns:
            say_overfull(fleet)
        together = [fleet.names for fleet in fleets]
        self._report(*(together if moments else [list(chain.from_iterable(together))]))
        return fleets

    def _keep_asked(self, fleet: Fleet) -> None:
        services, asked = self.services, self.given[PATTERNS]
        others = [
            n
            for n, name in enumerate(fleet.names)
            if not name_matches(name, asked, services.get(name, ""))
        ]
        if others:
            fleet.remove(others)
            fleet.compact()

    def moments(self, fleets: int) -> list[str]:
        """What each of ``fleets()`` was read from, where each is a moment of its own."""
        named = [
            str(value)
            for source in SOURCES
            if source.fleet is not None
            for value in self.given[source.name]
        ]
        if len(named) != fleets:
            raise click.UsageError(
                "--over-time takes --fleet, --nova-rows and --nova-db alone, without options that "
                "change what they hold: each is a moment."
            )
        return named

    def _hosts(self, source: Source, value: str) -> Iterator[HostInfo]:
        for host in source.read(value, self.given):
            yield self._over(host, value, source.hardware)

    def _over(self, host: HostInfo, value: str, hardware: bool = False) -> HostInfo:
        """``host`` of the source ``value`` with all that stands beside the sources on top."""
        if self.given["count_disabled"]:
            host = replace(host, disabled="")
        host = self.configs.applied(host, hardware)
        host = self.aggregates.applied(self.placement.applied(host))
        note_service(self.given, host.name, host.service)
        if self.matches(host):
            say_remarks(host, value)
        return host

    def _asked_about(self, ratios: Limits | None, host: HostInfo) -> HostInfo | None:
        """The same of a --nova-db with inventories, where --match asks about it."""
        host = self._over(host, "--nova-db")
        return self.configs.with_inventories(host, ratios) if self.matches(host) else None


def _say_twice(names: Sequence[str]) -> None:
    """One line about hosts of one name, each of which counts for itself."""
    if len(set(names)) == len(names):
        return
    twice = [name for name, times in Counter(names).items() if name and times > 1]
    if twice:
        what = "this host is" if len(twice) == 1 else f"{len(twice)} hosts are"
        say(
            printable(
                f"numafit: {what} given more than once, and counted each time: {listed(twice)}"
            ),
            err=True,
        )


def host_sources(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one argument, ``sources``.

    Host files may also stand as arguments: those of an argument ``host_files`` count as --host.
    """

    @functools.wraps(function)
    def command(*args: Any, host_files: Sequence[str] = (), **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in HOST_OPTIONS}
        given["host"] = (*host_files, *given["host"])
        return function(*args, sources=HostSources(given), **kwargs)

    wrapped: Callable[..., Any] = command
    for companion in reversed(COMPANIONS.values()):
        wrapped = companion(wrapped)
    for source in reversed(SOURCES):
        wrapped = click.option(
            source.flag, source.name, metavar=source.metavar, multiple=True, help=source.help
        )(wrapped)
    return wrapped
