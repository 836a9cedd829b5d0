"""Recipes run with what ``make demo`` installs, or their section says which extra they take."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tomllib
from glob import glob
from pathlib import Path

import pytest

from numafit.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "recipes.md").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
NOT_OF_THE_DEMO = {
    "oslo_config", "sqlalchemy", "defusedxml", "nanoarrow", "jinja2", "matplotlib", "pandas",
    "prometheus_client", "polars", "pyarrow", "msgspec",
}  # fmt: skip


def sections() -> list[tuple[str, str, list[str]]]:
    """Title, text, and commands of each recipe."""
    found = []
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        joined = text.replace("\\\n", " ")
        commands = re.findall(r"^\$ numafit (.*)$", joined, re.MULTILINE)
        found.append((title, text, commands))
    return found


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``numafit[cli]`` does not bring cannot be imported."""
    for name in {*NOT_OF_THE_DEMO, *list(sys.modules)}:
        if name.partition(".")[0] in NOT_OF_THE_DEMO:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(ROOT)


def test_what_the_demo_lacks_is_named_rightly() -> None:
    brought = {one.partition(">")[0].lower() for one in EXTRAS["cli"] + EXTRAS["progress"]}
    assert brought - {"numafit[progress]"} == {"click", "rich", "pyyaml", "tqdm"}
    others = NOT_OF_THE_DEMO - {"msgspec", "prometheus_client"}
    assert all(importlib.util.find_spec(name) for name in others)


@pytest.mark.parametrize(("title", "text", "commands"), sections(), ids=lambda one: str(one)[:40])
def test_a_recipe_names_the_extra_that_it_takes(
    demo: None, capsys: pytest.CaptureFixture[str], title: str, text: str, commands: list[str]
) -> None:
    for command in commands:
        words = shlex.split(command)
        main([name for word in words for name in sorted(glob(word)) or [word]])
        wanted = re.findall(r"pip install 'numafit\[(\w+)\]'", capsys.readouterr().err)
        for extra in wanted:
            assert extra in EXTRAS
            assert f"pip install 'numafit[{extra}]'" in text, f"{title}: {command}"


def test_every_recipe_has_a_command() -> None:
    assert len(sections()) >= 7
    for title, text, commands in sections():
        assert commands or "\n    numafit " in text, title
