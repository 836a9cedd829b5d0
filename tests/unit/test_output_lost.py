"""Standard output that is closed, full or read by nobody is no answer: one line and status 2, never
the 1 that means "does not fit". The same for errors nobody thought of, which end with 3."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from numafit import cli
from numafit.cli import COMMANDS, group

HOST = "examples/hosts/dual-xeon.yaml"
FITS = ["fit", "examples/flavors.json", HOST, "--flavor", "nfv.large"]
DOES_NOT = ["fit", "examples/flavors.json", HOST, "--flavor", "nfv.huge"]
FOUND = ["discover", "--sysfs", "examples/networking/sys.tar.xz", "--map", "foo:eno1"]
CHECKED = [
    *("check", "--sysfs", "examples/networking/sys.tar.xz"),
    *("--config", "examples/networking/nova.conf"),
]
QUEUES = ["multiqueue", "examples/flavor-router.json", "examples/images/vnf-router.json"]
MOVED = ["move", "examples/server.json", HOST]
REPLAYED = ["replay", "tests/vectors/data/capacity.jsonl.gz"]
COUNTED = ["capacity", "examples/flavors.json", HOST]
ROOM = ["headroom", "examples/flavors.json", HOST]
EXPORTED = ["export", "examples/flavors.json", HOST, "--once"]
LOST = ["stranded", "examples/flavors.json", HOST]
COMING = ["what-if", "examples/flavors.json", HOST, "--guests", "5"]
EXPLAINED = ["explain", "examples/flavors.json", "examples/planning/busy-xeon.yaml"]
WHAT_IF = ["what-if", "examples/flavors.json", HOST, "--guests", "3", "--workers", "1"]
RACK = ["examples/planning/rack/rack-a.yaml", "examples/planning/rack/rack-b.yaml"]
CLAIMS = ["--claims", "examples/planning/rack-claims.jsonl"]
DRAINED = ["drain", "rack-a", *RACK, "examples/planning/rack/rack-c.yaml", *CLAIMS]
PLANNED = [
    *("plan-moves", "examples/planning/flavors.json", *RACK),
    *("examples/planning/rack/rack-c.yaml", *CLAIMS, "--for", "p8", "--room", "1"),
]
BENCHED = ["bench", "--hosts", "20", "--seconds", "0"]
REPORTED = ["report", "examples/flavors.json", HOST, "--worst", "1", "--flavor", "nfv.large"]

LINES = [
    ["--version"],
    ["--help"],
    *([name, "--help"] for name in COMMANDS),
    *(
        [*command, "--format", form]
        for command in (
            FITS,
            DOES_NOT,
            FOUND,
            CHECKED,
            QUEUES,
            REPLAYED,
            COUNTED,
            EXPLAINED,
            ROOM,
            LOST,
            COMING,
            MOVED,
            WHAT_IF,
            DRAINED,
            PLANNED,
            BENCHED,
        )
        for form in ("table", "json")
    ),
    [*COUNTED, "--format", "csv"],
    REPORTED,
    EXPORTED,
    [*FOUND, "--format", "conf"],
    *(["show", HOST, "--format", form] for form in ("text", "json", "svg")),
]


# once for all children
for name in (
    *(f"numafit.cli.{name.replace('-', '_')}" for name in COMMANDS),
    "jinja2",
    "matplotlib.figure",
    "rich.console",
    "rich.table",
    "yaml",
    "numafit.readers.yamltext",
):
    importlib.import_module(name)


def closed() -> None:
    os.close(1)
    sys.stdout = None  # type: ignore[assignment]


def full() -> None:
    write_to(os.open("/dev/full", os.O_WRONLY))


def unread() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    write_to(write_end)


def kept() -> None:
    write_to(os.open(os.devnull, os.O_WRONLY))


def write_to(handle: int) -> None:
    os.dup2(handle, 1)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def ended(arguments: list[str], output: Callable[[], None], folder: Path) -> tuple[int, str]:
    """Status and standard error of the command line in a child with this standard output."""
    errors = folder / "errors"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.stderr = open(errors, "w", encoding="utf-8")  # noqa: SIM115
            output()
            status = cli.main(arguments)
            if sys.stdout is not None:
                sys.stdout.flush()  # as Python does at exit
            sys.stderr.flush()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), errors.read_text()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = Path(__file__).parents[2]
    for name in ("examples", "tests"):
        (tmp_path / name).symlink_to(root / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_stands_in_the_list() -> None:
    # servers reads a database
    assert {line[0] for line in LINES if "--help" not in line} >= set(COMMANDS) - {"servers"}


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_output_that_is_lost_is_no_answer(line: list[str], here: Path) -> None:
    status, said = ended(line, kept, here)
    assert status in (0, 1), said
    for output, words in (
        (closed, "standard output is closed"),
        (full, "standard output: No space left on device"),
        (unread, "standard output: its reader ended before the answer did"),
    ):
        status, said = ended(line, output, here)
        assert (status, said.count("\n")) == (2, 1), (output, said)
        assert said.startswith(f"numafit: {words}"), (output, said)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("--version >&-", 2),
        ("--version > /dev/full", 2),
        ("nonsense 2> /dev/full", 2),
        ("nonsense 2>&-", 2),
        ("fit - host.yaml <&-", 2),
        ("fit no-such-file no-such-host >&- 2>&-", 2),
    ],
)
def test_a_shell_sees_the_status_whatever_stream_is_lost(line: str, status: int) -> None:
    command = f"{sys.executable} -m numafit {line}"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == status, done
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == (0 if "2>" in line else 1), done


def test_a_sign_that_the_output_cannot_hold_is_no_answer(here: Path) -> None:
    def latin() -> None:
        kept()
        sys.stdout.reconfigure(encoding="latin-1")  # type: ignore[union-attr]

    status, said = ended(["show", HOST], latin, here)
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("numafit: standard output: latin-1 has no '\\u251c'"), said


def test_an_error_nobody_thought_of_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_arguments: object) -> int:
        raise TypeError("of two\nlines")

    monkeypatch.setattr(group, "run", fails)
    assert cli.main([]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a defect of numafit, please report it: TypeError: of two lines" in said
    monkeypatch.setenv("NUMAFIT_TRACEBACK", "1")
    with pytest.raises(TypeError):
        cli.main([])
