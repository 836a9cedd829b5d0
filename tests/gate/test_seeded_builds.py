"""A loop in the engine or in the binding is seen by the gate: a copy of the tree is built with one
in it, and counted as ``make bench-gate`` counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.gate

ROOT = Path(__file__).parents[2]
BUILT = (
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "bench",
    "cmake",
    "numafit",
    "numafit_command",
    "pyproject.toml",
    "src",
)
LOOP_IN_C = "for (volatile int again = 0; again < 20000; again++) {}"
LOOP_IN_CYTHON = """\
        cdef unsigned int again = 0
        cdef volatile unsigned int kept = 0
        while again < 20000:
            again += 1
            kept = again
"""
VERBS = ("Host.fit", "Fleet.scan")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    from bench import gate

    return gate


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """What is built, to be changed."""
    made = tmp_path / "tree"
    made.mkdir()
    for name in BUILT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, made / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, made / name)
    yield made
    shutil.rmtree(made)


def put(path: Path, before: str, loop: str) -> None:
    """The loop, in front of the one place that has this text."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, loop + before), encoding="utf-8")


def grown(gate: ModuleType, part: str, now: dict[str, int], before: dict[str, int]) -> set[str]:
    known = {name: before[name] for name in now}
    verdicts = gate.verdicts_of(part, now, known, gate.MOST)
    return {one.name for one in verdicts if one.fault.startswith("grown by")}


def test_a_loop_in_the_engine(gate: ModuleType, tree: Path) -> None:
    def counts() -> dict[str, int]:
        binary = gate.program(root=tree, build=tree / "build")
        assert binary is not None
        (found,) = gate.counted([binary, "--count"], "core_bench")
        assert isinstance(found, dict)
        return found

    before = counts()
    assert grown(gate, "core", counts(), before) == set()
    put(tree / "src" / "claim.c", "    if (!placement_ok(f, host, r, p)) return NF_EINVAL;\n",
        f"    {LOOP_IN_C}\n")  # fmt: skip
    now = counts()
    seen = grown(gate, "core", now, before)
    assert "claim_release" in seen
    assert not seen & {"fit_one_cell", "scan_pinned", "capacity_pinned"}
    assert now["claim_release"] > before["claim_release"] + 20_000


def installed(tree: Path, home: Path) -> Path:
    """The Python of an environment that has the tree's numafit, and the packages that are here."""
    if not home.exists():
        venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    own = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    (own / "beside.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
    ]
    subprocess.run(
        [*pip, "-q", "--no-build-isolation", "--no-deps", "--ignore-installed", tree], check=True
    )
    shutil.copytree(tree / "bench", own / "bench", dirs_exist_ok=True)
    return python


def test_a_loop_in_the_binding(gate: ModuleType, tree: Path, tmp_path: Path) -> None:
    assert gate.program(("marks",)) is not None
    marks = gate.BUILD / "bench" / "core" / "libmarks.so"

    def counts() -> dict[str, int]:
        python = installed(tree, tmp_path / "environment")
        command = [python, "-P", "-W", "ignore", "-m", "bench.binding", marks, *VERBS]
        (found,) = gate.counted(command, "_engine")
        assert isinstance(found, dict)
        return found

    before = counts()
    assert set(before) == {"Host__fit", "Fleet__scan"}
    assert grown(gate, "binding", counts(), before) == set()
    put(
        tree / "numafit" / "_engine.pyx",
        "        placed.fill(&item)\n        scratch.bytes = max(",
        LOOP_IN_CYTHON,
    )
    now = counts()
    assert grown(gate, "binding", now, before) == {"Host__fit"}
    assert now["Host__fit"] > before["Host__fit"] + 10 * 20_000
