"""In the place of ``PciDeviceStats.support_requests``, ``apply_requests`` and
``consume_requests``: one judgement behind all three, so that what is promised is what is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nova import exception
from oslo_log import log

from numafit.errors import NumafitError
from numafit.nova import convert, modes
from numafit.nova.known import bare_host

LOG = log.getLogger(__name__)
Mapped = Mapping[str, Sequence[str]] | None
Draw = tuple[int, int, int]


def draws(
    stats: Any, requests: Sequence[Any], mapping: Mapped, numa_cells: Sequence[Any] | None
) -> Sequence[Draw] | None:
    """(request, pool, count) for each pool of ``stats.pools`` drawn on; ``None``: it cannot be."""
    cells = [cell.id for cell in numa_cells or ()]
    matching = modes.current.pci_matching
    try:
        host = bare_host(
            convert.sockets(stats.numa_topology),
            cells,
            convert.pci_pools(stats.pools, devices=matching == "exact"),
        )
        found = host.supports_pci(
            convert.pci_requests(requests), cells, mapping or None, pci_matching=matching
        )
    except NumafitError as error:
        LOG.warning("numafit cannot judge these PCI requests, which is taken as a no: %s", error)
        return None
    if found:
        return found.draws
    # warns of a state that nova calls a bug; nova 31 does not know it yet
    check = getattr(stats, "_assert_one_pool_per_rp_uuid", None)
    if check is not None:
        check(stats.pools)
    return None


def support_requests(
    self: Any,
    requests: Sequence[Any],
    provider_mapping: Mapped,
    numa_cells: Sequence[Any] | None = None,
) -> bool:
    """Whether the pools can serve the requests; they are left as they are."""
    return draws(self, requests, provider_mapping, numa_cells) is not None


def apply_requests(
    self: Any,
    requests: Sequence[Any],
    provider_mapping: Mapped,
    numa_cells: Sequence[Any] | None = None,
) -> None:
    """Count the devices off; pools that are used up go. All requests or, raising
    ``PciDeviceRequestFailed``, none."""
    found = draws(self, requests, provider_mapping, numa_cells)
    if found is None:
        raise exception.PciDeviceRequestFailed(requests=requests)
    drawn = [(self.pools[pool], count) for _request, pool, count in found]
    for pool, count in drawn:
        pool["count"] -= count
    # by identity: two pools may hold the same, and nova's lists compare by content
    empty = {id(pool) for pool, _count in drawn if pool["count"] <= 0}
    self.pools[:] = [pool for pool in self.pools if id(pool) not in empty]


def consume_requests(
    self: Any, pci_requests: Sequence[Any], numa_cells: Sequence[Any] | None = None
) -> list[Any]:
    """The devices themselves, taken out of the pools, with a PF's VFs and the other way round.

    All requests or, raising ``PciDeviceRequestFailed``, none.
    """
    before = [(pool, {**pool, "devices": list(pool["devices"])}) for pool in self.pools]
    taken: list[Any] = []
    try:
        if modes.current.pci_matching == "exact":
            _take(self, list(pci_requests), numa_cells, taken)
        else:
            # one after the other: a request sees what is left of the devices, not of the counts
            for request in pci_requests:
                _take(self, [request], numa_cells, taken)
    except exception.PciDeviceRequestFailed:
        LOG.error("PCI devices that the scheduler promised are not there; all go back.")
        for pool, held in before:
            pool.clear()
            pool.update(held)
        self.pools[:] = [pool for pool, _held in before]
        for device in taken:
            device.request_id = None
        raise exception.PciDeviceRequestFailed(requests=pci_requests) from None
    return taken


def _take(
    stats: Any, requests: list[Any], numa_cells: Sequence[Any] | None, taken: list[Any]
) -> None:
    found = draws(stats, requests, None, numa_cells)
    if found is None:
        raise exception.PciDeviceRequestFailed(requests=requests)
    for request, pool, count in [(r, stats.pools[p], c) for r, p, c in found]:
        if len(pool["devices"]) < count:  # a device taken for the same request took them along
            raise exception.PciDeviceRequestFailed(requests=requests)
        pool["count"] -= count
        taken += stats._allocate_devs(pool, count, requests[request].request_id)
