"""The gate on instruction counts: what it reads from callgrind, and what it lets pass."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

# as callgrind 3.19 writes it: names once, then their numbers; a call's cost stands behind it
COUNTS = """\
desc: Trigger: Client Request: fit_one_cell

positions: line
events: Ir
summary: 1000

ob=(1) /build/bench/core/core_bench
fl=(1) src/fit.c
fn=(1) nf_fit
10 5
+2 7
cob=(2) /usr/lib/libc.so.6
cfi=(9) memset.S
cfn=(9) memset
calls=1 264
* 400
-3 11

ob=(2)
fl=(9)
fn=(9)
264 400

ob=(1)
fl=(2) src/cell.c
fn=(2) nf_pair
44 20
calls=1 10
45 23
"""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    from bench import gate

    return gate


def test_own_instructions_are_counted_once(gate: ModuleType) -> None:
    assert gate.counts_in(COUNTS, "core_bench") == 5 + 7 + 11 + 20
    assert gate.counts_in(COUNTS, "libc") == 400
    assert gate.counts_in(COUNTS, "_engine") == 0


def test_growth_is_named(gate: ModuleType) -> None:
    before = {"fit": 1000, "scan": 1000, "claim": 1000}
    assert gate.differences({"fit": 1030, "scan": 990, "claim": 1000}, before, 0.03) == []
    (line,) = gate.differences({"fit": 1000, "scan": 1031, "claim": 1}, before, 0.03)
    assert line.startswith("scan: 1,000 -> 1,031")


def test_nothing_counted_fails(gate: ModuleType) -> None:
    assert gate.differences({"fit": 0}, {"fit": 1000}, 0.03)
    assert gate.differences({"fit": 0}, {"fit": 0}, 0.03)


def test_operations_and_baseline_are_the_same(gate: ModuleType) -> None:
    assert gate.differences({"fit": 1000}, {}, 0.03)
    assert gate.differences({}, {"fit": 1000}, 0.03)
    baseline = json.loads((ROOT / "bench" / "baseline.json").read_text(encoding="utf-8"))
    source = (ROOT / "bench" / "core" / "operations.c").read_text(encoding="utf-8")
    assert all(f'"{name}"' in source for name in baseline["core"])
    assert all(baseline["core"].values())
    assert all(baseline["binding"].values())
