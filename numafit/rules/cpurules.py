"""CPU lists as nova reads them from extra specs and images: lenient in digits, of any size."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from numafit.cpuset import cpu_list_rules, quoted

_Spans = tuple[tuple[int, int], ...]


class CpuRules(NamedTuple):
    """A CPU list that has been read but not spread out: ids added and ids taken away again.

    Both are inclusive spans in the order of the text. A list such as ``0-99999999999`` costs
    two numbers here; the questions below never build more than the guest has vCPUs.
    """

    added: _Spans
    removed: _Spans

    def below(self, limit: int) -> int:
        """The ids below ``limit`` as a mask: bit ``n`` stands for CPU ``n``."""
        return _mask(self.added, limit) & ~_mask(self.removed, limit)

    def beyond(self, limit: int) -> int | None:
        """An id of ``limit`` or more that the list holds, or ``None``."""
        removed = _merged(self.removed)
        starts = [low for low, _ in removed]
        for first, last in self.added:
            if last < limit:
                continue
            low = max(first, limit)
            at = bisect_right(starts, low) - 1
            if at >= 0 and removed[at][1] >= low:
                low = removed[at][1] + 1
            if low <= last:
                return low
        return None


def read_cpu_rules(text: str) -> CpuRules:
    """Read a CPU list by nova's rules: whatever ``int()`` takes is an id (``+5``, ``1_0``).

    Raises ``ValueError`` that names the rule at fault.
    """
    added: list[tuple[int, int]] = []
    removed: list[tuple[int, int]] = []
    for excluded, low, high in cpu_list_rules(text, _number):
        (removed if excluded else added).append((low, high))
    return CpuRules(tuple(added), tuple(removed))


def cpus_of(mask: int) -> frozenset[int]:
    """The CPU ids whose bits are set in ``mask``."""
    return frozenset(n for n, bit in enumerate(reversed(f"{mask:b}")) if bit == "1")


def _number(digits: str, rule: str) -> int:
    try:
        return int(digits)
    except ValueError:
        what = "is not a CPU id, a range A-B or ^ before one of them"
        raise ValueError(f"{quoted(rule)} {what}") from None


def _mask(spans: _Spans, limit: int) -> int:
    mask = 0
    for first, last in spans:
        if first < limit:
            mask |= (1 << min(last + 1, limit)) - (1 << first)
    return mask


def _merged(spans: _Spans) -> list[tuple[int, int]]:
    """The same ids in spans that ascend and neither touch nor overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
