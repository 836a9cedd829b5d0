"""The README and the start page of the documentation name the same people, and lead each on."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def people(page: Path) -> dict[str, set[Path]]:
    """Who is named -> the pages that they are led to."""
    text = page.read_text(encoding="utf-8")
    items = re.findall(r"^- \*\*(.+?)\*\*(.*?)(?=^- \*\*|^$)", text, re.MULTILINE | re.DOTALL)
    return {
        who: {
            (page.parent / link.partition("#")[0]).resolve()
            for link in re.findall(r"\]\((.+?)\)", said)
        }
        for who, said in items
    }


def test_the_same_people_are_led_to_the_same_pages() -> None:
    readme, index = people(ROOT / "README.md"), people(ROOT / "docs" / "index.md")
    assert list(readme) == list(index)
    assert {who.lower() for who in readme} == {
        "operators", "capacity planners", "authors of schedulers", "ci engineers",
    }  # fmt: skip
    for who, pages in index.items():
        assert pages, who
        assert all(page.is_file() for page in readme[who] | pages)
        assert pages <= readme[who]
