"""How much room does each flavor have, where, and why not elsewhere: the numbers of a reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.fleet import Fleet
from numafit.planning import behind, reasons
from numafit.planning.explain_empty import Verdicts
from numafit.planning.headroom import reached_by
from numafit.planning.stranded import Stranded, stranded
from numafit.serving.reading import Reading, Wanted

ROOM = "room"
"""Beside the verdicts of ``explain_empty``: the host takes one now."""


@dataclass(slots=True)
class FlavorCount:
    """``by_host``: guests that fit on each host, ``at_cap``: hosts where counting stopped.
    ``verdicts``: ROOM, NOT_NOW, NEVER or OPEN -> hosts. ``refused``: code of the reason -> hosts
    that refuse one now. ``not_judged``: a sentence that answers leave open -> hosts."""

    wanted: Wanted
    by_host: npt.NDArray[np.uint32]
    at_cap: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    not_judged: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return int(self.by_host.sum(dtype=np.uint64))


@dataclass(frozen=True, slots=True)
class Counts:
    """``flavors``: in the order of the reading, ``by_host`` over all of its fleets."""

    reading: Reading
    flavors: list[FlavorCount]
    stranded: Stranded


def count(reading: Reading, go_on: Callable[[], object] = lambda: None) -> Counts:
    """``go_on`` is called between flavors, and may raise to end it."""
    verdicts = [Verdicts(fleet, range(len(fleet))) for fleet in reading.fleets]
    found = []
    for wanted in reading.wanted:
        go_on()
        parts = [
            _on_fleet(fleet, of, wanted, reading)
            for fleet, of in zip(reading.fleets, verdicts, strict=True)
        ]
        found.append(_together(wanted, parts))
    go_on()
    catalogue = {one.name: one.request for one in reading.wanted}
    lost = stranded(
        reading.fleets, catalogue, reading.options, cap=reading.cap, threads=reading.threads
    )
    return Counts(reading, found, lost)


def _on_fleet(fleet: Fleet, verdicts: Verdicts, wanted: Wanted, reading: Reading) -> FlavorCount:
    request, options, threads = wanted.request, reading.options, reading.threads
    counts = reached_by(fleet, request, options, reading.cap, threads)
    found = FlavorCount(wanted, counts, int(np.count_nonzero(counts >= reading.cap)))
    found.verdicts[ROOM] = int(np.count_nonzero(counts))
    found.not_judged.update(fleet.not_judged(request))
    none = (counts == 0) & behind.there(fleet)
    if none.any():
        why = fleet.filled(request, options, np.flatnonzero(none), threads, cap=1).why["status"]
        found.refused.update({reasons.name_of(n): k for n, k in _tally(why)})
        found.verdicts.update(dict(_tally(verdicts.of(request, options, none))))
    return found


def _tally(values: npt.NDArray[Any]) -> list[tuple[Any, int]]:
    return list(Counter(values.tolist()).items())


def _together(wanted: Wanted, parts: list[FlavorCount]) -> FlavorCount:
    found = FlavorCount(wanted, np.concatenate([one.by_host for one in parts]))
    for one in parts:
        found.at_cap += one.at_cap
        found.verdicts += one.verdicts
        found.refused += one.refused
        found.not_judged += one.not_judged
    return found
