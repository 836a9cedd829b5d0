"""Instruction counts of the engine's and the binding's operations against ``baseline.json``.

``python -m bench.gate`` fails where one has grown by more than 3 %, ``--update`` writes the
baseline anew, to be committed with the change that explains it. Counted are the instructions of
numafit's own code: not libc's, whose variants differ between processors, nor the interpreter's.
Another compiler makes other code: the core is then compared with the baseline's commit, built and
counted anew, and the binding with a tolerance of 25 %.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.core import BUILD, ROOT, program

BASELINE = ROOT / "bench" / "baseline.json"
MOST = 0.03
MOST_ELSEWHERE = 0.25
"""Where the tools differ from those that the baseline was made with."""
CORE_TOOLS = ("compiler", "machine")
COUNTING = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file={}"]
SELF = re.compile(r"^(?:\+\d+|-\d+|\*|\d+|0x[0-9a-f]+) (\d+)$")


def counts_in(text: str, owner: str) -> int:
    """Instructions of the objects whose file name holds ``owner``; callees count by themselves."""
    names: dict[str, str] = {}
    mine = called = False
    total = 0
    for line in text.splitlines():
        if line.startswith("ob="):
            number, _, name = line[3:].partition(" ")
            names[number] = name or names[number]
            mine = owner in Path(names[number]).name
        elif line.startswith("cob="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            called = True  # the next line holds what the call cost, inclusive
        elif found := SELF.match(line):
            total += int(found[1]) if mine and not called else 0
            called = False
    return total


def counted(command: list[str | Path], owner: str) -> dict[str, int]:
    """Counts of each operation that the command marks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        words = [word.format(out) for word in COUNTING] + [str(word) for word in command]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit(f"bench-gate: {' '.join(words)} failed\n{done.stdout}{done.stderr}")
        found = {}
        for path in Path(folder).iterdir():
            text = path.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
            if name:
                found[name[1]] = counts_in(text, owner)
    return found


def tools() -> dict[str, str]:
    """What the counts depend on."""
    compiler = os.environ.get("CC", "cc")
    first = subprocess.check_output([compiler, "--version"], text=True).splitlines()[0]
    try:
        cython = version("cython")
    except PackageNotFoundError:
        cython = "unknown"
    python = ".".join(map(str, sys.version_info[:2]))
    return {"compiler": first, "cython": cython, "python": python, "machine": os.uname().machine}


def measure() -> dict[str, dict[str, int]]:
    """Counts of the core, which a compiler decides, and of the binding, where Cython does too."""
    if shutil.which("valgrind") is None:
        raise SystemExit("bench-gate: valgrind is not installed (apt-get install valgrind)")
    binary = program(("core_bench", "marks"))
    if binary is None:
        raise SystemExit("bench-gate: cmake is not installed")
    marks = BUILD / "bench" / "core" / "libmarks.so"
    command = [sys.executable, "-W", "ignore", "-m", "bench.binding", marks]
    return {
        "core": counted([binary, "--count"], "core_bench"),
        "binding": counted(command, "_engine"),
    }


def core_of_baseline() -> dict[str, int] | None:
    """The core's counts at the commit that wrote the baseline, with the compiler that is here."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT)]
        found = subprocess.run(
            [*git, "log", "-1", "--format=%H", "--", "bench/baseline.json"],
            capture_output=True, text=True, check=False,
        ).stdout.strip()  # fmt: skip
        if not found:
            return None
        added = subprocess.run(
            [*git, "worktree", "add", "--detach", str(tree), found],
            capture_output=True,
            check=False,
        )
        if added.returncode:
            return None
        try:
            binary = program(root=tree, build=Path(folder) / "build")
            return binary and counted([binary, "--count"], "core_bench")
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=False)


def differences(now: dict[str, int], before: dict[str, int], most: float) -> list[str]:
    """What is wrong, a line each."""
    wrong = [f"{name}: 0 instructions, so nothing was counted" for name in now if not now[name]]
    wrong += [f"{name}: in baseline.json, and measured no more" for name in before.keys() - now]
    wrong += [f"{name}: not in baseline.json" for name in now.keys() - before]
    for name in sorted(now.keys() & before.keys()):
        growth = now[name] / before[name] - 1.0 if before[name] else 0.0
        if now[name] > before[name] * (1.0 + most):
            wrong.append(f"{name}: {before[name]:,} -> {now[name]:,} instructions (+{growth:.1%})")
        elif growth < -MOST:
            print(f"{name}: {before[name]:,} -> {now[name]:,} instructions ({growth:.1%})")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write baseline.json anew")
    args = parser.parse_args()
    now, here = measure(), tools()
    if args.update:
        content = {"tools": here, **{part: dict(sorted(now[part].items())) for part in now}}
        BASELINE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return 0
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    wrong = []
    for part, depends_on in (("core", CORE_TOOLS), ("binding", tuple(here))):
        before, most = baseline[part], MOST
        if any(here[tool] != baseline["tools"].get(tool) for tool in depends_on):
            anew = core_of_baseline() if part == "core" else None
            before, most = (before, MOST_ELSEWHERE) if anew is None else (anew, MOST)
            print(
                f"bench-gate: {part}: the baseline was made with {baseline['tools']}, this is "
                f"{here}: "
                + (f"{most:.0%} of growth is let pass" if anew is None
                   else "its commit was built and counted anew")
            )  # fmt: skip
        wrong += differences(now[part], before, most)
    for line in wrong:
        print(line)
    if wrong:
        print(
            "bench-gate: if the change is worth it, run 'make bench-baseline' and commit "
            "bench/baseline.json with it"
        )
        return 1
    print(f"bench-gate: {sum(map(len, now.values()))} operations, none has grown")
    return 0


if __name__ == "__main__":
    sys.exit(main())
