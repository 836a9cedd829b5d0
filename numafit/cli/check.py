"""``numafit check``: does a host's configuration fit its hardware, does nova take all flavors?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from numafit.cli.lint import refuse, strict_option, unknown_names
from numafit.cli.networks import HostNetworks, network_options
from numafit.cli.output import and_text, format_option, print_json, say
from numafit.cli.sections import Sectioned
from numafit.cli.source_kinds import SOURCES, Bare
from numafit.cli.sources import HostSources, host_sources
from numafit.diagnosis.affinity import Affinities
from numafit.diagnosis.check import SEVERITIES, Machine, check_host
from numafit.diagnosis.check_stored import stored_findings
from numafit.diagnosis.finding import ERROR, Finding
from numafit.diagnosis.flavors import value_findings
from numafit.diagnosis.usage import Difference, pinned_findings
from numafit.errors import InputError, printable
from numafit.model.interface import netdevs_of
from numafit.plurals import counted
from numafit.readers.flavors import read_flavors, read_image
from numafit.readers.libvirt_version import (
    Version,
    live_libvirt_version,
    read_libvirt_version,
)
from numafit.rules.nova_config import NovaConfig

NOVA_CONF = "/etc/nova/nova.conf"
"""What nova-compute reads, where no --config is given on the host itself."""
_NAMED = 3
"""Hosts that a line names."""

Found = dict[Finding, list[str]]
"""Findings, each once, with the names of the hosts that they are about."""


@dataclass(slots=True)
class Seen:
    """How much was looked at; ``configured``: hosts whose nova.conf was."""

    flavors: int = 0
    images: int = 0
    hosts: int = 0
    configured: int = 0

    def __str__(self) -> str:
        """Where nothing was found; that hosts and configuration agree is said where both were
        there."""
        counts = ((self.flavors, "flavor"), (self.images, "image"), (self.hosts, "host"))
        of = [counted(n, what) for n, what in counts if n]
        agree = bool(self.hosts) and self.hosts == self.configured
        return (
            f"nothing to report for {and_text(of) or 'no host and no flavor'}"
            f"{': configuration and host agree' if agree else ''}"
        )


@click.command(
    short_help="Does nova.conf fit its host, and does nova know the names in use?", cls=Sectioned
)
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@click.option(
    "--flavors",
    "flavors_file",
    metavar="FILE",
    help="Flavors whose extra specs are looked at, names and values, in a file as 'numafit fit' "
    "takes it.",
)
@click.option(
    "--image", "image_file", metavar="FILE", help="An image whose properties are looked at."
)
@strict_option
@click.option(
    "--libvirt-version",
    metavar="VERSION|FILE",
    help="The host's libvirt, such as 9.0.0, or a file with what 'virsh version --daemon' prints; "
    "remote-managed devices need one that knows them. On the host itself virsh is asked.",
)
@network_options
@format_option("json")
def command(
    sources: HostSources,
    networks: HostNetworks,
    flavors_file: str | None,
    image_file: str | None,
    strict: bool,
    libvirt_version: str | None,
    output: str,
) -> int:
    """Contradictions between compute hosts, their nova.conf and their neutron agents, flavors that
    nova refuses, and names that it does not know.

    Errors are what does not work, warnings what does not do what was meant, notes what is good to
    know. Without a host this host itself is looked at, with --config or else /etc/nova/nova.conf,
    unless --flavors or --image stand without --config; machines (--sysfs, --libvirt, --hwloc) need
    --config. Beside another source --nova-db tells which versions the computes have and which
    instances are pinned to one CPU, no more.
    Networks are compared where neutron's configuration is given or found.

    \b
    Examples:
      numafit check --sysfs examples/networking/sys.tar.xz --config examples/networking/nova.conf
      numafit check --flavors examples/flavor-router.json --image examples/images/vnf-router.json --strict

    Exit status: 0 no errors, 1 errors, 2 bad input, no nova.conf where one is needed, or
    names that nova does not know with --strict.
    """  # noqa: E501 an example is one line
    flavors = read_flavors(flavors_file) if flavors_file else []
    image = read_image(image_file) if image_file else None
    seen = Seen(len(flavors), int(image is not None))
    found: Found = {one: [] for one in unknown_names(flavors, image, sources.configs.each())}
    unknown = len(found)
    common: dict[str, Any] = {"image": image}
    if sources.configs:
        common["aliases"] = sources.aliases()
    found |= {one: [] for one in value_findings(flavors, common)}
    if _on_this_host(sources, bool(flavors_file or image_file)):
        findings, more = _this_host(sources, networks, libvirt_version)
        seen.hosts = seen.configured = 1
        unknown += more
        found |= {one: [] for one in findings if one not in found}
    else:
        for name, one in _of_hosts(sources, networks, libvirt_version, seen):
            hosts = found.setdefault(one, [])
            hosts += [name] if name and name not in hosts[-1:] else []
    ordered = sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
    if output == "json":
        print_json([{**_described(one), "hosts": found[one]} for one in ordered])
    else:
        _show(ordered, found, seen)
    if strict and unknown:
        refuse(unknown)
    return 1 if any(finding.severity == ERROR for finding in ordered) else 0


def _on_this_host(sources: HostSources, asked: bool) -> bool:
    """``asked``: there are flavors or an image to look at."""
    if sources.given_any:
        return False
    return bool(sources.configs) or not asked


def _this_host(
    sources: HostSources, networks: HostNetworks, libvirt_version: str | None
) -> tuple[list[Finding], int]:
    """The findings, and how many of them are names that nova does not know."""
    from numafit.readers.sysfs import read_sysfs

    live = read_sysfs()
    machine = Bare(live.host, live.devices, live.interfaces)
    config = _own_config(sources)
    affinities = _affinities(networks, machine, True)
    # the file that is read where none is given
    unknown = [] if sources.configs else unknown_names([], None, [config])
    version = _libvirt(libvirt_version, True)
    return check_host(_machine(machine, config, affinities, version, [])), len(unknown)


def _of_hosts(
    sources: HostSources, networks: HostNetworks, libvirt_version: str | None, seen: Seen
) -> Iterator[tuple[str, Finding]]:
    """Findings, with the name of the host where there are several."""
    versions, pinned = _of_databases(sources)
    yield from (("", one) for one in pinned_findings(pinned))
    given = [source for source in SOURCES if sources.given[source.name]]
    beside = [source for source in given if source.name != "nova_db"]
    values = [(source, one) for source in beside or given for one in sources.given[source.name]]
    if sources.placement:
        raise click.UsageError("check does not look at what placement knows of hosts.")
    if networks.given_any and (len(values) != 1 or values[0][0].bare is None):
        raise click.UsageError("Networks are compared on one machine: name it with --sysfs.")
    version = _libvirt(libvirt_version, False)
    several = len(values) > 1 or any(source.fleet is not None for source, _value in values)
    names: list[str] = []
    for source, value in values:
        if source.bare is None:
            for host in source.read(value, sources.given):
                names.append(host.name)
                if not sources.matches(host):
                    continue
                config = sources.configs.of_host(host.name)
                seen.hosts += 1
                seen.configured += config is not None
                for one in stored_findings(host, config, versions):
                    yield host.name if several else "", one
            continue
        bare = source.bare(value, sources.given)
        names.append(bare.host.name)
        if not sources.matches(bare.host):
            continue
        config = sources.configs.of_host(bare.host.name)
        if config is None:
            raise click.UsageError(f"Name the nova.conf of {value} with --config.")
        seen.hosts += 1
        seen.configured += 1
        affinities = _affinities(networks, bare, False)
        for one in check_host(_machine(bare, config, affinities, version, versions)):
            yield bare.host.name if several else "", one
    sources.configs.need_matches()
    sources.need_matches(names)


def _machine(
    bare: Bare,
    config: NovaConfig,
    affinities: Affinities | None,
    libvirt: Version | None,
    computes: list[int],
) -> Machine:
    devices = bare.devices if bare.sriov else None
    return Machine(
        bare.host, config, affinities, devices, netdevs_of(bare.interfaces), libvirt, computes
    )


def _libvirt(given: str | None, live: bool) -> Version | None:
    if given is not None:
        return read_libvirt_version(given)
    return live_libvirt_version() if live else None


def _of_databases(sources: HostSources) -> tuple[list[int], list[Difference]]:
    """Versions of the computes; hosts whose instances share a CPU that is promised to one."""
    versions: list[int] = []
    pinned: list[Difference] = []
    for url in sources.given["nova_db"]:
        from numafit.readers.nova_db import NovaDb, database_url

        with NovaDb(database_url(url)) as database:
            found = database.differences() if database.columns_of("compute_nodes") else []
            versions += database.compute_versions()
            pinned += [one for one in found if one.instances]
    return versions, pinned


def _own_config(sources: HostSources) -> NovaConfig:
    """Of this host."""
    from numafit.readers.nova_conf import read_nova_conf

    config = sources.configs.for_all
    if config is not None:
        return config
    try:
        return read_nova_conf(NOVA_CONF)
    except InputError as error:
        if error.key is not None:
            raise
        raise InputError(
            NOVA_CONF, None, error.value, "the host's nova.conf", "Name it with --config."
        ) from None


def _affinities(networks: HostNetworks, machine: Bare, live: bool) -> Affinities | None:
    """``None`` where no configuration of neutron's is known: then nothing is said of networks."""
    cells = [cell.id for cell in machine.host.cells]
    nodes = {device.address: device.numa_node for device in machine.devices or ()}
    found = networks.affinities(machine.interfaces, cells, nodes, live)
    return found if found.physnets or found.tunnel is not None or found.unknown else None


def _show(ordered: list[Finding], found: Found, seen: Seen) -> None:
    for finding in ordered:
        say(printable(f"{finding.severity}: {finding.where}{_on(found[finding])}: {finding.what}"))
        if finding.advice:
            say(printable(f"    {finding.advice}"))
    counts = [
        counted(count, severity)
        for severity in SEVERITIES
        if (count := sum(finding.severity == severity for finding in ordered))
    ]
    say(", ".join(counts) if counts else str(seen))


def _on(hosts: list[str]) -> str:
    if not hosts:
        return ""
    more = len(hosts) - _NAMED
    return f" on {', '.join(hosts[:_NAMED])}" + (f" and {more} more" if more > 0 else "")


def _described(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "where": finding.where,
        "what": finding.what,
        "advice": finding.advice,
    }
