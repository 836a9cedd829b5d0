"""Who imports what import-linter cannot see: the compiled engine, and nova."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "numafit"
# the rooms that hold the engine's arrays or hand out what it answers
MAY_USE_THE_ENGINE = {
    "__init__", "adopting", "changes", "changing", "claims", "columns.image", "columns.npz",
    "copied", "devices", "filled", "fleet", "host", "inherited", "judging", "kept_claims",
    "linking", "moments", "placement_half", "planning.course", "planning.reasons", "shown",
    "spans", "stream",
    "sweeping.lent", "sweeping.points", "travel",
}  # fmt: skip


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_only_the_outer_rooms_use_the_engine() -> None:
    users = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if "numafit._engine" in imports_of(path)
    }
    assert users
    assert users <= MAY_USE_THE_ENGINE, users - MAY_USE_THE_ENGINE


def test_only_its_own_room_imports_nova() -> None:
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(name == "nova" or name.startswith("nova.") for name in imports_of(path))
    }
    assert users <= {"nova"}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("numafit.columns", "Columns"),
        ("numafit.model.flavor", "Flavor Image"),
        ("numafit.model.guest", "GuestCell GuestTopology Limits Networks PciRequest"),
        ("numafit.model.hostinfo", "HostCell HostInfo PagePool PciPool"),
        ("numafit.model.placement", "PciAllocation Placement PlacementCell"),
        ("numafit.model.request", "Request"),
        ("numafit.readers.hostfile", "host_from_mapping host_to_mapping read_host_file"),
        ("numafit.saved", "load save"),
    ],
)
def test_modules_that_other_programs_import_keep_their_names(module: str, names: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in names.split() if not hasattr(found, name)] == []


def test_the_engine_does_not_know_python() -> None:
    sources = [*PACKAGE.parent.glob("src/*.[ch]"), *PACKAGE.glob("include/**/*.h")]
    assert len(sources) > 10
    for path in sources:
        assert "Python.h" not in path.read_text(encoding="utf-8"), path


def test_files_answer_one_question() -> None:
    """A file of more than 500 lines answers two."""
    files = [p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".pyx", ".pxi", ".pxd", ".pyi")]
    for path in [*files, *PACKAGE.parent.glob("src/*.[ch]")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path
