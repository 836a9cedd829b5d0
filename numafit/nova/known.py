"""Hosts that nova shows again and again: is this still what was converted last time?

Nova makes new objects for a host with each request, mostly with the same content, and changes
pools in place. So neither identity nor a version tells; a comparison of contents does, at a
small part of what a conversion costs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from numafit.host import Host
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.nova import convert

_FIELDS = tuple(
    "_obj_" + name
    for name in (
        "memory_usage",
        "cpu_usage",
        "pinned_cpus",
        "id",
        "memory",
        "cpuset",
        "pcpuset",
        "siblings",
    )
)
_PAGE_FIELDS = ("_obj_used", "_obj_total", "_obj_size_kb", "_obj_reserved")
_REMEMBERED = 1024
Content = list[Any]


def content(topology: Any, pci_stats: Any = None) -> Content:
    """What a fit reads of a host, by reference: for one comparison, not to be kept."""
    seen: Content = []
    for cell in topology.cells:
        held = vars(cell)
        seen.append([held.get(name) for name in _FIELDS])
        seen.append(
            [
                [page.get(name) for name in _PAGE_FIELDS]
                for page in map(vars, held.get("_obj_mempages", ()))
            ]
        )
        network = held.get("_obj_network_metadata")
        if network is not None:
            net = vars(network)
            seen.append([net.get("_obj_physnets"), net.get("_obj_tunneled")])
    seen.append(list(convert.sockets(topology).items()))
    if pci_stats is not None:
        if pci_stats.numa_topology is not topology:
            seen.append(list(convert.sockets(pci_stats.numa_topology).items()))
        seen.append(pools(pci_stats.pools))
    return seen


def pools(given: Sequence[convert.Pool]) -> list[convert.Pool]:
    """Pools without their device lists."""
    return [
        {key: value for key, value in pool.items() if key != "devices"}
        if "devices" in pool
        else pool
        for pool in given
    ]


def kept(seen: Any) -> Any:
    """The same content, safe from later changes."""
    if isinstance(seen, list):
        return [kept(part) for part in seen]
    if isinstance(seen, set):
        return frozenset(seen)
    if isinstance(seen, dict):
        return {key: kept(value) for key, value in seen.items()}
    return seen


class KnownHosts:
    """Hosts by the identity of nova's objects, with their engines; the oldest are forgotten."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[tuple[int, int], tuple[Any, Any, Content, Host]] = OrderedDict()

    def host(self, topology: Any, pci_stats: Any = None) -> Host:
        """Raises InputError where the host is none that can be."""
        key = (id(topology), id(pci_stats))
        now = content(topology, pci_stats)
        entry = self._hosts.get(key)
        if entry is None or entry[2] != now:
            host = Host(convert.host_info(topology, pci_stats))
            # the objects are kept, so that their ids cannot come again
            self._hosts[key] = entry = (topology, pci_stats, kept(now), host)
            while len(self._hosts) > _REMEMBERED:
                self._hosts.popitem(last=False)
        return entry[3]

    def clear(self) -> None:
        self._hosts.clear()


def bare_host(sockets: dict[int, int | None], cells: Sequence[int], pools: Any) -> Host:
    """A host of PCI pools alone: cells have an id and a socket and nothing in them.

    Guest cells on cells that the host's topology does not know are on no socket of the host's.
    """
    beyond = max([s for s in sockets.values() if s is not None], default=0) + 1
    places = dict(sockets)
    for n, cell in enumerate(dict.fromkeys(cells)):
        places.setdefault(cell, beyond + n)
    return Host(
        HostInfo(
            cells=tuple(
                HostCell(cell, frozenset(), frozenset(), 0, socket=socket)
                for cell, socket in places.items()
            ),
            pci_pools=pools,
        )
    )
