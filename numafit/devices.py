"""Can a host serve PCI requests, and which pools are left then?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit._engine import Engine
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.model.placement import PciSupport
from numafit.model.request import checked_mapping, pci_list


def pci_support(
    engine: Engine,
    host: int,
    requests: Any,
    cells: Any,
    provider_mapping: Mapping[str, Sequence[str]] | None,
    options: FitOptions | None,
) -> PciSupport:
    """Whether the host's pools serve the requests for a guest on these cells."""
    reason, draws, there = engine.supports_pci(
        host,
        pci_list("requests", requests),
        () if cells is None else tuple(fields.ids("cells", cells, "ids of host cells")),
        checked_mapping(provider_mapping),
        options,
    )
    if reason:
        return PciSupport(False, reason=reason)
    columns = engine.columns
    left = dict(enumerate(there, int(columns.host_first_pool[host])))
    for _request, pool, count in draws:
        left[pool] -= count
    drawn = {pool for _request, pool, _count in draws}
    return PciSupport(
        True,
        tuple(draws),
        tuple(
            replace(columns.pools[pool], count=max(count, 0))
            for pool, count in left.items()
            if count > 0 or (count == 0 and pool not in drawn)
        ),
    )
