"""In the place of ``nova.virt.hardware.numa_fit_instance_to_host``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nova.pci import stats
from oslo_log import log

from numafit.errors import NumafitError
from numafit.model.placement import Placement
from numafit.model.request import Request
from numafit.nova import answers, convert, modes
from numafit.nova.known import KnownHosts

LOG = log.getLogger(__name__)
_HOSTS = KnownHosts()


def numa_fit_instance_to_host(
    host_topology: Any,
    instance_topology: Any,
    provider_mapping: Mapping[str, Sequence[str]] | None,
    limits: Any = None,
    pci_requests: Sequence[Any] | None = None,
    pci_stats: Any = None,
) -> Any:
    """The ``InstanceNUMATopology`` on its host cells, or ``None`` where it does not fit."""
    if not (host_topology and instance_topology):
        return None
    wanted = pci_requests if pci_stats is not None else None
    foreign = bool(wanted) and not judged_here(pci_stats)
    try:
        request = Request(
            convert.guest_topology(instance_topology),
            networks=convert.networks(convert.field(limits, "network_metadata"))
            if limits
            else None,
            pci=() if foreign else convert.pci_requests(wanted),
            provider_mapping=provider_mapping or None,
        )
        host = _HOSTS.host(host_topology, pci_stats)
        found = host.fit(request, modes.current.options(convert.limits(limits)))
    except NumafitError as error:
        LOG.warning("numafit cannot judge this host or guest, which is taken as a no: %s", error)
        return None
    if not isinstance(found, Placement):
        level = LOG.warning if found.reason == "undecided" else LOG.debug
        level("The guest does not fit: %s", found)
        return None
    topology = answers.placed(instance_topology, found)
    if foreign and not pci_stats.support_requests(wanted, provider_mapping, topology.cells):
        return None
    return topology


def judged_here(pci_stats: Any) -> bool:
    """Whether the pools' ``support_requests`` is nova's or numafit's; where somebody has put
    another in its place, that one has the last word."""
    method = type(pci_stats).support_requests
    return getattr(method, "__module__", None) in (stats.__name__, "numafit.nova.pci")
