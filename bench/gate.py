"""What users call, counted against ``baseline.json``: the core, the binding, the verbs in Python,
readers, start-up and commands.

``python -m bench.gate`` fails where one has grown by more than 3 %, ``--update`` writes the
baseline anew, to be committed with the change that explains it. Four parts are counted:

- ``core``: instructions of the engine's operations, called from C;
- ``binding``: instructions of the binding and the engine for each verb of Fleet and Host;
- ``process``: for the same verbs those of the interpreter and numpy too, not libc's, whose variants
  differ between processors;
- ``steps``: bytecodes of numafit's own files for verbs, readers, the start and commands
  (``bench/steps.py``).

Other tools make other code: the core is then compared with the baseline's commit, built and counted
anew, and what else depends on them with a tolerance of 25 %.
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
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import steps
from bench.core import BUILD, ROOT, program
from bench.verdicts import MOST, Counts, Verdict, as_json, as_junit, verdicts_of

BASELINE = ROOT / "bench" / "baseline.json"
MOST_ELSEWHERE = 0.25
"""Where the tools differ from those that the baseline was made with."""
DEPENDS_ON = {
    "core": ("compiler", "machine"),
    "binding": ("compiler", "machine", "cython", "python"),
    "process": ("compiler", "machine", "cython", "python", "interpreter", "numpy", "nanoarrow"),
    "steps": ("python",),
}  # fmt: skip
"""Which of the tools decide the counts of a part."""
LET_PASS = {"process": 0.10}
"""Growth that is let pass where it is not ``MOST``: what the interpreter does beside the code, such
as where it finds room, wobbles by some percent."""
NOT_COUNTED = re.compile(r"^(?:libc[.-]|ld-|libm[.-]|libpthread|vgpreload|libcallgrind)")
COUNTING = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file={}"]
SELF = re.compile(r"^(?:\+\d+|-\d+|\*|\d+|0x[0-9a-f]+) (\d+)$")


def counts_in(text: str, owner: str | None) -> int:
    """Instructions of the objects whose file name holds ``owner`` (``None``: of all but the C
    library); callees count by themselves."""
    names: dict[str, str] = {}
    mine = called = False
    total = 0
    for line in text.splitlines():
        if line.startswith("ob="):
            number, _, name = line[3:].partition(" ")
            names[number] = name or names[number]
            file = Path(names[number]).name
            mine = owner in file if owner else not NOT_COUNTED.match(file)
        elif line.startswith("cob="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            called = True  # the next line holds what the call cost, inclusive
        elif found := SELF.match(line):
            total += int(found[1]) if mine and not called else 0
            called = False
    return total


def counted(command: list[str | Path], *owners: str | None) -> list[dict[str, int]]:
    """Counts of each operation that the command marks: one mapping for each owner."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        words = [word.format(out) for word in COUNTING] + [str(word) for word in command]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit(f"bench-gate: {' '.join(words)} failed\n{done.stdout}{done.stderr}")
        found: list[dict[str, int]] = [{} for _ in owners]
        for path in Path(folder).iterdir():
            text = path.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
            if name:
                for counts, owner in zip(found, owners, strict=True):
                    counts[name[1]] = counts_in(text, owner)
    return found


def tools() -> dict[str, str]:
    """What the counts depend on."""
    compiler = os.environ.get("CC", "cc")
    first = subprocess.check_output([compiler, "--version"], text=True).splitlines()[0]
    return {
        "compiler": first,
        "machine": os.uname().machine,
        "python": ".".join(map(str, sys.version_info[:2])),
        "interpreter": " ".join(sys.version.split()),
        **{name: _version(name) for name in ("cython", "numpy", "nanoarrow")},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def measure() -> Counts:
    """Counts by part and operation. The core's are made beside those of steps: they are counts."""
    if shutil.which("valgrind") is None:
        raise SystemExit("bench-gate: valgrind is not installed (apt-get install valgrind)")
    binary = program(("core_bench", "marks"))
    if binary is None:
        raise SystemExit("bench-gate: cmake is not installed")
    marks = BUILD / "bench" / "core" / "libmarks.so"
    command = [sys.executable, "-W", "ignore", "-m", "bench.binding", marks]
    with ThreadPoolExecutor(2) as pool:
        verbs = pool.submit(counted, command, "_engine", None)
        core = pool.submit(counted, [binary, "--count"], "core_bench")
        found = steps.measure()
        binding, process = verbs.result()
        # a verb that the engine has no part in, such as columns()
        binding = {name: count for name, count in binding.items() if count}
        return {"core": core.result()[0], "binding": binding, "process": process, "steps": found}


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
            return counted([binary, "--count"], "core_bench")[0] if binary else None
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=False)


def judged(now: Counts, here: dict[str, str], baseline: dict[str, Any]) -> list[Verdict]:
    """Each operation beside the baseline."""
    verdicts = []
    for part, counts in now.items():
        before, most = baseline[part], LET_PASS.get(part, MOST)
        changed = [tool for tool in DEPENDS_ON[part] if here[tool] != baseline["tools"].get(tool)]
        if changed:
            anew = core_of_baseline() if part == "core" else None
            before, most = (before, MOST_ELSEWHERE) if anew is None else (anew, MOST)
            print(
                f"bench-gate: {part}: other {', '.join(changed)} than the baseline was made with: "
                + (f"{most:.0%} of growth is let pass" if anew is None
                   else "its commit was built and counted anew")
            )  # fmt: skip
        verdicts += verdicts_of(part, counts, before, most)
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write baseline.json anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all counts, as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the same for a CI system")
    args = parser.parse_args()
    started = time.monotonic()
    now, here = measure(), tools()
    if args.update:
        content = {"tools": here, **{part: dict(sorted(now[part].items())) for part in now}}
        BASELINE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return 0
    verdicts = judged(now, here, json.loads(BASELINE.read_text(encoding="utf-8")))
    if args.json:
        args.json.write_text(as_json(verdicts, here), encoding="utf-8")
    if args.junit:
        args.junit.write_text(as_junit(verdicts), encoding="utf-8")
    wrong = [verdict for verdict in verdicts if verdict.fault]
    for verdict in verdicts:
        if verdict.fault or verdict.growth < -MOST:
            print(verdict)
    if wrong:
        print(
            "bench-gate: if the change is worth it, run 'make bench-baseline' and commit "
            "bench/baseline.json with it"
        )
        return 1
    parts = ", ".join(f"{len(counts)} of {part}" for part, counts in now.items())
    seconds = time.monotonic() - started
    print(f"bench-gate: {len(verdicts)} counts ({parts}), none has grown; {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
