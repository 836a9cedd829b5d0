"""Guests that come and go: what becomes of a fleet, worked out by hand."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from numafit import (
    Flavor,
    Fleet,
    HostCell,
    HostInfo,
    InvalidValue,
    PciPool,
    PciRequest,
    Request,
)
from numafit.planning.course import course
from numafit.planning.trace import HOUR, Trace
from numafit.readers.vm_traces import Size, VmTrace


def host(name: str, cells: int, cpus: int, distances: tuple[tuple[int, ...], ...] = ()) -> HostInfo:
    return HostInfo(
        cells=tuple(
            HostCell(
                id=n,
                cpuset=frozenset(),
                pcpuset=frozenset(range(n * cpus, n * cpus + cpus)),
                memory_mb=cpus * 1024,
            )
            for n in range(cells)
        ),
        name=name,
        distances=distances,
    )


def pinned(vcpus: int, cells: int = 1) -> Request:
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": str(cells)}
    return Request.for_server(Flavor("f", vcpus=vcpus, memory_mb=cells * 64, extra_specs=specs))


TWO = {"small": pinned(2), "large": pinned(4)}


def test_guests_that_leave_make_room_for_those_that_come() -> None:
    fleet = Fleet([host("a", 1, 4)])
    # 4 CPUs: large, leaves at 10; small at 5 finds nothing; small and small at 10 and 11
    trace = Trace.of(TWO, [1, 0, 0, 0], [0, 5, 10, 11], [10, 50, 50, 50])
    found = course(fleet, trace, samples=12)
    assert found.placed.tolist() == [2, 1]
    assert found.refused.tolist() == [1, 0]
    assert found.first_refusal.tolist() == [5.0, math.inf]
    assert found.acceptance == 0.75
    # looked at on each second; before a guest that comes then, after those that leave then
    assert [sample.running for sample in found.samples] == [0, *[1] * 9, 0, 1]
    assert [sample.used.dedicated_cpus for sample in found.samples] == [0, *[4] * 9, 0, 2]
    assert found.samples[0].reach.room == (2, 1)
    assert found.samples[11].reach.room == (1, 0)
    # the fleet itself is as it was
    assert fleet.capacity(TWO["small"]).tolist() == [2]


def test_the_first_refusal_says_when_it_is_full() -> None:
    trace = Trace.of(TWO, [1, 1, 0], np.array([1.0, 2.0, 2.5]) * HOUR)
    found = course(Fleet([host("a", 1, 4)]), trace)
    full = found.full()
    assert (full.seconds, full.by, full.seen) == (HOUR, "large", True)
    assert full.after(HOUR) is None
    assert str(full) == "full after 1.0 hours, when large was refused first"
    assert str(found).startswith("1 of 3 guests placed (33.3%); full after 1.0 hours")


def test_a_trend_says_when_it_will_be_full() -> None:
    # two CPUs an hour, of 64: full after 32 hours; memory takes longer
    trace = Trace.of(TWO, [0] * 11, np.arange(11) * HOUR)
    full = course(Fleet([host("a", 2, 32)]), trace, samples=11).full()
    assert not full.seen
    assert full.by == "dedicated CPUs"
    # what is seen at an hour is without the guest that comes then
    assert full.seconds == pytest.approx(32 * HOUR)
    # the trace is of ten hours
    assert full.after(10 * HOUR) == pytest.approx(22)
    assert str(full) == "full after 32.0 hours at the trend of dedicated CPUs"


def test_a_trend_of_guests_that_come_in_aeons_is_that_of_those_that_come_in_hours() -> None:
    aeon = 1e300 * HOUR
    trace = Trace.of(TWO, [0] * 11, np.arange(11) * aeon)
    with warnings.catch_warnings(action="error"):
        full = course(Fleet([host("a", 2, 32)]), trace, samples=11).full()
    assert full.seconds == pytest.approx(32 * aeon)


def test_a_trend_says_nothing_of_what_is_far_beyond_the_trace() -> None:
    # looked at for ten hours, of which the last five count; a CPU an hour, of 64 and of 256
    trace = Trace.of({"one": pinned(1)}, [0] * 11, np.arange(11) * HOUR)
    near = course(Fleet([host("a", 1, 64)]), trace, samples=11).full()
    # 54 hours after the trace, and 246: twenty times the five are a hundred
    assert near.after(10 * HOUR) == pytest.approx(54)
    assert course(Fleet([host("a", 1, 256)]), trace, samples=11).full().seconds == math.inf


def test_each_flavor_is_full_at_a_time_of_its_own() -> None:
    # one CPU of 8 goes each hour: a guest of 4 finds no more than 3 from the sixth on
    mix = {"one": pinned(1), "four": pinned(4), "ten": pinned(10)}
    trace = Trace.of(mix, [0] * 7, np.arange(7) * HOUR)
    found = course(Fleet([host("a", 1, 8)]), trace, samples=7)
    one, four, ten = found.flavors()
    # what is seen at an hour is without the guest that comes then: 8, 7, ... 2 are left
    assert [sample.reach.room[:2] for sample in found.samples] == [
        *[(8, 2), (7, 1), (6, 1), (5, 1), (4, 1), (3, 0), (2, 0)]
    ]
    assert (one["full_seen"], four["full_seen"]) == (False, True)
    # its room falls by one an hour and is 0 two hours after the last guest came
    assert one["full_hours"] == pytest.approx(8)
    assert one["remaining_hours"] == pytest.approx(2)
    assert (four["full_hours"], four["remaining_hours"]) == (5, None)
    # nothing was ever there for the third, of whom nobody came
    assert (ten["came"], ten["full_hours"], ten["full_seen"]) == (0, 0, True)
    assert (one["came"], one["placed"], one["refused"], one["room"]) == (7, 7, 0, 2)


def test_a_flavor_whose_room_does_not_fall_is_not_full_within_the_trace() -> None:
    starts = np.arange(20) * HOUR
    trace = Trace.of(TWO, [0] * 20, starts, starts + HOUR / 2)
    rows = course(Fleet([host("a", 1, 8)]), trace).flavors()
    assert [row["full_hours"] for row in rows] == [None, None]
    assert [row["remaining_hours"] for row in rows] == [None, None]
    # what asks for nothing that runs out is never full, and its room is not 0
    free = {"free": Request(guest=None, pci=[])}
    (row,) = course(Fleet([host("a", 1, 8)]), Trace.of(free, [0], [0.0])).flavors()
    assert (row["room"], row["full_hours"], row["full_seen"]) == (None, None, False)


def test_a_fleet_that_does_not_fill_up_is_never_full() -> None:
    starts = np.arange(20) * HOUR
    trace = Trace.of(TWO, [0] * 20, starts, starts + HOUR / 2)
    assert course(Fleet([host("a", 2, 32)]), trace).full().seconds == math.inf
    nobody = course(Fleet([host("a", 1, 4)]), Trace.of(TWO, [], []))
    assert nobody.acceptance == 1.0
    assert str(nobody.full()) == "not full, and not filling up"
    assert nobody.samples[0].reach.room == (2, 1)


def test_spread_and_pack_choose_other_hosts() -> None:
    fleet = Fleet([host("a", 1, 8), host("b", 1, 4)])
    trace = Trace.of({"small": pinned(2), "whole": pinned(8)}, [0, 1], [0, 1])
    # packing leaves the large host free for the large guest, spreading does not
    assert course(fleet, trace, "pack").placed.tolist() == [1, 1]
    assert course(fleet, trace, "spread").placed.tolist() == [1, 0]


def test_random_hosts_follow_from_the_seed() -> None:
    fleet = Fleet([host(f"h{n}", 1, 4) for n in range(40)])
    trace = Trace.of_mix({"s": (pinned(2), 1.0)}, 60, per_hour=10, seed=3)
    one, again = (course(fleet, trace, "random", seed=1) for _ in range(2))
    assert one.rows() == again.rows()
    assert one.placed.tolist() == [60]


def test_closeness_is_that_of_the_cells_taken() -> None:
    far = ((10, 20, 40), (20, 10, 20), (40, 20, 10))
    fleet = Fleet([host("a", 3, 2, far)])
    # two cells of two CPUs on cells 0 and 1: ten over twenty; a guest of one cell does not count
    trace = Trace.of({"two": pinned(4, 2), "one": pinned(2)}, [0, 1], [0, 1])
    assert course(fleet, trace).closeness == 0.5
    assert course(Fleet([host("b", 3, 2)]), trace).closeness is None
    # three cells: 20, 40 and 20 apart
    three = Trace.of({"three": pinned(6, 3)}, [0], [0])
    assert course(fleet, three).closeness == pytest.approx(10 * 3 / 80)


def test_closeness_over_time_is_that_of_the_guests_that_run() -> None:
    far = ((10, 20, 40), (20, 10, 20), (40, 20, 10))
    fleet = Fleet([host("a", 3, 2, far)])
    # on cells 0 and 1 until 2 o'clock; one takes cell 0, so that the next has 1 and 2
    mix = {"two": pinned(4, 2), "one": pinned(2)}
    trace = Trace.of(mix, [0, 1, 0, 1], [0, 2, 3, 4], [2, 9, 9, 9])
    found = course(fleet, trace, samples=5)
    assert [sample.closeness for sample in found.samples] == [None, 0.5, None, None, 0.5]
    assert found.placed.tolist() == [2, 1]
    assert found.closeness == 0.5
    # at 1 o'clock 2 of 6 CPUs are free, and a guest of 4 on two cells can have none of them
    assert [sample.reach.free for sample in found.samples] == [6, 2, 6, 4, 0]
    assert [sample.reach.stranded for sample in found.samples] == [0] * 5
    assert [row["fragmentation"] for row in found.rows()][:2] == [1 / 6, 0.5]


def test_devices_are_near_where_they_are_on_a_cell_of_the_guest() -> None:
    pools = tuple(PciPool("8086", "1889", node, 2) for node in (0, 1))
    there = replace(host("a", 2, 4), pci_pools=pools)
    spec = {"vendor_id": "8086", "product_id": "1889"}
    mix = {"vf": Request(pinned(2).guest, pci=[PciRequest(2, [spec], "preferred")])}
    found = course(Fleet([there]), Trace.of(mix, [0, 0, 0], [0, 1, 2]), samples=3)
    # nova looks for a cell with devices near it first
    assert [sample.devices_near for sample in found.samples] == [None, 1.0, 1.0]
    busy = replace(there, cells=(replace(there.cells[0], pinned_cpus=range(4)), there.cells[1]))
    last = course(Fleet([busy]), Trace.of(mix, [0, 0, 0], [0, 1, 2]), samples=3)
    # both on cell 1, two of their four devices on node 0
    assert last.placed.tolist() == [2]
    assert last.samples[2].devices_near == 0.5


def test_a_mix_is_made_as_asked() -> None:
    mix = {"small": (pinned(2), 3.0), "large": (pinned(4), 1.0)}
    trace = Trace.of_mix(mix, 20_000, per_hour=100, stay_hours=5, seed=1)
    assert len(trace) == 20_000
    # shares, rate and stay are averages over 20,000: within four standard deviations
    assert trace.kinds.mean() == pytest.approx(0.25, abs=4 * math.sqrt(0.1875 / 20_000))
    assert trace.seconds / HOUR == pytest.approx(200, rel=4 / math.sqrt(20_000))
    stays = trace.ends - trace.starts
    assert stays.mean() / HOUR == pytest.approx(5, rel=4 / math.sqrt(20_000))
    assert all(a <= b for a, b in pairwise(trace.starts.tolist()))
    assert trace.events == 40_000
    fixed = Trace.of_mix(mix, 10, per_hour=1, stay_hours=2, lifetime="fixed")
    assert (fixed.ends - fixed.starts) / HOUR == pytest.approx([2] * 10)
    long = Trace.of_mix(mix, 200_000, per_hour=1, stay_hours=2, lifetime="lognormal", seed=2)
    assert (long.ends - long.starts).mean() / HOUR == pytest.approx(2, rel=0.05)
    assert np.isinf(Trace.of_mix(mix, 10, per_hour=1).ends).all()
    same = Trace.of_mix(mix, 20_000, per_hour=100, stay_hours=5, seed=1)
    assert same.ends.tobytes() == trace.ends.tobytes()


def test_a_published_trace_becomes_flavors() -> None:
    vms = VmTrace()
    vms.add(Size(2, 128), 5.0, 9.0)
    vms.add(Size(4, 128), 1.0, math.inf)
    trace = Trace.of_vms(vms)
    assert trace.names == ("2-128", "4-128")
    assert trace.kinds.tolist() == [1, 0]
    assert course(Fleet([host("a", 1, 4)]), trace).refused.tolist() == [1, 0]
    vms.add(Size(4, 128, 1), 1.0, math.inf)
    with pytest.raises(InvalidValue, match="a function that makes a flavor of a size with GPUs"):
        Trace.of_vms(vms)
    made = Trace.of_vms(vms, lambda size: pinned(size.vcpus))
    assert made.names[2] == "4-128-1"


@pytest.mark.parametrize(
    ("kinds", "starts", "ends", "message"),
    [
        ([2], [0.0], None, "kinds: got 2, expected places 0 to 1"),
        ([0.5], [0.0], None, "one whole number per guest"),
        ([0], [0.0, 1.0], None, r"starts: got \(2,\), expected 1 numbers"),
        ([0], [2.0], [1.0], "an end that is not before its start"),
        ([0], [math.nan], None, "an end that is not before"),
    ],
)
def test_bad_traces_are_refused(kinds: object, starts: object, ends: object, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Trace.of(TWO, kinds, starts, ends)


def test_bad_mixes_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"mix: got \{\}"):
        Trace.of_mix({}, 1, 1)
    with pytest.raises(InvalidValue, match="share: got 0"):
        Trace.of_mix({"a": (pinned(1), 0)}, 1, 1)
    with pytest.raises(InvalidValue, match="per_hour: got -1"):
        Trace.of_mix({"a": (pinned(1), 1)}, 1, -1)
    with pytest.raises(InvalidValue, match="lifetime: got 'weird'"):
        Trace.of_mix({"a": (pinned(1), 1)}, 1, 1, 1, "weird")
