"""The table of malformed PCI input holds nova's own errors: nova is asked again.

NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.nova

TESTS = Path(__file__).parent.parent
ORACLE = TESTS / "nova" / "pci_oracle.py"
TABLE = TESTS / "unit" / "data" / "pci_bad_input.json"


def test_the_recorded_errors_are_novas() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    rows = json.loads(TABLE.read_text())
    run = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="\n".join(map(json.dumps, rows)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answer["error"] for answer in answers] == [row["error"] for row in rows]
