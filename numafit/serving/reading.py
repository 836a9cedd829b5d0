"""What is known of hosts and flavors at one moment, from wherever it was read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.spans import DEFAULT_CAP


@dataclass(frozen=True, slots=True)
class Wanted:
    """A flavor, and what a guest of it asks for. ``public``: ``None`` where it is not told."""

    name: str
    request: Request
    public: bool | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """``since``: Unix time at which the oldest of the hosts' sources was as it says. ``broken``:
    names of flavors that are none, or that nova refuses. ``set_apart``: host -> the aggregate that
    keeps it for some projects. ``projects``: aggregate -> those projects. ``unreadable``: rows that
    tell of no host, whose hosts are left out."""

    fleets: Sequence[Fleet]
    wanted: Sequence[Wanted]
    since: float
    broken: Sequence[str] = ()
    unreadable: int = 0
    set_apart: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, Collection[str]] = field(default_factory=dict)
    options: FitOptions = field(default_factory=FitOptions)
    cap: int = DEFAULT_CAP
    threads: int = 1
