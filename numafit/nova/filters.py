"""NUMATopologyFilter: nova's filter of this name by its options alone, nothing patched.

    [filter_scheduler]
    available_filters = nova.scheduler.filters.all_filters
    available_filters = numafit.nova.filters.NUMATopologyFilter
    enabled_filters = ..., NUMATopologyFilter

Of two available filters of one name nova takes the later. All hosts of a request are judged in
one go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress
from operator import not_
from typing import Any

from nova import objects
from nova.scheduler import filters, utils
from oslo_log import log

from numafit.errors import NumafitError
from numafit.model.request import Request
from numafit.nova import convert, modes, too_large
from numafit.nova.table import HOSTS, Entry, Ratios
from numafit.nova.together import Round, Rounds
from numafit.rules import pci_filter

LOG = log.getLogger(__name__)

Mapped = Mapping[str, Sequence[str]] | None
Key = tuple[Any, ...]
_WITH_PCI: Key = ("pools",)
_WITHOUT_PCI: Key = ("no pools",)
_WITHOUT_PCI_ALL = (_WITHOUT_PCI,)


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
        return asked.passing(hosts)

    def host_passes(self, host_state: Any, filter_properties: Any) -> bool:
        """One host alone."""
        return bool(self.filter_all([host_state], filter_properties))


class Asked:
    """One request, as numafit sees it."""

    def __init__(self, spec: Any) -> None:
        self._network = spec.network_metadata if "network_metadata" in spec else None
        self._networks = convert.networks(self._network)
        self._guest = convert.guest_topology(spec.numa_topology) if spec.numa_topology else None
        self.options = modes.current.options()
        self._limits: dict[Ratios, Any] = {}
        self._mappings: dict[Key, Mapped] = {}
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

    def passing(self, hosts: list[Any]) -> list[Any]:
        """The hosts that pass, in order, with their limits. All that nova would look at keep those
        of their allocation candidates that will do."""
        try:
            with HOSTS.lock:
                HOSTS.forget_if_grown(len(hosts))
                return self._judge(self._large_enough(hosts))
        except NumafitError as error:
            LOG.warning("numafit cannot judge this request, which is taken as a no: %s", error)
            return []

    def request(self, mappings: Mapped, with_pci: bool) -> Request:
        """The request with one candidate's allocation in placement."""
        return self._request(self._key(mappings) if with_pci else _WITHOUT_PCI)

    def _large_enough(self, hosts: list[Any]) -> list[Any]:
        """Those for which the guest is not surely too large, where nobody asks why it is or what
        else is refused."""
        if self._guest is None or self._needs_threads or LOG.isEnabledFor(log.DEBUG):
            return hosts
        look = too_large.best_look(self._guest, hosts)
        if look is None:
            return hosts
        left = []
        for host in hosts:
            if look.refuses(host.numa_topology):
                host.allocation_candidates = []
            else:
                left.append(host)
        return left

    def _judge(self, hosts: list[Any]) -> list[Any]:
        known = self._entries(hosts)
        if known is None:
            return [passed for host in hosts for passed in self._judge([host])]
        # lists side by side, not a tuple for each host: those would call the garbage collector
        looked: list[Any] = []
        entries: list[Entry] = []
        for host, entry in zip(hosts, known, strict=True):
            if entry is not None and (entry.threads or not self._needs_threads):
                looked.append(host)
                entries.append(entry)
        judged = self._by_candidates if self._from_placement else self._as_wholes
        passed = judged(looked, entries)
        for entry in entries if HOSTS.unfit else ():
            if entry.slot in HOSTS.unfit:
                self._warn(*entry.key, HOSTS.unfit[entry.slot])
        return passed

    def _as_wholes(self, hosts: Sequence[Any], entries: Sequence[Entry]) -> list[Any]:
        """Those that pass, where all candidates of a host are alike."""
        slots = [entry.slot for entry in entries]
        fits = self._scan(_WITH_PCI, slots)
        bare = [n for n, host in enumerate(hosts) if host.pci_stats is None]
        for n, fit in zip(bare, self._scan(_WITHOUT_PCI, [slots[n] for n in bare]), strict=True):
            fits[n] = fit
        passed, explains = [], LOG.isEnabledFor(log.DEBUG)
        for host, entry, fit in zip(hosts, entries, fits, strict=True):
            if not fit:
                if explains:
                    self._explain(entry, [_WITHOUT_PCI if host.pci_stats is None else _WITH_PCI])
                host.allocation_candidates = []
            elif host.allocation_candidates:
                host.limits["numa_topology"] = self._limits_of(entry.seen.ratios)
                passed.append(host)
        return passed

    def _by_candidates(self, hosts: Sequence[Any], entries: Sequence[Entry]) -> list[Any]:
        """Those that pass, where placement has allocated devices: with the candidates that do."""
        rounds = Rounds(self._pci)
        wanted = [
            self._keys(host, entry, rounds) for host, entry in zip(hosts, entries, strict=True)
        ]
        asked: dict[Key | Round, list[int]] = defaultdict(list)
        for keys, entry in zip(wanted, entries, strict=True):
            for key in dict.fromkeys(keys):
                asked[key].append(entry.slot)
        fits = {
            key: dict(zip(slots, self._scan(key, slots), strict=True))
            for key, slots in asked.items()
        }
        passed, explains = [], LOG.isEnabledFor(log.DEBUG)
        for host, keys, entry in zip(hosts, wanted, entries, strict=True):
            verdicts = [fits[key][entry.slot] for key in keys]
            if not all(verdicts):
                if explains:
                    self._explain(entry, compress(keys, map(not_, verdicts)))
                # one verdict for them all is a no for them all
                host.allocation_candidates = list(compress(host.allocation_candidates, verdicts))
            if host.allocation_candidates:
                host.limits["numa_topology"] = self._limits_of(entry.seen.ratios)
                passed.append(host)
        return passed

    def _entries(self, hosts: list[Any]) -> list[Entry | None] | None:
        """Where each stands, ``None`` for those that cannot be judged; ``None`` instead of all
        where one host is there twice, and may be two things."""
        found = HOSTS.look(hosts)
        others = [n for n, entry in enumerate(found) if entry is None]
        for n in others:
            found[n] = self._entry(hosts[n])
        if others and len(hosts) > 1:
            there = [entry for entry in found if entry is not None]
            if len(set(there)) < len(there):
                return None
        return found

    def _entry(self, host: Any) -> Entry | None:
        try:
            entry = HOSTS.entry(host)
        except NumafitError as error:
            self._warn(host.host, host.nodename, error)
            return None
        if entry is None:
            LOG.debug("%s, %s has no NUMA topology.", host.host, host.nodename)
        return entry

    @staticmethod
    def _warn(host: str, node: str, error: NumafitError) -> None:
        LOG.warning("numafit cannot judge %s, %s, which is taken as a no: %s", host, node, error)

    def _keys(self, host: Any, entry: Entry, rounds: Rounds) -> Sequence[Key | Round]:
        """One key for all of the host's candidates, or one for each."""
        if host.pci_stats is None:
            return _WITHOUT_PCI_ALL
        found: dict[Key, Key | Round] = {}
        keys = [self._key(candidate["mappings"]) for candidate in host.allocation_candidates]
        for key in keys:
            # one that names no providers is the same of all hosts
            if key is _WITH_PCI or key in found or not any(key):
                continue
            alone = HOSTS.alone(entry, chain.from_iterable(key))
            found[key] = rounds.of(entry, len(found), key, alone) or key
        return [found.get(key, key) for key in keys]

    def _key(self, mappings: Mapped) -> Key:
        """What of a candidate bears on the answer: placement's providers for each PCI request."""
        if not (self._from_placement and mappings):
            return _WITH_PCI
        key = tuple(tuple(pci_filter.providers(one, mappings)) for one in self._pci)
        self._mappings.setdefault(key, mappings)
        return key

    def _request(self, key: Key) -> Request:
        if key not in self._requests:
            self._requests[key] = Request(
                self._guest,
                self._networks,
                () if key is _WITHOUT_PCI else self._pci,
                self._mappings.get(key),
            )
        return self._requests[key]

    def _asked_of(self, key: Key | Round) -> Request:
        if isinstance(key, Round):
            return Request(self._guest, self._networks, self._pci, key.mapping(self._pci))
        return self._request(key)

    def _scan(self, key: Key | Round, slots: Sequence[int]) -> list[bool]:
        """Whether it fits on each of these hosts."""
        if not slots:
            return []
        fleet, request = HOSTS.fleet, self._asked_of(key)
        if 4 * len(slots) < len(fleet):
            some: list[bool] = fleet.scan(request, self.options, slots).tolist()
            return some
        fits = fleet.scan(request, self.options).tolist()
        return [fits[slot] for slot in slots]

    def _explain(self, entry: Entry, keys: Iterable[Key | Round]) -> None:
        for key in keys:
            why = HOSTS.fleet.explain(self._asked_of(key), entry.slot, self.options)
            LOG.debug("%s, %s does not fit: %s", *entry.key, why)

    def _limits_of(self, ratios: Ratios) -> Any:
        """``NUMATopologyLimits`` with which the scheduler and the compute fit again."""
        found = self._limits.get(ratios)
        if found is None:
            found = self._limits[ratios] = objects.NUMATopologyLimits(
                cpu_allocation_ratio=ratios[0], ram_allocation_ratio=ratios[1]
            )
            if self._network:
                found.network_metadata = self._network
        return found
