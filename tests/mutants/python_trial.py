"""A mutant of Python on trial: the tests that run its line, quickest first, nova's recorded answers
last."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from .mutant import Mutant
from .tree import Outcome, Tree

LEFT_OUT = (
    *("hostile", "killed_save", "interrupted", "bench_gate", "textfile", "text_of_tools", "rooms"),
    *("fleet_tampered", "fleet_saved", "fleet_arrow", "fleet_rows", "sysfs", "discover", "seen"),
    *("open_in_c", "sweep"),
)
"""Unit tests that wait, ask much of what is no rule, or link what is not built here."""
TESTS = (
    "tests/unit",
    "tests/vectors",
    "--ignore=tests/vectors/test_fit.py",  # half a minute, and no line that others do not run
    *(f"--ignore=tests/unit/test_{name}.py" for name in LEFT_OUT),
)
MOST_SECONDS = 12
"""Of tests for one mutant: a line that every test runs is not run by all of them."""
PATIENT = (3 * MOST_SECONDS, 3 * MOST_SECONDS, 120)
"""Seconds for the tests of each kind, before what they do counts as endless."""


class PythonTrial:
    def __init__(self, tree: Tree, work: Path) -> None:
        self.tree = tree
        self.lines: dict[str, dict[str, list[str]]] | None = None
        self.seconds: dict[str, float] = {}
        self.file = work / "lines.json"

    def _look(self) -> dict[str, dict[str, list[str]]]:
        digest = self._digest()
        if self.lines is None and not (self.file.exists() and digest in self.file.read_text()):
            subprocess.run(
                (self.tree.python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 "-p", "tests.mutants.which_lines", *TESTS),
                cwd=self.tree.path, check=True,
                env={**os.environ, "NUMAFIT_LINES": str(self.file), "NUMAFIT_FEWER": "1",
                     "NUMAFIT_LINES_OF": digest},
            )  # fmt: skip
        if self.lines is None:
            found = json.loads(self.file.read_text())
            self.lines, self.seconds = found["lines"], found["seconds"]
        return self.lines

    def _digest(self) -> str:
        """Of all that decides which test runs which line."""
        digest = hashlib.sha256()
        for path in sorted(self.tree.path.glob("[nt]*/**/*.py")):
            if path.parent.name != "mutants":
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def tests_of(self, mutant: Mutant) -> tuple[list[str], list[str], list[str]]:
        """Those that run its lines, and those that run others of the file: what was asked once
        may be remembered, and what is decided as a module is imported is of no test. Then all
        of nova's answers that run either: each of them is thousands of cases in one test."""
        lines = self._look().get(mutant.file, {})
        first, last = mutant.lines
        near = {test for n in range(first, last + 1) for test in lines.get(str(n), ())}
        others = {test for here in lines.values() for test in here} - near
        recorded = {test for test in near | others if test.startswith("tests/vectors")}
        # tables of words, which are filled before any test runs
        recorded.add("tests/vectors/test_words.py")
        return self._quickest(near), self._quickest(others), sorted(recorded)

    def _quickest(self, tests: set[str]) -> list[str]:
        chosen: list[str] = []
        total = 0.0
        for test in sorted(tests, key=lambda test: self.seconds[test]):
            total += self.seconds[test]
            if chosen and total > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen

    def __call__(self, mutant: Mutant) -> Outcome:
        of_each = self.tests_of(mutant)
        before = self.tree.put(mutant)
        try:
            try:
                compile(mutant.applied(before), mutant.file, "exec")
            except SyntaxError:
                return Outcome("stillborn")
            for tests, seconds in zip(of_each, PATIENT, strict=True):
                if tests and not self.tree.pytest(tests, seconds):
                    return Outcome("killed", "pytest")
            return Outcome("survived")
        finally:
            (self.tree.path / mutant.file).write_text(before)
