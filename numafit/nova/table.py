"""The hosts that the scheduler has shown, as fleets of a few hosts each.

A host is converted once and found again by its content; when it changes, only the small fleet
that it stands in is made anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from numafit.fleet import Fleet
from numafit.model.hostinfo import HostInfo
from numafit.nova import convert
from numafit.nova._seen import Seen

BLOCK = 32
"""Hosts of one fleet: scanning many small ones and making one anew cost about the same here."""
_SPARE = 1024

Key = tuple[str, str]
Ratios = tuple[float | None, float | None]


class Block:
    """Up to ``BLOCK`` hosts and their fleet, made when it is asked for."""

    def __init__(self) -> None:
        self.infos: list[HostInfo] = []
        self._fleet: Fleet | None = None

    def put(self, slot: int, info: HostInfo) -> None:
        self.infos[slot : slot + 1] = [info]
        self._fleet = None

    @property
    def fleet(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet(self.infos)
        return self._fleet


class Entry:
    """One host as it was last seen: ``seen`` to compare with, ``block`` and ``slot`` where it
    stands, ``threads``: whether a core has several."""

    __slots__ = ("block", "ratios", "seen", "slot", "threads")

    seen: Seen

    def __init__(self, block: Block, slot: int) -> None:
        self.block = block
        self.slot = slot
        self.ratios: Ratios = (None, None)
        self.threads = False


class HostTable:
    """Not for several threads at once: whoever uses it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._entries: dict[Key, Entry] = {}
        self._blocks: list[Block] = []
        self._owners: dict[str, Entry | None] = {}

    def forget_if_grown(self, hosts: int) -> None:
        """Start anew when most of what is known is no longer asked for."""
        if len(self._entries) > 2 * hosts + _SPARE:
            self._entries.clear()
            self._blocks.clear()
            self._owners.clear()

    def entry(self, host_state: Any) -> Entry | None:
        """Where this ``HostState`` stands; ``None`` where it has no cells. Raises InputError where
        no such host can exist."""
        topology, stats = host_state.numa_topology, host_state.pci_stats
        ratios = (host_state.cpu_allocation_ratio, host_state.ram_allocation_ratio)
        key = (host_state.host, host_state.nodename)
        found = self._entries.get(key)
        if found is not None and found.ratios == ratios and found.seen.same(topology, stats):
            return found
        if topology is None or not convert.field(topology, "cells"):
            return None
        info = convert.host_info(topology, stats, ", ".join(key), *ratios)
        if found is None:
            self._entries[key] = found = self._free_slot()
        found.block.put(found.slot, info)
        for pool in info.pci_pools or ():
            provider = pool.tags.get("rp_uuid")
            if provider is not None and self._owners.setdefault(provider, found) is not found:
                self._owners[provider] = None  # of several
        found.seen = Seen(topology, stats)
        found.ratios = ratios
        found.threads = any(len(core) > 1 for cell in info.cells for core in cell.siblings)
        return found

    def alone(self, entry: Entry, providers: Iterable[str]) -> bool:
        """Whether no pool of another host belongs to one of these resource providers."""
        return all(self._owners.get(one, entry) is entry for one in providers)

    def _free_slot(self) -> Entry:
        if not self._blocks or len(self._blocks[-1].infos) == BLOCK:
            self._blocks.append(Block())
        return Entry(self._blocks[-1], len(self._blocks[-1].infos))


HOSTS = HostTable()
"""What filter and weigher share: a host is converted for both of them."""
