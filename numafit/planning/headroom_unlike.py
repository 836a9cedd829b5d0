"""The most guests whose cells are of two kinds, worked out exactly where amounts alone decide.

Pinned guest cells without a thread policy take CPUs and memory of a cell, so that a of the first
kind and b of the second fit there, in whatever order they come, if and only if it has as much of
both. (Where a cell holds another number of one kind than its CPUs and memory say, the engine knows
of something else, and the host keeps its bound.) N guests can then be placed if and only if the
cells take, in all, what N guests have of each kind, and no cell takes more than N: colour the
places with N colours so that no cell and no cell of the guest has a colour twice (König); each
colour is a guest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from numafit.model.guest import GuestCell
from numafit.planning import behind

if TYPE_CHECKING:
    from numafit.planning.headroom_most import Kind, Question

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

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
    amounts = _Amounts(question, found)
    in_doubt = (reached < np.minimum(bound, question.cap)) & ~sure
    doubtful = np.flatnonzero(in_doubt & (question.cells.sums(~amounts.agree) == 0))
    sizes, counts = question.cells.sizes[doubtful], (found[0][1], found[1][1])
    for size in np.unique(sizes).tolist():
        hosts = doubtful[sizes == size]
        at = question.cells.first[hosts][:, None] + np.arange(size)
        can = _can_on_two if size == 2 and counts == (1, 1) else _can
        low, high = reached[hosts].copy(), np.minimum(bound[hosts], question.cap)
        going = np.flatnonzero(low < high)
        while going.size:
            able = going[can(amounts, at[going], counts, low[going] + 1)]
            low[able] += 1
            going = able[low[able] < high[able]]
        bound[hosts], sure[hosts] = low, True


def only_amounts_decide(cells: Sequence[GuestCell]) -> bool:
    first = cells[0]
    return (
        all((one.cpu_policy, one.pagesize) == ("dedicated", first.pagesize) for one in cells)
        and all(one.cpu_thread_policy in (None, "prefer") and one.pcpuset for one in cells)
        and (first.pagesize in _PAGES_THAT_ADD_UP or (first.pagesize or 0) > 0)
    )


class _Amounts:
    """CPUs and memory (KiB) of the fleet's cells, and what guest cells of both kinds take of them.

    ``agree``: the cells for which they say of each kind by itself what the engine counts.
    """

    def __init__(self, question: Question, found: Found) -> None:
        columns = question.fleet.columns()
        (first, second), rooms = (kind for kind, _n, _r in found), [room for _k, _n, room in found]
        # CPUs that stand in no sibling set are free, and pinned guests do not get them
        listed = columns["cell_cores"].sum(axis=0, dtype=np.int64)
        self.cpus = np.minimum(np.maximum(columns["cell_free"].astype(np.int64), 0), listed)
        self.memory = behind.free_kib(columns, first[0].pagesize)
        self.wants = [
            (cell.pinned + isolated, cell.memory_mb * 1024) for cell, isolated in (first, second)
        ]
        everything = np.arange(len(self.cpus))
        nothing = np.zeros_like(everything)
        alone = [self.beside(0, everything, nothing), self.beside(1, everything, nothing)]
        self.agree: Flags = np.logical_and.reduce(
            [one == room for one, room in zip(alone, rooms, strict=True)]
        )

    def beside(self, kind: int, cells: Ints, others: Ints) -> Ints:
        """How many guest cells of the kind (0 or 1) each cell takes beside so many of the other
        kind; below 0: it does not take those."""
        (cpus, kib), (other_cpus, other_kib) = self.wants[kind], self.wants[1 - kind]
        free = (self.cpus[cells] - others * other_cpus) // cpus
        if not kib and not other_kib:
            return np.asarray(free)
        memory = self.memory[cells] - others * other_kib
        left = memory // kib if kib else np.where(memory < 0, -1, free)
        return np.asarray(np.minimum(free, left))


def _can_on_two(amounts: _Amounts, at: Ints, counts: tuple[int, int], guests: Ints) -> Flags:
    """Guests of one cell of each kind on two host cells, of which each has a part of every guest:
    where it has not the first kind's, it has the second's."""
    found = np.zeros(len(guests), np.bool_)
    for here in range(int(guests.max()) + 1):
        there = guests - here  # guests whose cell of the first kind is on the other host cell
        fits = amounts.beside(1, at[:, 0], np.full_like(there, here)) >= there
        fits &= amounts.beside(1, at[:, 1], there) >= here
        found |= fits & (there >= 0)
    return found


def _can(amounts: _Amounts, at: Ints, counts: tuple[int, int], guests: Ints) -> Flags:
    """Do the host cells take what so many guests have of both kinds?"""
    first, second = counts[0] * guests, counts[1] * guests
    width = int(first.max()) + 1
    # [so many of the first kind][host]: the most of the second in the cells so far, -1: not so many
    most = np.full((width, len(guests)), -1)
    most[0] = 0
    for cell in at.T:
        after = np.full_like(most, -1)
        for here in range(min(width, int(guests.max()) + 1)):
            own = amounts.beside(1, cell, np.full(len(cell), here))
            own = np.minimum(own, guests - here)
            others = most[: width - here]
            total = np.where((own < 0) | (others < 0), -1, others + own)
            after[here:] = np.maximum(after[here:], total)
        most = after
    return np.asarray(most[first, np.arange(len(guests))] >= second)
