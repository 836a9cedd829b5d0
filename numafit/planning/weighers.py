"""Which of the hosts that can would nova's scheduler take, by its weighers?

By nova 34's ``nova/scheduler/weights`` and ``nova/weights.py``: each weigher has a number for each
host, brings those of the hosts that can to the range of 0 to 1, and counts by its multiplier; the
largest sum wins, among equals the first host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from numafit.errors import InvalidValue, MisuseError
from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.request import Request
from numafit.model.resources import Inventory
from numafit.planning import behind
from numafit.plurals import counted
from numafit.rules.breakage import breakage

Floats = npt.NDArray[np.float64]

NOVA = "nova"
"""nova's own weighers and multipliers, where a fleet tells what they look at."""
DEFAULTS = {"ram": 1.0, "cpu": 1.0, "disk": 1.0, "pci": 1.0}
"""``[filter_scheduler] ram_weight_multiplier`` and its like, where they are not set."""
NUMA = "numa"
"""numafit's own, for nova's scheduler: ``numafit.nova.weighers``."""
WEIGHERS = (*DEFAULTS, NUMA)
MOST_DEVICES = 100
MOST = 1e100
"""A multiplier from here on could go beyond what floats hold; their relations alone count."""
_CLASSES = {"ram": ("MEMORY_MB",), "cpu": ("VCPU", "PCPU"), "disk": ("DISK_GB",)}


def multipliers(text: str) -> dict[str, float] | None:
    """``"nova"``, or ``"ram=-1,pci=2,numa"`` (1 where none is given) by their names; ``None`` for
    text that is neither. nova takes no ``pci`` below 0."""
    if text == NOVA:
        return dict(DEFAULTS)
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        try:
            multiplier = float(value) if equals else 1.0
        except ValueError:
            return None
        if name not in WEIGHERS or name in found or not np.isfinite(multiplier):
            return None
        if name == "pci" and multiplier < 0:
            return None
        found[name] = multiplier
    largest = max(map(abs, found.values()))
    if largest > MOST:
        found = {name: multiplier / largest for name, multiplier in found.items()}
    return found


def untold(fleet: Fleet) -> dict[str, int]:
    """Weighers that the fleet cannot serve, and of how many hosts it does not tell what they look
    at: free memory and disk, and the CPUs of ``VCPU``, are those of the hosts' inventories."""
    there = np.flatnonzero(behind.there(fleet)).tolist()
    told = behind.providers(fleet)
    missing = {}
    for name, (main, *_) in _CLASSES.items():
        # a provider without VCPU has no CPUs for shared guests; memory and disk every host has
        knows = [
            host in told and (name == "cpu" or main in told[host].inventories) for host in there
        ]
        if not all(knows):
            missing[name] = len(knows) - sum(knows)
    return missing


@dataclass(slots=True)
class _Weigher:
    """``raw``: what nova calls the weight of each host, of the state that it is in. ``of``: works
    it out anew. ``least``: what is brought to 0, and no weight is below; ``None``: the smallest."""

    multiplier: float
    of: Callable[[int], float]
    least: float | None
    raw: Floats


class Weighing:
    """Scores of hosts, for ``Fleet.schedule``, that are made anew for each guest."""

    def __init__(self, fleet: Fleet, text: str, options: FitOptions | None = None) -> None:
        """Raises MisuseError for a weigher whose data the fleet does not tell; ``"nova"`` leaves
        it out."""
        wanted = multipliers(text)
        if wanted is None:
            raise InvalidValue("choose", text, f"{NOVA!r}, or {', '.join(WEIGHERS)} as 'ram=1,cpu'")
        missing = untold(fleet)
        for name in [name for name in wanted if name in missing]:
            if text != NOVA:
                raise MisuseError(
                    f"choose={text!r}: {name} is not known of {counted(missing[name], 'host')}; "
                    "Fleet.with_inventories() works it out where it can"
                )
            del wanted[name]
        self._fleet = fleet
        self._rows = behind.resource_rows(fleet)
        self._options = options
        self._columns = fleet.columns(copy=False)
        hosts = range(len(fleet))
        self._breaks = wanted.pop(NUMA, None)
        self._broken: dict[int, Floats] = {}
        """Of each kind of guest, where it was worked out; not a number, where it was not."""
        self._weighers = []
        for name, multiplier in wanted.items():
            of = self._devices if name == "pci" else partial(self._free, self._totals(name), name)
            raw = np.array([of(host) for host in hosts], np.float64)
            self._weighers.append(_Weigher(multiplier, of, None if name == "pci" else 0.0, raw))
        self.scores = np.zeros(len(fleet))
        if self._alone:
            self.scores[:] = self._weighers[0].multiplier * self._weighers[0].raw

    @property
    def _alone(self) -> bool:
        """One weigher orders hosts as its numbers do, whichever of them can take the guest."""
        return len(self._weighers) == 1 and self._breaks is None

    def changed(self, host: int) -> None:
        """A guest came there, or left."""
        for weigher in self._weighers:
            weigher.raw[host] = weigher.of(host)
        if self._alone:
            weigher = self._weighers[0]
            self.scores[host] = weigher.multiplier * weigher.raw[host]
        for broken in self._broken.values():
            broken[host] = np.nan

    def weigh(self, kind: int, request: Request) -> None:
        """The scores are for a guest of this kind."""
        if self._alone:
            return
        hosts = np.flatnonzero(self._fleet.scan(request, self._options))
        sums = np.zeros(len(hosts))
        for weigher in self._weighers:
            _add(sums, weigher.multiplier, weigher.raw[hosts], weigher.least)
        if self._breaks is not None:
            broken = self._breakage(kind, request, hosts.tolist())
            _add(sums, self._breaks, -broken, None)
        self.scores[hosts] = sums

    def _totals(self, name: str) -> Sequence[float]:
        """What nova would have free of each host without any guest."""
        main = _CLASSES[name][0]
        told = behind.providers(self._fleet)
        found = []
        for host in range(len(self._fleet)):
            one = told[host].inventories.get(main) if host in told else None
            found.append(0.0 if one is None else _all_of(one, name == "cpu"))
        return found

    def _free(self, totals: Sequence[float], name: str, host: int) -> float:
        rows = self._rows
        used = self._columns["resource_used"]
        taken = sum(int(used[rows[one], host]) for one in _CLASSES[name] if one in rows)
        return max(totals[host] - taken, 0.0)

    def _devices(self, host: int) -> float:
        first, end = (int(self._columns[f"host_{edge}_pool"][host]) for edge in ("first", "end"))
        free = int(self._columns["pool_count"][first:end].sum())
        return float(MOST_DEVICES - min(free, MOST_DEVICES - 1))

    def _breakage(self, kind: int, request: Request, hosts: Sequence[int]) -> Floats:
        known = self._broken.setdefault(kind, np.full(len(self._fleet), np.nan))
        if request.guest is None:
            return np.zeros(len(hosts))
        for host in hosts:
            if np.isnan(known[host]):
                known[host] = self._broken_up(host, request)
        return known[list(hosts)]

    def _broken_up(self, host: int, request: Request) -> float:
        found = self._fleet.fit_on(request, host, self._options)
        if not isinstance(found, Placement):
            return 0.0
        return breakage(self._fleet.hostinfo(host), found, bool(request.pci))


def _all_of(inventory: Inventory, by_ratio: bool) -> float:
    ratio = inventory.allocation_ratio if by_ratio else 1.0
    return inventory.total * ratio - inventory.reserved


def _add(sums: Floats, multiplier: float, raw: Floats, least: float | None) -> None:
    """nova's ``normalize``: where all are alike none counts."""
    if len(raw):
        low, high = float(raw.min()) if least is None else least, float(raw.max())
        if low != high:
            sums += multiplier * ((raw - low) / (high - low))
