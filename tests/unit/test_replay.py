"""numafit replay: agreement is told from disagreement, and bad files from both."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import main
from numafit.errors import InputError
from numafit.replaying.replay import replay

DATA = Path(__file__).parent.parent / "vectors/data"
Case = dict[str, Any]


def some(name: str, count: int = 40) -> list[Case]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def written(path: Path, cases: list[Case]) -> Path:
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["constraints", "cpu_topology", "multiqueue", "fit", "fit_wide", "capacity", "pci"]
)
def test_recorded_answers_agree(name: str, tmp_path: Path) -> None:
    verdicts = replay(written(tmp_path / "cases.jsonl", some(name)))
    assert len(verdicts) == 40
    assert {verdict.verdict for verdict in verdicts} == {"agrees"}


def test_answers_out_of_what_nova_tried_before_are_artefacts() -> None:
    verdicts = replay(DATA / "fit_fragile.jsonl.gz")
    assert {verdict.verdict for verdict in verdicts} == {"artefact"}


def test_another_thread_of_a_core_is_said_and_agrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gzip.open(DATA / "fit.jsonl.gz", "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    # a pin on a core with another thread, which nothing else has
    case, cell, vcpu, core = next(
        (case, cell, vcpu, core)
        for case in cases
        if case["expect"]
        for vcpu, core in (case["expect"]["core_of_vcpu"] or {}).items()
        for cell in case["expect"]["cells"]
        if vcpu in (cell["pinning"] or {})
        and len(core) == 2
        and len(set(core) & {*cell["pinning"].values(), *(cell["cpuset_reserved"] or ())}) == 1
    )
    before = [dict(one["pinning"] or {}) for one in case["expect"]["cells"]]
    cell["pinning"][vcpu] = next(cpu for cpu in core if cpu != cell["pinning"][vcpu])
    assert before != [dict(one["pinning"] or {}) for one in case["expect"]["cells"]]
    path = written(tmp_path / "cases.jsonl", [case])
    (changed,) = replay(path)
    cell["pinning"][vcpu] = next(cpu for cpu in core if cpu != cell["pinning"][vcpu])
    (kept,) = replay(written(tmp_path / "kept.jsonl", [case]))
    assert {changed.verdict, kept.verdict} == {"agrees"}
    assert {changed.other_threads, kept.other_threads} == {True, False}
    assert main(["replay", str(path)]) == 0
    assert ("another thread of the same core" in capsys.readouterr().out) == changed.other_threads


def other(case: Case) -> Case:
    """The case with another answer of nova's."""
    expect = case.get("expect")
    if "usage" in (case.get("expect_claim") or {}):
        case["expect_claim"]["usage"][0]["memory_usage"] += 1
    elif "steps" in case:
        case["expect_final"]["usage"][0]["cpu_usage"] += 1
    elif "host" in case and expect is None:
        cell = {"host_cell": 0, "cpuset": [0], "pcpuset": [], "pagesize": None}
        case["expect"] = {"cells": [cell | {"pinning": None, "cpuset_reserved": None}]}
    elif "host" in case and "cells" in expect:
        expect["cells"][0]["host_cell"] += 1
    elif "supported" in expect:
        expect["supported"] = not expect["supported"]
    else:
        case["expect"] = {"error": "Elsewhere"}
    return case


@pytest.mark.parametrize("name", ["constraints", "cpu_topology", "multiqueue", "fit", "sequences"])
def test_another_answer_differs(name: str, tmp_path: Path) -> None:
    cases = [other(case) for case in some(name, 12)]
    verdicts = replay(written(tmp_path / "cases.jsonl", cases))
    assert {verdict.verdict for verdict in verdicts} == {"differs"}


def test_status_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = written(tmp_path / "good.jsonl", some("fit", 3))
    bad = written(tmp_path / "bad.jsonl", [other(some("fit", 1)[0])])
    assert main(["replay", str(good)]) == 0
    assert "fit" in capsys.readouterr().out
    assert main(["replay", str(good), str(bad), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["questions"]["fit"] == {"cases": 4, "agrees": 3, "artefact": 0, "differs": 1}
    assert [case["id"] for case in report["differing"]] == ["fit-00000"]
    assert main(["replay", str(bad)]) == 1
    assert "fit-00000: numafit" in capsys.readouterr().out


def test_cases_within_a_log(tmp_path: Path) -> None:
    log = tmp_path / "nova-scheduler.log"
    case = json.dumps(some("fit", 1)[0])
    log.write_text(
        "2026-11-01 12:00:00.000 1 INFO nova.scheduler [-] Started\n"
        f"2026-11-01 12:00:00.001 1 WARNING numafit [-] numafit-case: {case}\n",
        encoding="utf-8",
    )
    assert [verdict.id for verdict in replay(log)] == ["fit-00000"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "no case"),
        ("nothing here\n", "no case"),
        ("{\n", "line 1"),
        ('{"id": 3}\n', "line 1"),
        ('{"id": "a", "kind": "tea"}\n', "question"),
        ('{"id": "a", "host": {}}\n', "line 1"),
        ('{"id": "a", "flavor": {"vcpus": "x"}, "expect": null}\n', "line 1"),
    ],
)
def test_what_is_no_case(text: str, names: str, tmp_path: Path) -> None:
    path = tmp_path / "cases"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=names):
        replay(path)
    assert main(["replay", str(path)]) == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    half = tmp_path / "half.gz"
    half.write_bytes((DATA / "fit.jsonl.gz").read_bytes()[:5000])
    for path in (tmp_path / "missing", tmp_path, half):
        with pytest.raises(InputError):
            replay(path)
