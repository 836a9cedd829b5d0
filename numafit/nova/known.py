"""Hosts that nova shows again and again: is this still what was converted last time?

Nova makes new objects for a host with each request, mostly with the same content, and changes
pools in place. So neither identity nor a version tells; a comparison of contents does, at a
small part of what a conversion costs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from numafit.host import Host
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.nova import convert

# what nova changes by putting another object there
_REPLACED = (
    "_obj_memory_usage",
    "_obj_cpu_usage",
    "_obj_pinned_cpus",
    "_obj_memory",
    "_obj_pcpuset",
    "_obj_cpuset",
    "_obj_siblings",
    "_obj_mempages",
)
_GET = itemgetter(*_REPLACED)
_REMEMBERED = 1024


class Seen:
    """What a fit reads of a host, as it was; safe from later changes of nova's objects."""

    __slots__ = ("_cells", "_pools", "_sockets", "_stats", "_topology", "_watched")

    def __init__(self, topology: Any, stats: Any) -> None:
        self._cells = [_cell(vars(cell)) for cell in topology.cells]
        self._sockets = _sockets(topology, stats)
        self._pools = None if stats is None else [dict(pool) for pool in _pools(stats)]
        self._watch(topology, stats)

    def unchanged(self, topology: Any, stats: Any) -> bool:
        """Quickly, where they are the very objects of last time: then only what nova changes in
        place is looked at."""
        if topology is self._topology and stats is self._stats:
            return self._untouched()
        if not self.same(topology, stats):
            return False
        self._watch(topology, stats)
        return True

    def same(self, topology: Any, stats: Any) -> bool:
        """Whether they hold the same, whatever objects they are."""
        cells = topology.cells
        if len(cells) != len(self._cells):
            return False
        for cell, seen in zip(cells, self._cells, strict=True):
            held = vars(cell)
            # what changes most comes first
            if (
                held.get("_obj_memory_usage") != seen[0]
                or held.get("_obj_cpu_usage") != seen[1]
                or held.get("_obj_pinned_cpus") != seen[2]
                or held.get("_obj_id") != seen[3]
                or held.get("_obj_memory") != seen[4]
                or held.get("_obj_pcpuset") != seen[5]
                or held.get("_obj_cpuset") != seen[6]
                or held.get("_obj_siblings") != seen[7]
                or _pages(held) != seen[8]
                or _network(held) != seen[9]
            ):
                return False
        if self._sockets != _sockets(topology, stats):
            return False
        return self._pools == (None if stats is None else _pools(stats))

    def _watch(self, topology: Any, stats: Any) -> None:
        # the objects are kept, so that their ids cannot come again
        self._topology = topology
        self._stats = stats
        self._watched = [
            (held, _now(held), len(held.get("_obj_pinned_cpus", ())), list(map(vars, pages)), seen)
            for held, seen in zip(map(vars, topology.cells), self._cells, strict=True)
            for pages in [held.get("_obj_mempages", ())]
        ]

    def _untouched(self) -> bool:
        if len(vars(self._topology)["_obj_cells"]) != len(self._watched):
            return False
        for held, before, pinned, pages, seen in self._watched:
            # sets that are still the same objects are equal at once
            if _now(held) != before or len(held.get("_obj_pinned_cpus", ())) != pinned:
                return False
            for page, count in zip(pages, seen[8], strict=True):
                if page.get("_obj_used") != count[0]:
                    return False
        return self._stats is None or self._pools == _pools(self._stats)


def _now(held: Mapping[str, Any]) -> Any:
    try:
        return _GET(held)
    except KeyError:  # a field that is not set
        return tuple(map(held.get, _REPLACED))


def _cell(held: dict[str, Any]) -> tuple[Any, ...]:
    """In the order of ``Seen.same``."""

    def frozen(name: str) -> Any:
        value = held.get(name)
        return None if value is None else frozenset(value)

    siblings = held.get("_obj_siblings")
    return (
        held.get("_obj_memory_usage"),
        held.get("_obj_cpu_usage"),
        frozen("_obj_pinned_cpus"),
        held.get("_obj_id"),
        held.get("_obj_memory"),
        frozen("_obj_pcpuset"),
        frozen("_obj_cpuset"),
        None if siblings is None else [frozenset(core) for core in siblings],
        _pages(held),
        _network(held),
    )


def _pages(held: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            page.get("_obj_used"),
            page.get("_obj_total"),
            page.get("_obj_size_kb"),
            page.get("_obj_reserved"),
        )
        for page in map(vars, held.get("_obj_mempages", ()))
    ]


def _network(held: dict[str, Any]) -> tuple[frozenset[str], Any] | None:
    network = held.get("_obj_network_metadata")
    if network is None:
        return None
    fields = vars(network)
    return frozenset(fields.get("_obj_physnets", ())), fields.get("_obj_tunneled")


def _sockets(topology: Any, stats: Any) -> list[Any]:
    found = [vars(cell).get("_obj_socket") for cell in topology.cells]
    if stats is not None and stats.numa_topology is not topology:
        found += convert.sockets(stats.numa_topology).items()
    return found


def _pools(stats: Any) -> list[convert.Pool]:
    """Pools without their device lists."""
    return [
        {key: value for key, value in pool.items() if key != "devices"}
        if "devices" in pool
        else pool
        for pool in stats.pools
    ]


class KnownHosts:
    """Hosts by the identity of nova's objects, with their engines; the oldest are forgotten."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[tuple[int, int], tuple[Seen, Host]] = OrderedDict()

    def host(self, topology: Any, stats: Any = None) -> Host:
        """Raises InputError where the host is none that can be."""
        key = (id(topology), id(stats))
        entry = self._hosts.get(key)
        if entry is None or not entry[0].same(topology, stats):
            entry = (Seen(topology, stats), Host(convert.host_info(topology, stats)))
            self._hosts[key] = entry
            while len(self._hosts) > _REMEMBERED:
                self._hosts.popitem(last=False)
        return entry[1]


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
