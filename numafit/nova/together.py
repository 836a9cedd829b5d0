"""Which allocation candidates of placement's can be judged as one request, many hosts in one go?

A candidate names resource providers, and each host has its own. So the providers of many hosts
are put into one request: each host finds only its own there, as long as no provider stands behind
pools of two hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numafit.model.guest import PciRequest
from numafit.nova.table import Entry
from numafit.rules import pci_filter

Providers = tuple[tuple[str, ...], ...]
"""Of each PCI request: one provider per device."""
MOST = 32
"""Hosts of one round: the engine looks through their providers for each pool, one by one."""


class Round:
    """At most one candidate of each of some hosts."""

    def __init__(self, requests: int) -> None:
        self.entries: set[Entry] = set()
        self._providers: list[list[str]] = [[] for _ in range(requests)]

    def add(self, entry: Entry, providers: Providers) -> None:
        self.entries.add(entry)
        for known, more in zip(self._providers, providers, strict=True):
            known += more

    def mapping(self, pci: Sequence[PciRequest]) -> Mapping[str, list[str]]:
        """For one request to these hosts: groups named after the PCI requests."""
        return {
            pci_filter.group_of(request, n): [uuid]
            for request, uuids in zip(pci, self._providers, strict=True)
            for n, uuid in enumerate(uuids)
        }


class Rounds:
    """The candidates of one request of the scheduler's."""

    def __init__(self, pci: Sequence[PciRequest]) -> None:
        # a group counts for each request that has the id in its name
        self._told_apart = len({one.request_id for one in pci}) == len(pci)
        self._rounds: dict[tuple[int, tuple[bool, ...]], Round] = {}

    def of(self, entry: Entry, n: int, providers: Providers, alone: bool) -> Round | None:
        """The round of a host's n-th candidate; ``None`` where it has to be judged by itself.
        ``alone``: no other host has its providers."""
        if not (alone and self._told_apart):
            return None
        # a request that any provider will do for is another one
        key = n, tuple(map(bool, providers))
        found = self._rounds.get(key)
        if found is None or len(found.entries) == MOST:
            found = self._rounds[key] = Round(len(providers))
        if entry in found.entries:
            return None
        found.add(entry, providers)
        return found
