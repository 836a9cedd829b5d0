"""A file that Python wrote is opened by a C program, which answers as Python does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import numafit
from numafit import Fleet, GuestCell, GuestTopology, Request, shared
from tests.unit.travelling import make_fleet

TESTS = Path(__file__).parents[1] / "c"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("open") / "test_open"
    sources = [TESTS / name for name in ("test_open.c", "fixture.c", "image.c")]
    library = Path(numafit.get_library_dir()) / "libnumafit.a"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-O1", f"-I{numafit.get_include()}",
         *map(str, sources), str(library), "-lm", "-o", str(built)],
        check=True,
    )  # fmt: skip
    return built


def told(program: Path, file: Path, cpus: int) -> list[tuple[str, int]]:
    words = [str(program), str(file), str(cpus)]
    done = subprocess.run(words, capture_output=True, check=True)
    lines = [line.rsplit(" ", 1) for line in done.stdout.decode().splitlines()]
    return [(name, int(count)) for name, count in lines]


@pytest.mark.parametrize("hosts", [1, 9, 700])
def test_c_answers_as_python_does(program: Path, tmp_path: Path, hosts: int) -> None:
    fleet, path = make_fleet(hosts), tmp_path / "fleet"
    request = Request(GuestTopology([GuestCell((), range(3), 64, None, "dedicated")]))
    fleet.claim(request, hosts // 2)
    shared.write(fleet, path)
    # by hand: six dedicated CPUs in each of two cells, five on hosts of odd number
    expected = [(f"höst {n}", 2 if n % 2 else 4) for n in range(hosts)]
    expected[hosts // 2] = (f"höst {hosts // 2}", 1 if hosts // 2 % 2 else 3)
    assert told(program, path, 3) == expected
    assert fleet.capacity(request).tolist() == [count for _, count in expected]


def test_c_says_why_it_opens_no_other_file(program: Path, tmp_path: Path) -> None:
    Fleet([]).save(tmp_path / "saved")
    done = subprocess.run([program, tmp_path / "saved", "3"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"not a fleet of numafit's" in done.stderr
