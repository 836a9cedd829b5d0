"""A run that was asked for nothing has not passed: make mutants, make oracle, make fuzz-readers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("mutants --only src/nope.c", "--only src/nope.c: no mutant is in a file"),
        ("mutants --sample -1", "--sample -1: a number of mutants"),
        ("mutants --again /dev/null", "--again /dev/null: it names no mutant of today"),
        ("oracle --cases 0", "--cases 0: 1 or more"),
        ("oracle --cases -5", "--cases -5: 1 or more"),
        ("oracle --jobs 0", "--jobs 0: 1 or more"),
        ("oracle --kind pci --world -1", "--world -1: 0 or more"),
        ("fuzz.run --seconds 1 nope", "no such reader: nope"),
        ("fuzz.run --seconds 0", "--seconds 0: 1 or more"),
    ],
)
def test_nothing_to_do_is_an_error(asked: str, words: str) -> None:
    module, *arguments = asked.split()
    done = subprocess.run(
        [sys.executable, "-m", f"tests.{module}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
