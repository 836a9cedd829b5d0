"""When is there no more room: as it was seen, or where a straight line goes?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numafit.planning.trace import HOUR, STAYS


@dataclass(frozen=True, slots=True)
class Full:
    """When there is no more room: seconds from the trace's first guest. ``by``: what ends it, a
    flavor that was refused (``seen``), or what the trend is of. Infinite: neither."""

    seconds: float
    by: str
    seen: bool

    @property
    def hours(self) -> float | None:
        return None if self.seconds == STAYS else self.seconds / HOUR

    def after(self, seconds: float) -> float | None:
        """Hours from the end of a trace of so many seconds to there, at the trend; ``None``: it was
        seen, or there is none."""
        return None if self.seconds == STAYS or self.seen else (self.seconds - seconds) / HOUR

    def __str__(self) -> str:
        if self.seconds == STAYS:
            return "not full, and not filling up"
        said = f"{self.seconds / HOUR:,.1f} hours"
        if self.seen:
            return f"full after {said}, when {self.by} was refused first"
        return f"full after {said} at the trend of {self.by}"


FAR = 20
"""How often the time that a trend was seen in fits into that which it is good for."""


def reaches(times: Sequence[float], used: Sequence[float], limit: float) -> float:
    """When a straight line through the uses meets the limit. Infinite where it does not rise by
    twice the error of its slope, for what goes up and down makes no trend, and where it meets the
    limit so late that nobody can know."""
    if len(times) < 3 or times[-1] <= times[0] or limit <= 0:
        return STAYS
    # a part of the time that it was seen in, for squares of long times go beyond what floats hold
    whole = times[-1] - times[0]
    t = (np.array(times) - times[0]) / whole
    y = np.array(used, np.float64)
    spread = float(((t - t.mean()) ** 2).sum())
    slope = float((t - t.mean()) @ y) / spread
    start = float(y.mean()) - slope * float(t.mean())
    error = math.sqrt(float(((y - start - slope * t) ** 2).sum()) / (len(t) - 2) / spread)
    # the last term: a rise that rounding alone makes is none
    if slope <= 2 * error + 1e-9 * limit:
        return STAYS
    when = max((limit - start) / slope, 1.0)
    return times[-1] + (when - 1.0) * whole if when - 1.0 <= FAR else STAYS


def runs_out(times: Sequence[float], left: Sequence[int]) -> tuple[float, bool]:
    """When nothing is left, and whether that was seen; else where the trend of the second half
    goes. Infinite: it does not fall."""
    for time, rest in zip(times, left, strict=True):
        if not rest:
            return time, True
    late = len(times) // 2
    most = max(left[late:], default=0)
    return reaches(times[late:], [most - rest for rest in left[late:]], most), False
