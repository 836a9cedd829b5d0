"""What placement's half of a decision rests on, on a fleet's hosts, and what it leaves open."""

from __future__ import annotations

from typing import Self

import numpy as np

from numafit._engine import ManyHosts, Prepared
from numafit._header import REMOVED_CLASS
from numafit.columns import Columns
from numafit.columns.inventories import with_inventories
from numafit.model import fields
from numafit.model.guest import Limits
from numafit.model.request import Request
from numafit.moments import columns_now
from numafit.spans import Hosts, host_indices


class PlacementHalf:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    @classmethod
    def _of(cls, columns: Columns) -> Self:
        raise NotImplementedError

    def with_inventories(self, ratios: Limits | None = None) -> Self:
        """A fleet in which hosts without inventories have those that nova-compute would report
        (``numafit.with_inventories``): this one where none lacks them. ``ratios``: allocation
        ratios in place of the hosts'."""
        fields.instance("ratios", ratios, Limits, none=True)
        now = columns_now(self._engine)
        found = with_inventories(now, ratios)
        return self if found is now else self._of(found)

    @property
    def derived(self) -> frozenset[str]:
        """Resource classes whose inventories were worked out, on some host at least."""
        return self.derived_of(None)

    def derived_of(self, hosts: Hosts) -> frozenset[str]:
        """The same of these hosts (indices; ``None``: all)."""
        kinds = self._columns.host_class[: self._columns.n_hosts]
        indices = host_indices(hosts, self._columns.n_hosts)
        found = kinds if indices is None else kinds[indices]
        there = np.unique(found[found != REMOVED_CLASS]).tolist()
        return frozenset().union(*(self._columns.host_kinds[kind].derived for kind in there))

    @property
    def disabled(self) -> list[tuple[str, str]]:
        """Hosts whose compute service takes no guests, by name, each with the reason."""
        return self.disabled_of(None)

    def disabled_of(self, hosts: Hosts) -> list[tuple[str, str]]:
        """The same of these hosts (indices; ``None``: all)."""
        columns = self._columns
        indices = host_indices(hosts, columns.n_hosts)
        asked = np.arange(columns.n_hosts) if indices is None else indices
        resting = [kind for kind, one in enumerate(columns.host_kinds) if one.disabled]
        return [
            (columns.names[host], columns.host_kinds[columns.host_class[host]].disabled)
            for host in asked[np.isin(columns.host_class[asked], resting)].tolist()
        ]

    def not_judged(self, request: Request | Prepared, hosts: Hosts = None) -> dict[str, int]:
        """What answers about the request leave open: a sentence, as ``Placement.not_judged`` has
        them -> on how many of the hosts."""
        asked = request.request if isinstance(request, Prepared) else request
        fields.instance("request", asked, Request)
        indices = host_indices(hosts, self._columns.n_hosts)
        return self._columns.not_judged_of(asked.resources, indices)
