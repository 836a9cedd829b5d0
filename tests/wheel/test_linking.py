"""The guide's programs in C and C++, built and run by its commands; how they find the library."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.header import abi_version
from tests.wheel.conftest import EXAMPLES, ROOT, ask, run

pytestmark = pytest.mark.wheel

GUIDE = (ROOT / "docs" / "guide" / "schedulers.md").read_text(encoding="utf-8")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]


def by_the_guide(python: Path, folder: str, source: str, tmp_path: Path) -> str:
    """What the guide's commands for this source print, in a copy of the examples."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    blocks = re.findall(r"(?:^    .*\n)+", GUIDE, re.MULTILINE)
    (commands,) = [block for block in blocks if f" {source} " in block]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return run("sh", "-euc", commands, cwd=tmp_path / "examples" / folder, PATH=path)


def test_the_first_program_of_the_guide_says_where_and_why_not(
    python: Path, tmp_path: Path
) -> None:
    assert len((EXAMPLES / "first_c" / "first.c").read_text().splitlines()) < 60
    # the port's VF is on cell 1 of both hosts, and the NIC of physnet1 on cell 1 of rack1-b alone;
    # of its CPUs 16 to 31 the first four are for shared vCPUs
    assert by_the_guide(python, "first_c", "first.c", tmp_path).splitlines() == [
        "rack1-a: no: no choice of cells serves networks and PCI requests together",
        "rack1-b: cell 1, CPUs 20 21 22 23",
    ]


def test_a_saved_fleet_opens_in_c_and_answers_as_in_python(python: Path, tmp_path: Path) -> None:
    lines = by_the_guide(python, "first_c", "opened.c", tmp_path).splitlines()
    said = [line.split(", ")[0] for line in lines]
    script = """
from pathlib import Path
from numafit import Fleet, GuestCell, GuestTopology, Request
from numafit.readers.hostfile import read_host_file
fleet = Fleet(map(read_host_file, sorted(Path("../hosts").glob("*.yaml"))))
request = Request(GuestTopology([GuestCell((), range(4), 1024, cpu_policy="dedicated")]))
for name, count in zip(fleet.names, fleet.capacity(request), strict=True):
    print(f"{name}: {count}")
"""
    folder = tmp_path / "examples" / "first_c"
    assert run(python, "-c", script, cwd=folder).splitlines() == said
    assert len(said) > 1
    done = subprocess.run([folder / "opened", "gone", "4"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "gone: No such file or directory\n")


def test_the_scheduler_in_c_is_built_by_the_commands_of_the_guide(
    python: Path, tmp_path: Path
) -> None:
    out = by_the_guide(python, "scheduler_c", "*.c", tmp_path)
    assert out.startswith("one ")
    assert "0:" in out


def test_a_claim_of_the_guide_in_cpp_gives_itself_back(python: Path, tmp_path: Path) -> None:
    # two hosts of two cells of 8 CPUs: a guest of 6 fits into each once, and into the last again
    # when its claim has gone
    *lines, full = by_the_guide(python, "scheduler_cpp", "scheduler.cpp", tmp_path).splitlines()
    assert lines == [
        "rack1-a: 0 1 2 3 4 5",
        "rack1-a: 8 9 10 11 12 13",
        "rack1-b: 0 1 2 3 4 5",
        "rack1-b: 8 9 10 11 12 13",
        full,
        "rack1-b: 8 9 10 11 12 13",
    ]
    assert full == "full: too few free dedicated CPUs: 6 wanted, 2 there"


def flags(python: Path, tmp_path: Path, *more: str) -> list[str]:
    return run(python, "-m", "numafit.linking", *more, cwd=tmp_path).split()


def test_a_static_program_runs_without_the_library(python: Path, tmp_path: Path) -> None:
    source = EXAMPLES / "first_c" / "first.c"
    run("cc", "-o", "first", source, *flags(python, tmp_path, "--static"), cwd=tmp_path)
    assert run(tmp_path / "first", cwd=tmp_path).startswith("rack1-a:")
    assert "numafit" not in run("ldd", tmp_path / "first", cwd=tmp_path)


def test_linking_knows_two_ways(python: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [python, "-m", "numafit.linking", "--gold"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "numafit.linking: --gold: expected nothing, or --static\n"


def test_programs_ask_for_the_library_of_their_abi(python: Path, tmp_path: Path) -> None:
    source = EXAMPLES / "first_c" / "first.c"
    name = f"libnumafit.so.{abi_version()}"
    library = Path(ask(python, "numafit.get_library_dir()", tmp_path)) / name
    run("cc", "-o", "first", source, *flags(python, tmp_path), cwd=tmp_path)
    assert f"Shared library: [{name}]" in run("readelf", "-d", tmp_path / "first", cwd=tmp_path)
    assert f"soname: [{name}]" in run("readelf", "-d", library, cwd=tmp_path)
    hidden = library.rename(library.with_suffix(".99"))
    try:
        done = subprocess.run([tmp_path / "first"], capture_output=True, text=True)
    finally:
        hidden.rename(library)
    assert done.returncode == 127
    assert name in done.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
def test_headers_and_example_are_clean_in_cpp(
    python: Path, tmp_path: Path, compiler: str, standard: str
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    source = EXAMPLES / "scheduler_cpp" / "scheduler.cpp"
    include = ask(python, "numafit.get_include()", tmp_path)
    run(compiler, f"-std={standard}", *STRICT, f"-I{include}", source, cwd=tmp_path)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
def test_headers_and_first_program_are_clean_in_c(
    python: Path, tmp_path: Path, compiler: str, standard: str
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    source = EXAMPLES / "first_c" / "first.c"
    include = ask(python, "numafit.get_include()", tmp_path)
    run(compiler, f"-std={standard}", *STRICT, f"-I{include}", source, cwd=tmp_path)
