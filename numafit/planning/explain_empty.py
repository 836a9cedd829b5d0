"""Never, or not now: could hosts take the guest if nothing were on them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.fleet import Fleet
from numafit.host import Host
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.planning.explain_host import ABOUT_DEVICES, HostSpace
from numafit.planning.explain_makes import makes

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
    return _verdict(empty, answer, request, options), answer


def _verdict(
    empty: HostInfo, answer: Placement | Refusal, request: Request, options: FitOptions
) -> str:
    """``answer``: of the empty host."""
    if isinstance(answer, Placement):
        return NOT_NOW
    if answer.reason == "undecided":
        return OPEN
    if answer.reason in ABOUT_DEVICES and request.pci:
        with_more = Host(HostSpace(empty, request, options).with_devices())
        if isinstance(with_more.fit(request, options), Placement):
            return OPEN
    return NEVER


class Verdicts:
    """The same of many hosts of a fleet: of those of one make the first is asked for all."""

    def __init__(self, fleet: Fleet, hosts: Sequence[int]) -> None:
        numbers: dict[bytes, int] = {}
        made = makes(fleet, hosts)
        self._make = np.array([numbers.setdefault(one, len(numbers)) for one in made], np.int64)
        firsts = dict(zip(reversed(made), reversed(hosts), strict=True))
        self._infos = [emptied(fleet.hostinfo(firsts[one])) for one in numbers]
        self._empty = Fleet(self._infos)

    def of(
        self, request: Request, options: FitOptions, which: npt.NDArray[np.bool_] | None = None
    ) -> npt.NDArray[Any]:
        """NOT_NOW, NEVER or OPEN, for each host; ``which``: for these alone."""
        make = self._make if which is None else self._make[which]
        asked = np.unique(make)
        answers = np.full(len(self._empty), NOT_NOW, object)
        for one in asked[~self._empty.scan(request, options, hosts=asked)].tolist():
            answer = self._empty.fit_on(request, one, options)
            answers[one] = _verdict(self._infos[one], answer, request, options)
        return answers[make]
