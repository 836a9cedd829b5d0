"""``numafit what-if``: traces, scenarios, what is compared; and what is wrong with them."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from numafit.cli.group import numafit

FLAVORS = [
    {"name": "p2", "vcpus": 2, "ram": 1024, "properties": {"hw:cpu_policy": "dedicated"}},
    {"name": "p4", "vcpus": 4, "ram": 2048, "properties": {"hw:cpu_policy": "dedicated"}},
]
HOST = """\
version: 1
name: {name}
cells:
  - id: 0
    cpus: 0-{last}
    dedicated_cpus: 0-{last}
    memory_mb: 65536
    pages: [{{size: 4KiB, total: 16726016}}, {{size: 2MiB, total: 100}}]
"""
OWN = """\
flavor,start,end
p4,0,
p4,3600,
p2,7200,
p2,10800,
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hosts of 8 and 4 dedicated CPUs, two flavors, and a trace of 12 CPUs in three hours."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flavors.json").write_text(json.dumps(FLAVORS))
    for name, last in (("a", 7), ("b", 3)):
        (tmp_path / f"{name}.yaml").write_text(HOST.format(name=name, last=last))
    (tmp_path / "own.csv").write_text(OWN)
    return tmp_path


def ask(*more: str) -> Result:
    arguments = ["what-if", "flavors.json", "a.yaml", "b.yaml", "--workers", "1", *more]
    return CliRunner().invoke(numafit, arguments)


def answer(*more: str) -> dict[str, Any]:
    run = ask(*more, "--format", "json")
    assert run.stdout, f"{run.output} {run.exception}"
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_a_trace_of_ones_own_says_who_comes(there: Path) -> None:
    found = answer("--trace", "own.csv", "--choose", "pack", "--samples", "4")
    (plan,) = found["plans"]
    assert (plan["plan"], plan["came"], plan["placed"]) == ("pack", 4, 4)
    assert found["hours"] == 3
    assert found["trace"] == {
        "guests": 4,
        "left_out": 0,
        "sizes": [
            {"size": "p4", "guests": 2, "flavor": "p4"},
            {"size": "p2", "guests": 2, "flavor": "p2"},
        ],
        "passed_over": {},
    }
    # before each guest that comes: 12 CPUs, less 4, 4 and 2
    assert [row["free_cpus"] for row in found["samples"]] == [12, 8, 4, 2]
    assert [row["room p4"] for row in found["samples"]] == [3, 2, 1, 0]
    # one p2 ends the room of p4, seen at three hours
    four = next(row for row in found["flavors"] if row["flavor"] == "p4")
    assert (four["full_hours"], four["full_seen"], four["refused"]) == (3, True, 0)


def test_what_no_flavor_stands_for_is_said_in_every_format(there: Path) -> None:
    (there / "h.csv").write_text(
        "vmid,cpu,memory,time,type\n0,2,1,0,0\n1,3,2,60,0\n2,64,2,90,0\n7,1,1,95,1\n0,2,1,99,1\n"
    )
    left_out = "left out: 1 guest of the trace, because no flavor has what they ask for (64 vCPUs"
    over = "passed over: 1 row of the trace: it is deleted and was never created"
    table = ask("--trace", "h.csv")
    assert left_out in table.stdout
    assert over in table.stdout
    rows = [line.split() for line in table.stdout.splitlines()]
    assert ["3", "vCPUs,", "2048", "MiB", "1", "p4"] in rows
    assert ["64", "vCPUs,", "2048", "MiB", "1", "-"] in rows
    lines = ask("--trace", "h.csv", "--format", "csv")
    assert left_out in lines.stderr
    assert next(iter(csv.DictReader(lines.stdout.splitlines())))["came"] == "2"
    found = answer("--trace", "h.csv", "--as", "64x2048=p2")
    assert found["trace"]["left_out"] == 0
    assert found["plans"][0]["came"] == 3


def test_the_three_published_forms_are_read(there: Path) -> None:
    (there / "pods.csv").write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
        "deletion_time,scheduled_time\n"
        "a,1500,512,0,0,,LS,Running,100,3700,100\nb,4000,512,1,1000,,LS,Running,200,300,200\n"
    )
    found = answer("--trace", "pods.csv")["trace"]
    assert [(one["size"], one["flavor"]) for one in found["sizes"]] == [
        ("2 vCPUs, 512 MiB", "p2"),
        ("4 vCPUs, 512 MiB, 1 GPU", None),
    ]
    with closing(sqlite3.connect(there / "azure.db")) as database:
        database.executescript(
            """
            CREATE TABLE vmType (vmTypeId INTEGER, machineId INTEGER, core REAL, memory REAL);
            CREATE TABLE vm (vmId INTEGER, vmTypeId INTEGER, starttime REAL, endtime REAL);
            INSERT INTO vmType VALUES (1, 0, 0.25, 0.25), (1, 9, 0.5, 0.25);
            INSERT INTO vm VALUES (1, 1, -1, NULL), (2, 1, 0, 0.5);
            """
        )
        database.commit()
    asked = ("--trace", "azure.db", "--machine")
    assert [one["flavor"] for one in answer(*asked, "8x4096")["trace"]["sizes"]] == ["p2"]
    assert [one["flavor"] for one in answer(*asked, "8x4096:9")["trace"]["sizes"]] == ["p4"]


def test_scenarios_stand_beside_the_state_as_it_is(there: Path) -> None:
    (there / "more.yaml").write_text(HOST.format(name="more", last=3))
    found = answer(
        *("--mix", "p4", "--guests", "9", "--per-hour", "1", "--choose", "pack"),
        *("--scenario", "larger: add 2 more.yaml"),
        *("--scenario", "smaller: remove b"),
        *("--scenario", "fewer: set a dedicated_cpus=0-3; set b dedicated_cpus=0-3"),
        *("--scenario", "paged: set * reserved_pages=2M:50; flavor p4 hw:mem_page_size=2MB ram=64"),
        *("--scenario", "flavored: flavor p4 vcpus=2"),
    )
    # 3, 5, 2 and 2 guests of 4 CPUs; 50 pages of 2 MiB on each host are one guest of 64 MiB each;
    # 6 guests of 2 CPUs
    assert [(row["plan"], row["placed"]) for row in found["plans"]] == [
        ("as it is", 3),
        ("larger", 5),
        ("smaller", 2),
        ("fewer", 2),
        ("paged", 2),
        ("flavored", 6),
    ]
    assert found["best"] == "flavored"


def test_ratios_and_traits_are_changes_too(there: Path) -> None:
    (there / "flavors.json").write_text(
        json.dumps(
            [
                {"name": "s1", "vcpus": 1, "ram": 64, "properties": {}},
                {"name": "t1", "vcpus": 1, "ram": 64, "properties": {"trait:CUSTOM_A": "required"}},
            ]
        )
    )
    shared = HOST.format(name="a", last=3).replace("dedicated", "shared")
    (there / "a.yaml").write_text(shared)
    (there / "b.yaml").write_text(shared.replace("name: a", "name: b"))
    asked = ("--guests", "50", "--scenario", "twice: set a ratios=2,1")
    # 4 CPUs of each host, and nova's initial ratio of 4 where nothing is said
    rows = answer("--mix", "s1", *asked)["plans"]
    assert [row["placed"] for row in rows] == [32, 24]
    rows = answer("--mix", "t1", *asked, "--scenario", "t: set a traits=CUSTOM_B")["plans"]
    # no traits are known, and so none are judged, until a has others
    assert [row["placed"] for row in rows] == [32, 24, 16]


def test_choosers_and_strategies_are_compared(there: Path) -> None:
    found = answer(
        *("--trace", "own.csv", "--choose", "pack", "--choose", "first"),
        *("--also-strategy", "closest", "--scenario", "less: remove b"),
    )
    assert [row["plan"] for row in found["plans"]] == [
        *("as it is / pack / spread cells", "as it is / pack / closest cells"),
        *("as it is / first / spread cells", "as it is / first / closest cells"),
        *("less / pack / spread cells", "less / pack / closest cells"),
        *("less / first / spread cells", "less / first / closest cells"),
    ]


def test_rows_are_by_plan_flavor_or_moment(there: Path) -> None:
    asked = ("--trace", "own.csv", "--choose", "pack", "--samples", "4")
    table = ask(*asked, "--by", "flavor").stdout
    lines = [line.split() for line in table.splitlines()]
    # 6, 4, 2 and 1 of p2 have room before each guest: two moments make no trend
    assert lines[2][:5] == ["pack", "p2", "2", "0", "1"]
    assert lines[2][5:] == ["not", "within", "the", "trace"]
    assert ["p4", "2", "0", "0", "3.0", "h"] in lines
    moments = list(
        csv.DictReader(ask(*asked, "--by", "time", "--format", "csv").stdout.splitlines())
    )
    assert [row["running"] for row in moments] == ["0", "1", "2", "3"]
    shown = ask(*asked, "--by", "time").stdout
    assert [line.split()[-6] for line in shown.splitlines()[2:6]] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("workers", ["1", "2", "8"])
def test_the_bytes_are_those_of_one_worker(there: Path, workers: str) -> None:
    asked = (
        *("--guests", "300", "--per-hour", "20", "--stay", "0.3", "--seed", "7"),
        *("--choose", "random", "--choose", "spread", "--scenario", "less: remove b"),
        *("--format", "json"),
    )
    one = ask(*asked)
    arguments = ["what-if", "flavors.json", "a.yaml", "b.yaml", "--workers", workers, *asked]
    assert CliRunner().invoke(numafit, arguments).stdout == one.stdout
    assert len(json.loads(one.stdout)["plans"]) == 4
    other = ask(*asked, "--seed", "8")
    assert other.stdout != one.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--choose", "best"], "--choose: 'best': expected first, spread, pack, random, nova, or"),
        (["--choose", "ram=1,ram=2"], "'ram=1,ram=2': expected first"),
        (["--choose", "disk"], "--choose: disk: disk (not known of 2 hosts)."),
        (["--stay", "0"], "0"),
        (["--samples", "1"], "1 is not in the range"),
        (["--mix", "p2", "--per-hour", "1e-308"], "at which 1000 guests ever come"),
        (["--mix", "p9"], "flavors.json has no flavor 'p9'"),
        (["--trace", "own.csv", "--mix", "p2"], "--mix does not go with --trace"),
        (["--trace", "own.csv", "--per-hour", "3"], "--per-hour does not go with --trace"),
        (["--as", "2x1024=p2"], "--as speaks of a --trace"),
        (["--trace-format", "own"], "--trace-format speaks of a --trace"),
        (["--trace", "none.csv"], "none.csv"),
        (["--trace", "flavors.json"], "expected a header with vmid,cpu,memory,time,type"),
        (["--trace", "own.csv", "--trace-format", "huawei"], "line 1: got 'flavor,start,end'"),
        (["--trace", "own.csv", "--machine", "8x8"], "--machine speaks of Azure's traces"),
        (["--trace", "own.csv", "--trace-format", "azure"], "--machine: not given: expected CPUS"),
        (["--trace", "own.csv", "--as", "2=p2"], "expected CPUSxMIB[xGPUS]=FLAVOR"),
        (["--trace", "own.csv", "--as", "2x1024=p9"], "expected one of p2, p4"),
        (["--scenario", "add 1 a.yaml"], "expected NAME: CHANGE"),
        (["--scenario", "as it is: remove a"], "expected a name of its own in place of 'as it is'"),
        (["--scenario", "x: add 0 a.yaml"], "'add 0 a.yaml': expected add COUNT HOST_FILE"),
        (["--scenario", "x: add a.yaml"], "expected add COUNT HOST_FILE"),
        (["--scenario", "x: add 1 none.yaml"], "none.yaml"),
        (["--scenario", "x: grow a"], "expected add, remove, set or flavor"),
        (["--scenario", "x: remove z*"], "x: match='z*': no host of the fleet has such a name"),
        (["--scenario", "x: set a"], "expected set HOSTS KEY=VALUE"),
        (["--scenario", "x: set a cpus=1"], "not cpus"),
        (["--scenario", "x: set a dedicated_cpu=1"], "Did you mean 'dedicated_cpus'?"),
        (["--scenario", "x: set a dedicated_cpus=0-99"], "0-7 (8-99 not among them)"),
        (["--scenario", "x: set a reserved_pages=4"], "expected reserved_pages=SIZE:PAGES"),
        (["--scenario", "x: set a reserved_pages=1G:4"], "a size of pages that the host has"),
        (["--scenario", "x: set a ratios=4"], "expected ratios=CPU,RAM"),
        (["--scenario", "x: set a ratios=4,-1"], "expected ratios=CPU,RAM"),
        (["--scenario", "x: flavor p3 vcpus=2"], "There are p2, p4."),
        (["--scenario", "x: flavor p2 vcpus=two"], "expected a whole number for vcpus"),
        (["--scenario", "x: flavor p2 vcpus=0"], "vcpus"),
        (["--scenario", "x: flavor p2 cpus=2"], "expected vcpus, ram, disk or an extra spec"),
        (["--scenario", "x: flavor p2 hw:cpu_policy=most"], "expected a flavor that nova takes"),
        (["--scenario", "x: set a dedicated_cpus=1 dedicated_cpus=2"], "each key once"),
        (["--scenario", "x: add 1 'a"], "expected words of a shell"),
    ],
)
def test_what_is_wrong_is_named(there: Path, more: list[str], message: str) -> None:
    run = ask(*more)
    assert run.exit_code != 0
    said = f"{run.output} {run.exception}"
    assert message in " ".join(said.split()), said
    assert "Traceback" not in said


def test_guests_that_end_before_they_begin_are_named(there: Path) -> None:
    (there / "back.csv").write_text("flavor,start,end\np2,5,3\n")
    run = ask("--trace", str(there / "back.csv"))
    said = " ".join(f"{run.output} {run.exception}".split())
    assert "no guests; 1 row: it ends before it begins" in said
