"""The most guests of a kind that a host takes in any order, whichever of its cells each is put on.

Between this and what the scheduler reaches lies the fragmentation to come. "Whichever cells" is the
choice that is free; within a cell, threads, page sizes and devices are taken as nova takes them.

A host cell by itself holds a number of guest cells that no order changes: each leaves it as the one
before would have. For k guest cells that are alike, on host cells that hold b_1 .. b_n of them, N
guests can be placed if and only if the cells offer k N places of which no cell gives more than N,
for a guest takes k different cells: sum of min(b_i, N) >= k N. The largest such N is

    min over r < k of floor((sum of b - sum of the r largest b) / (k - r)).

Guests are then dealt out like cards: the places, cell after cell, go to guest 1, 2, .. N, 1, 2, ...
A network that only some cells are near (affinity "any") needs one place for each guest among those:
N <= the sum of their b. That is all it needs if no two networks' cells overlap in part: laid side
by side, the first N places of each go to N different guests.

Where that does not settle it (unlike guest cells, devices, networks that overlap) the figure is an
upper bound. It is exact all the same where the scheduler reaches it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from numafit._header import MAX_SLOTS
from numafit.fleet import Fleet
from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.planning import behind, headroom_devices
from numafit.planning.headroom_unlike import most_of_two_kinds

MANY = 1 << 40
"""More than any cap: nothing ends it."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Question:
    """One request of one fleet, and what is looked up for all its requests once."""

    fleet: Fleet
    options: FitOptions | None
    cap: int
    threads: int
    cells: behind.Members = field(init=False)
    place: Ints = field(init=False)
    """Of each cell of the fleet the host that it is in ``apart``."""
    _apart: Fleet | None = None

    def __post_init__(self) -> None:
        self.cells = behind.cells_of(self.fleet)
        members = self.cells.members
        self.place = np.zeros(len(self.fleet.columns(copy=False)["cell_id"]), np.int64)
        self.place[members] = np.arange(len(members))

    @property
    def apart(self) -> Fleet:
        if self._apart is None:
            self._apart = self.fleet.cell_by_cell()
        return self._apart

    def room(self, cell: GuestCell, isolated: bool = False) -> Ints:
        """Guest cells like this that each cell of the fleet holds, whatever the cap on guests: at
        most MAX_SLOTS, and no cell has more CPUs."""
        guest = GuestTopology((cell,), "isolate" if isolated else None)
        counts = self.apart.capacity(
            Request(guest, pci=[]), self.options, threads=self.threads, cap=MAX_SLOTS
        )
        return np.asarray(counts.astype(np.int64)[self.place]) if len(counts) else self.place


def most(question: Question, request: Request, reached: Ints) -> tuple[Ints, Flags]:
    """For each host the most guests in any order, at most the cap, and whether some order reaches
    them: else it is an upper bound."""
    fleet, guest = question.fleet, request.guest
    everywhere = np.ones(len(fleet), np.bool_)
    devices = bool(request.pci)  # one that asks for no device still wants a pool that matches
    if not devices and (guest is None or len(guest.cells) == 1):
        return reached, everywhere  # each guest leaves the host as any order would
    if guest is None:
        bound, sure = np.full(len(fleet), MANY), ~everywhere
    elif not devices and _alike(guest) and (question.cells.sizes <= len(guest.cells)).all():
        return reached, everywhere  # each guest takes all of a host's cells
    else:
        bound, sure = _by_cells(question, request, guest, reached)
    if devices:
        bound = np.minimum(bound, headroom_devices.bound(question, request, bound))
        sure = ~everywhere
    bound = np.minimum(np.minimum(bound, units(question, request)), question.cap)
    bound = np.where(behind.there(fleet), bound, 0)
    return bound, sure | (bound == reached)


def units(question: Question, request: Request) -> Ints:
    """Guests for which placement has units on each host; MANY where it sets no bound."""
    if request.resources is None:
        return np.full(len(question.fleet), MANY)
    asked = Request(None, pci=[], resources=request.resources)
    ready = question.fleet.prepare(asked)
    if ready.bounded:
        counts = question.fleet.capacity(ready, question.options, cap=question.cap)
        return np.where(counts >= question.cap, MANY, counts.astype(np.int64))
    return np.where(question.fleet.scan(ready, question.options), MANY, 0)


def _alike(guest: GuestTopology) -> bool:
    isolated = guest.emulator_threads_policy == "isolate" and len(guest.cells) > 1
    return not isolated and len(kinds(guest)) == 1


Kind = tuple[GuestCell, bool]
"""A guest cell as it stands for all that ask for the same, and whether it has the emulator threads
to itself."""


def kinds(guest: GuestTopology) -> list[tuple[Kind, int]]:
    """The distinct cells of a guest, each with how many there are."""
    isolates = guest.emulator_threads_policy == "isolate"
    first: dict[object, Kind] = {}
    counts: Counter[object] = Counter()
    for number, cell in enumerate(guest.cells):
        key = (
            len(cell.cpuset),
            len(cell.pcpuset),
            cell.memory_mb,
            cell.pagesize or 0,
            cell.cpu_policy,
            cell.cpu_thread_policy,
            isolates and number == 0,
        )
        first.setdefault(key, (cell, isolates and number == 0))
        counts[key] += 1
    return [(first[key], count) for key, count in counts.items()]


def closed_form(room: npt.NDArray[np.int64], k: int) -> Ints:
    """``room``: [host][cell]; guests of k alike cells that each host takes."""
    if room.shape[1] < k:
        return np.zeros(len(room), np.int64)
    largest = -np.sort(-room, axis=1)
    before = np.cumsum(largest, axis=1) - largest
    total = room.sum(axis=1)
    each = [(total - before[:, r]) // (k - r) for r in range(k)]
    return np.asarray(np.minimum.reduce(each))


def _by_cells(
    question: Question, request: Request, guest: GuestTopology, reached: Ints
) -> tuple[Ints, Flags]:
    """The most by CPUs, memory and networks alone, and where some order reaches it."""
    cells = question.cells
    bound = np.zeros(len(question.fleet), np.int64)
    sure = np.ones(len(question.fleet), np.bool_)
    affinity = "any" if question.options is None else question.options.physnet_affinity
    nets = behind.near(question.fleet, request.networks)
    found = [(kind, count, question.room(*kind)) for kind, count in kinds(guest)]
    for size in np.unique(cells.sizes).tolist():
        hosts = np.flatnonzero(cells.sizes == size)
        if size < len(guest.cells):
            continue  # no place for all cells of a guest
        at = cells.first[hosts][:, None] + np.arange(size)
        homes = [np.asarray(net[at]) for net in nets if net[at].any()]
        if len(found) > 1:
            room = [(one[at], count) for _kind, count, one in found]
            bound[hosts] = np.minimum.reduce([closed_form(b, count) for b, count in room])
            bound[hosts] = np.minimum(bound[hosts], _by_sums(question, guest, at))
            sure[hosts] = False
            continue
        room_at = found[0][2][at]
        if affinity == "all":
            bound[hosts], sure[hosts] = _covering(room_at, homes, len(guest.cells)), True
        else:
            bound[hosts], sure[hosts] = _near_each(room_at, homes, len(guest.cells))
    if len(found) > 1 and not nets:
        most_of_two_kinds(question, found, reached, bound, sure)
    return bound, sure


def _near_each(room: npt.NDArray[np.int64], homes: list[Flags], k: int) -> tuple[Ints, Flags]:
    """Each guest is on one cell near each network at least."""
    sure = np.ones(len(room), np.bool_)
    if k == 1:  # its one cell is near all of them, but for networks that no cell is near
        for home in homes:
            nowhere = ~np.asarray(home.any(axis=1))
            room = np.where(home | nowhere[:, None], room, 0)
        return room.sum(axis=1), sure
    bound = closed_form(room, k)
    for home in homes:
        some = home.any(axis=1)
        bound = np.where(some, np.minimum(bound, np.where(home, room, 0).sum(axis=1)), bound)
    apart = np.zeros(len(room), np.int64)
    for n, home in enumerate(homes):
        met = np.zeros(len(room), np.bool_)
        for other in homes[:n]:
            same = (home == other).all(axis=1)
            sure &= same | ~(home & other).any(axis=1)
            met |= same
        apart += home.any(axis=1) & ~met
    # more networks apart than cells: no choice is near all
    return np.where(sure & (apart > k), 0, bound), sure


def _covering(room: npt.NDArray[np.int64], homes: list[Flags], k: int) -> Ints:
    """Each guest takes all cells that are near its networks."""
    must = np.logical_or.reduce([np.zeros(room.shape, np.bool_), *homes])
    bound = np.zeros(len(room), np.int64)
    for n_must in np.unique(must.sum(axis=1)).tolist():
        hosts = must.sum(axis=1) == n_must
        if n_must > k:
            continue
        taken = np.where(must[hosts], room[hosts], MANY).min(axis=1)
        rest = np.where(must[hosts], 0, room[hosts])
        free = closed_form(rest, k - n_must) if n_must < k else MANY
        bound[hosts] = np.minimum(taken, free)
    return bound


def _by_sums(question: Question, guest: GuestTopology, at: Ints) -> Ints:
    """Unlike cells share what a host has in all: each dedicated vCPU takes a free CPU."""
    wanted = sum(cell.pinned for cell in guest.cells)
    if not wanted:
        return np.full(len(at), MANY)
    free = np.maximum(question.fleet.columns(copy=False)["cell_free"], 0).astype(np.int64)
    return np.asarray(free[at].sum(axis=1) // wanted)
