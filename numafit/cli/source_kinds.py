"""Each kind of source: the option that names it, and how its hosts are read.

A source is one entry of ``SOURCES``. Its reader gets the option's value and all that was given
for other options, so that one source may need several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numafit.cli.glance import name_matches
from numafit.cli.output import say
from numafit.diagnosis.usage import Difference
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.model.hostinfo import HostInfo
from numafit.model.interface import NetInterface, netdevs_of
from numafit.model.pci_device import PciDevice
from numafit.plurals import counted
from numafit.readers.node_totals import SERVICE
from numafit.rules.device_spec import parse_device_specs
from numafit.rules.pci_pools import functions_of, pools_from_devices

if TYPE_CHECKING:
    from numafit.readers.nova_db import NovaDb

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

    return read_nova_rows(path, given.get(UNREADABLE))


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
        return Fleet(read_nova_rows(path, given.get(UNREADABLE)))


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
        note_service(given, row[0], row[-1].get(SERVICE))
        yield row


def _service_noted(given: Given, host: HostInfo) -> HostInfo:
    note_service(given, host.name, host.service)
    return host


def note_service(given: Given, name: str, service: str | None) -> None:
    if service and service != name:
        given[SERVICES][name] = service


def say_without_services(database: NovaDb) -> None:
    if database.services_without_guests() is None:
        say(
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
        say(f"numafit: {difference}", err=True)
    more = len(differences) - MOST_DIFFERENCES
    if more > 0:
        say(f"numafit: {counted(more, 'more difference')} of this kind", err=True)


SERVICES = "services"
"""Key in ``Given`` of what hosts' nova-computes are called, as far as it is known so far."""
PATTERNS = "patterns"
"""Key in ``Given`` of the patterns of hosts that are asked about (--match); none: all are."""
UNREADABLE = "unreadable"
"""Key in ``Given`` of who is told of rows that tell of no host, in place of an error: the name and
what is wrong."""

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
