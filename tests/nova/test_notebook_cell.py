"""The cell database of the capacity notebook is one that nova can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "notebook_cell_oracle.py"
NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"


def test_nova_reads_the_cell_of_the_notebook_and_finds_the_same_difference(tmp_path: Path) -> None:
    """Its tables and columns are nova's; the hosts hold what their servers have, but for one."""
    file = tmp_path / "cell.db"
    code = f"import nova_cell; nova_cell.make({str(file)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=NOTEBOOKS, check=True)
    asked = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    found = json.loads(asked.stdout)
    assert found["unknown"] == []
    assert len(found["pinned"]) == 48
    differ = {host for host, cpus in found["pinned"].items() if cpus != found["held"][host]}
    assert differ == {"xeon-07"}
