"""NUMATopologyFilter: nova's filter of this name by its options alone, nothing patched.

    [filter_scheduler]
    available_filters = nova.scheduler.filters.all_filters
    available_filters = numafit.nova.filters.NUMATopologyFilter
    enabled_filters = ..., NUMATopologyFilter

Of two available filters of one name nova takes the later. All hosts of a request are judged in
one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nova import objects
from nova.scheduler import filters, utils
from oslo_log import log

from numafit.errors import NumafitError
from numafit.model import pci_filter
from numafit.model.request import Request
from numafit.nova import convert, modes
from numafit.nova.table import HOSTS, Entry, by_block

LOG = log.getLogger(__name__)

Mapped = Mapping[str, Sequence[str]] | None
Key = tuple[Any, ...]


class NUMATopologyFilter(filters.BaseHostFilter):
    """Passes the hosts on which the request's NUMA topology fits, and narrows their allocation
    candidates to those with which it does."""

    RUN_ON_REBUILD = False

    def filter_all(self, filter_obj_list: Iterable[Any], spec_obj: Any) -> list[Any]:
        """The hosts that pass, in order. Sets ``limits['numa_topology']`` of those."""
        hosts = list(filter_obj_list)
        if not self.RUN_ON_REBUILD and utils.request_is_rebuild(spec_obj):
            return hosts
        asked = Asked(spec_obj)
        if not spec_obj.numa_topology:
            return [host for host in hosts if asked.has_threads(host)]
        candidates = asked.candidates(hosts)
        passed = []
        for host in hosts:
            if id(host) not in candidates:
                continue
            host.allocation_candidates = candidates[id(host)]
            if host.allocation_candidates:
                host.limits["numa_topology"] = asked.limits(host)
                passed.append(host)
        return passed

    def host_passes(self, host_state: Any, filter_properties: Any) -> bool:
        """One host alone."""
        return bool(self.filter_all([host_state], filter_properties))


class Asked:
    """One request, as numafit sees it."""

    def __init__(self, spec: Any) -> None:
        self._spec = spec
        self._network = spec.network_metadata if "network_metadata" in spec else None
        self._limits: dict[tuple[float, float], Any] = {}
        self._requests: dict[Key, Request] = {}
        requests = spec.pci_requests.requests if spec.pci_requests else ()
        self._pci = convert.pci_requests(requests)
        self._from_placement = any(one.alias_name is not None for one in self._pci)
        specs, image = spec.flavor.extra_specs, spec.image.properties
        self._needs_threads = "dedicated" in (
            specs.get("hw:cpu_policy"),
            image.get("hw_cpu_policy"),
        ) and "require" in (specs.get("hw:cpu_thread_policy"), image.get("hw_cpu_thread_policy"))

    def has_threads(self, host: Any) -> bool:
        """Thread policy ``require`` needs a host with threads, whatever else is asked."""
        topology = host.numa_topology
        return not (self._needs_threads and topology) or topology.has_threads

    def limits(self, host: Any) -> Any:
        """``NUMATopologyLimits`` with which the scheduler and the compute fit again."""
        ratios = (host.cpu_allocation_ratio, host.ram_allocation_ratio)
        found = self._limits.get(ratios)
        if found is None:
            found = self._limits[ratios] = objects.NUMATopologyLimits(
                cpu_allocation_ratio=ratios[0], ram_allocation_ratio=ratios[1]
            )
            if self._network:
                found.network_metadata = self._network
        return found

    def candidates(self, hosts: Sequence[Any]) -> dict[int, list[Any]]:
        """The candidates that will do, by the identity of the host. Not in it are hosts that are
        out before nova looks at candidates."""
        try:
            with HOSTS.lock:
                HOSTS.forget_if_grown(len(hosts))
                return self._judge(hosts)
        except NumafitError as error:
            LOG.warning("numafit cannot judge this request, which is taken as a no: %s", error)
            return {}

    def request(self, mappings: Mapped, with_pci: bool) -> Request:
        """The request with one candidate's allocation in placement."""
        return self._requests[self._key(mappings, with_pci)]

    def _judge(self, hosts: Sequence[Any]) -> dict[int, list[Any]]:
        good: dict[int, list[Any]] = {}
        wanted: dict[Key, list[tuple[Entry, list[Any], Any]]] = {}
        for host in hosts:
            entry = self._entry(host)
            if entry is None or (self._needs_threads and not entry.threads):
                continue
            chosen: list[Any] = []
            good[id(host)] = chosen
            for candidate in host.allocation_candidates:
                key = self._key(candidate["mappings"], host.pci_stats is not None)
                wanted.setdefault(key, []).append((entry, chosen, candidate))
        for key, pairs in wanted.items():
            fits = self._scan(self._requests[key], [entry for entry, _chosen, _candidate in pairs])
            for entry, chosen, candidate in pairs:
                if entry in fits:
                    chosen.append(candidate)
        return good

    def _entry(self, host: Any) -> Entry | None:
        topology = host.numa_topology
        if topology is None or not convert.field(topology, "cells"):
            LOG.debug("%s, %s has no NUMA topology.", host.host, host.nodename)
            return None
        try:
            return HOSTS.entry(host)
        except NumafitError as error:
            name = f"{host.host}, {host.nodename}"
            LOG.warning("numafit cannot judge %s, which is taken as a no: %s", name, error)
            return None

    def _key(self, mappings: Mapped, with_pci: bool) -> Key:
        """What of a candidate bears on the answer: placement's providers for each PCI request.

        A request is made for each such key; most candidates of most requests share one.
        """
        key: Key = ("pools",) if with_pci else ("no pools",)
        if self._from_placement and with_pci and mappings:
            key = tuple(tuple(pci_filter.providers(one, mappings)) for one in self._pci)
        else:
            mappings = None
        if key not in self._requests:
            self._requests[key] = Request(
                convert.guest_topology(self._spec.numa_topology),
                convert.networks(self._network),
                self._pci if with_pci else (),
                mappings,
            )
        return key

    def _scan(self, request: Request, entries: Iterable[Entry]) -> set[Entry]:
        """The entries that fit."""
        options = modes.current.options()
        fits: set[Entry] = set()
        for block, some in by_block(dict.fromkeys(entries)).items():
            slots = [one.slot for one in some]
            found = block.fleet.scan(request, hosts=slots, **options).tolist()
            fits.update(one for one, fit in zip(some, found, strict=True) if fit)
            if LOG.isEnabledFor(log.DEBUG):
                for slot, fit in zip(slots, found, strict=True):
                    if not fit:
                        why = block.fleet.explain(request, slot, **options)
                        LOG.debug("%s does not fit: %s", block.infos[slot].name, why)
        return fits
