"""``numafit bench`` and the lines of the guide for CI engineers, with the wheel and nothing else of
numafit: no checkout is in reach."""

from __future__ import annotations

import json
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import ci_pages
from tests.docs.test_ci_snippets import check_figures
from tests.wheel.conftest import run

pytestmark = pytest.mark.wheel


def test_it_measures_with_numpy_alone(python: Path, tmp_path: Path) -> None:
    out = run(
        python,
        "-c",
        "import json; from numafit.benching.questions import measure; "
        "print(json.dumps(measure(1000, 0.2).as_dict()))",
        cwd=tmp_path,
    )
    found = json.loads(out)
    assert [one["question"] for one in found["figures"]][:2] == ["scan", "capacity"]
    assert all(one["ratio"] > 0 for one in found["figures"])


@pytest.mark.parametrize("lines", [ci_pages.github_lines, ci_pages.gitlab_lines])
def test_a_ci_job_runs_as_the_guide_has_it(
    lines: Callable[[str], list[str]], wheel: Path, tmp_path: Path
) -> None:
    home, folder = tmp_path / "environment", tmp_path / "job"
    venv.create(home, with_pip=True)
    folder.mkdir()
    assert len(lines("bench")) == 2
    for line in lines("bench"):
        ci_pages.run(line, folder, home / "bin", PIP_FIND_LINKS=str(wheel.parent), PYTHONPATH="")
    check_figures(folder)


def test_the_playbook_runs_as_the_guide_has_it(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "zuul-output" / "logs").mkdir(parents=True)
    links = {"PIP_FIND_LINKS": str(wheel.parent), "PYTHONPATH": ""}
    binaries = Path(sys.executable).parent
    for module, arguments in ci_pages.tasks(tmp_path):
        if module == "ansible.builtin.pip":
            home = arguments["virtualenv"]
            ci_pages.run(f"{arguments['virtualenv_command']} {home}", tmp_path, binaries)
            install = f"{home}/bin/pip install -q '{arguments['name']}'"
            ci_pages.run(install, tmp_path, binaries, **links)
        else:
            ci_pages.run(arguments["cmd"], tmp_path, binaries)
    check_figures(tmp_path / "zuul-output" / "logs")
