"""Which allocation candidates of placement's can be judged as one request, many hosts in one go?

A candidate names resource providers, and each host has its own. So the providers of many hosts
are put into one request: each host finds only its own there, as long as no provider stands behind
pools of two hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numafit.model.guest import PciRequest
from numafit.nova.table import Block, Entry
from numafit.rules import pci_filter

Providers = tuple[tuple[str, ...], ...]
"""Of each PCI request: one provider per device."""


class Round:
    """At most one candidate of each host."""

    def __init__(self) -> None:
        self.entries: set[Entry] = set()
        self._providers: dict[Block, list[list[str]]] = {}

    def add(self, entry: Entry, providers: Providers) -> None:
        self.entries.add(entry)
        known = self._providers.setdefault(entry.block, [[] for _ in providers])
        for some, more in zip(known, providers, strict=True):
            some += more

    def mapping(self, block: Block, pci: Sequence[PciRequest]) -> Mapping[str, list[str]]:
        """For a request to the hosts of a block: groups named after the PCI requests."""
        return {
            pci_filter.group_of(request, n): [uuid]
            for request, uuids in zip(pci, self._providers[block], strict=True)
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
        found = self._rounds.setdefault((n, tuple(map(bool, providers))), Round())
        if entry in found.entries:
            return None
        found.add(entry, providers)
        return found
