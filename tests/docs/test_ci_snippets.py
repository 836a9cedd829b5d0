"""Snippets for CI systems are what these systems take, and their lines do what the guide says.
``tests/wheel`` runs them with the wheel, as they stand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs import ci_pages
from tests.docs.ci_pages import ROOT

BINARIES = Path(sys.executable).parent
JOB_KEYS = {"name", "description", "parent", "run", "pre-run", "post-run", "timeout", "files"}
PIPELINE = {"jobs", "queue", "fail-fast", "debug"}


def valid(text: str, schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", path],
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("system", "schema", "misspelt"),
    [
        ("GitHub Actions", "github-workflows", ("runs-on:", "run-on:")),
        ("GitLab", "gitlab-ci", ("when: always", "when: allways")),
    ],
)
def test_a_snippet_is_what_the_system_takes(
    system: str, schema: str, misspelt: tuple[str, str], tmp_path: Path
) -> None:
    (text,) = ci_pages.snippets(system)
    done = valid(text, schema, tmp_path / "ci.yml")
    assert done.returncode == 0, done.stdout
    assert misspelt[0] in text
    assert valid(text.replace(*misspelt), schema, tmp_path / "ci.yml").returncode == 1


def test_zuul_s_configuration_holds_together() -> None:
    """By its documentation: a list of items with one key each; a project names jobs that there are,
    and a job a playbook that the guide shows."""
    config, playbook = ci_pages.zuul()
    assert all(len(item) == 1 for item in config)
    jobs = {item["job"]["name"]: item["job"] for item in config if "job" in item}
    (project,) = (item["project"] for item in config if "project" in item)
    assert project
    for pipeline in project.values():
        assert set(pipeline) <= PIPELINE
        assert pipeline["jobs"]
        assert set(pipeline["jobs"]) <= set(jobs)
    page = ci_pages.PAGE.read_text(encoding="utf-8")
    for job in jobs.values():
        assert set(job) <= JOB_KEYS
        assert f"`{job['run']}`" in page
        assert job["timeout"] > 0
        for pattern in job["files"]:
            assert any(re.match(pattern, path) for path in ("numafit/fleet.py", "src/fit.c"))
    assert [set(play) for play in playbook] == [{"hosts", "tasks"}]
    assert all("name" in task and len(task) == 2 for task in playbook[0]["tasks"])


def installs() -> list[str]:
    found = [line for job in ("bench", "flavors") for line in ci_pages.github_lines(job)]
    found += ci_pages.gitlab_lines("bench")
    return [line for line in found if line.startswith("pip install")]


def test_what_is_installed_is_there_to_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "cli" in project["optional-dependencies"]
    assert set(installs()) == {f"pip install '{project['name']}[cli]'"}
    assert len(installs()) == 3
    assert [module for module, _arguments in ci_pages.tasks(Path("/home"))] == [
        "ansible.builtin.pip",
        "ansible.builtin.command",
    ]
    assert next(ci_pages.tasks(Path("/home")))[1]["name"] == f"{project['name']}[cli]"


def check_figures(folder: Path) -> None:
    figures = json.loads((folder / "bench.json").read_text(encoding="utf-8"))["figures"]
    cases = ElementTree.parse(folder / "bench.xml").getroot()
    assert [one["question"] for one in figures] == [case.get("name") for case in cases]
    assert len(figures) == 5


def short(line: str) -> str:
    """The same in less time, and with more patience for a busy machine."""
    assert "--seconds 10 --at-most scan=2" in line
    return line.replace("--seconds 10 --at-most scan=2", "--seconds 0 --at-most scan=1e6")


@pytest.mark.parametrize("lines", [ci_pages.github_lines, ci_pages.gitlab_lines])
def test_a_benchmark_leaves_what_the_job_keeps(lines: object, tmp_path: Path) -> None:
    assert callable(lines)
    (line,) = (line for line in lines("bench") if line not in installs())
    ci_pages.run(short(line), tmp_path, BINARIES)
    check_figures(tmp_path)


def test_flavors_are_judged_in_a_checkout() -> None:
    (line,) = (line for line in ci_pages.github_lines("flavors") if line not in installs())
    ci_pages.run(line, ROOT, BINARIES)
    with pytest.raises(AssertionError, match="does not fit"):
        ci_pages.run(
            line.replace("large", "huge").replace("dual-xeon", "epyc-nps4"), ROOT, BINARIES
        )


def test_the_playbook_measures_and_leaves_its_logs(tmp_path: Path) -> None:
    (tmp_path / "zuul-output" / "logs").mkdir(parents=True)
    (tmp_path / "numafit" / "bin").mkdir(parents=True)
    (tmp_path / "numafit" / "bin" / "numafit").symlink_to(
        shutil.which("numafit", path=BINARIES) or ""
    )
    (command,) = (
        arguments["cmd"]
        for module, arguments in ci_pages.tasks(tmp_path)
        if module == "ansible.builtin.command"
    )
    ci_pages.run(short(command), tmp_path, BINARIES)
    check_figures(tmp_path / "zuul-output" / "logs")


def test_the_gate_writes_what_gitlab_reads() -> None:
    lines = ci_pages.gitlab_lines("gate")
    assert lines[-1] == "make bench-gate"
    done = subprocess.run(
        ["make", "-n", "bench-gate"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--junit build/bench-gate.xml" in done.stdout
    (text,) = ci_pages.snippets("GitLab")
    assert "junit: build/bench-gate.xml" in text
