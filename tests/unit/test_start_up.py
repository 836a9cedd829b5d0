"""What is loaded before anything is asked: little, and a word where the engine is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import numafit
from numafit.cli import COMMANDS
from numafit.cli.group import numafit as group


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("first", ["import numafit", "from numafit.cli import main; main(['-h'])"])
def test_nothing_heavy_is_loaded_until_it_is_needed(first: str) -> None:
    done = python(f"{first}\nimport sys; print('loaded:', *sys.modules)")
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.partition("loaded:")[2].split()
    assert "numafit" in loaded
    heavy = ("numpy", "rich", "yaml", "numafit._engine", "numafit.fleet", "sqlalchemy")
    assert not [name for name in loaded if name in heavy]


def test_every_public_name_is_there() -> None:
    code = "import numafit\nfor name in numafit.__all__: assert getattr(numafit, name) is not None"
    assert python(code).stderr == ""
    assert python("from numafit import *; print(Fleet.fit, pci_requests)").stderr == ""
    assert set(numafit.__all__) <= set(dir(numafit))


def test_modules_of_the_package_come_with_the_first_name() -> None:
    assert python("import numafit; print(numafit.fleet.Fleet)").returncode == 0


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'numafit' has no attribute 'Fleeet'"):
        numafit.Fleeet  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("module", ["numafit._engine", "numafit._header"])
def test_a_missing_engine_is_said(module: str) -> None:
    without = f"import sys; sys.modules['{module}'] = None\n"
    done = python(f"{without}from numafit import Fleet")
    assert "ImportError: numafit's engine is not built. In a source tree run" in done.stderr
    done = python(f"{without}from numafit.cli import main; sys.exit(main(['fit', 'x', 'y']))")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("numafit: numafit's engine is not built.")


def test_each_command_of_the_list_is_a_command() -> None:
    for name in COMMANDS:
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.help


def test_the_engine_is_reached_as_a_capsule_is() -> None:
    """By ``import numafit`` and attributes alone: how ``PyCapsule_Import`` looks for it."""
    code = "import numafit; assert numafit._engine.Prepared"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
