"""Why a guest fits few hosts of a fleet: causes with their hosts, and the nearest misses."""

from __future__ import annotations

import time
from collections.abc import Sequence

import polars
import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, PagePool, Request
from numafit.errors import InvalidValue
from numafit.planning.explain import explain
from numafit.planning.explain_fleet import explain_fleet


def host(name: str, pinned: int, cpus: int = 8, cells: int = 1) -> HostInfo:
    """Of each cell ``pinned`` of its CPUs are in use."""
    return HostInfo(
        [
            HostCell(
                n,
                (),
                range(n * cpus, n * cpus + cpus),
                4096,
                pinned_cpus=range(n * cpus, n * cpus + pinned),
                page_pools=[PagePool(4, 1 << 20)],
            )
            for n in range(cells)
        ],
        name,
    )


def pinned(vcpus: int, nodes: int = 1) -> Request:
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": str(nodes)}
    return Request.for_server(Flavor("p", vcpus, 64, specs))


def names(found: Sequence[object]) -> list[str]:
    return [one.host_name for one in found]


def test_causes_have_their_hosts_and_those_that_never_could() -> None:
    hosts = [host("free", 0), host("half", 4), host("full", 8), host("tiny", 0, cpus=4)]
    found = explain_fleet(Fleet(hosts), pinned(6))
    assert (found.hosts, found.fitting, found.never) == (4, 1, 1)
    assert [(one.reason.code, one.reason.hosts, one.never) for one in found.causes] == [
        ("free_cpus", 2, 0),
        ("dedicated_total", 1, 1),
    ]
    assert found.causes[0].reason.miss == "2 dedicated CPUs short on half"
    # two CPUs on half, six on full; tiny has no CPU to be had
    assert names(found.nearest) == ["half", "full", "tiny"]
    assert [one.verdict for one in found.nearest] == ["not now", "not now", "never"]
    assert str(found) == (
        "fits on 1 of 4 hosts; 1 could not, were it empty; the nearest is half, with: "
        "free 2 dedicated CPUs on cell 0 (CPUs 0-1)"
    )
    assert found


@pytest.mark.parametrize(
    ("free", "tiny", "expected"),
    [
        (1, 1, "fits on 1 of 2 hosts; the other could not, were it empty"),
        (1, 2, "fits on 1 of 3 hosts; the others could not, were they empty"),
        (0, 1, "fits on 0 of 1 host; it could not, were it empty"),
        (0, 2, "fits on 0 of 2 hosts; none of them could, were they empty"),
    ],
)
def test_the_sentence_agrees_with_its_numbers(free: int, tiny: int, expected: str) -> None:
    hosts = [host(f"free-{n}", 0) for n in range(free)]
    hosts += [host(f"tiny-{n}", 0, cpus=4) for n in range(tiny)]
    assert str(explain_fleet(Fleet(hosts), pinned(6))) == expected


def test_nothing_is_to_be_explained_where_all_hosts_fit() -> None:
    found = explain_fleet(Fleet([host("a", 0), host("b", 1)]), pinned(2))
    assert str(found) == "fits on 2 of 2 hosts"
    assert (found.causes, found.nearest) == ((), ())


def test_hosts_that_are_not_asked_do_not_count() -> None:
    fleet = Fleet([host("a", 8), host("b", 8), host("c", 0)])
    found = explain_fleet(fleet, pinned(2), hosts=[0])
    assert (found.hosts, names(found.nearest)) == (1, ["a"])
    several = explain_fleet([(fleet, [1]), (Fleet([host("d", 8)]), None)], pinned(2))
    assert (several.hosts, sorted(names(several.nearest))) == (2, ["b", "d"])


def test_one_answer_stands_for_hosts_of_one_make_and_no_others() -> None:
    """Makes differ in cells, pages, or both; usage is no part of them."""
    hosts = [host("a", 8), host("b", 3, cpus=4), host("c", 7), host("d", 4, cpus=4, cells=2)]
    found = explain_fleet(Fleet(hosts), pinned(8))
    told = {one.host_name: one.verdict for one in found.nearest}
    assert told == {one.name: explain(one, pinned(8)).verdict for one in hosts}
    assert told == {"a": "not now", "b": "never", "c": "not now", "d": "never"}
    assert found.never == 2


def test_frames_have_a_row_a_cause_a_host_and_a_part() -> None:
    hosts = [host("half", 4), host("full", 8)]
    found = explain_fleet(Fleet(hosts), pinned(6))
    frame = found.frame("polars")
    assert isinstance(frame, polars.DataFrame)
    assert frame.rows() == [
        (
            "free_cpus",
            "too few free dedicated CPUs in a cell",
            2,
            0,
            "2 dedicated CPUs",
            "half",
        )
    ]
    nearest = found.nearest_frame("polars")
    assert nearest.select("host", "host_change").rows() == [
        ("half", "free 2 dedicated CPUs on cell 0 (CPUs 0-1)"),
        ("full", "free 6 dedicated CPUs on cell 0 (CPUs 0-5)"),
    ]
    one = explain(hosts[0], pinned(6))
    parts = one.frame("polars").filter(polars.col("kind") == "host")
    assert parts.select("rank", "what", "amount", "cell").rows() == [(0, "cpus", 2, 0)]
    assert one.pairs_frame("polars").rows() == [
        (0, 0, "free_cpus", 6, 4, "6 dedicated CPUs wanted, 4 free")
    ]
    assert explain(host("free", 0), pinned(6)).frame("polars").is_empty()
    with pytest.raises(InvalidValue, match="one of pandas, polars"):
        one.frame("arrow")


def test_pictures_say_what_the_sentence_says() -> None:
    pytest.importorskip("matplotlib")
    fleet = explain_fleet(Fleet([host("half", 4), host("full", 8)]), pinned(6))
    one = explain(host("half", 4, cells=2), pinned(14, nodes=2))
    for found in (fleet, one):
        figure = found.picture()
        assert figure.get_suptitle().replace("\n", " ") == str(found)
        figure.canvas.draw()


def test_ten_thousand_hosts_are_explained_in_seconds() -> None:
    hosts = [host(f"h{n}", 25 + n % 8, cpus=32, cells=2) for n in range(2500)]
    fleet = Fleet(hosts * 4)
    started = time.process_time()
    found = explain_fleet(fleet, pinned(32, nodes=2))
    assert time.process_time() - started < 6
    assert (found.hosts, found.fitting) == (10_000, 0)
    assert found.causes[0].reason.hosts == 10_000
    # 16 wanted of each cell, 7 free at the most
    assert found.nearest[0].of("host")[0].size == (2, 18)
