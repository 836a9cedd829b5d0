"""Can a host serve PCI requests, and which pools are left then?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numafit._engine import Engine
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.model.placement import PciSupport
from numafit.model.request import checked_mapping, pci_list
from numafit.moments import host_now, unchanged


def pci_support(
    engine: Engine,
    host: int,
    requests: Any,
    cells: Any,
    provider_mapping: Mapping[str, Sequence[str]] | None,
    options: FitOptions | None,
) -> PciSupport:
    """Whether the host's pools serve the requests for a guest on these cells."""
    with unchanged(engine):
        return _support(engine, host, requests, cells, provider_mapping, options)


def _support(
    engine: Engine,
    host: int,
    requests: Any,
    cells: Any,
    provider_mapping: Mapping[str, Sequence[str]] | None,
    options: FitOptions | None,
) -> PciSupport:
    copy, now = host_now(engine, host)
    reason, draws = engine.supports_pci(
        copy,
        pci_list("requests", requests),
        () if cells is None else tuple(fields.ids("cells", cells, "ids of host cells")),
        checked_mapping(provider_mapping),
        options,
    )
    if reason:
        return PciSupport(False, reason=reason)
    return PciSupport(True, tuple(draws), now.free_pools(draws))
