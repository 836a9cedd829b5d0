"""The example notebooks run from their first cell to their last, and draw what they promise.

Their figures are checked in the notebooks themselves: by hand, by the JSON of the database, by
placing guest after guest. An assertion that fails ends the run.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.notebook
NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request: pytest.FixtureRequest) -> Any:
    # here, since only 'make notebooks' installs them
    import nbclient
    import nbformat

    notebook = nbformat.read(request.param, as_version=4)
    nbformat.validate(notebook)
    folder = {"metadata": {"path": str(request.param.parent)}}
    return nbclient.NotebookClient(notebook, timeout=300, resources=folder).execute()


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_notebook_runs_without_complaint(executed: Any) -> None:
    """An error in a cell has raised before; here it is about warnings."""
    assert not [out for out in outputs(executed) if out.get("name") == "stderr"]


def test_notebook_shows_a_frame_and_a_plot(executed: Any) -> None:
    kinds = {kind for out in outputs(executed) for kind in out.get("data", {})}
    assert {"text/html", "image/png"} <= kinds


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_checks_its_figures(path: Path) -> None:
    """Below each question: no section without a picture or a frame, and without an assertion."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    questions = sum("".join(cell["source"]).startswith("## ") for cell in cells)
    assert sum(text.count("assert ") for text in code) >= questions
    assert sum(".picture(" in text for text in code) >= 4


def test_there_are_notebooks() -> None:
    stems = [path.stem for path in NOTEBOOKS]
    assert stems == ["capacity-review", "first-steps", "new-hardware"]


def test_the_cell_of_the_review_is_the_same_each_time(tmp_path: Path) -> None:
    """What is said about it in words stays true."""
    dumps = []
    for name in ("one.db", "two.db"):
        code = f"import nova_cell; nova_cell.make({str(tmp_path / name)!r})"
        subprocess.run([sys.executable, "-c", code], cwd=NOTEBOOKS[0].parent, check=True)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]
    assert sum(line.startswith('INSERT INTO "compute_nodes"') for line in dumps[0]) == 48
