"""The example notebooks run from their first cell to their last, and draw what they promise."""

from __future__ import annotations

import json
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


def test_there_are_notebooks() -> None:
    assert "capacity" in [path.stem for path in NOTEBOOKS]
