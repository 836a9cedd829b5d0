"""What does a report say of these hosts and flavors? Answers of the planning room, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.planning import behind
from numafit.planning.explain import Guests
from numafit.planning.explain_fleet import FleetExplanation, explain_fleet
from numafit.planning.headroom import Headroom, headroom
from numafit.planning.make_room import MadeRoom
from numafit.planning.stranded import Stranded, stranded
from numafit.spans import DEFAULT_CAP

WORST = 5
"""Flavors whose refusals are explained, of those that some host refuses."""


@dataclass(frozen=True, slots=True)
class Findings:
    """``room`` and ``lost``: of all hosts of ``fleets``, one fleet after the other, without those
    that were removed from a fleet before. ``refusals``: a
    flavor and why hosts refuse it, the one that fewest take first; ``refused``: of how many flavors
    some host has no room. ``plan``: a flavor, and the moves that make room for it."""

    fleets: tuple[Fleet, ...]
    options: FitOptions
    room: Headroom
    lost: Stranded
    refusals: tuple[tuple[str, FleetExplanation], ...]
    refused: int
    plan: tuple[str, MadeRoom] | None = None

    @property
    def hosts(self) -> int:
        return len(self.room.hosts)


def findings(
    fleets: Sequence[Fleet],
    catalogue: Mapping[str, Request],
    options: FitOptions | None = None,
    *,
    guests: Guests = (),
    worst: int = WORST,
    plan: tuple[str, MadeRoom] | None = None,
    cap: int = DEFAULT_CAP,
    threads: int = 1,
) -> Findings:
    """``catalogue``: name -> Request; ``guests``: those on the hosts, of whom one may have to leave
    for another to fit; ``worst``: flavors whose refusals are explained."""
    options = FitOptions() if options is None else options
    whole = tuple(fleet if behind.there(fleet).all() else fleet[:] for fleet in fleets)
    room = headroom(whole, catalogue, options, cap=cap, threads=threads)
    lost = stranded(whole, catalogue, options, cap=cap, threads=threads)
    taking = np.count_nonzero(room.reached, axis=0)
    order = np.argsort(taking, kind="stable")
    refused = [room.flavors[n] for n in order.tolist() if taking[n] < len(room.hosts)]
    # of the fleets as they were given: claims name hosts by their indices there
    parts = [(fleet, None) for fleet in fleets]
    refusals = tuple(
        (name, explain_fleet(parts, catalogue[name], options, guests=guests))
        for name in refused[:worst]
    )
    return Findings(whole, options, room, lost, refusals, len(refused), plan)
