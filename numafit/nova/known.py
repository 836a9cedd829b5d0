"""Hosts that nova asks about again and again, with their engines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from numafit.host import Host
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.nova import convert
from numafit.nova._seen import Seen

_REMEMBERED = 1024


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
