"""The hosts that the scheduler has shown, as one fleet that changes in place.

A host is converted once and found again by its content; when it changes, it alone is put into the
fleet anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from numafit.errors import NumafitError
from numafit.fleet import Fleet
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.nova import convert
from numafit.nova._seen import Seen, look

_SPARE = 1024
_NOTHING = HostInfo(cells=(HostCell(0, frozenset(), frozenset(), 0),))
"""Stands where a host is that no fleet can hold: it has no CPU and no memory for any guest."""
_NEVER = Seen(None, None)
"""What no host is like."""

Key = tuple[str, str]
Ratios = tuple[float | None, float | None]


class Entry:
    """One host as it was last seen: ``key``, its host and node; ``seen`` to compare with; ``slot``,
    its index in the fleet; ``threads``: whether a core has several."""

    __slots__ = ("key", "seen", "slot", "threads")

    def __init__(self, key: Key, slot: int) -> None:
        self.key = key
        self.seen = _NEVER
        self.slot = slot
        self.threads = False


class HostTable:
    """Not for several threads at once: whoever uses it holds ``lock``.

    An entry's ``seen`` never says more than ``infos`` has, and ``fleet`` has all of ``infos``
    whenever it is asked for: a failure on the way there is met again, not passed over.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._owners: dict[str, Entry | None] = {}
        self.infos: list[HostInfo] = []
        self.unfit: dict[int, NumafitError] = {}
        self._fleet = Fleet([])
        self._waiting: set[int] = set()
        self._replaced = 0

    def forget_if_grown(self, hosts: int) -> None:
        """Start anew when most of what is known is no longer asked for."""
        if len(self._entries) > 2 * hosts + _SPARE:
            self._clear()

    def look(self, host_states: list[Any]) -> list[Entry | None]:
        """Of each ``HostState`` its entry, where it is what it was; ``None`` where ``entry`` has to
        look at it."""
        return look(host_states, self._entries)

    def entry(self, host_state: Any) -> Entry | None:
        """Where this ``HostState`` stands; ``None`` where it has no cells. Raises InputError where
        no such host can exist."""
        (found,) = look([host_state], self._entries)
        if found is not None:
            return found
        topology, stats = host_state.numa_topology, host_state.pci_stats
        if topology is None or not convert.field(topology, "cells"):
            return None
        ratios = (host_state.cpu_allocation_ratio, host_state.ram_allocation_ratio)
        key = (host_state.host, host_state.nodename)
        # looked at before it is converted: what changes in between is a change from this
        seen = Seen(topology, stats, *ratios)
        info = convert.host_info(topology, stats, ", ".join(key), *ratios)
        found = self._entries.get(key)
        if found is None:
            self.infos.append(info)
            found = self._entries[key] = Entry(key, len(self.infos) - 1)
        found.seen = _NEVER  # until all that goes with it is there
        self._waiting.add(found.slot)
        self.infos[found.slot] = info
        self.unfit.pop(found.slot, None)
        for pool in info.pci_pools or ():
            provider = pool.tags.get("rp_uuid")
            if provider is not None and self._owners.setdefault(provider, found) is not found:
                self._owners[provider] = None  # of several
        found.threads = any(len(core) > 1 for cell in info.cells for core in cell.siblings)
        found.seen = seen
        return found

    @property
    def fleet(self) -> Fleet:
        """All hosts as they were last seen, each at its entry's ``slot``. Those that no fleet can
        hold take no guest, and ``unfit`` says why."""
        if self._waiting:
            self._put_in()
        return self._fleet

    def _put_in(self) -> None:
        # putting one in takes some two times what it takes in a new fleet, and what many changes
        # have left there of names that no host has any more ends with a new one, too
        few = 2 * len(self._waiting) < len(self.infos) and self._replaced < 64 * len(self.infos)
        self._replaced += len(self._waiting)
        if not ((few and self._put_few()) or self._put_all()):
            for slot in sorted(self._waiting):
                self._put_one(slot)
        self._waiting.clear()

    def _put_few(self) -> bool:
        known = len(self._fleet)
        try:
            for slot in self._waiting:
                if slot < known:
                    self._fleet.replace(slot, self.infos[slot])
            if known < len(self.infos):  # in one go: the arrays grow by each
                self._fleet.add(self.infos[known:])
        except NumafitError:
            return False
        return True

    def _put_all(self) -> bool:
        try:
            self._fleet = Fleet(self.infos)
        except NumafitError:
            return False
        self._replaced = 0
        return True

    def _put_one(self, slot: int) -> None:
        known = slot < len(self._fleet)
        put = partial(self._fleet.replace, slot) if known else self._fleet.add
        try:
            put(self.infos[slot])
        except NumafitError as error:
            put(_NOTHING)
            self.infos[slot] = _NOTHING
            self.unfit[slot] = error

    def alone(self, entry: Entry, providers: Iterable[str]) -> bool:
        """Whether no pool of another host belongs to one of these resource providers."""
        return all(self._owners.get(one, entry) is entry for one in providers)


HOSTS = HostTable()
"""What filter and weigher share: a host is converted for both of them."""
