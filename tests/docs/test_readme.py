"""What the README and the documentation show is what the commands print."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pytest

from numafit.cli import COMMANDS, main
from numafit.readers.hostfile import host_from_mapping
from numafit.readers.yamltext import parse_yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def numafit(line: str) -> Done:
    """Runs the line as a shell in the root of the tree would, in this process."""
    words = shlex.split(line)
    assert words[0] == "numafit"
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(ROOT)
        patch.setenv("COLUMNS", "80")
        # what stands in quotes is no path
        paths = [sorted(glob(word)) if "/" in word else [] for word in words[1:]]
        arguments = [
            name for word, found in zip(words[1:], paths, strict=True) for name in found or [word]
        ]
        status = main(arguments)
    return Done(status, out.getvalue(), err.getvalue())


def shown() -> list[tuple[str, str, str]]:
    """Page, command, and the output that the page shows below it."""
    found = []
    for page in PAGES:
        for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                while command.endswith("\\"):
                    more, _, output = output.partition("\n")
                    command = command[:-1] + more
                found.append((page.name, command, output))
    return found


@pytest.mark.parametrize(("page", "command", "output"), shown())
def test_output_that_is_shown(page: str, command: str, output: str) -> None:
    """A line of three dots stands for what was left out."""
    done = numafit(command)
    assert "Traceback" not in done.stderr
    printed = done.stdout + done.stderr
    places = [printed.find(piece.strip("\n")) for piece in output.split("\n...\n")]
    assert all(place >= 0 for place in places), printed
    if len(places) == 1:
        assert printed.strip("\n") == output.strip("\n")


def test_readme_shows_the_command_first() -> None:
    assert [page for page, _command, _output in shown()].count("README.md") >= 2


def help_examples() -> list[str]:
    """The lines of examples in the help of each command."""
    lines = []
    for name in ["", *COMMANDS]:
        text = numafit(f"numafit {name} --help").stdout
        lines += re.findall(r"^ +(numafit .*)$", text, re.MULTILINE)
    # no database is at hand here; tests/unit/test_servers.py has one, and asks these
    return [line for line in lines if "env:" not in line]


def test_examples_of_help_run() -> None:
    lines = help_examples()
    assert len(lines) >= len(COMMANDS)
    for line in lines:
        done = numafit(line)
        # whether a machine on which tests run has networks is its own affair
        expected = {0, 1} if line == "numafit discover" else {0}
        assert done.returncode in expected, f"{line}\n{done.stderr}"
        assert done.stdout
        assert "Traceback" not in done.stderr


def test_each_command_has_an_example_in_its_help() -> None:
    for name in COMMANDS:
        assert f"numafit {name} " in numafit(f"numafit {name} --help").stdout


def test_python_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    exec(compile(code.replace('"examples/', f'"{ROOT}/examples/'), "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"# ([\[{].*?[\]}])", code)
    assert printed == promised


def test_host_file_of_the_documentation() -> None:
    text = (ROOT / "docs" / "host-file.md").read_text(encoding="utf-8")
    (host,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert host_from_mapping(parse_yaml(host)).name == "small"


def test_host_file_documentation_names_every_key() -> None:
    import json

    text = (ROOT / "docs" / "host-file.md").read_text(encoding="utf-8")
    schema = json.loads((ROOT / "numafit" / "readers" / "host.schema.json").read_text())
    keys = set(schema["properties"])
    for part in ("cell", "pool", "pagePool"):
        keys |= set(schema["$defs"][part]["properties"])
    assert not {key for key in keys if f"`{key}`" not in text}


MEASURED = {
    "Where does a pinned guest land on this host?": "fit: pinned, 4 vCPUs",
    "Which of 1,000,000 hosts can take it, for each host": "scan: the same, a host",
    "How many more fit, for each host": "capacity: pinned",
    "Take it and give it back, from C": "claim and release: C",
    "Choose among 1,000 hosts and take it, from C": (
        "decisions in C, 10 flavors, 1,000 hosts, full scan"
    ),
}
"""Rows of the README's table of speed -> rows of docs/performance.md, which is measured."""
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def rows_of(page: Path) -> dict[str, list[str]]:
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) * UNITS[unit]


def test_speed_that_the_readme_claims_was_measured() -> None:
    """Times within a factor of two of the page that 'make bench' writes, ratios not above it."""
    claimed = {k: v for k, v in rows_of(ROOT / "README.md").items() if k != "question"}
    assert claimed.keys() == MEASURED.keys()
    measured = rows_of(ROOT / "docs" / "performance.md")
    for label, (ours, theirs, times) in claimed.items():
        _one, numafit_time, nova_time, _pass, ratio, _target = measured[MEASURED[label]]
        assert 0.5 < seconds(ours) / seconds(numafit_time) < 2
        assert 0.5 < seconds(theirs) / seconds(nova_time) < 2
        assert int(times.removeprefix("over ").replace(",", "")) <= float(
            ratio.split()[0].replace(",", "")
        )
