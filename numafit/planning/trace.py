"""Who comes, when, and how long does each stay?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.errors import InvalidValue
from numafit.model import fields
from numafit.model.flavor import Flavor
from numafit.model.request import Request
from numafit.plurals import counted
from numafit.readers.vm_traces import Size, VmTrace

HOUR = 3600.0
STAYS = math.inf
LIFETIMES = ("exponential", "lognormal", "fixed")
MOST = 50_000_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Guests in the order in which they come.

    ``names`` and ``requests``: one per flavor. ``kinds``: the flavor of each guest; ``starts`` and
    ``ends``: seconds, infinite for one that stays.
    """

    names: tuple[str, ...]
    requests: tuple[Request, ...]
    kinds: npt.NDArray[np.uint32]
    starts: Floats
    ends: Floats

    def __len__(self) -> int:
        return len(self.kinds)

    def __repr__(self) -> str:
        hours = self.seconds / HOUR
        guests = f"{counted(len(self), 'guest')} of {counted(len(self.names), 'flavor')}"
        return f"<{guests} in {hours:,.1f} hours>"

    @property
    def seconds(self) -> float:
        """From the first guest to the last."""
        return float(self.starts[-1] - self.starts[0]) if len(self) else 0.0

    @property
    def events(self) -> int:
        """Comings and goings."""
        return len(self) + int(np.isfinite(self.ends).sum())

    @classmethod
    def of(
        cls, requests: Mapping[str, Request], kinds: Any, starts: Any, ends: Any | None = None
    ) -> Trace:
        """From arrays with one entry per guest; ``kinds`` are places in ``requests``."""
        names = tuple(requests)
        kind = np.asarray(kinds)
        if kind.ndim != 1 or (len(kind) and not np.issubdtype(kind.dtype, np.integer)):
            raise InvalidValue("kinds", kinds, "one whole number per guest")
        begin = _floats("starts", starts, len(kind))
        leave = np.full(len(kind), STAYS) if ends is None else _floats("ends", ends, len(kind))
        if len(kind) and not (kind.min() >= 0 and kind.max() < len(names)):
            raise InvalidValue("kinds", int(kind.max()), f"places 0 to {len(names) - 1}")
        if not np.isfinite(begin).all() or np.isnan(leave).any() or (leave < begin).any():
            raise InvalidValue("ends", "a guest", "an end that is not before its start")
        order = np.argsort(begin, kind="stable")
        return cls(
            names,
            tuple(requests.values()),
            kind[order].astype(np.uint32),
            begin[order],
            leave[order],
        )

    @classmethod
    def of_mix(
        cls,
        mix: Mapping[str, tuple[Request, float]],
        guests: int,
        per_hour: float,
        stay_hours: float = STAYS,
        lifetime: str = "exponential",
        seed: int = 0,
    ) -> Trace:
        """Guests at random: ``mix`` has a request and a share for each name, ``per_hour`` come on
        average (the gaps between them are exponential), and each stays ``stay_hours`` on average:
        ``lifetime`` is ``"exponential"``, ``"lognormal"`` (sigma 1.5: most leave soon, some stay
        long) or ``"fixed"``. The same ``seed`` makes the same guests.
        """
        if not isinstance(mix, Mapping) or not mix:
            raise InvalidValue("mix", mix, "a mapping of names to (Request, share), one at least")
        guests = fields.number("guests", guests, 0, MOST)
        shares = np.array(
            [_above_0(f"mix[{name!r}] share", share) for name, (_, share) in mix.items()]
        )
        gap = HOUR / _above_0("per_hour", per_hour)
        rng = np.random.default_rng(fields.number("seed", seed, 0, 2**64 - 1))
        kinds = rng.choice(len(mix), guests, p=shares / shares.sum())
        starts = np.cumsum(rng.exponential(gap, guests))
        if not np.isfinite(starts).all():
            raise InvalidValue("per_hour", per_hour, f"a rate at which {guests} guests ever come")
        ends = starts + _stays(rng, guests, stay_hours * HOUR, lifetime)
        return cls.of({name: request for name, (request, _) in mix.items()}, kinds, starts, ends)

    @classmethod
    def of_vms(
        cls, trace: VmTrace, flavor: Callable[[Size], Flavor | Request] | None = None
    ) -> Trace:
        """From a published trace. ``flavor`` makes a flavor, or a whole request, of a size; by
        default one with dedicated CPUs. Raises InvalidValue for a size with GPUs where ``flavor``
        is not given: which device stands for one is not known."""
        requests: dict[str, Request] = {}
        for size in trace.sizes:
            made = (flavor or _pinned)(size)
            name = f"{size.vcpus}-{size.memory_mb}" + (f"-{size.gpus}" if size.gpus else "")
            requests[name] = Request.for_server(made) if isinstance(made, Flavor) else made
        return cls.of(requests, np.array(trace.kinds, np.uint32), trace.starts, trace.ends)


def _pinned(size: Size) -> Flavor:
    if size.gpus:
        raise InvalidValue(
            "flavor",
            None,
            "a function that makes a flavor of a size with GPUs (its alias is the site's own)",
        )
    return Flavor(
        f"{size.vcpus}-{size.memory_mb}",
        vcpus=size.vcpus,
        memory_mb=size.memory_mb,
        extra_specs={"hw:cpu_policy": "dedicated"},
    )


def _above_0(key: str, value: float) -> float:
    if not isinstance(value, int | float | np.number) or not 0 < value < math.inf:
        raise InvalidValue(key, value, "a number above 0")
    return float(value)


def _stays(rng: np.random.Generator, guests: int, mean: float, lifetime: str) -> Floats:
    fields.word("lifetime", lifetime, LIFETIMES)
    if mean == STAYS:
        return np.full(guests, STAYS)
    mean = _above_0("stay_hours", mean)
    if lifetime == "fixed":
        return np.full(guests, mean)
    if lifetime == "lognormal":
        sigma = 1.5
        return rng.lognormal(math.log(mean) - sigma**2 / 2, sigma, guests)
    return rng.exponential(mean, guests)


def _floats(key: str, values: Sequence[float] | Any, n: int) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (n,):
        raise InvalidValue(key, found.shape, f"{n} numbers, one per guest")
    return found
