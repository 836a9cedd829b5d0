"""Never, or not now: could the host take the guest if nothing were on it?"""

from __future__ import annotations

from dataclasses import replace

from numafit.host import Host
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.planning.explain_host import ABOUT_DEVICES, HostSpace

FITS, NOT_NOW, NEVER, OPEN = "fits", "not now", "never", "open"
"""Of a guest and a host. ``open``: it is devices that are missing, and what a source tells of
devices are those that are free."""


def emptied(info: HostInfo) -> HostInfo:
    """The host without its guests: nothing is pinned, no memory, page or unit in use, and its
    compute service takes guests. Reserved pages stay reserved; devices that guests have are not
    known."""
    provider = info.provider
    if provider is not None:
        inventories = {name: replace(one, used=0) for name, one in provider.inventories.items()}
        provider = replace(provider, inventories=inventories)
    cells = tuple(map(_empty_cell, info.cells))
    return replace(info, cells=cells, provider=provider, disabled="")


def _empty_cell(cell: HostCell) -> HostCell:
    pools = tuple(replace(pool, used=0) for pool in cell.page_pools)
    return replace(cell, cpu_usage=0, memory_usage=0, pinned_cpus=frozenset(), page_pools=pools)


def verdict_of(
    info: HostInfo, request: Request, options: FitOptions
) -> tuple[str, Placement | Refusal]:
    """NOT_NOW, NEVER or OPEN, and what the empty host answers."""
    empty = emptied(info)
    answer = Host(empty).fit(request, options)
    if isinstance(answer, Placement):
        return NOT_NOW, answer
    if answer.reason == "undecided":
        return OPEN, answer
    if answer.reason in ABOUT_DEVICES and request.pci:
        with_more = Host(HostSpace(empty, request, options).with_devices())
        if isinstance(with_more.fit(request, options), Placement):
            return OPEN, answer
    return NEVER, answer
