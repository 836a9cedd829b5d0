"""The gate on instruction counts: what it reads from callgrind, and what it lets pass."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

from numafit import Fleet, Host

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


def test_all_but_the_c_library_is_counted(gate: ModuleType) -> None:
    assert gate.counts_in(COUNTS, None) == 5 + 7 + 11 + 20


def faults(verdicts: Any) -> dict[str, str]:
    return {one.name: one.fault for one in verdicts if one.fault}


def test_growth_is_named(gate: ModuleType) -> None:
    before = {"fit": 1000, "scan": 1000, "claim": 1000}
    now = {"fit": 1030, "scan": 990, "claim": 1000}
    assert faults(gate.verdicts_of("core", now, before, 0.03)) == {}
    now = {"fit": 1000, "scan": 1031, "claim": 1}
    verdicts = gate.verdicts_of("core", now, before, 0.03)
    assert faults(verdicts) == {"scan": "grown by 3.1%, 3% is let pass"}
    assert [str(one) for one in verdicts if one.fault] == ["core: scan: 1,000 -> 1,031 (+3.1%)"]


def test_nothing_counted_fails(gate: ModuleType) -> None:
    assert faults(gate.verdicts_of("core", {"fit": 0}, {"fit": 1000}, 0.03))
    assert faults(gate.verdicts_of("core", {"fit": 0}, {"fit": 0}, 0.03))


def test_operations_and_baseline_are_the_same(gate: ModuleType) -> None:
    assert faults(gate.verdicts_of("core", {"fit": 1000}, {}, 0.03)) == {
        "fit": "not in baseline.json"
    }
    assert faults(gate.verdicts_of("core", {}, {"fit": 1000}, 0.03)) == {
        "fit": "in baseline.json, and measured no more"
    }
    baseline = json.loads((ROOT / "bench" / "baseline.json").read_text(encoding="utf-8"))
    source = (ROOT / "bench" / "core" / "operations.c").read_text(encoding="utf-8")
    assert all(f'"{name}"' in source for name in baseline["core"])
    for part in ("core", "binding", "process", "steps"):
        assert all(baseline[part].values())


def test_every_verb_is_counted(gate: ModuleType) -> None:
    """A verb that is new has a line of its own in the table, and in the baseline."""
    baseline = json.loads((ROOT / "bench" / "baseline.json").read_text(encoding="utf-8"))
    counted = {name.split(" ")[0] for name in baseline["steps"]}
    for one in (Fleet, Host):
        public = {name for name, _ in inspect.getmembers(one, callable) if not name.startswith("_")}
        # sync wants a database, and does what update_rows and remove do; polars is no extra's
        left_out = {"sync", "to_polars"}
        assert {f"{one.__name__}.{name}" for name in public - left_out} <= counted


def test_figures_are_said_on_success_too(gate: ModuleType) -> None:
    verdicts = gate.verdicts_of("core", {"a": 100, "b": 200}, {"a": 100, "b": 100}, 0.03)
    suite = ElementTree.fromstring(gate.as_junit(verdicts))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, bad = suite
    assert good.findtext("system-out") == "count 100, baseline 100, growth +0.00%"
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message") == "core: b: 100 -> 200 (+100.0%)"
    rows = json.loads(gate.as_json(verdicts, {"python": "3.11"}))["counts"]
    assert [row["fault"] is None for row in rows] == [True, False]


LOOP = "for _again in range(20_000):\n{0}    pass\n{0}"
SEEDED = [
    ("Fleet.scan", "numafit.fleet", "Fleet.scan"),
    ("Host.fit", "numafit.host", "Host.fit"),
    ("Fleet.claim", "numafit.claims", "take"),
    ("Fleet.from_nova_rows", "numafit.columns.nova_rows", "gather_rows"),
    ("reader host file", "numafit.readers.hostfile", "read_host_file"),
    ("reader synthetic", "numafit.readers.synthetic", "host_of_synthetic"),
    ("command capacity", "numafit.cli.sources", "HostSources.fleets"),
]


@pytest.mark.parametrize(("operation", "module", "function"), SEEDED)
def test_a_loop_in_any_layer_is_seen(
    gate: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    module: str,
    function: str,
) -> None:
    from bench import steps

    monkeypatch.chdir(ROOT)
    work = steps.work_of(operation)
    work()
    before = {operation: steps.counted(work)}
    assert faults(gate.verdicts_of("steps", {operation: steps.counted(work)}, before, 0.03)) == {}
    seed_a_loop(monkeypatch, importlib.import_module(module), function)
    now = {operation: steps.counted(steps.work_of(operation))}
    assert operation in faults(gate.verdicts_of("steps", now, before, 0.03))
    assert now[operation] > before[operation] + 20_000


START = """\
import importlib.machinery as machinery, sys
get_code = machinery.SourceFileLoader.get_code

def seeded(self, name):
    if name != "numafit._public":
        return get_code(self, name)
    source = self.get_source(name) + sys.argv[1]
    return compile(source, self.get_filename(name), "exec")

machinery.SourceFileLoader.get_code = seeded
from bench import steps
print(steps.counted(steps.work_of("start")))
"""


def test_a_loop_in_the_start_is_seen(gate: ModuleType) -> None:
    """In the module that ``import numafit`` takes its names from, in a process of its own."""

    def steps(loop: str) -> dict[str, int]:
        command = [sys.executable, "-c", START, loop]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return {"start": int(done.stdout)}

    before = steps("")
    assert faults(gate.verdicts_of("steps", steps(""), before, 0.03)) == {}
    now = steps(LOOP.format(""))
    assert "start" in faults(gate.verdicts_of("steps", now, before, 0.03))
    assert now["start"] > before["start"] + 20_000


def seed_a_loop(monkeypatch: pytest.MonkeyPatch, module: Any, function: str) -> None:
    """The function of the module, as if its source had a loop in front."""
    owner, _dot, name = function.rpartition(".")
    of = getattr(module, owner) if owner else module
    source = textwrap.dedent(inspect.getsource(getattr(of, name)))
    tree = ast.parse(source)
    (made,) = tree.body
    assert isinstance(made, ast.FunctionDef)
    made.decorator_list = []
    made.body.insert(0, ast.parse(LOOP.format("")).body[0])
    code = compile(ast.fix_missing_locations(tree), inspect.getsourcefile(of) or "", "exec")
    names = dict(vars(module))
    exec(code, names)
    monkeypatch.setattr(of, name, names[name])
    if owner:
        return
    for user in list(sys.modules.values()):  # where it was imported by name
        if getattr(user, "__name__", "").startswith("numafit") and name in vars(user):
            monkeypatch.setattr(user, name, names[name])
