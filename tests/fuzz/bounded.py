"""Ask readers in processes of their own, and say what each input took.

``python -m tests.fuzz.bounded FOLDER`` reads ``FOLDER/READER/*`` and prints a line of JSON for each
file: a child is forked for each, so that one cannot hide what another took.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_MOST = 4 << 30
"""Bytes that a child may take at all: the machine has other work."""
_LONGEST = 30


class Taken(NamedTuple):
    """``seconds`` of processor time, ``memory`` in bytes; ``said``: what the reader answered, empty
    for a value; ``fault``: what it should not have done."""

    seconds: float
    memory: int
    said: str
    fault: str


def taken(folder: Path) -> dict[tuple[str, str], Taken]:
    """By reader and name of the file."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.bounded", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = map(json.loads, done.stdout.splitlines())
    return {(reader, name): Taken(*values) for reader, name, *values in lines}


def main(folder: Path) -> None:
    from tests.fuzz import readers

    for path in sorted(folder.glob("*/*")):
        result = _forked(path.parent.name, path.read_bytes(), readers)
        print(json.dumps([path.parent.name, path.name, *result]), flush=True)


def _forked(name: str, data: bytes, readers: object) -> Taken:
    listening, speaking = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listening)
        with tempfile.TemporaryDirectory() as folder:
            found = json.dumps(_asked(name, data, Path(folder), readers)).encode()
        os.write(speaking, found)
        os._exit(0)
    os.close(speaking)
    with open(listening, "rb") as stream:
        text = stream.read()
    _pid, status = os.waitpid(child, 0)
    return Taken(*json.loads(text)) if text else Taken(0.0, 0, "", f"ended with status {status}")


def _asked(name: str, data: bytes, folder: Path, readers: object) -> Taken:
    resource.setrlimit(resource.RLIMIT_CPU, (_LONGEST, _LONGEST))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST, _MOST))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = _status("VmRSS"), time.process_time()
    said = fault = ""
    try:
        error = readers.ask(name, data, folder)  # type: ignore[attr-defined]
        said = "" if error is None else str(error).replace(f"{folder}/", "")
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"[:300]
    seconds = time.process_time() - start
    return Taken(seconds, _status("VmHWM") - before, said, fault)


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) << 10
    raise KeyError(key)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
