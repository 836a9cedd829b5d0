"""Plans compared: the same bytes on any number of workers, and what each change does."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, InvalidValue, MisuseError, Request
from numafit.planning.changes import Add, Ask, Remove, Set, asked_for, changed
from numafit.planning.trace import Trace
from numafit.planning.what_if import Plan, what_if


def host(name: str, cpus: int) -> HostInfo:
    everything = frozenset(range(cpus))
    cell = HostCell(id=0, cpuset=frozenset(), pcpuset=everything, memory_mb=cpus * 1024)
    return HostInfo(cells=(cell,), name=name)


def pinned(vcpus: int) -> Request:
    return Request.for_server(
        Flavor("f", vcpus=vcpus, memory_mb=64, extra_specs={"hw:cpu_policy": "dedicated"})
    )


ROOM = ThreadPoolExecutor(2)
PLANS = [
    Plan("as it is"),
    Plan("packed", "pack"),
    Plan("random", "random"),
    Plan("larger", changes=(Add(host("new", 8), 3),)),
]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet([host("a", 8), host("b", 4), host("c", 4)])


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    mix = {"two": (pinned(2), 3.0), "four": (pinned(4), 1.0), "eight": (pinned(8), 0.5)}
    return [Trace.of_mix(mix, 300, per_hour=20, stay_hours=0.3, seed=seed) for seed in range(2)]


def test_the_same_bytes_on_any_number_of_workers(fleet: Fleet, traces: list[Trace]) -> None:
    found = [
        json.dumps(what_if(fleet, traces, PLANS, seed=5, workers=workers).rows)
        for workers in (1, 2, 8, 2)
    ]
    assert len(set(found)) == 1
    here = what_if(fleet, traces, PLANS, seed=5, executor=ROOM)
    assert json.dumps(here.rows) == found[0]
    other = what_if(fleet, traces, PLANS, seed=6, executor=ROOM)
    # another seed is another random order of hosts, and nothing else
    changed_plans = {a["plan"] for a, b in zip(here.rows, other.rows, strict=True) if a != b}
    assert changed_plans <= {"random"}


def test_rows_say_what_came_of_each_plan_and_trace(fleet: Fleet) -> None:
    # 16 CPUs: two guests of 8 want hosts of 8, and there is one; packing keeps it free for one
    trace = Trace.of({"four": pinned(4), "eight": pinned(8)}, [0, 0, 1, 1], [0, 1, 2, 3])
    plans = [Plan("spread"), Plan("pack", "pack"), PLANS[3]]
    found = what_if(fleet, trace, plans, executor=ROOM)
    assert [(row["plan"], row["trace"], row["came"], row["placed"]) for row in found.rows] == [
        ("spread", 0, 4, 2),
        ("pack", 0, 4, 3),
        ("larger", 0, 4, 4),
    ]
    assert [(row["full_by"], row["full_seen"]) for row in found.rows[:2]] == [("eight", True)] * 2
    assert not found.rows[2]["full_seen"]
    assert found.best() == "larger"
    assert str(found) == "larger places most, 100.0% of the guests; spread fewest, 50.0%"
    twice = [*plans, Plan("again"), Plan("packed", "pack", changes=PLANS[3].changes)]
    assert str(what_if(fleet, trace, twice, executor=ROOM)) == (
        "larger and packed place most, 100.0% of the guests; spread and again fewest, 50.0%"
    )
    alone = what_if(fleet, trace, plans[:1], executor=ROOM)
    assert str(alone) == "spread places 50.0% of the guests"
    # guests of 4 alone: 4 of them fit however hosts are chosen, as many as come
    four = Trace.of({"four": pinned(4)}, [0] * 4, range(4))
    assert str(what_if(fleet, four, plans, executor=ROOM)) == "each places 100.0% of the guests"
    # the fleet is as it was
    assert fleet.capacity(pinned(4)).tolist() == [2, 1, 1]


def test_changes_make_another_fleet(fleet: Fleet) -> None:
    more = changed(fleet, [Add(host("new", 6), 2)])
    assert more.capacity(pinned(2)).tolist() == [4, 2, 2, 3, 3]
    assert more.names[3:] == ["new-0001", "new-0002"]
    less = changed(fleet, [Remove("[bc]")])
    assert less.capacity(pinned(2)).tolist() == [4, 0, 0]
    other = changed(fleet, [Set("a", {"dedicated_cpus": "0-3"})])
    assert other.capacity(pinned(2)).tolist() == [2, 2, 2]
    both = changed(fleet, [Remove("a"), Add(host("a", 2))])
    # a sum of fleets leaves out what was removed
    assert both.capacity(pinned(2)).tolist() == [2, 2, 1]
    assert fleet.capacity(pinned(2)).tolist() == [4, 2, 2]


def test_guests_ask_for_something_else_where_a_plan_says_so(fleet: Fleet) -> None:
    trace = Trace.of({"four": pinned(4), "eight": pinned(8)}, [0, 1, 1, 1], [0, 1, 2, 3])
    plans = [Plan("as it is", "pack"), Plan("smaller", "pack", changes=(Ask("eight", pinned(4)),))]
    found = what_if(fleet, trace, plans, executor=ROOM)
    # 8, 4 and 4 CPUs: one guest of 8 fits beside one of 4, and four of 4 do
    assert [row["placed"] for row in found.rows] == [2, 4]
    assert [(row["plan"], row["flavor"], row["placed"]) for row in found.flavors.rows] == [
        ("as it is", "four", 1),
        ("as it is", "eight", 1),
        ("smaller", "four", 1),
        ("smaller", "eight", 3),
    ]
    with pytest.raises(MisuseError, match="flavor='ten': no guest of the trace is of it"):
        asked_for(trace, [Ask("ten", pinned(4))])


def test_flavors_and_samples_are_frames_too(fleet: Fleet) -> None:
    trace = Trace.of({"four": pinned(4), "eight": pinned(8)}, [0, 1], [0, 3600])
    found = what_if(fleet, trace, PLANS[:2], executor=ROOM, samples=2)
    # before the first guest, and an hour later, before the second; 16 CPUs in all
    moments = found.frame("polars", of="samples")
    assert moments["plan"].to_list() == ["as it is"] * 2 + ["packed"] * 2
    assert moments["hours"].to_list() == [0, 1] * 2
    assert moments["free_cpus"].to_list() == [16, 12] * 2
    assert moments["room eight"].to_list() == [1, 0, 1, 1]
    # spread put the guest of 4 on the large host, where none of 8 fits any more
    assert moments["fragmentation"].to_list() == [0.25, 0.5, 0.25, 1 / 6]
    flavors = found.frame("pandas", of="flavors")
    assert flavors["flavor"].tolist() == ["four", "eight"] * 2
    assert flavors["refused"].tolist() == [0, 1, 0, 0]
    assert found.frame(library="polars").shape[0] == 2
    with pytest.raises(InvalidValue, match="of: got 'hosts'"):
        found.frame(of="hosts")


def test_changes_that_meet_no_host_are_refused(fleet: Fleet) -> None:
    with pytest.raises(MisuseError, match="match='z\\*': no host of the fleet has such a name"):
        changed(fleet, [Remove("z*")])
    with pytest.raises(InvalidValue, match=r"changes\[0\]: got 'more'"):
        changed(fleet, ["more"])  # type: ignore[list-item]
    with pytest.raises(InvalidValue, match="count: got 0"):
        Add(host("a", 2), 0)
    with pytest.raises(InvalidValue, match="choose: got 'best'"):
        Plan("a", "best")
    with pytest.raises(InvalidValue, match="a name of its own for each plan"):
        what_if(fleet, Trace.of({"f": pinned(1)}, [], []), [Plan("a"), Plan("a")])
