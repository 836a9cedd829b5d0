"""``indexes=`` of hwloc's synthetic strings -> the numbers of a level's objects.

Read are its three forms ("Synthetic topologies" of hwloc's manual): numbers one by one; steps,
``2*16:1*2``; levels, ``node:core``. Where hwloc falls back on its own numbering, this is an
error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from numafit.errors import InputError
from numafit.readers import bounds

_LIST = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*")
_STEP = re.compile(r"([0-9]{1,9})\*([0-9]{1,9})")

Loop = tuple[int, int]
"""Objects of a step, and how many steps there are."""


def numbers_of(text: str, total: int, levels: Sequence[tuple[str, int]]) -> tuple[int, ...]:
    """The number of each of ``total`` objects, in their logical order.

    ``levels``: kind and number of objects of each level, from the outside to the inside. Raises
    ``InputError`` for what gives two objects one number, or is not such text.
    """
    if _LIST.fullmatch(text):
        found = [int(word) for word in text.split(",")]
        if len(found) != total or max(found) > bounds.CPU_IDS:
            expected = f"{total} numbers up to {bounds.CPU_IDS}"
            raise InputError(None, "indexes", text, expected)
    else:
        found = _interleaved(_loops(text, total, levels), total, text)
    if len(set(found)) != total:
        raise InputError(None, "indexes", text, "a number of its own for each object")
    return tuple(found)


def _loops(text: str, total: int, levels: Sequence[tuple[str, int]]) -> list[Loop]:
    words = text.split(":")
    steps = [_STEP.fullmatch(word) for word in words]
    if all(steps):
        return [(int(step[1]), int(step[2])) for step in steps if step]
    # the outermost level of all has one object; the innermost is none that hwloc finds here
    widths = [("machine", 1), *levels[:-1]]
    depths = [_depth(word, widths, text) for word in words]
    if len(set(depths)) != len(depths):
        raise InputError(None, "indexes", text, "each level once")
    loops = []
    for depth in depths:
        above = max((other for other in depths if other < depth), default=0)
        width = widths[depth][1]
        loops.append((total // width, width // widths[above][1]))
    return loops


def _depth(word: str, widths: Sequence[tuple[str, int]], text: str) -> int:
    kinds = [kind for kind, _width in widths]
    if word not in kinds:
        expected = f"numbers, steps such as 2*16:1*2, or levels of {', '.join(kinds)}"
        raise InputError(None, "indexes", text, expected)
    return kinds.index(word)


def _interleaved(loops: list[Loop], total: int, text: str) -> list[int]:
    product = 1
    for step, count in loops:
        product *= count
        if not step or not count or product > total:
            raise InputError(None, "indexes", text, f"steps that make {total} numbers")
    if product != total:
        # the innermost loop may be left out
        if total % product or min(step for step, _count in loops) != total // product:
            raise InputError(None, "indexes", text, f"steps that make {total} numbers")
        loops = [*loops, (1, total // product)]
    found = [0] * total
    scale = 1
    for step, count in loops:
        # a loop of one adds nothing, and there may be many
        for n in range(total) if count > 1 else ():
            found[n] += n // step % count * scale
        scale *= count
    return found
