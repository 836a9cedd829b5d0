"""How many steps does numafit's own Python take: for a verb, a reader, a command, its start?

Steps are bytecodes executed in files of ``numafit/``. They depend on the code and on Python's minor
version, and on nothing else: not on the machine, its load, or the releases of other libraries.
``python -m bench.steps NAME``: one operation in this process, which prints its count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

from bench.core import ROOT

OWN = str(ROOT / "numafit") + os.sep
EXAMPLES = "examples/"
COMMANDS = {
    "command help": ["--help"],
    "command fit": ["fit", "examples/flavors.json", "examples/hosts/dual-xeon.yaml"],
    "command capacity": ["capacity", "examples/flavors.json", "examples/hosts/dual-xeon.yaml"],
    "command show": ["show", "examples/hosts/dual-xeon.yaml"],
    "command check": ["check", "examples/hosts/dual-xeon.yaml"],
}
READERS = (
    "reader host file",
    "reader flavors",
    "reader rows",
    "reader sysfs",
    "reader libvirt",
    "reader hwloc",
    "reader synthetic",
    "reader nova.conf",
)


def counted(work: Callable[[], Any]) -> int:
    """Bytecodes of numafit's own files that the call executes."""
    steps = 0

    def step(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "opcode"
        return step

    def call(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OWN):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(None)
    return steps


def _command(words: list[str]) -> Callable[[], Any]:
    def run() -> None:
        from contextlib import redirect_stderr, redirect_stdout
        from io import StringIO

        import numafit.cli

        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            status = numafit.cli.main(words)
        if status not in (0, 1):
            raise SystemExit(f"numafit {' '.join(words)}: ended with {status}")

    return run


def _start() -> None:
    import numafit

    _ = numafit.Fleet


def _reader(name: str) -> Callable[[], Any]:
    """The work alone: what it imports is there before."""
    from bench import cases
    from numafit import Fleet
    from numafit.readers import flavors, hostfile, hwloc, libvirt, nova_conf, synthetic, sysfs

    rows = [(f"h{seed}", cases.topology(seed), None) for seed in range(4)]
    work: dict[str, Callable[[], Any]] = {
        "reader host file": lambda: hostfile.read_host_file("examples/hosts/dual-xeon.yaml"),
        "reader flavors": lambda: flavors.read_flavors("examples/flavors.json"),
        "reader rows": lambda: Fleet.from_nova_rows(rows),
        "reader sysfs": lambda: sysfs.read_sysfs("examples/networking/sys.tar.xz"),
        "reader libvirt": lambda: libvirt.read_capabilities("tests/data/libvirt/two-socket.xml"),
        "reader hwloc": lambda: hwloc.read_hwloc("tests/data/hwloc/two-nodes.xml"),
        "reader synthetic": lambda: synthetic.host_of_synthetic("Package:2 [NUMANode] Core:8 PU:2"),
        "reader nova.conf": lambda: nova_conf.read_nova_conf("examples/networking/nova.conf"),
    }
    return work[name]


def work_of(name: str) -> Callable[[], Any]:
    """A call that takes the steps, and has been made once where it warms up."""
    if name in COMMANDS:
        return _command(COMMANDS[name])
    if name == "start":
        return _start
    if name in READERS:
        work = _reader(name)
    else:
        from bench.verbs import verbs

        work = verbs()[name]
    work()
    return work


def names() -> list[str]:
    from bench.verbs import verbs

    return ["start", *COMMANDS, *READERS, *verbs()]


def _of(some: list[str]) -> dict[str, int]:
    """Counts of these, in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.steps", *some],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"bench-gate: steps of {', '.join(some)} failed\n{done.stderr}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def measure() -> dict[str, int]:
    """Steps of everything: commands and the start in a process each, as they are for a user."""
    alone = ["start", *COMMANDS]
    rest = [name for name in names() if name not in alone]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts: Iterable[dict[str, int]] = pool.map(_of, [*([one] for one in alone), rest])
        return {name: count for part in parts for name, count in part.items()}


def main() -> None:
    print(json.dumps({name: counted(work_of(name)) for name in sys.argv[1:]}))


if __name__ == "__main__":
    main()
