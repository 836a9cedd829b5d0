"""Every Python snippet of the documentation runs, those of one page one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def snippets(page: Path) -> list[str]:
    """Code with blank lines before it, so that a failure names the line of the page."""
    text = page.read_text(encoding="utf-8")
    return [
        "\n" * text[: found.start(2)].count("\n") + found[2]
        for found in FENCE.finditer(text)
        if found[1] == "python"
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_snippets_of(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS.parent)
    names: dict[str, object] = {"__name__": "__main__"}
    for code in snippets(page):
        exec(compile(code, str(page), "exec"), names)


def test_pages_have_snippets() -> None:
    assert sum(len(snippets(page)) for page in PAGES) >= 5
