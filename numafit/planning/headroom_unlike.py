"""The most guests whose cells are of two kinds, worked out exactly where amounts alone decide.

Pinned guest cells without a thread policy take CPUs and memory of a cell, so that a of the first
kind and b of the second fit there, in whatever order they come, if and only if one guest cell that
asks for all of it does. N guests can then be placed if and only if the cells take, in all, what N
guests have of each kind, and no cell takes more than N: colour the places with N colours so that no
cell and no cell of the guest has a colour twice (König); each colour is a guest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.request import Request

if TYPE_CHECKING:
    from numafit.planning.headroom_most import Kind, Question

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

MOST_SCANS = 2500
"""Questions about all cells for one request, each of about 20 us and 2 ns a cell."""
_PAGES_THAT_ADD_UP = (None, 0, -1)
Found = Sequence[tuple["Kind", int, Ints]]
"""The kinds of guest cells, how many of each a guest has, and how many of them each cell of the
fleet holds by itself."""


def most_of_two_kinds(
    question: Question, found: Found, reached: Ints, bound: Ints, sure: Flags
) -> None:
    """Set ``bound`` and ``sure`` of the hosts on which it is in doubt."""
    if len(found) != 2 or not only_amounts_decide([kind[0] for kind, _count, _room in found]):
        return
    doubtful = np.flatnonzero((reached < np.minimum(bound, question.cap)) & ~sure)
    sizes = question.cells.sizes[doubtful]
    for size in np.unique(sizes).tolist():
        hosts = doubtful[sizes == size]
        at = question.cells.first[hosts][:, None] + np.arange(size)
        beside = _beside(question, found, at)
        if beside is None:
            continue
        counts = (found[0][1], found[1][1])
        upper = np.minimum(bound[hosts], question.cap)
        bound[hosts] = _most(beside, counts, reached[hosts], upper)
        sure[hosts] = True


def only_amounts_decide(cells: Sequence[GuestCell]) -> bool:
    first = cells[0]
    return (
        all((one.cpu_policy, one.pagesize) == ("dedicated", first.pagesize) for one in cells)
        and all(one.cpu_thread_policy in (None, "prefer") and one.pcpuset for one in cells)
        and (first.pagesize in _PAGES_THAT_ADD_UP or (first.pagesize or 0) > 0)
    )


def _beside(question: Question, found: Found, at: Ints) -> Ints32 | None:
    """[number of the first kind][host][cell]: how many of the second kind the cell takes beside
    so many of the first, -1 where it does not take those. ``None``: too many questions."""
    (first, _n, room_of_first), (second, _m, room_of_second) = found
    most_first, most_second = int(room_of_first[at].max()), int(room_of_second[at].max())
    if (most_first + 1) * (most_second + 1) > MOST_SCANS:
        return None
    cells = at.ravel()
    beside = np.full((most_first + 1, cells.size), -1, np.int32)
    beside[0] = room_of_second[cells]
    for a in range(1, most_first + 1):
        # no more than beside one less of the first
        beside[a] = np.where(room_of_first[cells] >= a, beside[a - 1], -1)
        for b in range(most_second, 0, -1):
            asked = np.flatnonzero(beside[a] == b)
            if not asked.size:
                continue
            both = _together(((first, a), (second, b)))
            fits = question.apart.scan(both, question.options, question.place[cells[asked]])
            beside[a, asked[~fits]] = b - 1
    return beside.reshape(most_first + 1, *at.shape)


def _together(parts: Sequence[tuple[Kind, int]]) -> Request:
    """One guest cell that asks for all of these; emulator threads take a CPU each."""
    cpus = sum(count * (len(cell.pcpuset) + isolated) for (cell, isolated), count in parts)
    memory = sum(count * cell.memory_mb for (cell, _isolated), count in parts)
    like = parts[0][0][0]
    cell = GuestCell(frozenset(), frozenset(range(cpus)), memory, like.pagesize, "dedicated", None)
    return Request(GuestTopology((cell,)), pci=[])


def _most(beside: Ints32, counts: tuple[int, int], low: Ints, high: Ints) -> Ints:
    """The most guests of each host, from ``low``, which it takes, to ``high``."""
    found = low.copy()
    going = np.flatnonzero(low < high)
    while going.size:
        guests = found[going] + 1
        able = going[_can(beside[:, going], counts, guests)]
        found[able] += 1
        going = able[found[able] < high[able]]
    return found


def _can(beside: Ints32, counts: tuple[int, int], guests: Ints) -> Flags:
    """Do the cells take what so many guests have of both kinds?"""
    first, second = counts[0] * guests, counts[1] * guests
    width = int(first.max()) + 1
    # [so many of the first kind][host]: the most of the second in the cells so far, -1: not so many
    most = np.full((width, len(guests)), -1, np.int32)
    most[0] = 0
    for cell in range(beside.shape[2] - 1):
        after = np.full_like(most, -1)
        for here in range(min(len(beside), width)):
            after[here:] = np.maximum(
                after[here:], _both(most[: width - here], beside[here, :, cell], guests - here)
            )
        most = after
    found, each = np.full(len(guests), -1, np.int32), np.arange(len(guests))
    for here in range(min(len(beside), width)):
        others = np.where(first >= here, most[np.maximum(first - here, 0), each], -1)
        found = np.maximum(found, _both(others, beside[here, :, -1], guests - here))
    return np.asarray(found >= second)


def _both(others: Ints32, beside: Ints32, limit: Ints) -> Ints32:
    """The others' and the cell's own, which takes no more than ``limit``; -1 where one cannot."""
    own = np.minimum(beside, limit)
    total: Ints32 = np.where((own < 0) | (others < 0), -1, others + own).astype(np.int32)
    return total
