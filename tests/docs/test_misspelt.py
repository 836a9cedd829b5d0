"""What the guide says is printed for names that nova does not know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from numafit.cli import main

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "command-line.md").read_text("utf-8")
SECTION = GUIDE.partition("## Names that nova does not know\n")[2].partition("\n## ")[0]
CONSOLES = re.findall(r"```console\n\$ numafit (.*)\n((?:.|\n)*?)```", SECTION)


@pytest.mark.parametrize(("command", "printed"), CONSOLES)
def test_the_guide_shows_what_is_printed(
    command: str,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    main(command.split())
    out, err = capsys.readouterr()
    assert (err + out).rstrip() == printed.rstrip()


def test_the_guide_has_examples() -> None:
    assert len(CONSOLES) == 3
