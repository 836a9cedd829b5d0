"""The engine without Python: what a scheduler in C gets."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from bench.report import Row

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
NOVA_FILTER_STEP = 370e-6
"""Seconds that nova's filter takes for one host of two cells."""
HOSTS = 1000


def program(
    targets: tuple[str, ...] = ("core_bench",), root: Path = ROOT, build: Path = BUILD
) -> Path | None:
    """Builds ``core_bench``; ``None`` where there is no CMake."""
    cmake = shutil.which("cmake")
    if cmake is None:
        return None
    configure = [cmake, "-S", root, "-B", build, "-DNUMAFIT_PYTHON=OFF", "-DNUMAFIT_BENCH=ON"]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    environment = {**os.environ, "CFLAGS": ""}
    for command in (configure, [cmake, "--build", build, "--target", *targets]):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"bench: core_bench cannot be built\n{done.stdout}{done.stderr}")
    return build / "bench" / "core" / "core_bench"


@cache
def times() -> dict[str, float]:
    """Seconds of one run of each operation."""
    binary = program()
    if binary is None:
        return {}
    found = {}
    for line in subprocess.check_output([binary], text=True).splitlines():
        name, _unit, _yes, nanoseconds = line.split("\t")
        found[name] = float(nanoseconds) * 1e-9
    return found


def measure() -> list[Row]:
    rows = []
    for name, words, target in (
        ("decide_best", "full scan", 50_000.0),
        ("decide_first", "first fit", None),
    ):
        if name in times():
            each = times()[name] / 10
            rows.append(
                Row(
                    f"decisions in C, 10 flavors, {HOSTS:,} hosts, {words}",
                    "decision",
                    each,
                    NOVA_FILTER_STEP * HOSTS,
                    None,
                    NOVA_FILTER_STEP * HOSTS / each,
                    "nova / numafit",
                    target,
                )
            )
    return rows
