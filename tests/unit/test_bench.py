"""``numafit bench``: what it asks is what it says, and its figures are told in three ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from numafit import Placement, Refusal, Request, guest_topology
from numafit.benching import turns
from numafit.benching.figures import Figure, Measured, duration
from numafit.benching.questions import CELLS, FITS, KINDS, QUESTIONS, TOO_LARGE, fleet_of, measure

Run = Callable[..., Any]
QUICK = ("--hosts", "40", "--seconds", "0")


@pytest.mark.parametrize("hosts", [1, 2, 17, 40])
def test_the_fleet_has_as_many_hosts_as_asked_for(hosts: int) -> None:
    fleet = fleet_of(hosts)
    assert len(fleet) == len(set(fleet.names)) == hosts
    assert fleet.check() is None


def test_some_hosts_take_the_guest_and_none_takes_the_large_one() -> None:
    fleet = fleet_of(KINDS)
    takes = fleet.scan(Request(guest_topology(FITS)))
    assert takes[0]
    assert KINDS // 4 < takes.sum() < KINDS
    large = Request(guest_topology(TOO_LARGE))
    assert not fleet.scan(large).any()
    assert isinstance(fleet.fit_on(Request(guest_topology(FITS)), 0), Placement)
    refusal = fleet.fit_on(large, 0)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "free_cpus"


def test_ratios_are_to_the_memory_of_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MiB are read in 1 s: 64 bytes of each of two cells in 2 / 2**20 s."""
    times = iter([1.0, 80.0, 40.0, 0.5, 2.0, 4.0])
    monkeypatch.setattr(
        "numafit.benching.questions.take_turns", lambda given, *_: [next(times) for _ in given]
    )
    found = measure(40, 0.0, {"fit": 2**18 - 1.0, "refusal": 2**20})
    assert found.memory_pass == CELLS / 2**20
    assert [(one.question, one.seconds, one.ratio) for one in found.figures] == [
        ("scan", 2.0, 2**20),
        ("capacity", 1.0, 2**19),
        ("fit", 0.5, 2**18),
        ("refusal", 2.0, 2**20),
        ("claim", 4.0, 2**21),
    ]
    assert [one.fault for one in found.figures if one.fault] == [
        "fit: 262,144 x the memory pass, at most 262,143"
    ]


def test_turns_are_taken_until_the_time_is_over() -> None:
    calls: list[int] = []

    def turn(number: int, took: float) -> turns.Turn:
        def one() -> float:
            calls.append(number)
            return took + len(calls)

        return one

    assert turns.take_turns([turn(0, 5.0), turn(1, 1.0)], 2) == [6.0, 3.0]
    assert calls == [0, 1, 0, 1]
    turns.take_turns([turn(0, 5.0)], 1, seconds=0.02)
    assert len(calls) > 20


def test_a_person_reads_a_line_for_each_question(numafit: Run) -> None:
    done = numafit("bench", *QUICK)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("numafit 0.1.0, Python 3.")
    assert lines[1].startswith("40 hosts; memory pass: ")
    rows = [line.split() for line in lines[4:] if line]
    assert [row[0] for row in rows] == list(QUESTIONS)
    assert all(float(row[-1].replace(",", "")) > 0 for row in rows)


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_narrow_terminal_breaks_no_figure(
    numafit: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    figures = tuple(Figure(name, "host", 1.23e-6, 1234.0) for name in QUESTIONS)
    made = Measured(40, CELLS, 1e-8, figures)
    monkeypatch.setattr("numafit.cli.bench.measure", lambda *_: made)
    monkeypatch.setenv("COLUMNS", str(width))
    said = numafit("bench").out
    assert (said.count("1.23 us"), said.count("1,234")) == (5, 5)


def test_a_program_reads_seconds_and_ratios(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    done = numafit("bench", *QUICK, "--format", "json", "--json", path)
    found = json.loads(done.out)
    assert json.loads(path.read_text(encoding="utf-8")) == found
    assert (found["hosts"], found["cells_per_host"]) == (40, 2)
    assert set(found["numafit"]) == {"version", "python", "numpy", "system", "cpu", "cpus"}
    for figure in found["figures"]:
        assert figure["ratio"] == pytest.approx(figure["seconds"] / found["memory_pass"])
        assert (figure["at_most"], figure["fault"]) == (None, None)


def test_a_ci_system_reads_what_failed_and_what_did_not(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "bench.xml"
    limits = ("--at-most", "scan=0.001", "--at-most", "claim=1e9")
    done = numafit("bench", *QUICK, *limits, "--junit", path)
    assert done.status == 1
    assert "scan: " in done.out
    assert " x the memory pass, at most 0.001" in done.out
    suite = ElementTree.parse(path).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("5", "1")
    assert [case.get("name") for case in suite] == list(QUESTIONS)
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["scan"]
    for case in suite:
        assert float(case.get("time", "")) > 0
        assert (case.findtext("system-out") or "").endswith(" x the memory pass")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("scn=1", "expected QUESTION=RATIO, of scan, capacity, fit, refusal, claim. Did you mean"),
        ("scan", "expected QUESTION=RATIO"),
        ("scan=fast", "--at-most scan: got 'fast', expected a number above 0"),
        ("scan=0", "expected a number above 0"),
        ("scan=inf", "expected a number above 0"),
        ("scan=nan", "expected a number above 0"),
    ],
)
def test_a_limit_that_is_none_is_an_error(numafit: Run, wrong: str, said: str) -> None:
    done = numafit("bench", *QUICK, "--at-most", wrong)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_file_that_cannot_be_written_is_an_error(numafit: Run, tmp_path: Path) -> None:
    done = numafit("bench", *QUICK, "--junit", tmp_path / "no" / "bench.xml")
    assert done.status == 2
    assert "bench.xml: No such file or directory" in done.err


def test_durations_have_a_unit_that_suits() -> None:
    assert [duration(s) for s in (2.0, 0.0123, 4.56e-6, 7.8e-10)] == [
        "2 s",
        "12.3 ms",
        "4.56 us",
        "0.78 ns",
    ]
    assert Figure("fit", "call", 1.0, 3.0, 3.0).fault == ""
