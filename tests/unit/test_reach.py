"""What is in reach of flavors: the same as ``stranded`` and ``capacity`` say at length."""

from __future__ import annotations

import random

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, Request
from numafit.planning.reach import reach
from numafit.planning.stranded import stranded

SPECS: dict[str, dict[str, str]] = {
    "plain": {"hw:cpu_policy": "dedicated"},
    "cores": {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "require"},
    "isolate": {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "isolate"},
    "emulator": {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"},
    "two cells": {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2"},
    "mixed": {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"},
    "shared": {"hw:numa_nodes": "1"},
}


def request(name: str) -> Request:
    return Request.for_server(Flavor(name, vcpus=4, memory_mb=512, extra_specs=SPECS[name]))


def host(name: str, dice: random.Random) -> HostInfo:
    """Two cells of 6 cores with two threads; the first two CPUs of each are shared."""
    cells = []
    for node in (0, 1):
        first = 12 * node
        dedicated = range(first + 2, first + 12)
        cells.append(
            HostCell(
                id=node,
                cpuset=frozenset((first, first + 1)),
                pcpuset=frozenset(dedicated),
                memory_mb=dice.choice((2048, 6144)),
                siblings=[{n, n + 1} for n in range(first, first + 12, 2)],
                pinned_cpus=frozenset(dice.sample(dedicated, dice.randrange(10))),
            )
        )
    return HostInfo(cells=tuple(cells), name=name)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_stranded_and_capacity_say(seed: int) -> None:
    dice = random.Random(seed)
    fleet = Fleet([host(f"h{n}", dice) for n in range(dice.randrange(1, 9))])
    names = dice.sample(sorted(SPECS), dice.randrange(1, len(SPECS) + 1))
    catalogue = {name: request(name) for name in names}
    shares = {name: float(dice.randrange(1, 9)) for name in names}
    found = reach(fleet, list(catalogue.values()), list(shares.values()))
    assert found.room == tuple(int(fleet.capacity(one).sum()) for one in catalogue.values())
    said = stranded(fleet, catalogue, shares=shares)
    at = said.kinds.index("dedicated CPUs")
    assert found.free == said.free_in_all[at]
    assert found.stranded == said.in_all[at]
    if names == ["shared"]:
        assert found.fragmentation is None
    else:
        assert found.fragmentation == pytest.approx(float(said.index[at]))


def test_flavors_that_never_come_weigh_nothing_and_reach_all_the_same() -> None:
    # 8 and 2 dedicated CPUs are free: a guest of 4 has 8 of them, one of 3 has 6, both leave the 2
    cells = tuple(
        HostCell(id=n, cpuset=(), pcpuset=range(10 * n, 10 * n + cpus), memory_mb=64)
        for n, cpus in enumerate((8, 2))
    )
    fleet = Fleet([HostInfo(cells=cells)])
    four, three = (
        Request.for_server(Flavor("f", vcpus=n, memory_mb=1, extra_specs=SPECS["plain"]))
        for n in (4, 3)
    )
    found = reach(fleet, [four, three], [0, 5])
    assert (found.room, found.free, found.stranded) == ((2, 2), 10, 2)
    assert found.fragmentation == pytest.approx(0.4)
    assert reach(fleet, [four, three], [5, 5]).fragmentation == pytest.approx(0.3)
