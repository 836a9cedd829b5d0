"""Tests that documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`((?:tests/)?(?:\w+/)*test_\w+\.(?:py|c))(?:::(\w+))?`")


@pytest.mark.parametrize("document", ["nova-differences.md", "testing.md", "testing-coverage.md"])
def test_each_test_that_is_named_is_there(document: str) -> None:
    found = set(NAMED.findall((ROOT / "docs" / document).read_text(encoding="utf-8")))
    assert len(found) > 5
    for file, name in found:
        there = list(ROOT.glob(file if "/" in file else f"tests/*/{file}"))
        assert there, f"no {file}"
        if name:
            word = re.compile(rf"\b{name}\(")
            assert any(word.search(one.read_text(encoding="utf-8")) for one in there), name
