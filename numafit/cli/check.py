"""``numafit check``: does a host's configuration fit its hardware?"""

from __future__ import annotations

import click

from numafit.cli.networks import HostNetworks, network_options
from numafit.cli.output import format_option, print_json
from numafit.diagnosis.affinity import Affinities
from numafit.diagnosis.check import SEVERITIES, Machine, check_host
from numafit.diagnosis.finding import ERROR, Finding
from numafit.diagnosis.usage import Difference
from numafit.errors import InputError
from numafit.model.interface import netdevs_of
from numafit.readers.libvirt_version import (
    Version,
    live_libvirt_version,
    read_libvirt_version,
)
from numafit.readers.sysfs import LIVE, SysfsMachine, read_sysfs
from numafit.rules.nova_config import NovaConfig

NOVA_CONF = "/etc/nova/nova.conf"
"""What nova-compute reads, where no --config is given on the host itself."""


@click.command()
@click.option(
    "--sysfs",
    metavar="DIR|TAR",
    help="A copy of the host's /sys; without it this host itself is looked at.",
)
@click.option(
    "--config",
    metavar="FILE",
    multiple=True,
    help=f"The host's nova.conf; several: later files win. On the host itself {NOVA_CONF}.",
)
@click.option("--config-dir", metavar="DIR", multiple=True, help="A directory of *.conf files.")
@click.option(
    "--libvirt-version",
    metavar="VERSION|FILE",
    help="The host's libvirt, such as 9.0.0, or a file with what 'virsh version --daemon' prints; "
    "remote-managed devices need one that knows them. On the host itself virsh is asked.",
)
@click.option(
    "--nova-db",
    metavar="URL|FILE",
    help="The cell's database: its computes must all know remote-managed ports, and no two of its "
    "instances may be pinned to one CPU; as for other commands.",
)
@network_options
@format_option("json")
def command(
    networks: HostNetworks,
    sysfs: str | None,
    config: tuple[str, ...],
    config_dir: tuple[str, ...],
    libvirt_version: str | None,
    nova_db: str | None,
    output: str,
) -> int:
    """Contradictions between a compute host, its nova.conf and its neutron agents.

    Errors are what does not work, warnings what does not do what was meant, notes what is good to
    know. Networks are compared where neutron's configuration is given or found.

    \b
    Examples:
      numafit check --sysfs examples/networking/sys.tar.xz --config examples/networking/nova.conf

    Exit status: 0 no errors, 1 errors, 2 bad input.
    """
    live = sysfs is None
    machine = read_sysfs(LIVE if sysfs is None else sysfs)
    versions, pinned = _of_database(nova_db)
    findings = check_host(
        Machine(
            machine.host,
            _config(live, config, config_dir),
            _affinities(networks, machine, live),
            machine.devices,
            netdevs_of(machine.interfaces),
            _libvirt(libvirt_version, live),
            versions,
            pinned,
        )
    )
    if output == "json":
        print_json([_described(finding) for finding in findings])
    else:
        _show(findings)
    return 1 if any(finding.severity == ERROR for finding in findings) else 0


def _libvirt(given: str | None, live: bool) -> Version | None:
    if given is not None:
        return read_libvirt_version(given)
    return live_libvirt_version() if live else None


def _of_database(source: str | None) -> tuple[list[int], list[Difference]]:
    """Versions of the computes; hosts whose instances share a CPU that is promised to one."""
    if source is None:
        return [], []
    from numafit.readers.nova_db import NovaDb, database_url

    with NovaDb(database_url(source)) as database:
        found = database.differences() if database.columns_of("compute_nodes") else []
        return database.compute_versions(), [one for one in found if one.instances]


def _config(live: bool, files: tuple[str, ...], folders: tuple[str, ...]) -> NovaConfig:
    from numafit.readers.nova_conf import read_nova_conf

    if files or folders:
        return read_nova_conf(files, folders)
    if not live:
        raise click.UsageError("Name the host's nova.conf with --config.")
    try:
        return read_nova_conf(NOVA_CONF)
    except InputError as error:
        if error.key is not None:
            raise
        raise InputError(
            NOVA_CONF, None, error.value, "the host's nova.conf", "Name it with --config."
        ) from None


def _affinities(networks: HostNetworks, machine: SysfsMachine, live: bool) -> Affinities | None:
    """``None`` where no configuration of neutron's is known: then nothing is said of networks."""
    cells = [cell.id for cell in machine.host.cells]
    nodes = {device.address: device.numa_node for device in machine.devices}
    found = networks.affinities(machine.interfaces, cells, nodes, live)
    return found if found.physnets or found.tunnel is not None or found.unknown else None


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        click.echo(f"{finding.severity}: {finding.where}: {finding.what}")
        if finding.advice:
            click.echo(f"    {finding.advice}")
    counts = [
        f"{count} {severity}{'' if count == 1 else 's'}"
        for severity in SEVERITIES
        if (count := sum(finding.severity == severity for finding in findings))
    ]
    click.echo(", ".join(counts) if counts else "nothing to say: configuration and host agree")


def _described(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity,
        "rule": finding.rule,
        "where": finding.where,
        "what": finding.what,
        "advice": finding.advice,
    }
