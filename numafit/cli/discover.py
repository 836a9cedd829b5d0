"""``numafit discover``: which NUMA nodes are a host's networks near?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from numafit.cli.networks import HostNetworks, network_options
from numafit.cli.output import format_option, print_json, print_table, say
from numafit.cpuset import format_cpu_list
from numafit.diagnosis.affinity import Affinities, Affinity, nova_conf_text
from numafit.diagnosis.check import spread_words
from numafit.model.interface import NetInterface
from numafit.readers.sysfs_net import read_interfaces, read_nodes_by_address
from numafit.readers.sysfs_nodes import read_nodes
from numafit.readers.tree import open_tree

LIVE = "/sys"
NOTHING_CONFIGURED = (
    "no network is configured: give neutron's files (--neutron), the switch's tables (--switch), "
    "or --map PHYSNET:INTERFACE and --tunnel-ip"
)


@click.command()
@click.option(
    "--sysfs",
    metavar="DIR|TAR",
    help="A copy of the host's /sys; without it this host itself is looked at.",
)
@network_options
@format_option("json", "conf")
def command(networks: HostNetworks, sysfs: str | None, output: str) -> int:
    """NUMA nodes of a host's NICs, physical networks and tunnels, and nova.conf for them.

    Walks from each physical network of neutron's configuration (or OVN's in the switch) through
    bridges, VLANs and bonds down to the network cards, and from the tunnel endpoint's address to
    its card. Prints the sections of nova.conf that say the same; --format conf prints them alone.

    \b
    Examples:
      numafit discover
      numafit discover --sysfs examples/networking/sys.tar.xz --map bar:bond0
      numafit discover --sysfs examples/networking/sys.tar.xz --map foo:eno1 --format conf

    Exit status: 0 all is known, 1 something could not be found out, 2 bad input.
    """
    live = sysfs is None
    tree = open_tree(LIVE if sysfs is None else sysfs, ("devices", "system"))
    nodes = read_nodes(tree)
    by_address = read_nodes_by_address(tree)
    interfaces = networks.interfaces(read_interfaces(tree), by_address)
    found = networks.affinities(interfaces, list(nodes), by_address, live)
    if not (found.physnets or found.tunnel or found.unknown):
        found = replace(found, unknown=(NOTHING_CONFIGURED,))
    if output == "json":
        print_json(_described(nodes, interfaces, found))
    elif output == "conf":
        click.echo(nova_conf_text(found), nl=False)
    else:
        _show(nodes, interfaces, found)
    return 1 if found.open_questions else 0


def _show(
    nodes: dict[int, frozenset[int]], interfaces: Sequence[NetInterface], found: Affinities
) -> None:
    print_table(
        ("node", "CPUs"), [(n, format_cpu_list(cpus)) for n, cpus in nodes.items()], ("node",)
    )
    cards = [one for one in interfaces if one.pci_address is not None]
    if cards:
        rows = [
            (one.name, one.pci_address, one.numa_node, "yes" if one.physical_function else None)
            for one in cards
        ]
        print_table(("card", "PCI address", "node", "SR-IOV"), rows, ("node",))
    for one in _networks(found):
        _explain(one)
    click.echo(nova_conf_text(found), nl=False)


def _explain(one: Affinity) -> None:
    what = "tunnels" if one.network == "tunnel" else f"physnet {one.network}"
    nodes = ", ".join(map(str, one.nodes)) or "unknown"
    say(f"{what}: {one.start}: NUMA node {nodes}")
    for step in one.via:
        say(f"  {step}")
    for nic in one.nics:
        where = "unknown" if nic.node is None else nic.node
        say(f"  {nic.name} ({nic.pci_address or 'no PCI device'}): node {where}")
    if len(one.nodes) > 1:
        say(f"  {spread_words(what, one.nodes)[1]}")
    for text in one.unknown:
        say(f"  not found out: {text}")
    click.echo()


def _networks(found: Affinities) -> list[Affinity]:
    return [*found.physnets, *([found.tunnel] if found.tunnel is not None else [])]


def _described(
    nodes: dict[int, frozenset[int]], interfaces: Sequence[NetInterface], found: Affinities
) -> dict[str, Any]:
    return {
        "nodes": [{"id": n, "cpus": format_cpu_list(cpus)} for n, cpus in nodes.items()],
        "interfaces": [
            {
                "name": one.name,
                "pci_address": one.pci_address,
                "numa_node": one.numa_node,
                "lower": list(one.lower),
                "physical_function": one.physical_function,
            }
            for one in interfaces
        ],
        "physnets": [_affinity(one) for one in found.physnets],
        "tunnel": None if found.tunnel is None else _affinity(found.tunnel),
        "not_found_out": list(found.open_questions),
        "nova_conf": nova_conf_text(found),
    }


def _affinity(one: Affinity) -> dict[str, Any]:
    return {
        "network": one.network,
        "mapped_to": one.start,
        "way": list(one.via),
        "cards": [
            {"name": nic.name, "pci_address": nic.pci_address, "numa_node": nic.node}
            for nic in one.nics
        ],
        "numa_nodes": list(one.nodes),
    }
