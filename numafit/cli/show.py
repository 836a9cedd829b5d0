"""``numafit show``: a host as text, as a picture, or as the host file of other commands."""

from __future__ import annotations

import click

from numafit.cli.output import format_option, print_json
from numafit.cli.sections import Sectioned
from numafit.cli.sources import HostSources, host_sources
from numafit.readers.hostfile import host_to_mapping
from numafit.views.svg import host_svg
from numafit.views.text import host_text


@click.command(cls=Sectioned)
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@format_option(
    "json", "svg", text="A tree, the host file that all commands read, or a picture.", old="text"
)
def command(sources: HostSources, output: str) -> int:
    """Show hosts: NUMA cells, cores with their threads, memory pages, networks and devices; and
    what placement and the scheduler know of them, where the source tells it.

    HOST is a host file. With --format svg there is one picture, so one host.

    \b
    Examples:
      numafit show examples/hosts/edge-gold.json
      numafit show examples/hosts/epyc-nps4.yaml --format svg
      numafit show --hwloc 'pack:2 numa:2 core:8 pu:2' --format json
      numafit show --sysfs /sys
      numafit show examples/hosts/* --match '*-xeon'

    Exit status: 0 shown, 2 bad input.
    """
    hosts = sources.read()
    if output == "table":
        click.echo("\n\n".join(map(host_text, hosts)))
        return 0
    if len(hosts) != 1:
        raise click.UsageError(f"--format {output} shows one host; these are {len(hosts)}.")
    if output == "json":
        print_json(host_to_mapping(hosts[0]))
    else:
        click.echo(host_svg(hosts[0]), nl=False)
    return 0
