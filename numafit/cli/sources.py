"""Where hosts come from: options that every command about hosts shares.

A source is one entry of ``SOURCES``. Its reader gets the option's value and all that was given
for other options, so that one source may need several.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from numafit.cli.aggregates import OPTIONS as AGGREGATE_OPTIONS
from numafit.cli.aggregates import AggregateSources
from numafit.cli.configs import Configs
from numafit.cli.glance import match_option, name_matches, need_matches
from numafit.cli.output import listed
from numafit.cli.placement import OPTIONS, PlacementSources
from numafit.diagnosis.usage import Difference
from numafit.errors import InputError, printable
from numafit.fleet import Fleet
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostInfo
from numafit.model.interface import NetInterface, netdevs_of
from numafit.model.pci_device import PciDevice
from numafit.readers.node_totals import SERVICE
from numafit.rules.device_spec import parse_device_specs
from numafit.rules.filters import NOVAS_OWN, Filters
from numafit.rules.offline import off_remark
from numafit.rules.pci_pools import functions_of, pools_from_devices

if TYPE_CHECKING:
    from numafit.readers.nova_db import NovaDb
    from numafit.serving.following import Over

Given = Mapping[str, Any]
"""Names of options (with underscores) -> values; tuples where an option may stand twice."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A machine as it shows itself; ``devices``: ``None`` where nothing is known of them;
    ``sriov``: whether they are known to be PFs and VFs."""

    host: HostInfo
    devices: Sequence[PciDevice] | None = None
    interfaces: Sequence[NetInterface] = ()
    sriov: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """``flag``: the option, which may be given several times; ``read``: its hosts.
    ``bare``: where it shows the machine itself, which nova has not put in order yet.
    ``fleet``: a faster way to many hosts at once, where there is one."""

    flag: str
    metavar: str
    help: str
    read: Callable[[str, Given], list[HostInfo]]
    bare: Callable[[str, Given], Bare] | None = None
    fleet: Callable[[str, Given], Fleet] | None = None

    @property
    def hardware(self) -> bool:
        return self.bare is not None

    @property
    def name(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")


def _host_file(path: str, given: Given) -> list[HostInfo]:
    from numafit.readers.hostfile import read_host_file

    return [read_host_file(path)]


def _nova_rows(path: str, given: Given) -> list[HostInfo]:
    from numafit.readers.nova_rows import read_nova_rows

    return read_nova_rows(path)


def _fleet_of_rows(path: str, given: Given) -> Fleet:
    from numafit.readers.nova_rows import read_nova_rows
    from numafit.readers.row_files import stored_rows

    try:
        rows = (
            (name, topology, pools, *others)
            for _way, (topology, pools, name, *others) in stored_rows(path)
        )
        return Fleet.from_nova_rows(_noted(rows, given))
    except InputError:
        # the careful reader names the place in the file
        return Fleet(read_nova_rows(path))


def _sysfs(path: str, given: Given) -> Bare:
    from numafit.readers.sysfs import read_sysfs

    machine = read_sysfs(path)
    return Bare(machine.host, machine.devices, machine.interfaces)


def _libvirt(path: str, given: Given) -> Bare:
    from numafit.readers.libvirt import read_capabilities, read_nodedevs

    host = read_capabilities(path)
    found = [read_nodedevs(file) for file in given["nodedev"]]
    if not found:
        return Bare(host)
    devices = [device for one in found for device in one.devices]
    return Bare(host, devices, [interface for one in found for interface in one.interfaces])


def _hwloc(text: str, given: Given) -> Bare:
    from numafit.readers.hwloc import read_hwloc
    from numafit.readers.synthetic import host_of_synthetic, is_synthetic

    if is_synthetic(text) and not os.path.exists(text):
        return Bare(host_of_synthetic(text))
    machine = read_hwloc(text)
    return Bare(machine.host, machine.devices, machine.interfaces, sriov=False)


def _pooled(read: Callable[[str, Given], Bare]) -> Callable[[str, Given], list[HostInfo]]:
    """The host of a machine, with the pools of its devices where it shows any."""

    def hosts(value: str, given: Given) -> list[HostInfo]:
        bare = read(value, given)
        if bare.devices is None:
            return [bare.host]
        return [with_devices(bare.host, bare.devices, bare.interfaces, given)]

    return hosts


def with_devices(
    host: HostInfo,
    devices: Sequence[PciDevice],
    interfaces: Sequence[NetInterface],
    given: Given,
) -> HostInfo:
    """``host`` with the pools that ``[pci] device_spec`` of its configuration makes of its
    devices; without a configuration nothing is known of what guests may have."""
    config = given["configs"].of_host(host.name)
    if config is None:
        return host
    specs = parse_device_specs(
        config.device_specs,
        functions_of(devices),
        netdevs_of(interfaces),
        report_in_placement=config.report_in_placement,
    )
    pools = pools_from_devices(devices, specs, report_in_placement=config.report_in_placement)
    return replace(host, pci_pools=tuple(pools))


def _nova_db(url: str, given: Given) -> list[HostInfo]:
    from numafit.readers.nova_db import NovaDb, database_url

    with NovaDb(database_url(url)) as database:
        hosts = list(map(partial(_service_noted, given), database.hosts()))
        _say(database.differences(), given)
        if not given["count_disabled"]:
            say_without_services(database)
    return hosts


def _fleet_of_db(url: str, given: Given) -> Fleet:
    from numafit.readers.nova_db import NovaDb, database_url

    with NovaDb(database_url(url)) as database:
        try:
            fleet = Fleet.from_nova_rows(_noted(database.rows(), given))
        except InputError:
            # the careful reader names the row
            fleet = Fleet(map(partial(_service_noted, given), database.hosts()))
        _say(database.differences(), given)
        say_without_services(database)
    return fleet


def _noted(rows: Iterable[Any], given: Given) -> Iterator[Any]:
    """The same rows, once the names of their nova-computes are noted."""
    for row in rows:
        _note(given, row[0], row[-1].get(SERVICE))
        yield row


def _service_noted(given: Given, host: HostInfo) -> HostInfo:
    _note(given, host.name, host.service)
    return host


def _note(given: Given, name: str, service: str | None) -> None:
    if service and service != name:
        given[SERVICES][name] = service


def say_without_services(database: NovaDb) -> None:
    if database.services_without_guests() is None:
        click.echo(
            "numafit: not judged: whether the hosts' compute services take guests: the database "
            "has no nova-compute services",
            err=True,
        )


def _fleet_saved(path: str, given: Given) -> Fleet:
    return Fleet.load(path)


def _saved(path: str, given: Given) -> list[HostInfo]:
    return list(Fleet.load(path).hostinfos())


def _say(found: Sequence[Difference], given: Given) -> None:
    services = given[SERVICES]
    differences = [
        one for one in found if name_matches(one.host, given[PATTERNS], services.get(one.host, ""))
    ]
    for difference in differences[:MOST_DIFFERENCES]:
        click.echo(f"numafit: {difference}", err=True)
    more = len(differences) - MOST_DIFFERENCES
    if more > 0:
        click.echo(f"numafit: {more} more differences of this kind", err=True)


SERVICES = "services"
"""Key in ``Given`` of what hosts' nova-computes are called, as far as it is known so far."""
PATTERNS = "patterns"
"""Key in ``Given`` of the patterns of hosts that are asked about (--match); none: all are."""

MOST_DIFFERENCES = 20
"""Lines about hosts whose stored usage is not the sum of their instances."""

SOURCES = (
    Source("--host", "FILE", "A host file (YAML or JSON); see docs/host-file.md.", _host_file),
    Source(
        "--nova-rows",
        "FILE",
        "Rows of nova's table compute_nodes: JSON, YAML, a table that mysql or psql prints, or "
        "what Ansible reports of those.",
        _nova_rows,
        fleet=_fleet_of_rows,
    ),
    Source(
        "--sysfs",
        "DIR|TAR",
        "/sys, or a copy of it; devices by --config.",
        _pooled(_sysfs),
        bare=_sysfs,
    ),
    Source(
        "--libvirt",
        "FILE",
        "What 'virsh capabilities' prints; devices by --nodedev and --config.",
        _pooled(_libvirt),
        bare=_libvirt,
    ),
    Source(
        "--hwloc",
        "FILE|TEXT",
        "What 'lstopo --of xml' prints, or a synthetic machine: 'pack:2 numa:2 core:8 pu:2'.",
        _pooled(_hwloc),
        bare=_hwloc,
    ),
    Source(
        "--nova-db",
        "URL|FILE",
        "A cell database of nova: a URL such as mysql://nova:PW@db/nova_cell1, env:VARIABLE that "
        "holds one, or a nova.conf with [database] connection.",
        _nova_db,
        fleet=_fleet_of_db,
    ),
    Source("--fleet", "FILE", "A fleet that Fleet.save wrote.", _saved, fleet=_fleet_saved),
)

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

    @property
    def given_any(self) -> bool:
        return any(self.given[source.name] for source in SOURCES)

    def _need_any(self) -> None:
        if not self.given_any:
            raise click.UsageError("No host given: name a host file, or use one of the sources.")

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

    def _report(self, names: Sequence[str]) -> None:
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
    ) -> list[Fleet]:
        """The same hosts in the same order, as one fleet or several, made the fastest way. Those
        without inventories have the ones that nova-compute would report; ``ratios``: allocation
        ratios in place of theirs; ``patterns``: nothing is remarked of hosts that match none;
        ``followed``: what reads a --nova-db instead, and is told what is to be put on its hosts
        (``None``: nothing)."""
        self._need_any()
        asked = self.given[PATTERNS]
        self.given = {**self.given, PATTERNS: asked or patterns}
        on_top = (self.configs, self.placement, self.aggregates, self.given["count_disabled"])
        by_host = any(on_top)
        fleets: list[Fleet] = []
        for source in SOURCES:
            values = self.given[source.name]
            if followed is not None and source.name == "nova_db":
                over = partial(self._asked_about, ratios) if by_host or asked else None
                found = (followed(one, over) for one in values)
                fleets += found if over else (one.with_inventories(ratios) for one in found)
            elif source.fleet is not None and not by_host:
                fleets += (source.fleet(one, self.given).with_inventories(ratios) for one in values)
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
        self._report([name for fleet in fleets for name in fleet.names])
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
        _note(self.given, host.name, host.service)
        for remark in (*host.remarks, off_remark(host)):
            if remark and name_matches(host.name, self.given[PATTERNS], host.service):
                click.echo(printable(f"numafit: {host.name or value}: {remark}"), err=True)
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
        click.echo(
            printable(
                f"numafit: {what} given more than once, and counted each time: {listed(twice)}"
            ),
            err=True,
        )


def host_sources(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one argument, ``sources``.

    Host files may also stand as arguments: those of an argument ``host_files`` count as --host.
    """
    names = [source.name for source in SOURCES] + list(COMPANIONS)

    @functools.wraps(function)
    def command(*args: Any, host_files: Sequence[str] = (), **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in names}
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
