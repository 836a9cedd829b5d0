"""The list of mutants that are the same program (tests/mutants/same.txt) excuses no other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.mutant import known_same, one_line

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("file", "before", "after"), known_same(), ids=lambda text: str(text)[:60])
def test_each_entry_is_of_one_line_that_there_is(file: str, before: str, after: str) -> None:
    lines = [one_line(line) for line in (ROOT / file).read_text().splitlines()]
    assert lines.count(before) == 1
    assert after != before
