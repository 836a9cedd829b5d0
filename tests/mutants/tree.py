"""A copy of the tree in which faults may be put, and a Python that runs what stands there."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from .mutant import Mutant

MEMORY = 4 << 30
"""Bytes that a test under trial may take: a mutant may ask for all there are."""
PATIENCE = 12
"""Seconds of waiting for each second of work."""


@dataclass(frozen=True)
class Outcome:
    """``killed``, ``survived``, ``same`` or ``stillborn``, and by which test."""

    what: str
    by: str = ""


class Tree:
    """``work/tree``: the files of ``root``, as they stand; ``work/venv``: imports numafit there."""

    def __init__(self, root: Path, work: Path) -> None:
        self.path = work / "tree"
        self.python = work / "venv/bin/python"
        shutil.rmtree(self.path, ignore_errors=True)
        listed = subprocess.run(
            ("git", "ls-files", "-coz", "--exclude-standard"),
            cwd=root, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, self.path / name)
        if not self.python.exists():
            subprocess.run(
                (sys.executable, "-m", "venv", "--without-pip", work / "venv"), check=True
            )
        site = next((work / "venv/lib").glob("python*/site-packages"))
        (site / "tree.pth").write_text(f"{self.path}\n{sysconfig.get_path('purelib')}\n")

    def run(self, command: list[object], seconds: float, memory: bool = True) -> bool:
        """Did it end well, within so many seconds of a processor? The clock on the wall is for what
        hangs: machines are busy. Whatever it started ends with it."""
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NUMAFIT_FEWER": "1"},
            preexec_fn=lambda: _bounded(seconds, MEMORY if memory else resource.RLIM_INFINITY),
            start_new_session=True,
        )
        try:
            return process.wait(PATIENCE * seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def pytest(self, tests: list[str], seconds: float) -> bool:
        command = [self.python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        return self.run(command, seconds)

    def put(self, mutant: Mutant) -> str:
        """The file's text before, to be put back."""
        text = (self.path / mutant.file).read_text()
        (self.path / mutant.file).write_text(mutant.applied(text))
        return text


def _bounded(seconds: float, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
