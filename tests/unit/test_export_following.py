"""A cell database that ``numafit export`` follows in place, placement and aggregates on top."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet
from numafit.cli.export import Watched
from numafit.cli.group import numafit as group
from numafit.errors import InputError, NumafitError
from numafit.readers.nova_db import NovaDb
from numafit.serving.counts import count
from numafit.serving.following import Followed
from numafit.serving.reading import Reading
from tests.unit.small_cloud import Cloud, topology
from tests.unit.test_export_families import series


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = Cloud(tmp_path)
    made.flavor(1, "p4", 4)
    made.flavor(2, "p8", 8, public=False)
    made.hosts(range(1, 4))
    return made


Read = Callable[[], Reading]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Read]:
    """The source that a command line names, as the command reads it again and again."""

    def made(*arguments: str) -> Read:
        found: list[Watched] = []

        class Kept(Watched):
            def read(self) -> Reading:
                found.append(self)
                return super().read()

        with monkeypatch.context() as patched:
            patched.setattr("numafit.cli.export.Watched", Kept)
            group.main(["export", *arguments, "--once"], standalone_mode=False)
        return found[0].read

    return made


def room(reading: Reading) -> dict[str, list[int]]:
    return {one.wanted.name: one.by_host.tolist() for one in count(reading).flavors}


def test_a_cell_is_followed_in_place(cloud: Cloud) -> None:
    followed = Followed()

    def now() -> list[tuple[str, int]]:
        with NovaDb(cloud.url("cell")) as database:
            fleet = followed.now(database)
        assert fleet is followed.fleet
        assert fleet.check() is None
        pinned = (sum(map(len, _pins(fleet, n))) for n in range(len(fleet)))
        return list(zip(fleet.names, pinned, strict=True))

    names = [f"c{n}.example" for n in range(1, 5)]
    assert now() == [(names[0], 0), (names[1], 0), (names[2], 0)]
    cloud.use(2, pinned=3)
    assert now() == [(names[0], 0), (names[1], 6), (names[2], 0)]
    cloud.hosts([4], pinned=1)
    cloud.delete(1)
    assert now() == [(names[1], 6), (names[2], 0), (names[3], 2)]


def _pins(fleet: Fleet, host: int) -> Iterator[list[int]]:
    return (cell["pinned_cpus"] for cell in fleet.usage(host))


def test_what_stands_on_top_is_followed_too(cloud: Cloud, reader: Callable[..., Read]) -> None:
    read = reader(
        *(cloud.url("api"), "--nova-db", cloud.url("cell")),
        *("--placement-db", cloud.url("placement"), "--api-db", cloud.url("api")),
    )
    first = read()
    (fleet,) = first.fleets
    assert room(first) == {"p4": [4, 4, 4], "p8": [2, 2, 2]}
    # no row of the cell says so
    cloud.allocate(1, "PCPU", 12)
    cloud.use(2, pinned=5)
    second = read()
    assert second.fleets[0] is fleet
    assert room(second) == {"p4": [1, 0, 4], "p8": [0, 0, 2]}
    assert fleet.check() is None
    cloud.delete(1)
    cloud.flavor(3, "p2", 2)
    third = read()
    assert third.fleets[0].names == ["c2.example", "c3.example"]
    assert room(third) == {"p4": [0, 4], "p8": [0, 2], "p2": [2, 8]}
    cloud.hosts([4])
    assert room(read())["p4"] == [0, 4, 4]


@pytest.mark.parametrize("on_top", [True, False])
def test_hosts_that_are_not_asked_about_stay_out(
    cloud: Cloud, reader: Callable[..., Read], on_top: bool
) -> None:
    placement = ("--placement-db", cloud.url("placement")) if on_top else ()
    options = ("--nova-db", cloud.url("cell"), *placement)
    # c2 by its hypervisor, c3 by its service
    read = reader(cloud.url("api"), *options, "--match", "c2.ex*", "--match", "c3")
    assert read().fleets[0].names == ["c2.example", "c3.example"]
    cloud.use(1, pinned=5)
    cloud.use(2, pinned=8)
    assert room(read())["p4"] == [0, 4]
    cloud.delete(2)
    with pytest.raises(NumafitError, match=r"--match 'c2\.ex\*'"):
        read()


def test_hosts_that_say_the_same_are_not_touched(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed, touched = Followed(), list[str]()

    def now() -> None:
        with NovaDb(cloud.url("cell")) as database:
            followed.now(database, lambda info: info)

    now()
    replace = followed.fleet.replace
    monkeypatch.setattr(
        followed.fleet, "replace", lambda name, info: touched.append(name) or replace(name, info)
    )
    now()
    assert touched == []
    cloud.use(3, pinned=1)
    now()
    assert touched == ["c3.example"]


def test_aggregates_give_zones_and_projects(cloud: Cloud, reader: Callable[..., Read]) -> None:
    read = reader(*(cloud.url("api"), "--nova-db", cloud.url("cell"), "--api-db", cloud.url("api")))
    got = series(read())
    rows = got["openstack_free_capacity_hypervisor_by_flavor"]
    assert {(az, name, apart) for az, _flavor, name, apart in rows} == {
        ("az1", "c1.example", "multiple"),
        ("az1", "c2.example", ""),
        ("", "c3.example", "silver"),
    }
    assert set(got["openstack_project_filter_aggregate"]) == {
        ("gold", "p1"),
        ("gold", "p2"),
        ("silver", "p1"),
    }
    assert set(got["openstack_free_capacity_by_flavor_total"]) == {("p4", "True"), ("p8", "False")}


@pytest.mark.parametrize("on_top", [True, False])
def test_a_database_that_is_away_changes_nothing(
    cloud: Cloud, reader: Callable[..., Read], on_top: bool
) -> None:
    placement = ("--placement-db", cloud.url("placement")) if on_top else ()
    read = reader(cloud.url("api"), "--nova-db", cloud.url("cell"), *placement)
    before = room(read())
    file = cloud.file("cell")
    file.rename(f"{file}.away")
    with pytest.raises(InputError, match=r"cell\.db"):
        read()
    file.with_suffix(".db.away").rename(file)
    assert room(read()) == before
    cloud.use(1, pinned=8)
    assert room(read())["p4"] == [0, 4, 4]


BREAK = "UPDATE compute_nodes SET numa_topology=?, updated_at='x' WHERE id=2"
NO_HOSTS = {
    "numa_topology[line 1, column 2]: got 'the end of the text'": "{",
    "numa_topology.cells[0].memory: got -16384": topology(0).replace("16384", "-16384"),
}
"""What is said -> a topology that is none."""


@pytest.mark.parametrize("said", NO_HOSTS)
@pytest.mark.parametrize("on_top", [False, True])
def test_a_row_that_is_no_host_is_named_left_out_and_read_once_it_can(
    on_top: bool,
    said: str,
    cloud: Cloud,
    reader: Callable[..., Read],
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("--placement-db", cloud.url("placement")) if on_top else ()
    read = reader(cloud.url("api"), "--nova-db", cloud.url("cell"), *more)
    assert series(read())["numafit_hosts_unreadable"] == {(): 0}
    cloud._run("cell", BREAK, (NO_HOSTS[said],))
    capsys.readouterr()
    left = read()
    assert room(left)["p4"] == [4, 4]
    assert left.fleets[0].names == ["c1.example", "c3.example"]
    assert series(left)["numafit_hosts_unreadable"] == {(): 1}
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cell.db: compute_nodes of c2.example.{said}" in line
    assert line.endswith("; the host is left out")
    # it stays so, and is not said again; others are followed
    cloud.use(3, pinned=8)
    again = read()
    assert (room(again)["p4"], again.unreadable) == ([4, 0], 1)
    assert capsys.readouterr().err == ""
    cloud.use(2, pinned=8)
    back = read()
    assert {*zip(back.fleets[0].names, room(back)["p4"], strict=True)} == {
        ("c1.example", 4),
        ("c2.example", 0),
        ("c3.example", 0),
    }
    assert back.unreadable == 0


def test_rows_that_were_no_hosts_from_the_start_are_left_out(
    cloud: Cloud, reader: Callable[..., Read], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.hosts(range(4, 20))
    cloud._run("cell", "UPDATE compute_nodes SET numa_topology='{' WHERE id IN (1, 7, 8, 19)")
    for more in ((), ("--placement-db", cloud.url("placement"))):
        reading = reader(cloud.url("api"), "--nova-db", cloud.url("cell"), *more)()
        assert reading.unreadable == 4
        assert len(reading.fleets[0]) == 15
        assert capsys.readouterr().err.count("the host is left out") == 4
        asked = reader(cloud.url("api"), "--nova-db", cloud.url("cell"), "--match", "c1*", *more)()
        assert asked.unreadable == 2  # c1 and c19
        capsys.readouterr()


def test_a_database_without_one_host_is_an_error(cloud: Cloud, reader: Callable[..., Read]) -> None:
    read = reader(cloud.url("api"), "--nova-db", cloud.url("cell"))
    cloud._run("cell", "UPDATE compute_nodes SET numa_topology='{', updated_at='x'")
    with pytest.raises(InputError, match="at least one"):
        read()


def test_a_row_of_a_file_that_is_no_host_is_left_out(
    tmp_path: Path,
    cloud: Cloud,
    reader: Callable[..., Read],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "rows.json"
    rows = [
        {"hypervisor_hostname": name, "numa_topology": text, "pci_stats": None}
        for name, text in (("good", topology(0)), ("bad", topology(0).replace("16384", "-1")))
    ]
    file.write_text(json.dumps(rows))
    for more in ((), ("--count-disabled",)):  # by columns, and host by host
        reading = reader(cloud.url("api"), "--nova-rows", str(file), *more)()
        assert (reading.fleets[0].names, reading.unreadable) == (["good"], 1)
        said = capsys.readouterr().err
        assert f"{file}: [1] (bad).numa_topology.cells[0].memory: got -1, expected" in said
    file.write_text("[{")
    with pytest.raises(InputError, match=r"rows\.json"):
        reader(cloud.url("api"), "--nova-rows", str(file))


@pytest.mark.parametrize("verb", ["capacity", "headroom", "stranded", "report"])
@pytest.mark.parametrize("on_top", [False, True])
def test_other_commands_leave_out_no_host_and_name_the_one_that_is_none(
    verb: str, on_top: bool, cloud: Cloud, tmp_path: Path, numafit: Callable[..., Any]
) -> None:
    cloud._run("cell", BREAK, ("{",))
    more = ["--placement-db", cloud.url("placement")] if on_top else []
    if verb == "report":
        more += ["--output", str(tmp_path / "report.html")]
    done = numafit(verb, cloud.url("api"), "--nova-db", cloud.url("cell"), *more)
    assert (done.status, done.out) == (2, "")
    assert "cell.db: compute_nodes of c2.example.numa_topology" in done.err


def test_remarks_are_made_once(
    cloud: Cloud, reader: Callable[..., Read], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.flavor(3, "slip", 2, **{"hw:cpu_polcy": "dedicated"})
    read = reader(cloud.url("api"), "--nova-db", cloud.url("cell"))
    assert "hw:cpu_polcy" in capsys.readouterr().err
    read()
    assert capsys.readouterr().err == ""
    cloud.flavor(4, "another", 2, **{"hw:numa_nods": "2"})
    read()
    assert "hw:numa_nods" in capsys.readouterr().err


def test_what_click_would_complain_of_is_an_error_as_others_are(
    cloud: Cloud, reader: Callable[..., Read]
) -> None:
    read = reader(cloud.url("api"), "--nova-db", cloud.url("cell"), "--flavor", "p8")
    cloud._run("api", "DELETE FROM flavors WHERE name='p8'")
    with pytest.raises(NumafitError, match="has no flavor 'p8'"):
        read()


@pytest.mark.parametrize("on_top", [True, False])
def test_whatever_happens_it_says_what_a_first_reading_says(
    cloud: Cloud, reader: Callable[..., Read], on_top: bool
) -> None:
    top = ("--placement-db", cloud.url("placement"), "--api-db", cloud.url("api"))
    options = (cloud.url("api"), "--nova-db", cloud.url("cell"), *(top if on_top else ()))
    followed = reader(*options)
    chance = random.Random(17)
    there, last = [1, 2, 3], 3
    for step in range(25):
        for _ in range(chance.randint(0, 3)):
            what = chance.choice(("use", "use", "allocate", "come", "go"))
            one = chance.choice(there)
            if what == "use":
                cloud.use(one, chance.randint(0, 8))
            elif what == "allocate":
                cloud.allocate(one, "PCPU", chance.randint(0, 16))
            elif what == "come":
                last += 1
                cloud.hosts([last], chance.randint(0, 8))
                there.append(last)
            elif len(there) > 1:
                cloud.delete(one)
                there.remove(one)
        now = followed()
        assert now.fleets[0].check() is None
        assert sorted(now.fleets[0].names) == sorted(f"c{n}.example" for n in there)
        assert series(now) == series(reader(*options)()), step
