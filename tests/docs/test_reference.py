"""The reference says what the code has: each reason with the sentence that is printed, each reader
with its result, each command."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import numafit
from numafit.cli import COMMANDS
from numafit.cli.group import numafit as group
from numafit.model.refusal import sentence

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
HEADER = Path(numafit.get_include()) / "numafit" / "numafit.h"


def rows(page: str) -> list[list[str]]:
    """The cells of all tables, without their heads."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    return [row for row in found if row[0].startswith("`")]


def test_every_reason_stands_there_in_the_order_of_the_header() -> None:
    body = HEADER.read_text().split("typedef enum nf_status {")[1].split("NF_STATUS_END")[0]
    codes = [name.lower() for name in re.findall(r"^ {4}NF_(\w+)[ ,]", body, re.MULTILINE)]
    assert codes[0] == "ok"
    assert sorted(row[0].strip("`") for row in rows("reasons.md")) == sorted(codes[1:])
    named = [row[0].strip("`") for row in rows("reasons.md")]
    # the host's own come in the order in which they matter to a reader
    assert named[4:] == codes[5:]


@pytest.mark.parametrize("row", rows("reasons.md"), ids=lambda row: row[0].strip("`"))
def test_a_reason_says_what_is_printed_and_what_to_do(row: list[str]) -> None:
    code, message, advice = row
    printed = sentence(code.strip("`"), 70001, 50001, 90001, "NET")
    words = printed.replace("70001 KiB", "N").replace("50001 KiB", "M").replace("90001 KiB", "P")
    words = words.replace("70001", "N").replace("50001", "M").replace("90001", "R")
    assert message == words
    assert advice.endswith(".")


def reader(name: str) -> object:
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"numafit.readers.{module}"), function)


@pytest.mark.parametrize("row", rows("readers.md"), ids=lambda row: row[0].strip("`"))
def test_a_reader_takes_and_returns_what_the_page_says(row: list[str]) -> None:
    called, _reads, returns, options, extras = row
    name, _, arguments = called.strip("`").rstrip(")").partition("(")
    function = reader(name)
    assert callable(function)
    signature = inspect.signature(function)
    given = [one for one in arguments.split(", ") if one != "..."]
    assert list(signature.parameters)[: len(given)] == given
    assert str(signature.return_annotation) == returns.strip("`")
    assert "InputError" in (function.__doc__ or ""), f"{name}: its docstring names no error"
    with (ROOT / "docs" / "reference" / "python.rst").open() as page:
        assert f".. autofunction:: numafit.readers.{name}\n" in page.read()
    known = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", extras)) <= known
    help_texts = "".join(
        " ".join(
            [
                *one.opts,
                one.make_metavar(group.make_context("numafit", ["--help"], resilient_parsing=True)),
            ]
        )
        for one in every_parameter()
    )
    for option in re.findall(r"`([\w-]+)`", options):
        assert option in help_texts


def every_parameter() -> list[object]:
    context = group.make_context("numafit", ["--help"], resilient_parsing=True)
    commands = [group.get_command(context, name) for name in COMMANDS]
    return [one for command in commands if command is not None for one in command.params]


def test_every_reader_that_the_command_line_calls_is_listed() -> None:
    listed = {row[0].strip("`").partition("(")[0] for row in rows("readers.md")}
    called = set()
    for file in (ROOT / "numafit" / "cli").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        for module, block in re.findall(
            r"from numafit\.readers\.(\w+) import ([^()\n]+|\([^)]+\))", text
        ):
            called |= {f"{module}.{name}" for name in re.findall(r"\bread_\w+", block)}
    # parts of what is listed: a tree of sysfs, and the files of --placement
    parts = {
        "sysfs_net.read_interfaces",
        "sysfs_net.read_nodes_by_address",
        "sysfs_nodes.read_nodes",
        "placement_json.read_placement_file",
        "placement_json.read_placement_folder",
    }
    assert called - parts <= listed
    assert len(called) > 15


def test_the_guide_of_the_command_line_names_every_command() -> None:
    text = (ROOT / "docs" / "guide" / "command-line.md").read_text(encoding="utf-8")
    assert [
        name for name in COMMANDS if f"`numafit {name}" not in text and f"## {name}" not in text
    ] == []
