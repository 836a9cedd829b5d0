"""``make demo`` ends with where numafit is and how to call it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_says_how_to_call_numafit(tmp_path: Path) -> None:
    # that of make demo, where the virtual environment has a blank in its path
    folder = tmp_path / "a venv"
    folder.mkdir()
    script = folder / "numafit"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m numafit "$@"\n')
    script.chmod(0o755)
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "COLUMNS": "80"}
    done = subprocess.run(
        ["sh", ROOT / "examples" / "demo.sh"],
        capture_output=True,
        text=True,
        timeout=120,
        env=path,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    end = done.stdout.splitlines()[-5:]
    assert end[0] == f"numafit is {script}. For this shell to find it:"
    (line,) = re.findall(r"^    (export .*)$", done.stdout, re.MULTILINE)
    found = subprocess.run(
        ["sh", "-c", f"{line}; command -v numafit"], capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == str(script)
    (page,) = re.findall(r"docs/\S+\.md", end[-1])
    assert (ROOT / page).is_file()
