"""Hosts that come, change and go, case by case; the state machine of test_living.py mixes them."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    Limits,
    MisuseError,
    PagePool,
    Placement,
    Request,
    StalePlacement,
    shared,
)
from numafit.model.resources import Inventory, Provider
from tests.unit.test_fleet_rows import careful, vector_rows

PINNED = Request(GuestTopology((GuestCell((), {0, 1}, 1024, None, "dedicated"),)))
SHARED = Request(GuestTopology((GuestCell({0, 1}, (), 1024, None, "shared"),)))


def make_host(name: str, cpus: int = 8, **fields: Any) -> HostInfo:
    cell = HostCell(
        0, {0, 1}, range(2, cpus), 8192, page_pools=(PagePool(4, 1 << 20), PagePool(2048, 100))
    )  # type: ignore[arg-type]
    return HostInfo((replace(cell, **fields),), name)


def pins(fleet: Fleet, host: int) -> list[int]:
    found: list[int] = fleet.usage(host)[0]["pinned_cpus"]
    return found


def test_hosts_are_added_behind_and_found_by_name() -> None:
    fleet = Fleet([make_host("a")])
    assert fleet.add([make_host("b"), make_host("c", cpus=4)]) == [1, 2]
    assert fleet.add(make_host("d")) == [3]
    assert fleet.names == ["a", "b", "c", "d"]
    assert [fleet.index(name) for name in "abcd"] == [0, 1, 2, 3]
    assert fleet.capacity(PINNED).tolist() == [3, 3, 1, 3]
    assert Fleet([]).add(make_host("a")) == [0]


def test_hosts_with_more_cpus_than_all_before_are_added() -> None:
    """More words of CPU masks a cell: they end before the rows of cells that there is room for."""
    fleet = Fleet([make_host("a")])
    for n in range(200):
        fleet.add(make_host(f"h{n}", cpus=256))
    assert fleet.check() is None
    assert fleet.capacity(PINNED).tolist() == [3] + [4] * 200  # of 1 GiB in 4 GiB of small pages
    assert pins(fleet, 200) == []


def test_a_removed_host_takes_no_guest_and_its_name_is_free() -> None:
    fleet = Fleet([make_host("a"), make_host("b")])
    held, placement = fleet.claim(PINNED, host=0), fleet.fit_on(PINNED, 0)
    result = fleet.remove("a")
    assert (result.removed, result.lost) == (("a",), (held,))
    assert (held.state, held.why, held.host_name) == ("lost", "its host was removed", "a")
    assert fleet.names == ["", "b"]
    assert fleet.scan(PINNED).tolist() == fleet.scan(SHARED).tolist() == [False, True]
    refusal = fleet.explain(PINNED, 0)
    assert refusal is not None
    assert refusal.reason == "removed"
    with pytest.raises(StalePlacement):
        fleet.claim(placement)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="no host of the fleet has it"):
        fleet.index("a")
    with pytest.raises(MisuseError, match="removed before"):
        fleet.remove(0)
    assert fleet.hostinfo(0).cells == ()
    assert fleet.add(make_host("a")) == [2]
    assert fleet.index("a") == 2
    assert fleet.compact().tolist() == [-1, 0, 1]
    assert fleet.names == ["b", "a"]


def test_claims_on_top_are_taken_again_on_the_same_cpus_or_lost() -> None:
    fleet = Fleet([make_host("a")])
    first, second = fleet.claim(PINNED, host=0), fleet.claim(PINNED, host=0)
    assert pins(fleet, 0) == [2, 3, 4, 5]
    result = fleet.replace("a", make_host("a", cpus=5), claims="on top")
    assert result.lost == (second,)
    assert "CPU 5 is not in cell 0" in second.why
    assert pins(fleet, 0) == [2, 3]
    result = fleet.replace(0, make_host("a", pinned_cpus={2}), claims="on top")
    assert result.lost == (first,)
    assert pins(fleet, 0) == [2]
    with pytest.raises(MisuseError, match="lost when its host changed"):
        fleet.release(first)


def test_claims_in_usage_are_counted_once_and_found_or_lost() -> None:
    fleet = Fleet([make_host("a")])
    first, second = fleet.claim(PINNED, host=0), fleet.claim(PINNED, host=0)
    pages = (PagePool(4, 1 << 20, used=2 << 18), PagePool(2048, 100))
    row = make_host("a", pinned_cpus={2, 3, 7}, memory_usage=2048, page_pools=pages)
    result = fleet.replace("a", row)
    assert fleet.hostinfo(0).cells[0].pinned_cpus == {2, 3, 7}
    assert result.lost == (second,)
    assert "not there" in second.why
    fleet.release(first)
    assert pins(fleet, 0) == [7]
    assert fleet.usage(0)[0]["memory_usage"] == 1024


def test_a_placement_of_before_is_judged_again_or_stale() -> None:
    fleet = Fleet([make_host("a")])
    before = fleet.fit_on(PINNED, 0)
    assert isinstance(before, Placement)
    fleet.replace(0, make_host("a", memory_usage=100))
    fleet.claim(before)  # the host is what it was but for its usage
    before = fleet.fit_on(PINNED, 0)
    assert isinstance(before, Placement)
    fleet.replace(0, make_host("a", cpus=16), claims="on top")
    assert before.cells[0].pinning == {0: 4, 1: 5}  # it says what it was
    with pytest.raises(StalePlacement):
        fleet.claim(before)
    with pytest.raises(StalePlacement, match="become another host"):
        _ = before.host_name


def test_what_is_prepared_is_prepared_again_when_the_fleet_learns() -> None:
    fleet = Fleet([make_host("a")])
    ready, other = fleet.prepare(PINNED), Fleet([make_host("a")]).prepare(PINNED)
    for n in range(3):
        fleet.add(replace(make_host(f"z{n}"), zone=f"zone{n}", provider=Provider({})))
        assert fleet.scan(ready).all()
        assert isinstance(fleet.claim(ready, host=n).placement, Placement)
    with pytest.raises(MisuseError, match="prepared for another fleet"):
        fleet.scan(other)


def test_new_page_sizes_find_their_place_among_the_others() -> None:
    fleet = Fleet([make_host("a")])
    held = fleet.claim(Request(GuestTopology((GuestCell((), {0}, 20, 2048, "dedicated"),))), host=0)
    fleet.add(make_host("b", page_pools=(PagePool(64, 10), PagePool(1048576, 2))))
    assert [pool.size_kib for pool in fleet.hostinfo(1).cells[0].page_pools] == [64, 1048576]
    assert fleet.usage(0)[0]["mempages"] == [
        {"size_kb": 4, "used": 0},
        {"size_kb": 2048, "used": 10},
    ]
    assert fleet.check() is None
    fleet.release(held)
    assert fleet.usage(0)[0]["mempages"][1]["used"] == 0


def test_the_verbs_say_what_makes_no_sense() -> None:
    fleet = Fleet([make_host("a")])
    for wrong, word in (
        (lambda: fleet.replace(1, make_host("b")), "host=1"),
        (lambda: fleet.replace("b", make_host("b")), "no host of the fleet has it"),
        (lambda: fleet.replace(0, 3), "info"),  # type: ignore[arg-type]
        (lambda: fleet.replace(0, make_host("b"), claims="above"), "'in usage' or 'on top'"),
        (lambda: fleet.add([3]), "hosts[0]"),  # type: ignore[list-item]
        (lambda: fleet.remove([5]), "host=5"),
        (lambda: fleet.sync(3), "database"),  # type: ignore[arg-type]
    ):
        with pytest.raises(MisuseError) as caught:
            wrong()
        assert word in str(caught.value)
    assert list(fleet.hostinfos()) == list(Fleet([make_host("a")]).hostinfos())


def test_a_fleet_that_is_open_for_reading_changes_in_a_fork_alone(tmp_path: Path) -> None:
    shared.write(Fleet([make_host("a")]), tmp_path / "fleet")
    fleet = shared.open(tmp_path / "fleet")
    for change in (
        lambda: fleet.add(make_host("b")),
        lambda: fleet.replace("a", make_host("b")),
        lambda: fleet.remove("a"),
        lambda: fleet.set("a", traits=["T"]),
    ):
        with pytest.raises(MisuseError, match="open for reading alone"):
            change()
    fork = fleet.fork()
    fork.add(make_host("b"))
    fork.replace("a", make_host("c"))
    assert (fleet.names, fork.names) == (["a"], ["c", "b"])
    assert fork.check() is None


def test_set_is_a_what_if_of_nova_conf() -> None:
    fleet = Fleet([replace(make_host("a"), provider=Provider({"PCPU": Inventory(6)})),
                   make_host("b")])  # fmt: skip
    held = [fleet.claim(PINNED, host=host) for host in (0, 0, 1)]
    result = fleet.set("a", dedicated_cpus="2-4", shared_cpus={0, 1})
    assert (result.changed, result.lost) == (("a",), (held[1],))
    assert fleet.hostinfo(0).cells[0].pcpuset == {2, 3, 4}
    provider = fleet.hostinfo(0).provider
    assert provider is not None
    assert provider.inventories["PCPU"].total == 3
    fleet.set(None, ratios=Limits(3.0, 2.0), reserved_pages={2048: 30}, traits=["T"])
    assert [claim.why for claim in held] == ["", held[1].why, ""]
    for host in (0, 1):
        info = fleet.hostinfo(host)
        assert (info.cpu_allocation_ratio, info.ram_allocation_ratio) == (3.0, 2.0)
        assert [pool.reserved for pool in info.cells[0].page_pools] == [0, 30]
        assert info.provider is not None
        assert info.provider.traits == {"T"}
    assert pins(fleet, 1) == [2, 3]
    fleet.release([held[0], held[2]])
    assert pins(fleet, 0) == pins(fleet, 1) == []
    for wrong in ({"dedicated_cpus": "2-99"}, {"shared_cpus": "x"}):
        with pytest.raises(InputError):
            fleet.set("b", **wrong)
    with pytest.raises(InputError, match=r"^b: reserved_pages: got 64, expected a size of pages"):
        fleet.set("b", reserved_pages={64: 1})


def test_rows_of_nova_change_hosts_by_name_and_add_those_that_are_new() -> None:
    rows = vector_rows("fit", 40)
    fleet = Fleet.from_nova_rows(rows[:30])
    changed = [(rows[n][0], *rows[n + 1][1:]) for n in range(20, 30)]
    result = fleet.update_rows([*changed, *rows[30:]])
    assert result.changed == tuple(row[0] for row in rows[20:30])
    assert result.added == tuple(row[0] for row in rows[30:])
    expected = Fleet(careful(row) for row in [*rows[:20], *changed, *rows[30:]])  # type: ignore[arg-type]
    assert list(fleet.hostinfos()) == list(expected.hostinfos())
    assert fleet.check() is None
    with pytest.raises(InputError, match="host 3"):
        fleet.update_rows([rows[2], ("host 3", "{", None)])
    assert list(fleet.hostinfos()) == list(expected.hostinfos())


NODES = (
    "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, numa_topology TEXT, "
    "pci_stats TEXT, cpu_allocation_ratio FLOAT, ram_allocation_ratio FLOAT, deleted INTEGER, "
    "created_at TEXT, updated_at TEXT"
)
SERVICES = (
    "host TEXT, binary TEXT, disabled INTEGER, disabled_reason TEXT, forced_down INTEGER, "
    "deleted INTEGER, version INTEGER"
)


def test_a_database_is_followed_by_what_it_updates(tmp_path: Path) -> None:
    rows = vector_rows("fit", 8)
    file = tmp_path / "cell.db"
    url = f"sqlite:///{file}"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        run = connection.execute
        run(f"CREATE TABLE compute_nodes ({NODES})")
        run(f"CREATE TABLE services ({SERVICES})")

        def insert(n: int) -> None:
            name, topology, pools, cpu, ram = rows[n]
            values = (n, name, name, topology, pools, cpu, ram, 0, "2026-01-01 00:00:00", None)
            run(f"INSERT INTO compute_nodes VALUES ({','.join('?' * 10)})", values)
            run("INSERT INTO services VALUES (?,'nova-compute',0,NULL,0,0,66)", (name,))

        for n in range(5):
            insert(n)
        fleet = Fleet([make_host("elsewhere")])
        first = fleet.sync(url)
        names = [row[0] for row in rows]
        assert (first.added, first.changed, first.removed) == (tuple(names[:5]), (), ())
        assert fleet.sync(url) == type(first)()

        later = "UPDATE compute_nodes SET numa_topology=?, pci_stats=?, updated_at=? WHERE id=?"
        run(later, (*rows[6][1:3], "2026-01-01 00:01:00", 2))
        run("UPDATE compute_nodes SET updated_at='2026-01-01 00:01:00' WHERE id=3")
        run("UPDATE compute_nodes SET deleted=1 WHERE id=1")
        insert(5)
        run("UPDATE services SET disabled=1, disabled_reason='disk' WHERE host=?", (names[0],))
        result = fleet.sync(url)
        # what was updated and says the same has not changed
        assert (set(result.changed), result.added) == ({names[0], names[2]}, (names[5],))
        assert result.removed == (names[1],)
        assert "disk" in fleet.hostinfo(fleet.index(names[0])).disabled
        expected = careful((names[2], *rows[6][1:3], *rows[2][3:]))  # type: ignore[arg-type]
        assert fleet.hostinfo(fleet.index(names[2])).cells == expected.cells

        # once more within the second that was seen last
        run("UPDATE compute_nodes SET cpu_allocation_ratio=3 WHERE id=2")
        assert fleet.sync(url).changed == (names[2],)
        assert fleet.index("elsewhere") == 0
        assert fleet.sync(url, alone=True).removed == ("elsewhere",)

        run(later, ("{", None, "2026-01-01 00:02:00", 4))
        before = list(fleet.hostinfos())
        with pytest.raises(InputError, match=names[4]):
            fleet.sync(url)
        assert list(fleet.hostinfos()) == before


def test_copies_of_a_large_fleet_that_has_changed_are_what_it_is(tmp_path: Path) -> None:
    """Its columns lie in one block, which grows."""
    fleet = Fleet(make_host(f"h{n}") for n in range(9000))
    assert fleet._columns.slab is not None
    held = [fleet.claim(PINNED, host=host) for host in (1, 7, 8999)]
    fleet.add(make_host(f"n{n}", cpus=4 + n % 9) for n in range(50))
    for n in range(0, 300, 3):
        fleet.replace(n, make_host(f"h{n}", cpus=4 + n % 7), claims="on top")
    fleet.remove([10, 11, 12])
    assert fleet.check() is None
    fork = fleet.fork()
    before = list(fleet.hostinfos())
    fork.add(make_host("fork", cpus=60))
    fork.replace(3, make_host("h3", page_pools=(PagePool(64, 9),)))
    fork.remove(20)
    assert (fork.check(), fleet.check(), len(fork)) == (None, None, 9051)
    assert list(fleet.hostinfos()) == before
    again = fork.fork()
    assert list(again.hostinfos()) == list(fork.hostinfos())

    some = fleet[[1, 9010]]
    assert some.names == ["h1", "n10"]
    assert [some.hostinfo(n).cells for n in range(2)] == [before[n].cells for n in (1, 9010)]
    assert (fleet[[1]] + fork[[3]]).names == ["h1", "h3"]
    there = [info for n, info in enumerate(before) if n not in (10, 11, 12)]
    fleet.save(tmp_path / "fleet.npz")
    for other in (pickle.loads(pickle.dumps(fleet)), Fleet.load(tmp_path / "fleet.npz")):
        assert list(other.hostinfos()) == there
        assert other.scan(PINNED).tolist() == np.delete(fleet.scan(PINNED), [10, 11, 12]).tolist()
    assert fleet.compact()[9:14].tolist() == [9, -1, -1, -1, 10]
    assert [claim.host for claim in fleet.claims()] == [1, 7, 8996]
    fleet.release(held)
    assert list(Fleet(fleet.hostinfos()).hostinfos()) == list(fleet.hostinfos())
