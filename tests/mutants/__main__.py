"""``python -m tests.mutants --sample N --seed S``: faults on trial, status 1 if many survive."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from . import c_source, python_source
from .c_trial import CTrial
from .mutant import Mutant, known_same
from .python_trial import PythonTrial
from .tree import Outcome, Tree

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=600, help="mutants on trial; 0: all")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--target", type=float, default=90.0, help="percent to be killed")
    parser.add_argument("--only", default="", help="files whose path begins so: src/pair, numafit/")
    parser.add_argument("--again", type=Path, help="survivors that an earlier run printed")
    parser.add_argument("--work", type=Path, default=ROOT / "build/mutants")
    parser.add_argument(
        "--quick", action="store_true", help="mutants of C: no tests but C's, oracle"
    )
    asked = parser.parse_args(arguments)
    if asked.sample < 0:
        parser.error(f"--sample {asked.sample}: a number of mutants, or 0 for all")
    everything = [
        mutant
        for mutant in (*c_source.mutants(ROOT), *python_source.mutants(ROOT))
        if mutant.file.startswith(asked.only)
    ]
    if not everything:
        parser.error(f"--only {asked.only}: no mutant is in a file whose path begins so")
    chosen = everything
    if asked.again:
        listed = asked.again.read_text()
        chosen = [mutant for mutant in everything if mutant.told in listed]
        if not chosen:
            parser.error(f"--again {asked.again}: it names no mutant of today")
    elif 0 < asked.sample < len(everything):
        chosen = sample(everything, asked.sample, asked.seed)
    started = time.monotonic()
    done = trials(chosen, asked.work.resolve(), asked.quick)
    return said(done, asked.target, len(everything), time.monotonic() - started)


def sample(everything: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Those of the smallest digests: a mutant more or less somewhere leaves all others in it."""

    def digest(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.told}".encode()).digest()

    return sorted(everything, key=digest)[:count]


def trials(chosen: list[Mutant], work: Path, quick: bool) -> list[tuple[Mutant, Outcome]]:
    tree = Tree(ROOT, work)
    c = CTrial(tree, work, quick)
    python = PythonTrial(tree, work)
    if any(is_c(mutant) for mutant in chosen) and (fault := c.untouched()):
        sys.exit(f"{fault} fails before anything was changed")
    same = known_same()
    done = []
    for number, mutant in enumerate(chosen, 1):
        began = time.monotonic()
        if mutant.key in same:
            outcome = Outcome("same", "same.txt")
        else:
            outcome = (c if is_c(mutant) else python)(mutant)
        done.append((mutant, outcome))
        took = time.monotonic() - began
        print(
            f"{number}: {outcome.what} {outcome.by} {took:.1f} s {mutant.file}:{mutant.line}",
            *(["", mutant.told] if outcome.what == "survived" else []),
            sep="\n",
            flush=True,
        )
    return done


def is_c(mutant: Mutant) -> bool:
    return mutant.file.startswith("src/")


def said(done: list[tuple[Mutant, Outcome]], target: float, of: int, seconds: float) -> int:
    by_file: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, outcome in done:
        by_file[mutant.file][outcome.what] += 1
    print(f"{'':32} killed survived     same")
    for file, counts in sorted(by_file.items()):
        if counts["killed"] + counts["survived"] + counts["same"]:
            print(f"{file:32} {counts['killed']:6} {counts['survived']:8} {counts['same']:8}")
    total = Counter(outcome.what for _, outcome in done)
    killers = Counter(outcome.by for _, outcome in done if outcome.what == "killed")
    print("killed by", ", ".join(f"{by} {count}" for by, count in killers.most_common()))
    judged = total["killed"] + total["survived"]
    # where all are known to be the same program there is nothing to notice
    rate = 100 * total["killed"] / judged if judged else 100.0 if total["same"] else 0.0
    print(
        f"{len(done)} of {of} mutants: {total['killed']} killed of {judged}, which is {rate:.1f} %"
        f" ({target:g} % wanted); {total['same']} more known to be the same program,"
        f" {total['stillborn']} that did not compile; {seconds:.0f} s"
    )
    return int(rate < target)


if __name__ == "__main__":
    sys.exit(main())
