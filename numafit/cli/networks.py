"""How a host's networks are named on the command line: neutron's files, switch, addresses."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import click

from numafit.diagnosis.affinity import Affinities, HostNetwork, find_affinities
from numafit.model.interface import NetInterface
from numafit.model.neutron_config import NeutronConfig, Switch

AGENT_FILES = tuple(
    f"/etc/neutron/plugins/ml2/{name}.ini"
    for name in ("linuxbridge_agent", "openvswitch_agent", "sriov_agent")
)
"""Where distributions put the agents' files; looked at on the host itself."""

_OPTIONS = (
    click.option(
        "--neutron",
        metavar="FILE",
        multiple=True,
        help="A file of neutron's Linux bridge, Open vSwitch or SR-IOV agent; several: all count. "
        "On the host itself the usual ones are found.",
    ),
    click.option(
        "--switch",
        metavar="FILE",
        multiple=True,
        help="Open vSwitch's tables, from 'ovs-vsctl --format=json list TABLE' for Bridge, Port, "
        "Interface and Open_vSwitch, or from 'ovsdb-client dump -f json'. On the host itself "
        "ovs-vsctl is asked.",
    ),
    click.option(
        "--addresses",
        metavar="FILE",
        help="The output of 'ip -j addr'. On the host itself ip is asked.",
    ),
    click.option(
        "--map",
        "maps",
        metavar="PHYSNET:INTERFACE",
        multiple=True,
        help="A physical network and its interface or bridge, where no file says so.",
    ),
    click.option(
        "--tunnel-ip", metavar="ADDRESS", help="The tunnel endpoint, where no file says so."
    ),
)
_NAMES = ("neutron", "switch", "addresses", "maps", "tunnel_ip")


class HostNetworks:
    """What was given; ``live``: on the host itself, so that what is missing may be asked for."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given

    def configs(self, live: bool, switch: Switch | None) -> list[NeutronConfig]:
        """Each file on its own, OVN's part of the switch, and the command line."""
        from numafit.readers.neutron_conf import from_ovn, mapped, read_neutron_conf

        files: Sequence[str] = self.given["neutron"]
        if not files and live:
            files = [name for name in AGENT_FILES if os.access(name, os.R_OK)]
        configs = [read_neutron_conf(name) for name in files]
        ovn = from_ovn(switch) if switch is not None else None
        if ovn is not None:
            configs.append(ovn)
        if self.given["maps"] or self.given["tunnel_ip"]:
            configs.append(mapped(self.given["maps"], self.given["tunnel_ip"]))
        return configs

    def read_switch(self, live: bool) -> Switch | None:
        from numafit.readers.ovsdb import live_switch, read_switch

        if self.given["switch"]:
            return read_switch(self.given["switch"])
        return live_switch() if live else None

    def read_addresses(self, live: bool) -> dict[str, list[str]]:
        from numafit.readers.addresses import live_addresses, read_addresses

        if self.given["addresses"]:
            return read_addresses(self.given["addresses"])
        return live_addresses() if live else {}

    def affinities(
        self,
        interfaces: Sequence[NetInterface],
        cells: Sequence[int],
        nodes_by_address: dict[str, int | None],
        live: bool,
    ) -> Affinities:
        """Where each network of the host is near."""
        switch = self.read_switch(live)
        configs = self.configs(live, switch)
        inner = frozenset[str]().union(*(config.integration_bridges for config in configs))
        network = HostNetwork(interfaces, cells, switch, nodes_by_address, inner)
        return find_affinities(network, configs, self.read_addresses(live))


def network_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as one argument, ``networks``."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in _NAMES}
        return function(*args, networks=HostNetworks(given), **kwargs)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
