"""NUMA headroom and fragmentation as a weigher of nova's scheduler.

    [filter_scheduler]
    weight_classes = nova.scheduler.weights.all_weighers
    weight_classes = numafit.nova.weighers.NUMAFragmentationWeigher

Prefers the host on which the guest leaves whole what others need whole: cells that nothing is on
yet, and among those the cells with PCI devices where the guest asks for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nova.scheduler import weights
from oslo_log import log

from numafit.errors import NumafitError
from numafit.model.placement import Placement
from numafit.nova.filters import Asked
from numafit.nova.table import HOSTS
from numafit.rules.breakage import breakage

LOG = log.getLogger(__name__)

MULTIPLIER = 1.0


class NUMAFragmentationWeigher(weights.BaseHostWeigher):
    """The larger the weight, the less the guest breaks up.

    A host loses a point for each cell that was free and would no longer be (two for one near PCI
    devices, if the guest asks for none), and up to a point for what is left in the cells that the
    guest lands on: cells filled to the brim cost nothing, a hole that is half a cell costs half.
    Hosts without NUMA topology, and requests without one, weigh nothing.
    """

    def weight_multiplier(self, host_state: Any) -> float:
        """1.0; a subclass may read an option of its own."""
        return MULTIPLIER

    def weigh_objects(self, weighed_obj_list: Iterable[Any], weight_properties: Any) -> list[float]:
        """One raw weight a host, in order; nova brings them to the range of 0 to 1."""
        hosts = [weighed.obj for weighed in weighed_obj_list]
        if not weight_properties.numa_topology:
            return [0.0] * len(hosts)
        asked = Asked(weight_properties)
        found = [self._weight(host, asked) for host in hosts]
        self.minval, self.maxval = min(found, default=0.0), max(found, default=0.0)
        return found

    def _weigh_object(self, obj: Any, weight_properties: Any) -> float:
        if not weight_properties.numa_topology:
            return 0.0
        return self._weight(obj, Asked(weight_properties))

    def _weight(self, state: Any, asked: Asked) -> float:
        candidates = state.allocation_candidates or [{"mappings": {}}]
        try:
            request = asked.request(candidates[0]["mappings"], state.pci_stats is not None)
            with HOSTS.lock:
                entry = HOSTS.entry(state)
                if entry is None:
                    return 0.0
                found = HOSTS.fleet.fit_on(request, entry.slot, asked.options)
                info = HOSTS.infos[entry.slot]
        except NumafitError as error:
            LOG.warning("%s, %s is not weighed: %s", state.host, state.nodename, error)
            return 0.0
        if not isinstance(found, Placement):
            return 0.0
        return -breakage(info, found, bool(request.pci))
