"""How many guests have devices near enough, at best? An upper bound from counts of free devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from numafit.model.guest import PciRequest
from numafit.model.request import Request
from numafit.planning import behind
from numafit.rules import pci_filter

if TYPE_CHECKING:
    from numafit.planning.headroom_most import Question

Ints = npt.NDArray[np.int64]


def bound(question: Question, request: Request, by_cells: Ints) -> Ints:
    """Guests that each host has devices for, each PCI request by itself; no more than ``by_cells``.

    A request counts wherever its NUMA policy may look. A guest of one cell takes its devices near
    that cell, which holds so many guests and no more. Nothing is said of requests that may take
    PFs and their VFs, which exclude each other.
    """
    guest, found = request.guest, by_cells
    room = None
    if guest is not None and len(guest.cells) == 1:
        isolated = guest.emulator_threads_policy == "isolate"
        room = question.room(guest.cells[0], isolated)
        nets = behind.near(question.fleet, request.networks)
        for net in nets:
            some = question.cells.sums(net) > 0
            room = np.where(net | ~some[_host_of_cells(question)], room, 0)
    for one in request.pci:
        if one.count <= 0:
            continue
        takes = behind.usable(question.fleet, one)
        if _exclude_each_other(question, takes):
            continue
        # where placement has chosen providers nova takes one device of each that the host has
        chosen = pci_filter.providers(one, request.provider_mapping)
        least = 1 if chosen else one.count
        found = np.minimum(found, _of_one(question, one, takes, guest is not None, room, least))
        if room is not None and one.numa_policy in ("required", "socket"):
            room = np.minimum(room, _near(question, takes, one) // least)
    if room is not None:
        found = np.minimum(found, question.cells.sums(room))
    return found


def _of_one(
    question: Question,
    one: PciRequest,
    takes: npt.NDArray[np.bool_],
    placed: bool,
    room: Ints | None,
    least: int,
) -> Ints:
    """Guests whose request ``one`` can be served, who take ``least`` devices at least. ``placed``:
    they have cells; ``room``: guests that each cell holds, for guests of one cell."""
    pools = behind.pools_of(question.fleet)
    free = np.where(takes, np.maximum(_free(question), 0), 0)
    cell, unknown = behind.pool_cells(question.fleet)
    policy = one.numa_policy or "legacy"
    if not placed or policy == "preferred":
        return pools.sums(free) // least
    away = pools.sums(np.where(unknown, free, 0)) if policy == "legacy" else 0
    if room is None or policy == "socket":
        return (pools.sums(np.where(cell >= 0, free, 0)) + away) // least
    near = np.minimum(_near(question, takes, one), room * one.count)
    return (question.cells.sums(near) + away) // least


def _near(question: Question, takes: npt.NDArray[np.bool_], one: PciRequest) -> Ints:
    """Free devices for the request on each cell's node; with policy socket those of all the host's
    cells, for a bound need not know which of them share a socket."""
    free = np.where(takes, np.maximum(_free(question), 0), 0).astype(np.int64)
    cell, _unknown = behind.pool_cells(question.fleet)
    columns = question.fleet.columns(copy=False)
    near = np.zeros(len(columns["cell_id"]), np.int64)
    np.add.at(near, cell[cell >= 0], free[cell >= 0])
    if one.numa_policy != "socket":
        return near
    return question.cells.sums(near)[_host_of_cells(question)]


def _host_of_cells(question: Question) -> Ints:
    host = np.zeros(len(question.fleet.columns(copy=False)["cell_id"]), np.int64)
    host[question.cells.members] = question.cells.host_of
    return host


def _free(question: Question) -> npt.NDArray[np.int32]:
    return question.fleet.columns(copy=False)["pool_count"]


def _exclude_each_other(question: Question, takes: npt.NDArray[np.bool_]) -> bool:
    """May the request take from pools of one PF that are of unlike kinds?"""
    columns = question.fleet.columns(copy=False)
    known = takes & (columns["pool_family"] > 0)
    if not known.any():
        return False
    pools = behind.pools_of(question.fleet)
    host = np.zeros(len(takes), np.int64)
    host[pools.members] = pools.host_of
    family = np.column_stack([host[known], columns["pool_family"][known]])
    kinds = np.column_stack([family, columns["pool_kind"][known]])
    return len(np.unique(kinds, axis=0)) > len(np.unique(family, axis=0))
