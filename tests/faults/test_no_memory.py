"""Every allocation of every verb failed once: MemoryError, nothing lost, nothing changed.

NUMAFIT_ALLOCATIONS says how many of a verb's allocations are tried (default: 30, at random).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from numafit import get_library_dir

HERE = Path(__file__).parent
TRIED = os.environ.get("NUMAFIT_ALLOCATIONS", "30")
VERBS = 40


@pytest.mark.skipif(
    not shutil.which("cc") or platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ,
    reason="needs a C compiler, glibc and a Python that nothing is preloaded into",
)
def test_want_of_memory_is_a_memory_error_and_changes_nothing(tmp_path: Path) -> None:
    shim = tmp_path / "no_memory.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", shim, HERE / "no_memory.c"],
        check=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.no_memory", tmp_path, TRIED],
        env=os.environ | {"LD_PRELOAD": str(shim), "PYTHONMALLOC": "malloc"},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(lines) == VERBS
    assert [line for line in lines if len(line) > 2] == []
    few = {line[0] for line in lines if int(line[1]) < 8}
    assert few <= {"check"}, f"hardly anything failed: {lines}"


@pytest.mark.skipif(not shutil.which("nm"), reason="needs binutils")
def test_of_the_library_the_builder_alone_takes_memory() -> None:
    listed = subprocess.run(
        ["nm", "-A", "--undefined-only", Path(get_library_dir()) / "libnumafit.a"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    used: dict[str, set[str]] = {}
    for line in listed.stdout.splitlines():
        archive_member, _, name = line.rpartition(" U ")
        used.setdefault(archive_member.split(":")[1], set()).add(name)
    assert any("memcpy" in names for names in used.values()), "these are not the names that it uses"
    taken = {"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "free"}
    assert {part: names & taken for part, names in used.items() if names & taken} == {
        "kept.c.o": {"malloc", "free"}
    }
