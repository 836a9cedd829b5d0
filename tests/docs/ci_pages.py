"""The guide for CI engineers: its snippets, and the lines that they run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "benchmarks.md"
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def snippets(system: str) -> list[str]:
    """YAML below the heading of a CI system."""
    _before, text = PAGE.read_text(encoding="utf-8").split(f"\n## {system}\n")
    return YAML.findall(text.split("\n## ")[0])


def github_lines(job: str) -> list[str]:
    (text,) = snippets("GitHub Actions")
    workflow: Any = yaml.safe_load(text)
    return [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step]


def gitlab_lines(job: str) -> list[str]:
    (text,) = snippets("GitLab")
    jobs: Any = yaml.safe_load(text)
    return list(jobs[job]["script"])


def zuul() -> tuple[Any, Any]:
    """zuul.yaml, and the playbook that it runs."""
    config, playbook = snippets("Zuul")
    return yaml.safe_load(config), yaml.safe_load(playbook)


def tasks(home: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Module and arguments of each task of the playbook, on a node with this home."""
    _config, playbook = zuul()
    for task in playbook[0]["tasks"]:
        (module,) = set(task) - {"name"}
        yield (
            module,
            {
                key: str(value).replace("{{ ansible_user_dir }}", str(home))
                for key, value in task[module].items()
            },
        )


def run(line: str, folder: Path, binaries: Path, **environment: str) -> None:
    """As a shell of the CI system does, with these binaries before others."""
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
