"""Which flavor of a catalogue stands for each size of a published trace?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from numafit.errors import MisuseError
from numafit.model.flavor import Flavor
from numafit.model.request import Request
from numafit.planning.trace import Trace
from numafit.readers.vm_traces import Size, VmTrace

Catalogue = Sequence[tuple[Flavor, Request]]


@dataclass(frozen=True, slots=True)
class StandIn:
    """``flavor`` stands for guests of this size, of whom there are ``guests``; ``None``: there is
    no such flavor, and they are not in the trace."""

    size: Size
    flavor: str | None
    guests: int


@dataclass(frozen=True, slots=True)
class InFlavors:
    """A trace of flavors. ``stand_ins``: one per size, that of the most guests first; ``left_out``:
    guests that no flavor stands for; ``passed_over``: rows that are no guests, and why."""

    trace: Trace
    stand_ins: tuple[StandIn, ...]
    left_out: int
    passed_over: Mapping[str, int]


def in_flavors(
    vms: VmTrace,
    catalogue: Catalogue,
    named: Mapping[Size, str] | None = None,
    most: int | None = None,
) -> InFlavors:
    """The guests of the trace, the first ``most`` of them that came, as flavors of the catalogue.

    A size is that of the smallest flavor with at least its vCPUs and memory: fewest vCPUs, then
    least memory, then first in the catalogue. GPUs are devices of an alias: a size with some wants
    a flavor with as many at least, one with none a flavor without. A flavor that the trace names
    stands for itself. ``named`` says it otherwise. Raises MisuseError for flavors that are not in
    the catalogue.
    """
    names = [flavor.name for flavor, _request in catalogue]
    stated = dict(named or {})
    for size, name in stated.items():
        if name not in names:
            raise MisuseError(f"{size}: the catalogue has no flavor {name!r}")
    flavor_of = np.full(len(vms.sizes) + 1, -1)
    for n, size in enumerate(vms.sizes):
        found = stated.get(size) or smallest(size, catalogue)
        if found is not None:
            flavor_of[n] = names.index(found)
    kinds = np.array(vms.kinds, np.int64)
    starts, ends = np.array(vms.starts, np.float64), np.array(vms.ends, np.float64)
    first = np.sort(np.argsort(starts, kind="stable")[:most])
    kinds, starts, ends = kinds[first], starts[first], ends[first]
    as_flavor = flavor_of[kinds]
    kept = as_flavor >= 0
    guests = np.bincount(kinds, minlength=len(vms.sizes))
    by_guests = np.argsort(-guests, kind="stable").tolist()
    return InFlavors(
        Trace.of(
            {flavor.name: request for flavor, request in catalogue},
            as_flavor[kept],
            starts[kept],
            ends[kept],
        ),
        tuple(
            StandIn(
                vms.sizes[n],
                names[flavor_of[n]] if flavor_of[n] >= 0 else None,
                int(guests[n]),
            )
            for n in by_guests
            if guests[n]
        ),
        int((~kept).sum()),
        dict(vms.passed_over),
    )


def smallest(size: Size, catalogue: Catalogue) -> str | None:
    """The flavor that stands for guests of this size, where nothing else is said."""
    if size.flavor:
        return next((one.name for one, _ in catalogue if one.name == size.flavor), None)
    fitting = [
        (flavor.vcpus, flavor.memory_mb, n, flavor.name)
        for n, (flavor, request) in enumerate(catalogue)
        if flavor.vcpus >= size.vcpus
        and flavor.memory_mb >= size.memory_mb
        and _serves(_devices(request), size.gpus)
    ]
    return min(fitting)[3] if fitting else None


def _devices(request: Request) -> int:
    """Those of aliases: ports have theirs by another way."""
    return sum(one.count for one in request.pci if one.alias_name is not None)


def _serves(devices: int, gpus: int) -> bool:
    return devices >= gpus if gpus else not devices
