"""``numafit headroom`` and ``numafit stranded``: formats, statuses, mistakes. What the figures
are is worked out in test_headroom.py and test_stranded.py."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet
from numafit.readers.hostfile import read_host_file

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
BROKEN = EXAMPLES / "flavors-broken.json"
HOSTS = sorted((EXAMPLES / "hosts").iterdir())
ROWS = Path(__file__).parent / "data" / "nova_rows.json"
Run = Callable[..., Any]
BOTH = pytest.mark.parametrize("command", ["headroom", "stranded"])


def test_headroom_reaches_what_capacity_counts(numafit: Run) -> None:
    counts = json.loads(numafit("capacity", FLAVORS, *HOSTS, "--format", "json").out)
    done = numafit("headroom", FLAVORS, *HOSTS, "--format", "json")
    found = json.loads(done.out)
    assert done.status == 1  # c1.isolated2 finds no host without SMT
    assert found["hosts"] == counts["hosts"]
    assert [one["reached"] for one in found["flavors"]] == [
        one["counts"] for one in counts["flavors"]
    ]
    for one in found["flavors"]:
        assert one["in_all"] == sum(one["reached"])
        assert one["at_most"] == sum(one["most"])
        assert sum(one["ended_by"].values()) == len(HOSTS)
    uneven = found["flavors"][-1]
    assert (uneven["flavor"], uneven["most"], uneven["exact_on"]) == (
        "db.uneven",
        [2, 5, 6],
        [True, True, True],
    )


def test_headroom_by_host_and_by_kind(numafit: Run) -> None:
    asked = ("headroom", FLAVORS, *HOSTS, "--flavor", "db.uneven", "--format", "json", "--by")
    by_host = json.loads(numafit(*asked, "host").out)["groups"]
    assert [(one["name"], one["in_all"]["db.uneven"]) for one in by_host] == [
        ("dual-xeon", 2),
        ("edge-gold", 4),
        ("epyc-nps4", 5),
    ]
    by_kind = json.loads(numafit(*asked, "kind").out)["groups"]
    assert [one["hosts"] for one in by_kind] == [1, 1, 1]
    text = numafit(*asked[:-3], "--by", "zone").out
    assert text.split()[:3] == ["zone", "hosts", "flavor"]


def test_headroom_csv(numafit: Run) -> None:
    lines = list(
        csv.DictReader(numafit("headroom", FLAVORS, *HOSTS, "--format", "csv").out.split("\n"))
    )
    assert len(lines) == 12 * len(HOSTS)
    assert lines[-1] == {
        "host": "epyc-nps4",
        "flavor": "db.uneven",
        "reached": "5",
        "most": "6",
        "exact": "1",
        "ended_by": "memory",
    }


def test_headroom_marks_the_cap(numafit: Run) -> None:
    done = numafit("headroom", FLAVORS, *HOSTS, "--flavor", "nfv.small", "--cap", "11")
    assert "21+         21+" in done.out
    assert "counting stopped at 11" in done.out
    assert "the cap (1)" in done.out


def test_stranded_json(numafit: Run) -> None:
    done = numafit("stranded", FLAVORS, *HOSTS, "--format", "json")
    assert done.status == 1
    found = json.loads(done.out)
    for one in found["kinds"]:
        assert one["stranded_in_all"] == sum(one["stranded"])
        assert one["free_in_all"] == sum(one["free"]) >= one["stranded_in_all"]
        assert sum(cause["stranded"] for cause in one["causes"]) == one["stranded_in_all"]
        assert 0 <= one["fragmentation"] <= 1


def test_stranded_csv_and_by_host(numafit: Run) -> None:
    lines = list(
        csv.DictReader(numafit("stranded", FLAVORS, *HOSTS, "--format", "csv").out.split("\n"))
    )
    lost = [line for line in lines if int(line["stranded"])]
    text = numafit("stranded", FLAVORS, *HOSTS, "--by-host").out
    below = text[text.index("least with") :]
    assert all(line["host"] in below for line in lost)
    assert lines[0].keys() == {"kind", "unit", "host", "free", "stranded", "best"}


@BOTH
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_what_answers_leave_open_is_said_below_them(numafit: Run, command: str, form: str) -> None:
    done = numafit(command, FLAVORS, *HOSTS, "--format", form)
    said = done.out if form == "table" else done.err
    assert "not judged: DISK_GB: the source of the host does not say" in said
    assert "derived from the hosts, as nova-compute reports them: MEMORY_MB, PCPU, VCPU" in said


def test_notes_on_each_moment_are_said_once(numafit: Run, tmp_path: Path) -> None:
    hosts = [read_host_file(path) for path in HOSTS[:2]]
    Fleet([replace(hosts[0], disabled="maintenance"), hosts[1]]).save(tmp_path / "mon.npz")
    Fleet(hosts).save(tmp_path / "tue.npz")
    days = [word for day in ("mon", "tue") for word in ("--fleet", tmp_path / f"{day}.npz")]
    said = numafit("stranded", FLAVORS, *days, "--over-time", "--flavor", "nfv.large").out
    assert said.count("take no guests: ") == 1
    assert f"{hosts[0].name} (maintenance)" in said
    assert said.count("derived from the hosts") == 1


def test_a_flavor_that_no_host_takes_leaves_nothing_open(numafit: Run, tmp_path: Path) -> None:
    entry = {"name": "p", "vcpus": 4000, "ram": 64, "properties": {"hw:cpu_policy": "dedicated"}}
    path = tmp_path / "flavors.json"
    path.write_text(json.dumps([entry]))
    done = numafit("stranded", path, *HOSTS)
    assert "stranded on" in done.out
    assert "not judged" not in done.out + done.err


def test_stranded_by_shares(numafit: Run) -> None:
    asked = ("stranded", FLAVORS, *HOSTS, "--format", "json", "--share")

    def index(*shares: str) -> float:
        options = [word for share in shares for word in ("--share", share)][1:]
        return float(json.loads(numafit(*asked, *options).out)["kinds"][0]["fragmentation"])

    one, other = index("c1.pinned4"), index("nfv.large")
    assert index("c1.pinned4=3", "nfv.large") == pytest.approx((3 * one + other) / 4)


def test_stranded_by_a_mix(numafit: Run) -> None:
    asked = ("stranded", FLAVORS, HOSTS[1], "--format", "json", "--mix", "nfv.small=3")
    found = json.loads(numafit(*asked, "--mix", "nfv.large").out)
    counts = json.loads(
        numafit(
            "capacity", FLAVORS, HOSTS[1], "--format", "json", *asked[-2:], "--mix", "nfv.large"
        ).out
    )
    small, large = (one["in_all"] for one in counts["flavors"])
    cpus = found["kinds"][0]
    assert cpus["stranded_in_all"] == cpus["free_in_all"] - 4 * small - 8 * large
    done = numafit(*asked, "--share", "nfv.large")
    assert done.status == 2
    assert "--share does not go with --mix" in done.err


def test_nothing_is_stranded(numafit: Run, tmp_path: Path) -> None:
    cell = {"id": 0, "dedicated_cpus": "0-3", "memory_mb": 4096}
    units = {"PCPU": {"total": 4}, "MEMORY_MB": {"total": 4096}}
    host = {"version": 1, "cells": [cell], "resources": units}
    path, flavors = tmp_path / "host.json", tmp_path / "flavors.json"
    path.write_text(json.dumps(host))
    entry = {"name": "p1", "vcpus": 1, "ram": 1024, "properties": {"hw:cpu_policy": "dedicated"}}
    flavors.write_text(json.dumps([entry]))
    done = numafit("stranded", flavors, path)
    assert "dedicated CPUs      4          0            0.00" in done.out
    assert "memory, MiB      4096          0            0.00" in done.out
    assert "Nothing is stranded on 1 host." in done.out
    assert done.status == 0


def test_over_time(numafit: Run, tmp_path: Path) -> None:
    hosts = [read_host_file(path) for path in HOSTS]
    for name, some in (("mon", hosts[:1]), ("tue", hosts)):
        Fleet(some).save(tmp_path / f"{name}.npz")
    days = [word for day in ("mon", "tue") for word in ("--fleet", tmp_path / f"{day}.npz")]
    asked = ("stranded", FLAVORS, *days, "--over-time", "--flavor", "nfv.large")
    done = numafit(*asked, "--format", "json")
    assert "more than once" not in done.err  # the same hosts, at another time
    found = json.loads(done.out)
    assert [one["moment"] for one in found["moments"]] == [
        str(tmp_path / "mon.npz"),
        str(tmp_path / "tue.npz"),
    ]
    assert [len(one["hosts"]) for one in found["moments"]] == [1, 3]
    assert str(numafit(*asked).out).startswith(" moment")
    assert numafit(*asked, "--format", "csv").out.startswith("moment,free,stranded,index\n")
    done = numafit("stranded", FLAVORS, HOSTS[0], *days, "--over-time")
    assert done.status == 2
    assert "--over-time takes --fleet" in done.err


@BOTH
def test_pictures_are_written_in_the_format_of_their_names(
    numafit: Run, tmp_path: Path, command: str
) -> None:
    for name, begins in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        assert numafit(command, FLAVORS, *HOSTS, "--picture", tmp_path / name).status == 1
        assert (tmp_path / name).read_bytes().startswith(begins)
    done = numafit(command, FLAVORS, *HOSTS, "--picture", tmp_path / "a.doc")
    assert done.status == 2
    assert "ends in .png, .svg or .pdf" in done.err
    done = numafit(command, FLAVORS, *HOSTS, "--picture", tmp_path / "no" / "a.png")
    assert done.status == 2
    assert done.err.count("\n") == 1


@BOTH
def test_broken_flavors_are_named_and_the_others_answered(numafit: Run, command: str) -> None:
    done = numafit(command, BROKEN, HOSTS[0])
    assert done.status == 2
    assert "typo: " in done.out
    assert "[2].vcpus: got 'four'" in done.out
    errors = json.loads(numafit(command, BROKEN, HOSTS[0], "--format", "json").out)["errors"]
    assert [one["flavor"] for one in errors] == ["typo", "gpu"]


@BOTH
def test_rows_of_nova_and_saved_fleets(numafit: Run, tmp_path: Path, command: str) -> None:
    path = tmp_path / "fleet.npz"
    Fleet([read_host_file(path) for path in HOSTS]).save(path)
    asked = (command, FLAVORS, "--format", "json")
    saved = json.loads(numafit(*asked, "--fleet", path).out)
    assert saved == json.loads(numafit(*asked, *HOSTS).out)
    both = json.loads(numafit(*asked, HOSTS[0], "--nova-rows", ROWS, "--fleet", path).out)
    assert both["hosts"] == [HOSTS[0].stem, *["compute1"] * 3, *saved["hosts"]]


@BOTH
@pytest.mark.parametrize(
    "wrong",
    [("--cap", "0"), ("--threads", "0"), ("--fleet", "x"), ("--by", "rack"), ("--share", "x=0")],
)
def test_mistakes(numafit: Run, command: str, wrong: tuple[str, str]) -> None:
    done = numafit(command, FLAVORS, HOSTS[0], *wrong)
    assert done.status == 2
    assert done.err.startswith("numafit: ")
    assert done.err.count("\n") == 1


# 6 + 4 + (4 + 4) CPUs are free, of which p4 takes 4 + 4 + 8: 2 of 18 are stranded. Of 165,888 MiB
# four p4 take 16,384: 149,504 are stranded, 90.12 %.
@pytest.mark.parametrize(("percent", "status"), [("90.1", 1), ("90.2", 0), ("0", 1), ("100", 0)])
def test_stranded_is_a_gate_at_a_part_of_what_is_free(
    numafit: Run, percent: str, status: int
) -> None:
    rack = sorted((EXAMPLES / "planning" / "rack").iterdir())
    asked = ("stranded", EXAMPLES / "planning" / "flavors.json", *rack)
    done = numafit(*asked, "--at-most", percent)
    assert done.status == status
    assert done.out == numafit(*asked).out


def test_what_no_flavor_asks_for_is_no_part_of_the_gate(numafit: Run) -> None:
    asked = ("stranded", FLAVORS, *HOSTS, "--share", "nfv.small", "--share", "nfv.large")
    assert "asked for by no flavor: memory" in numafit(*asked).out
    assert numafit(*asked, "--at-most", "99").status == 0
    assert numafit(*asked).status == 1
