"""Fuzz readers: ``python -m tests.fuzz.run --seconds 60 [READER or FAMILY ...]``, from the
checkout's root.

Each reader has a process of its own, whose memory is limited, or shares one with its family: then
the first byte of an input says whose it is. What leads on is found by atheris
(libFuzzer) where it is installed; elsewhere inputs are made at random. An input that ends in
another way than ``readers.ask`` allows is written to ``build/fuzz/found``: mend the cause, and copy
it to ``tests/fuzz/corpus/READER``, where ``test_bounds.py`` reads it from then on.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "fuzz"
CORPUS = Path(__file__).parent / "corpus"
FOUND = BUILD / "found"
_LONGEST_INPUT = 1 << 16
_A_PROCESS = 100
"""Seconds."""


class Outcome(NamedTuple):
    reader: str
    runs: int
    a_second: int
    reached: str
    """Edges of numafit's bytecode, where atheris counts them."""
    fault: str
    """The first line of what went wrong; empty where nothing did."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="READER", help="or a family of them; default: each reader"
    )
    parser.add_argument("--seconds", type=int, default=60, help="of each process")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the same inputs; 0: others each time"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    for name in ("seconds", "jobs"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} {getattr(given, name)}: 1 or more")
    if given.in_this_process:
        warnings.simplefilter("ignore")
        fuzz(given.names[0], given.seconds, given.seed)
        return 0
    from tests.fuzz.readers import FAMILIES, READERS

    names = given.names or list(READERS)
    known = [*FAMILIES, *READERS]
    if unknown := sorted(set(names).difference(known)):
        parser.error(f"no such reader: {', '.join(unknown)}; there are {', '.join(known)}")
    print(f"{'reader':18} {'runs':>9} {'a second':>9} {'reached':>8}")
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        outcomes = list(pool.map(lambda name: _child(name, given.seconds, given.seed), names))
    return 1 if any(outcome.fault for outcome in outcomes) else 0


def _child(name: str, seconds: int, seed: int) -> Outcome:
    """In a process after the other: atheris never gives back what a comparison that it looks at
    makes, as of two columns of SQL."""
    log = BUILD / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    runs, reached, fault, shares = 0, "-", "", Counter[str]()
    for start in range(0, seconds, _A_PROCESS):
        here = min(_A_PROCESS, seconds - start)
        status = _process(name, here, seed and seed + start, log)
        text = log.read_text("utf-8", "replace")
        runs += int(_last(r"number_of_executed_units: *(\d+)", text) or 0)
        reached = _last(r"\bcov: (\d+)", text) or reached
        for one, n in re.findall(r"(\S+) (\d+)", _last(r"^runs of (.*)$", text)):
            shares[one] += int(n)
        if status:
            errors = r"^(?:[\w.]+(?:Error|Exception|Interrupt)\b.*|.*ERROR: .*)$"
            fault = next(iter(re.findall(errors, text, re.M)), f"status {status}")
            break
    outcome = Outcome(name, runs, runs // seconds, reached, fault)
    print(f"{name:18} {outcome.runs:9} {outcome.a_second:9} {outcome.reached:>8}", flush=True)
    if shares:
        print("  " + ", ".join(f"{one} {n}" for one, n in shares.items()), flush=True)
    if fault:
        print(f"  FOUND {fault[:200]}\n  see {log.relative_to(ROOT)} and {FOUND.relative_to(ROOT)}")
    return outcome


def _process(name: str, seconds: int, seed: int, log: Path) -> int:
    """The status in which it ended."""
    command = [sys.executable, "-m", "tests.fuzz.run", "--in-this-process", name]
    with log.open("wb") as output:
        done = subprocess.run(
            [*command, "--seconds", str(seconds), "--seed", str(seed)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=4 * seconds + 300,
            check=False,
        )
    return done.returncode


def _last(pattern: str, text: str) -> str:
    found = re.findall(pattern, text, re.M)
    return found[-1] if found else ""


def fuzz(name: str, seconds: int, seed: int) -> None:
    """Until the time is over, or something is found: the process then ends with a status."""
    try:
        import atheris
    except ImportError:
        from tests.fuzz import readers

        _at_random(name, seconds, seed, readers)
        return
    # the finder of an editable install hides the sources from atheris
    sys.meta_path.sort(key=lambda finder: "Redirecting" in type(finder).__name__)
    with atheris.instrument_imports(include=["numafit"]):
        from tests.fuzz import readers
    from tests.fuzz.mutate import mutated

    folder = Path(tempfile.mkdtemp())
    table = _Table.of(name, folder, readers)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        head, body, others = table.taken_apart(data)
        if dice.random() < 0.3:
            return head + bytes(atheris.Mutate(body, most - len(head)))
        return (head + mutated(body, others, dice))[:most]

    seeds, grown = BUILD / "seeds" / name, BUILD / "corpus" / name
    for path in (seeds, grown, FOUND):
        path.mkdir(parents=True, exist_ok=True)
    for data in table.inputs():
        (seeds / _digest(data)).write_bytes(data)
    memory = (_resident() + readers.MEMORY) >> 20
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_INPUT}",
        f"-seed={seed}",
        f"-rss_limit_mb={memory}",
        f"-timeout={10 * round(readers.SECONDS)}",
        f"-artifact_prefix={FOUND}/{name}-",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], *options, str(grown), str(seeds)], table.check, custom_mutator=mutate
    )
    atheris.Fuzz()


def _at_random(name: str, seconds: int, seed: int, readers: Any) -> None:
    from tests.fuzz.mutate import mutated

    with tempfile.TemporaryDirectory() as folder:
        table = _Table.of(name, Path(folder), readers)
        corpus = table.inputs()
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = size + readers.MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        dice = random.Random(seed or time.time_ns())
        runs, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            head, body, others = table.taken_apart(dice.choice(corpus))
            data = (head + mutated(body, others, dice))[:_LONGEST_INPUT]
            table.check(data)
            runs += 1
        print(f"number_of_executed_units: {runs}\naverage_exec_per_sec: {runs // max(seconds, 1)}")


@dataclass
class _Table:
    """Who sits at it: one reader, or a family whose members the first byte of an input tells apart.

    ``corpora``: what each is known to read."""

    names: tuple[str, ...]
    corpora: list[list[bytes]]
    folder: Path
    readers: Any
    runs: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, name: str, folder: Path, readers: Any) -> _Table:
        names = readers.FAMILIES.get(name, (name,))
        return cls(names, [_corpus(one, readers) for one in names], folder, readers)

    def inputs(self) -> list[bytes]:
        family = len(self.names) > 1
        return [
            bytes((n,)) * family + data for n, known in enumerate(self.corpora) for data in known
        ]

    def taken_apart(self, data: bytes) -> tuple[bytes, bytes, list[bytes]]:
        """Whose it is, as a byte or none; what it reads; what else it is known to read."""
        if len(self.names) == 1:
            return b"", data, self.corpora[0]
        n = data[0] % len(self.names) if data else 0
        return bytes((n,)), data[1:], self.corpora[n]

    def _seconds(self, name: str, body: bytes) -> float:
        start = time.process_time()
        self.readers.ask(name, body, self.folder)
        return time.process_time() - start

    def check(self, data: bytes) -> None:
        head, body, _others = self.taken_apart(data)
        name = self.names[head[0] if head else 0]
        try:
            used = self._seconds(name, body)
            for _again in range(2):  # a busy machine is slow once, a slow input each time
                if used >= self.readers.SECONDS:
                    used = min(used, self._seconds(name, body))
            assert used < self.readers.SECONDS, f"{name}: {used:.1f} s"
        except BaseException:
            FOUND.mkdir(parents=True, exist_ok=True)
            (FOUND / f"{name}-{_digest(body)}").write_bytes(body)
            raise
        self.runs[name] += 1
        if head and not self.runs.total() % 1000:
            shares = ", ".join(f"{one} {self.runs[one]}" for one in self.names)
            print(f"runs of {shares}", flush=True)


def _corpus(name: str, readers: Any) -> list[bytes]:
    found: list[bytes] = readers.READERS[name].seeds()
    return found + [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
