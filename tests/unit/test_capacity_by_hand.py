"""Counts worked out by hand, of guests whose cells are unlike."""

from __future__ import annotations

import pytest

from numafit import Fleet, Host, Limits, Placement, Request, StalePlacement
from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.hostinfo import HostCell, HostInfo


def cores(n: int, threads: int, number: int) -> HostCell:
    """A cell of dedicated CPUs: ``number`` cores of so many threads."""
    first = 100 * n
    siblings = tuple(
        frozenset(range(first + core * threads, first + (core + 1) * threads))
        for core in range(number)
    )
    return HostCell(n, frozenset(), frozenset().union(*siblings), 65536, siblings=siblings)


def pinned(vcpus: int, threads: str | None = None) -> GuestCell:
    return GuestCell((), range(vcpus), 1, None, "dedicated", threads)


def fitted(info: HostInfo, request: Request) -> int:
    host, count = Host(info), 0
    while isinstance(placement := host.fit(request), Placement):
        try:
            host.claim(placement)
        except StalePlacement:
            break
        count += 1
    return count


@pytest.mark.parametrize(
    ("cells", "guest", "count"),
    [
        # each host cell is one core of two threads: the cell without a policy breaks the core of
        # the one that it sits on, and the second guest finds no whole core for 'require'
        ([cores(1, 2, 1), cores(2, 2, 1)], [pinned(1), pinned(1, "require")], 1),
        ([cores(1, 2, 1), cores(2, 2, 1)], [pinned(1, "require"), pinned(1)], 1),
        ([cores(1, 2, 1), cores(2, 2, 1)], [pinned(1, "prefer"), pinned(1, "require")], 1),
        # two cores a cell: each guest takes one of either cell
        ([cores(1, 2, 2), cores(2, 2, 2)], [pinned(2), pinned(2, "require")], 2),
        # alike cells that require siblings take a whole core each for one vCPU
        ([cores(1, 2, 2), cores(2, 2, 2)], [pinned(1, "require")] * 2, 2),
        # ... two for three vCPUs: a second guest takes the two cores that the first one's small
        # cell left
        ([cores(1, 2, 3), cores(2, 2, 3)], [pinned(3, "require"), pinned(1, "require")], 2),
        # four threads a core: 3 of 4 taken leave one thread, of no use to 'require'
        ([cores(1, 4, 1), cores(2, 4, 1)], [pinned(3, "require")] * 2, 1),
        ([cores(1, 4, 2), cores(2, 4, 2)], [pinned(3), pinned(2, "require")], 2),
        # 'isolate' takes the whole core from its neighbour of the next guest
        ([cores(1, 1, 4), cores(2, 1, 4)], [pinned(1, "isolate"), pinned(2)], 2),
    ],
)
def test_cells_that_share_cores_are_counted_as_they_are_placed(
    cells: list[HostCell], guest: list[GuestCell], count: int
) -> None:
    info = HostInfo(tuple(cells))
    request = Request(GuestTopology(tuple(guest)))
    assert Fleet([info]).capacity(request).tolist() == [count]
    assert fitted(info, request) == count


def test_limits_beyond_all_whole_numbers_of_a_double_are_no_limits_anywhere() -> None:
    info = HostInfo((HostCell(0, frozenset(range(4)), frozenset(), 4096),))
    request = Request(GuestTopology((GuestCell(range(2), (), 1024, None, "shared"),)))
    fleet = Fleet([info])
    for ratio in (1e14, 9e15, 1e17, 1e300, float("1e308")):
        limits = Limits(ratio, ratio)
        assert fleet.capacity(request, limits=limits, cap=7).tolist() == [7]
        assert fleet.scan(request, limits=limits).tolist() == [True]
