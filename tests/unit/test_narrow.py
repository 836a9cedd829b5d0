"""Narrow terminals: fields are stacked where they do not fit beside each other, and no number is
broken over lines or lost."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

import pytest

from numafit.cli import COMMANDS, output
from numafit.cli.layout import wrapped
from numafit.cli.output import print_table

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
Run = Callable[..., Any]
NUMBER = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|\d+(?:\.\d+)?")
"""PCI addresses; counts, sizes, ids."""

ASKED = [
    "fit examples/flavors.json examples/hosts/dual-xeon.yaml --flavor nfv.large --pins",
    "fit examples/flavors.json examples/hosts/*",
    "fit examples/flavors.json examples/hosts/* --flavor nfv.huge --only refused",
    "explain examples/flavors.json examples/planning/busy-xeon.yaml --flavor nfv.large",
    "explain examples/flavors.json examples/planning/busy-xeon.yaml examples/hosts/e*"
    " --flavor nfv.large",
    "capacity examples/flavors.json examples/hosts/*",
    "capacity examples/flavors.json examples/hosts/* --by-host",
    "headroom examples/flavors.json examples/hosts/*",
    "headroom examples/flavors.json examples/hosts/* --flavor db.uneven --by kind",
    "stranded examples/flavors.json examples/hosts/* --by-host",
    "show examples/hosts/edge-gold.json",
    "replay tests/vectors/data/capacity.jsonl.gz",
    "discover --sysfs examples/networking/sys.tar.xz --map bar:bond0",
    "check --sysfs examples/networking/sys.tar.xz --config examples/networking/nova.conf",
    "move examples/server.json examples/hosts/*",
    "drain rack-a examples/planning/rack/* --claims examples/planning/rack-claims.jsonl",
    "plan-moves examples/planning/flavors.json examples/planning/rack/*"
    " --claims examples/planning/rack-claims.jsonl --for p8 --room 1",
    "what-if examples/flavors.json examples/hosts/* --guests 50 --workers 1",
    "multiqueue examples/flavor-router.json",
]


def numbers(text: str) -> Counter[str]:
    return Counter(NUMBER.findall(text))


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("asked", ASKED)
def test_no_number_is_broken_or_lost(
    numafit: Run, monkeypatch: pytest.MonkeyPatch, asked: str, width: int
) -> None:
    monkeypatch.chdir(ROOT)
    words = [name for word in shlex.split(asked) for name in sorted(glob(word)) or [word]]

    def printed(columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        done = numafit(*words)
        assert done.status in (0, 1), done.err
        return str(done.out)

    wide = numbers(printed(400))
    assert wide
    narrow = numbers(printed(width))
    # a row's name may stand once more, where columns go on below
    assert not wide - narrow, sorted(wide - narrow)
    assert set(narrow) == set(wide)


@pytest.mark.parametrize("asked", ASKED)
def test_sentences_on_a_terminal_are_broken_between_words(
    numafit: Run, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.chdir(ROOT)
    words = [name for word in shlex.split(asked) for name in sorted(glob(word)) or [word]]
    monkeypatch.setenv("COLUMNS", "60")
    whole = numafit(*words)
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    shown = numafit(*words)
    assert "".join(shown.out.split()) == "".join(whole.out.split())
    assert "".join(shown.err.split()) == "".join(whole.err.split())
    for line in (shown.out + shown.err).splitlines():
        # a word that is longer than a line stays whole
        assert len(line) < 60 or " " not in line.strip(), line


def test_a_terminal_is_told_from_a_pipe(tmp_path: Path) -> None:
    """In a pseudoterminal of 40 columns."""
    ours, theirs = pty.openpty()
    try:
        asked = ("capacity", "--hwloc", "pack:1 numa:1 core:2 pu:1", str(EXAMPLES / "flavors.json"))
        line = [sys.executable, "-m", "numafit", *asked]
        done = subprocess.run(
            line,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "40", "TERM": "xterm"},
            timeout=60,
        )
        assert done.returncode == 1
        os.set_blocking(ours, False)
        text = re.sub(r"\x1b\[\d*m", "", os.read(ours, 1 << 20).decode())  # heads are bold
    finally:
        os.close(ours)
        os.close(theirs)
    assert "nfv.huge" in text
    assert max(map(len, text.splitlines())) < 40


def test_every_command_that_prints_a_table_is_asked() -> None:
    asked = {line.split()[0] for line in ASKED}
    modules = {name: ROOT / "numafit" / "cli" / f"{name.replace('-', '_')}.py" for name in COMMANDS}
    tables = {name for name, file in modules.items() if "print_table(" in file.read_text()}
    # of times, which differ, and of a database: tests/unit/test_bench.py, test_servers.py
    assert tables - asked == {"bench", "servers"}


def test_a_table_that_is_too_wide_has_a_block_per_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    rows = [("xeon-0001", "0-3,16-19,32-35", 1048576), ("xeon-0002", None, 8)]
    print_table(("host", "CPUs", "memory, MiB"), rows, numbers=("memory, MiB",))
    assert capsys.readouterr().out.splitlines() == [
        " host          xeon-0001",
        " CPUs          0-3,",
        "               16-19,",
        "               32-35",
        " memory, MiB   1048576",
        "",
        " host          xeon-0002",
        " CPUs          -",
        " memory, MiB   8",
        "",
    ]


def test_words_are_never_broken() -> None:
    assert wrapped("8 more pages of 1 GiB", 9) == ["8 more", "pages of", "1 GiB"]
    assert wrapped("0-3,16-19", 9) == ["0-3,16-19"]
    assert wrapped("on 0-3,16-19", 9) == ["on", "0-3,16-19"]
    assert wrapped("on 0-3,16-19", 8) == ["on 0-3,", "16-19"]
    assert wrapped("123456789012", 4) == ["123456789012"]
    assert wrapped("1,152 to (547,840) MiB", 4) == ["1,152", "to", "(547,840)", "MiB"]
    assert wrapped("100,102,104,106,108,110", 4) == ["100,", "102,", "104,", "106,", "108,", "110"]
    assert wrapped("", 4) == [""]
