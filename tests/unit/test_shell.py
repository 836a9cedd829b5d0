"""What a shell and its user meet: completion, and what is said of words that are misspelt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from numafit.cli import COMMANDS
from numafit.cli.group import numafit as group

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
XEON = EXAMPLES / "hosts" / "dual-xeon.yaml"
COMMAND = [sys.executable, "-c", "from numafit_command import main; raise SystemExit(main())"]


def answered(how: str, **words: str) -> str:
    """What ``numafit`` prints to a shell that asks it so."""
    # the environment of the tests, save what they may have set for numafit themselves
    asked = {**os.environ, "_NUMAFIT_COMPLETE": how, **words}
    done = subprocess.run(COMMAND, env=asked, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_numafit_for_completions(shell: str) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    script = answered(f"{shell}_source")
    assert f"_NUMAFIT_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "numafit cap", "COMP_CWORD": "1"}),
        ("zsh", {"COMP_WORDS": "numafit cap", "COMP_CWORD": "1"}),
        ("fish", {"COMP_WORDS": "numafit cap", "COMP_CWORD": "cap"}),
    ],
)
def test_a_command_is_completed_in_each_shell(shell: str, words: dict[str, str]) -> None:
    printed = answered(f"{shell}_complete", **words)
    assert "capacity" in printed.replace(",", "\n").split()
    assert "headroom" not in printed


def test_options_and_files_are_completed() -> None:
    def of(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        return answered("bash_complete", **words).split()

    assert of("numafit fit --flav") == ["plain,--flavor"]
    assert of("numafit fit exam") == ["file,exam"]
    assert of("numafit fit flavors.json host") == ["file,host"]
    assert of("numafit fit --image im") == ["file,im"]
    assert of("numafit fit --strategy sp") == ["plain,spread"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_the_script(tmp_path: Any) -> None:
    script = tmp_path / "complete.bash"
    script.write_text(answered("bash_source"))
    named = tmp_path / "numafit"
    named.write_text(f'#!/bin/sh\nexec {sys.executable} -m numafit "$@"\n')
    named.chmod(0o755)
    line = (
        f"source {script}; COMP_WORDS=(numafit plan); COMP_CWORD=1; "
        f'_numafit_completion {named}; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["plan-moves"], "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_command_has_a_suggestion(numafit: Run, name: str) -> None:
    wrong = name[:-1] + name[-1] * 2
    done = numafit(wrong)
    assert done.status == 2
    assert done.err == (
        f"numafit: No such command: {wrong!r}. Did you mean {name!r}? See 'numafit --help'.\n"
    )


def test_a_word_that_is_like_no_command_has_none(numafit: Run) -> None:
    done = numafit("q" * 5000)
    assert done.status == 2
    assert len(done.err) < 200


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_option_has_a_suggestion(numafit: Run, name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    options = [one.opts[0] for one in command.params if isinstance(one, click.Option)]
    assert options
    for option in options:
        done = numafit(name, option + "z", "x")
        assert done.status == 2
        assert f"No such option '{option}z'" in done.err
        assert f"'{option}'" in done.err


def test_hosts_come_from_the_same_sources_everywhere() -> None:
    """Who takes host files takes all sources of hosts, what stands beside them, and --match."""
    context = click.Context(group)
    commands = {name: group.get_command(context, name) for name in COMMANDS}
    taken = {
        name: {option for one in command.params for option in one.opts}
        for name, command in commands.items()
        if command is not None
    }
    some = {name for name in taken if "host_files" in taken[name]}
    assert some >= {"fit", "explain", "capacity", "headroom", "stranded", "show", "check"}
    shared = set.intersection(*(taken[name] for name in some))
    assert shared >= {
        "--host", "--nova-rows", "--sysfs", "--libvirt", "--hwloc", "--nova-db", "--fleet",
        "--config", "--placement-db", "--placement", "--api-db", "--aggregates", "--match",
    }  # fmt: skip


def test_formats_have_the_same_names_everywhere() -> None:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        for one in command.params:
            if "--format" in one.opts:
                assert isinstance(one.type, click.Choice)
                assert list(one.type.choices)[:2] == ["table", "json"], name


def test_show_takes_its_older_word_for_a_table(numafit: Run) -> None:
    asked = ("show", "--hwloc", "pack:1 numa:1 core:2 pu:1", "--format")
    assert numafit(*asked, "text").out == numafit(*asked, "table").out != ""


def test_the_help_of_a_command_lists_its_own_options_before_those_of_all(numafit: Run) -> None:
    heads = ("Options:", "Which guests, and how they are placed:", "Which hosts, and what is known")
    text = numafit("capacity", "--help").out
    own, guests, hosts = (text.index(head) for head in heads)
    assert own < text.index("--mix NAME") < guests < text.index("--flavor NAME") < hosts
    assert hosts < text.index("--nova-db ")
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        if any(one.name == "host_files" for one in command.params):
            assert heads[2] in numafit(name, "--help").out, name


def test_a_row_for_each_host_is_asked_for_by_the_same_option(numafit: Run) -> None:
    asked = (FLAVORS, XEON, "--flavor", "db.uneven", "--by-host")
    for name in ("fit", "capacity", "headroom", "stranded"):
        done = numafit(name, *asked)
        assert done.status in (0, 1), done.err
        assert "dual-xeon" in done.out
    assert numafit("headroom", *asked).out == numafit("headroom", *asked[:-1], "--by", "host").out
    both = numafit("headroom", *asked, "--by", "kind")
    assert (both.status, both.out) == (2, "")
    assert "--by-host does not go with --by kind" in both.err


@pytest.mark.parametrize("option", ["--host", "--nova-rows", "--sysfs", "--hwloc", "--fleet"])
def test_sources_that_tell_no_servers_say_so(numafit: Run, option: str) -> None:
    done = numafit("servers", option, "x")
    assert (done.status, done.out) == (2, "")
    assert f"{option} tells no servers: they stand in a cell's database (--nova-db)" in done.err
    assert option not in numafit("servers", "--help").out


def test_a_server_by_its_name_needs_a_database(numafit: Run) -> None:
    done = numafit("move", "web", XEON)
    assert done.status == 2
    assert "SERVER: 'web' is no file; by a name or uuid servers are found in --nova-db" in done.err
    assert "Whose servers? " in numafit("servers").err


def test_no_host_names_every_source(numafit: Run) -> None:
    said = numafit("show").err
    for option in ("--nova-rows", "--sysfs", "--libvirt", "--hwloc", "--nova-db", "--fleet"):
        assert option in said
