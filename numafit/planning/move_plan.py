"""Live migrations, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numafit.model.placement import Placement
from numafit.model.request import Request
from numafit.planning.answer import Glance
from numafit.planning.frames import frame
from numafit.plurals import counted

COLUMNS = ("step", "guest", "from", "to", "memory_mb", "gain")


@dataclass(frozen=True, slots=True)
class Step:
    """``guest`` goes from ``source`` to ``target``, names of hosts, where it holds ``placement``.
    ``memory_mb``: its size (MiB); ``number``: of the guest among those given; ``source_host``,
    ``target_host``: indices. ``gain``: how many more guests fit after it, where that was asked.
    ``request``: what it asks of the target."""

    guest: str
    source: str
    target: str
    memory_mb: int
    placement: Placement
    number: int
    source_host: int
    target_host: int
    gain: int | None = None
    request: Request | None = field(default=None, repr=False, compare=False)


def moved_mb(steps: Sequence[Step]) -> int:
    """MiB that they copy."""
    return sum(step.memory_mb for step in steps)


def moves_words(steps: Sequence[Step]) -> str:
    """``3 moves, 12 GiB``."""
    return f"{counted(len(steps), 'move')}, {moved_mb(steps) / 1024:,.4g} GiB"


def rows(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """A row for each, as ``COLUMNS`` says."""
    return [
        (n, step.guest, step.source, step.target, step.memory_mb, step.gain)
        for n, step in enumerate(steps, 1)
    ]


def glance_of(steps: Sequence[Step]) -> Glance:
    """What a notebook shows of them."""
    return COLUMNS, rows(steps)


def frame_of_steps(steps: Sequence[Step], library: str | None) -> Any:
    """A data frame of the library; ``None``: of the first that is installed."""
    return frame(COLUMNS, rows(steps), library)
