"""How a host's networks are named on the command line: neutron's files, switch, addresses."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from numafit.diagnosis.affinity import Affinities, HostNetwork, find_affinities
from numafit.model.interface import NetInterface
from numafit.model.neutron_config import NeutronConfig, Switch
from numafit.readers.addresses import IpLink, addresses_of, live_links, read_links, with_links

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
        help="Open vSwitch's tables: 'ovs-vsctl list TABLE' for Bridge, Port, Interface and "
        "Open_vSwitch, 'ovsdb-client dump', or 'ovs-vsctl show', as text or JSON. On the host "
        "itself ovs-vsctl is asked.",
    ),
    click.option(
        "--addresses",
        metavar="FILE",
        multiple=True,
        help="The output of 'ip addr' or 'ip -d link', as text or JSON (-j); several count. On "
        "the host itself ip is asked.",
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

    @property
    def given_any(self) -> bool:
        return any(self.given.values())

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

    @functools.cached_property
    def links(self) -> list[IpLink]:
        """Of the files that were given; a pipe can be read once."""
        return [one for file in self.given["addresses"] for one in read_links(file)]

    def interfaces(
        self, found: Sequence[NetInterface], nodes_by_address: Mapping[str, int | None]
    ) -> list[NetInterface]:
        """Those of sysfs, and what the files tell beyond them."""
        return with_links(found, self.links, nodes_by_address)

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
        known = self.interfaces(interfaces, nodes_by_address)
        network = HostNetwork(known, cells, switch, nodes_by_address, inner)
        links = live_links() if live and not self.given["addresses"] else self.links
        return find_affinities(network, configs, addresses_of(links))


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
