"""Programs that link numafit: the example schedulers in C and in Cython, on the same stream.

Both are built against the numafit that runs this, take turns, and time choosing, placing, taking
and giving back alone. The same code runs in both, so their times differ by noise; where valgrind is
at hand their instructions are compared instead.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numafit
from bench import cases
from bench.core import NOVA_FILTER_STEP, ROOT
from bench.report import Row
from bench.wide import wide
from numafit import Fleet, GuestCell, Request

HOSTS = 1000
EVENTS = 20_000
COUNTED = 3_000
TURNS = 7
EXAMPLES = ROOT / "examples"
Event = tuple[int, Request | None]
"""The number of a guest, and what it asks for; ``None``: it leaves."""


def events(count: int, seed: int = 1) -> list[Event]:
    """Guests of ten flavors that come and go, some 2,000 at a time; all are gone at the end."""
    rng = random.Random(seed)
    kinds = [cases.request(flavor) for flavor in cases.MIX]
    found: list[Event] = []
    there: list[int] = []
    while len(found) < count:
        if len(there) > 2000 and rng.random() < 0.5:
            found.append((there.pop(rng.randrange(len(there))), None))
        else:
            there.append(len(found))
            found.append((len(found), rng.choice(kinds)))
    return found + [(number, None) for number in there]


def words(request: Request) -> str:
    """A request as the scheduler in C reads it."""
    assert request.guest is not None
    cells = request.guest.cells
    return f"cells={len(cells)} {cell_words(cells[0])}" + (
        " emulator=isolate" if request.guest.emulator_threads_policy == "isolate" else ""
    )


def cell_words(cell: GuestCell) -> str:
    pages = {-1: "small", -2: "large", -3: "any"}
    found = {
        "dedicated": len(cell.pcpuset),
        "shared": len(cell.cpuset),
        "memory": cell.memory_mb,
        "page": pages.get(cell.pagesize or 0, cell.pagesize),
        "threads": cell.cpu_thread_policy,
    }
    return " ".join(f"{key}={value}" for key, value in found.items() if value)


class InC:
    """The scheduler in C, built as its users would."""

    def __init__(self, folder: Path, fleet: Fleet, stream: list[Event]) -> None:
        self.fleet, self.stream = folder / "fleet.txt", folder / "stream.txt"
        self.program = folder / "scheduler"
        sources = sorted((EXAMPLES / "scheduler_c").glob("*.c"))
        archive = Path(numafit.get_library_dir()) / "libnumafit.a"
        compiler = os.environ.get("CC", "cc")
        command = [compiler, "-O2", f"-I{numafit.get_include()}", *sources, archive]
        subprocess.run([*command, "-o", self.program], check=True)
        export = module("export_fleet", EXAMPLES / "scheduler_c" / "export_fleet.py")
        with self.fleet.open("w", encoding="utf-8") as out:
            export.write_fleet(fleet, out)
        with self.stream.open("w", encoding="utf-8") as out:
            for number, request in stream:
                verb, options = ("boot", words(request)) if request else ("delete", "")
                print(verb, f"g{number}", options, file=out)

    def run(self) -> tuple[int, float]:
        """Guests placed, decisions a second."""
        with self.stream.open(encoding="utf-8") as stream:
            done = subprocess.run(
                [self.program, self.fleet], stdin=stream, capture_output=True, text=True, check=True
            )
        found = re.search(r"(\d+) placed, (\d+) decisions a second", done.stderr)
        assert found, done.stderr
        return int(found[1]), float(found[2])


class InCython:
    """The extension, built by its setup.py, which calls the engine through capsules."""

    def __init__(self, folder: Path, fleet: Fleet, stream: list[Event]) -> None:
        source = folder / "cython"
        if not source.exists():
            shutil.copytree(EXAMPLES / "scheduler_cython", source)
            build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
            subprocess.run(build, cwd=source, check=True, capture_output=True)
        (built,) = source.glob("scheduler*.so")
        self.made, self.fleet = module("scheduler", built), fleet
        prepared = {id(request): fleet.prepare(request) for _n, request in stream if request}
        steps = {number: n for n, (number, request) in enumerate(stream) if request}
        self.steps: list[Any] = [
            steps[number] if request is None else prepared[id(request)]
            for number, request in stream
        ]
        self.decisions = len(steps)

    def run(self) -> tuple[int, float]:
        """Guests placed, decisions a second."""
        placed, seconds = self.made.Scheduler(self.fleet).run(self.steps)
        return placed, self.decisions / seconds


def instructions(command: list[str | Path], functions: list[str], **streams: Any) -> int:
    """Executed in these functions and below."""
    toggles = [f"--toggle-collect={function}" for function in functions]
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *toggles]
    done = subprocess.run(
        [*valgrind, *command], stderr=subprocess.PIPE, text=True, check=True, cwd=ROOT, **streams
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


def more_in_cython(folder: Path, fleet: Fleet) -> float:
    """Instructions of the decisions in Cython, for one in C. ``folder``: where both were built."""
    in_c = InC(folder, fleet, events(COUNTED))
    verbs = ["nf_choose", "nf_fit", "nf_claim", "nf_release"]
    with in_c.stream.open(encoding="utf-8") as requests:
        c = instructions(
            [in_c.program, in_c.fleet], verbs, stdin=requests, stdout=subprocess.DEVNULL
        )
    own = ["__pyx_f_9scheduler_9Scheduler_decide_alone*", "nf_release"]
    here = [sys.executable, "-W", "ignore", "-m", "bench.linked", folder]
    return instructions(here, own, stdout=subprocess.DEVNULL) / c


def measure(count: int = EVENTS) -> list[Row]:
    stream = events(count)
    nova = NOVA_FILTER_STEP * HOSTS
    counted = shutil.which("valgrind") is not None
    with tempfile.TemporaryDirectory() as name:
        folder, fleet = Path(name), wide(HOSTS, seed=3, used=0.3).fleet
        in_c, in_cython = InC(folder, fleet, stream), InCython(folder, fleet, stream)
        turns = [(in_c.run(), in_cython.run()) for _ in range(TURNS)]
        assert len({placed for turn in turns for placed, _speed in turn}) == 1, turns
        c, cython = (1 / max(turn[which][1] for turn in turns) for which in (0, 1))
        more = more_in_cython(folder, fleet) if counted else cython / c
    speed = Row(
        f"example scheduler in C: {HOSTS:,} hosts, full scan", "decision", c, nova,
        None, nova / c, "nova / numafit", at_least=50_000.0,
    )  # fmt: skip
    through_capsules = Row(
        "the same in Cython, through capsules", "decision", cython, nova,
        None, more, "instructions, Cython / C" if counted else "Cython / C", at_most=1.1,
    )  # fmt: skip
    return [speed, through_capsules]


def module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


if __name__ == "__main__":
    fleet = wide(HOSTS, seed=3, used=0.3).fleet
    print(InCython(Path(sys.argv[1]), fleet, events(COUNTED)).run())
