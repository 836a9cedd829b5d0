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


def _beside(question: Question, found: Found, at: Ints) -> npt.NDArray[np.int32] | None:
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
        holds = room_of_first[cells] >= a
        beside[a, holds] = 0
        for b in range(1, most_second + 1):
            # who does not take b beside a takes no more of them either
            asked = np.flatnonzero(holds & (beside[a] == b - 1) & (beside[a - 1] >= b))
            if not asked.size:
                break
            both = _together(((first, a), (second, b)))
            fits = question.apart.scan(both, question.options, question.place[cells[asked]])
            beside[a, asked[fits]] = b
    return beside.reshape(most_first + 1, *at.shape)


def _together(parts: Sequence[tuple[Kind, int]]) -> Request:
    """One guest cell that asks for all of these; emulator threads take a CPU each."""
    cpus = sum(count * (len(cell.pcpuset) + isolated) for (cell, isolated), count in parts)
    memory = sum(count * cell.memory_mb for (cell, _isolated), count in parts)
    like = parts[0][0][0]
    cell = GuestCell(frozenset(), frozenset(range(cpus)), memory, like.pagesize, "dedicated", None)
    return Request(GuestTopology((cell,)), pci=[])


def _most(beside: npt.NDArray[np.int32], counts: tuple[int, int], low: Ints, high: Ints) -> Ints:
    """The most guests of each host, from ``low``, which it takes, to ``high``."""
    found = low.copy()
    going = np.flatnonzero(low < high)
    while going.size:
        guests = found[going] + 1
        able = going[_can(beside[:, going], counts, guests)]
        found[able] += 1
        going = able[found[able] < high[able]]
    return found


def _can(beside: npt.NDArray[np.int32], counts: tuple[int, int], guests: Ints) -> Flags:
    """Do the cells take what so many guests have of both kinds?"""
    first, second = counts[0] * guests, counts[1] * guests
    width = int(first.max()) + 1
    # of the second kind, in the cells so far, beside so many of the first
    most = np.full((width, len(guests)), -1, np.int32)
    most[0] = 0
    for cell in range(beside.shape[2]):
        after = np.full_like(most, -1)
        for here in range(min(len(beside), width)):
            gain = np.minimum(beside[here, :, cell], guests - here).astype(np.int32)
            start = most[: width - here]
            total = np.where((gain < 0) | (start < 0), -1, start + gain)
            np.maximum(after[here:], total, out=after[here:])
        most = after
    return np.asarray(most[first, np.arange(len(guests))] >= second)
