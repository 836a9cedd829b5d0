"""How many moves are needed at least for so much room?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from numafit.model.guest import GuestCell
from numafit.model.request import Request
from numafit.planning.moving import Moving
from numafit.planning.room_gains import MOST_TOGETHER, Gains, Ints


def least_moves(
    moving: Moving, request: Request, gains: Gains, now: Ints, most: Ints, wanted: int
) -> int | None:
    """For ``wanted`` more; ``None``: no number of them does. ``now``: room of each host; ``most``:
    once it is emptied. No host loses room when a guest leaves it."""
    by_hosts = _by_hosts(gains, now, most, wanted)
    each = _most_by_move(moving, request, bool((most > 0).all()))
    if by_hosts is None or each is None:
        return by_hosts
    return max(by_hosts, -(-wanted // each)) if each > 0 else None


def _by_hosts(gains: Gains, now: Ints, most: Ints, wanted: int) -> int | None:
    """A host that guests come to never wins by that, so that all is won where they leave: of one
    host by one or two guests what was found, by three and more no more than by all."""
    hosts = np.flatnonzero(most > now).tolist()
    if int((most - now)[hosts].sum()) < wanted:
        return None
    reach = np.zeros(MOST_TOGETHER * len(hosts) + 1, np.int64)
    for host in hosts:
        all_gone = int(most[host] - now[host])
        before = reach.copy()
        for together in range(1, MOST_TOGETHER + 1):
            known = gains.whole and together < MOST_TOGETHER
            amount = gains.best(host, together) if known else all_gone
            np.maximum(reach[together:], before[:-together] + amount, out=reach[together:])
    return int(np.argmax(np.maximum.accumulate(reach) >= wanted))


def _most_by_move(moving: Moving, request: Request, everywhere: bool) -> int | None:
    """What one move wins where a guest leaves, less what is lost where it comes, whatever was moved
    before; ``None``: not known. ``everywhere``: each host could take a guest of the request.

    Room for guests of one pinned cell is, of each host cell, the least of free CPUs and memory over
    what is asked, rounded down, and no more than placement counts. A guest that leaves adds no more
    to it than the largest of its own parts over what is asked, rounded up, and takes at least the
    least of them, rounded down, where it comes.
    """
    cells = request.guest.cells if request.guest is not None else ()
    if len(cells) != 1 or not _plain(cells[0]) or request.guest is None:
        return None
    if request.guest.emulator_threads_policy == "isolate":
        return None
    best = 0
    for n in moving.claims:
        won = lost = 0
        for up, down in _of_cells(moving, n, cells[0]):
            won, lost = won + up, lost + down
            if up < 0:
                return None
        for up, down in _of_units(moving, n, request):
            won, lost = max(won, up), min(lost, down)
        best = max(best, won - lost if everywhere else won)
    return best


def _plain(cell: GuestCell) -> bool:
    """Any CPUs of a host cell will do."""
    threads = cell.cpu_thread_policy in (None, "prefer")
    return bool(cell.pcpuset) and not cell.cpuset and threads and cell.cpu_policy == "dedicated"


def _of_cells(moving: Moving, n: int, asked: GuestCell) -> Iterator[tuple[int, int]]:
    """Of each cell of the guest: guests that fit in its place at most, and at least; -1: it takes
    whole cores, and how many CPUs these are differs from host to host."""
    request = moving.movers[n].request
    own = request.guest.cells if request is not None and request.guest is not None else ()
    for cell, wants in zip(moving.claims[n].placement.cells, own, strict=True):
        if cell.cpu_thread_policy == "isolate":
            yield -1, 0
            return
        cpus, cpu = len(cell.pinning) + len(cell.reserved), len(asked.pcpuset)
        up, down = -(-cpus // cpu), cpus // cpu
        if asked.memory_mb:
            up = max(up, -(-cell.memory_mb // asked.memory_mb))
            alike = wants.pagesize == asked.pagesize
            down = min(down, cell.memory_mb // asked.memory_mb if alike else 0)
        yield up, down


def _of_units(moving: Moving, n: int, request: Request) -> Iterator[tuple[int, int]]:
    """The same of what placement counts."""
    own = moving.movers[n].request
    held = own.resources.amounts if own is not None and own.resources is not None else {}
    for name, amount in request.resources.amounts.items() if request.resources is not None else ():
        if amount:
            yield -(-held.get(name, 0) // amount), held.get(name, 0) // amount
