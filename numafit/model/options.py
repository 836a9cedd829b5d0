"""How a guest is fitted: FitOptions, the four choices that every verb takes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, TypedDict

from numafit.errors import InvalidValue, MisuseError, shorten
from numafit.model.fields import word
from numafit.model.guest import Limits

STRATEGIES = ("spread", "pack", "closest")
PHYSNET_AFFINITIES = ("any", "all")
PCI_MATCHINGS = ("nova", "exact")


class FitKeywords(TypedDict, total=False):
    """The fields of FitOptions as keywords of a verb."""

    strategy: str
    limits: Limits | str | None
    physnet_affinity: str
    pci_matching: str


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit. Every verb of a Host and a Fleet takes ``options=FitOptions(...)``, or the
    fields as keywords of its own.

    ``strategy``: ``"spread"`` and ``"pack"`` look at host cells in nova's order
    (``[compute] packing_host_numa_cells_allocation_strategy``); ``"closest"`` chooses the cells
    with the smallest NUMA distances between them. ``limits``: ratios for shared guests (a Limits),
    ``"host"`` for those that each host carries, ``None`` for none. ``physnet_affinity``: ``"any"``:
    one guest cell near a physical network will do, as nova decides; ``"all"``: the guest covers
    every cell that is near it. ``pci_matching``: ``"nova"`` serves request after request and takes
    nothing back; ``"exact"`` finds an allocation whenever there is one.

    Raises MisuseError for other words.
    """

    strategy: str = "spread"
    limits: Limits | str | None = "host"
    physnet_affinity: str = "any"
    pci_matching: str = "nova"
    # the engine's form of them, made when they are first used
    _native: Any = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        word("strategy", self.strategy, STRATEGIES, none=False)
        word("physnet_affinity", self.physnet_affinity, PHYSNET_AFFINITIES, none=False)
        word("pci_matching", self.pci_matching, PCI_MATCHINGS, none=False)
        limits = self.limits
        host = isinstance(limits, str) and limits == "host"
        if not (limits is None or host or isinstance(limits, Limits)):
            raise InvalidValue("limits", limits, "a Limits, 'host' or None")

    def __reduce__(self) -> Any:
        parts = (self.strategy, self.limits, self.physnet_affinity, self.pci_matching)
        return FitOptions, parts


NAMES = tuple(one.name for one in fields(FitOptions) if one.init)
_LIST = ", ".join(NAMES)


def chosen(options: FitOptions | None, keywords: FitKeywords) -> FitOptions:
    """The options that a verb's keywords stand for; not both may be given."""
    for name in keywords:
        if name not in NAMES:
            raise MisuseError(f"{name}: no argument of this call, whose options are {_LIST}")
    if options is not None:
        given = ", ".join(keywords)
        raise MisuseError(f"options={shorten(options)}: expected none beside {given}")
    try:
        return _remembered(**keywords)
    except TypeError:  # what cannot be remembered is wrong; this says how
        return FitOptions(**keywords)


@lru_cache(maxsize=64)
def _remembered(**keywords: Any) -> FitOptions:
    return FitOptions(**keywords)
