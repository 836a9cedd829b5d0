"""An installed wheel in a fresh environment, and programs that are run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    """Standard output; the whole output stands in the failure."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more
    stdin = environment.pop("STDIN", "")
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def dist() -> Path:
    return ROOT / "dist"


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    found = [path for path in dist.glob("numafit-*.whl") if tag in path.name or "abi3" in path.name]
    assert len(found) == 1, f"make wheel first; {found}"
    return found[0]


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Python of an environment that holds the wheel and what builds the examples."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    path = home / "bin" / "python"
    pip = [path, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run(*pip, f"{wheel}[yaml]", "setuptools", "cython>=3.2", "cmake>=3.21", "ninja", cwd=home)
    yield path
    shutil.rmtree(home)


def ask(python: Path, expression: str, cwd: Path) -> str:
    return run(python, "-c", f"import numafit; print({expression})", cwd=cwd).strip()
