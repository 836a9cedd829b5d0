"""Consumers of the C and Cython API, built against an installed wheel in a fresh environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.header import abi_version
from tests.wheel.conftest import EXAMPLES, ROOT, ask, run

pytestmark = pytest.mark.wheel

REQUESTS = """\
boot a dedicated=4 memory=4096 threads=require
boot b shared=2 memory=2048
boot c cells=2 dedicated=2 memory=1024 page=any
boot d dedicated=60 memory=1024
delete a
delete d
boot e dedicated=4 memory=4096 threads=require
"""
ANSWERED = ["a", "b", "c", "d refused", "e"]


@pytest.fixture(scope="session")
def fleet_file(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    hosts = sorted((EXAMPLES / "hosts").iterdir())
    assert hosts
    text = run(python, EXAMPLES / "scheduler_c" / "export_fleet.py", *hosts, cwd=folder)
    path = folder / "fleet.txt"
    path.write_text(text)
    return path


def check_answers(out: str) -> None:
    lines = out.splitlines()
    assert [line if "refused" in line else line.split()[0] for line in lines] == ANSWERED
    # what a gave back is what e gets
    assert lines[0].split()[1:] == lines[4].split()[1:]


@pytest.mark.parametrize("kind", ["static", "shared"])
def test_c_scheduler_by_cmake(python: Path, fleet_file: Path, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    shutil.copytree(EXAMPLES / "scheduler_c", source)
    lists = source / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("numafit::static", f"numafit::{kind}"))
    package = Path(ask(python, "numafit.get_library_dir()", tmp_path)) / "cmake" / "numafit"
    cmake = python.parent / "cmake"
    ninja = python.parent / "ninja"
    options = [f"-Dnumafit_DIR={package}", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-G", "Ninja"]
    warnings = "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"
    run(cmake, "-S", source, "-B", tmp_path / "build", *options, warnings, cwd=tmp_path)
    run(cmake, "--build", tmp_path / "build", cwd=tmp_path)
    out = run(tmp_path / "build" / "scheduler", fleet_file, cwd=tmp_path, STDIN=REQUESTS)
    check_answers(out)


def test_c_scheduler_by_pkg_config(python: Path, fleet_file: Path, tmp_path: Path) -> None:
    library = Path(ask(python, "numafit.get_library_dir()", tmp_path))
    words = run(
        "pkg-config", "--cflags", "--libs", "numafit",
        cwd=tmp_path, PKG_CONFIG_PATH=str(library / "pkgconfig"),
    ).split()  # fmt: skip
    sources = sorted((EXAMPLES / "scheduler_c").glob("*.c"))
    compiler = os.environ.get("CC", "cc")
    run(compiler, "-std=gnu11", *sources, "-o", "scheduler", *words, cwd=tmp_path)
    out = run(tmp_path / "scheduler", fleet_file, "--first", cwd=tmp_path, STDIN=REQUESTS)
    check_answers(out)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda text: text[: len(text) // 2], "expected"),
        (lambda text: text.replace("numafit-columns ", "numafit-columns 99"), "first line"),
        (lambda text: text.replace("cell_memory ", "cell_gold "), "cell_gold"),
        (lambda text: text.replace("n_hosts ", "n_hosts 9"), "names"),
    ],
)
def test_c_scheduler_says_what_is_wrong_with_a_fleet(
    python: Path, fleet_file: Path, tmp_path: Path, damage: object, word: str
) -> None:
    library = Path(ask(python, "numafit.get_library_dir()", tmp_path))
    include = ask(python, "numafit.get_include()", tmp_path)
    sources = sorted((EXAMPLES / "scheduler_c").glob("*.c"))
    compiler = os.environ.get("CC", "cc")
    archive = library / "libnumafit.a"
    run(compiler, "-std=gnu11", f"-I{include}", *sources, archive, "-o", "scheduler", cwd=tmp_path)
    broken = tmp_path / "broken.txt"
    assert callable(damage)
    broken.write_text(damage(fleet_file.read_text()))
    done = subprocess.run([tmp_path / "scheduler", broken], capture_output=True, text=True)
    assert done.returncode == 2
    assert word in done.stderr
    assert "broken.txt" in done.stderr


@pytest.fixture(scope="session")
def extension(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cython") / "scheduler"
    shutil.copytree(EXAMPLES / "scheduler_cython", folder)
    run(python, "setup.py", "-q", "build_ext", "--inplace", cwd=folder)
    return folder


def test_cython_scheduler(python: Path, extension: Path) -> None:
    """It takes and gives back what numafit itself counts, and nothing was linked."""
    script = f"""
import scheduler
from numafit import Fleet, GuestCell, GuestTopology, Request
from numafit.readers.hostfile import read_host_file
fleet = Fleet(map(read_host_file, {[str(p) for p in (EXAMPLES / "hosts").iterdir()]!r}))
before = [fleet.usage(n) for n in range(len(fleet))]
cell = GuestCell(cpuset=(), pcpuset=range(4), memory_mb=1024, cpu_policy="dedicated")
request = fleet.prepare(Request(GuestTopology([cell])))
room = int(fleet.capacity(Request(GuestTopology([cell]))).sum())
s = scheduler.Scheduler(fleet)
guests = []
while (guest := s.place(request)) is not None:
    guests.append(guest)
assert len(guests) == room, (len(guests), room)
assert fleet.check() is None
for guest in guests:
    s.release(guest)
assert [fleet.usage(n) for n in range(len(fleet))] == before
placed, seconds = s.run([request] * (room + 1) + list(range(room + 1)))
assert placed == room and seconds > 0
assert [fleet.usage(n) for n in range(len(fleet))] == before
for wrong in (guests[0], None):
    try:
        s.release(wrong)
    except (ValueError, TypeError):
        continue
    raise AssertionError("released twice")
try:
    s.place(object())
except ValueError as error:
    assert "prepare()" in str(error)
foreign = Fleet(fleet.hostinfos()).prepare(Request(GuestTopology([cell])))
for call in (lambda: s.place(foreign), lambda: s.run([foreign])):
    try:
        call()
    except ValueError as error:
        assert "another fleet" in str(error)
    else:
        raise AssertionError("a request of another fleet was taken")
assert [fleet.usage(n) for n in range(len(fleet))] == before
print(room)
"""
    assert int(run(python, "-c", script, cwd=extension)) > 10


def test_cython_module_built_for_another_abi_says_so(
    python: Path, extension: Path, tmp_path: Path
) -> None:
    include = tmp_path / "include"
    shutil.copytree(ask(python, "numafit.get_include()", tmp_path), include)
    header = include / "numafit" / "numafit.h"
    text = header.read_text()
    other, changed = re.subn(r"(#define NF_ABI_VERSION) \d+u", r"\1 99u", text)
    assert changed == 1
    header.write_text(other)
    folder = tmp_path / "scheduler"
    shutil.copytree(EXAMPLES / "scheduler_cython", folder)
    setup = folder / "setup.py"
    setup.write_text(setup.read_text().replace("numafit.get_include()", repr(str(include))))
    run(python, "setup.py", "-q", "build_ext", "--inplace", cwd=folder)
    done = subprocess.run(
        [python, "-c", "import scheduler"], cwd=folder, capture_output=True, text=True
    )
    assert "ImportError: built against version 99" in done.stderr
    assert "build this module again" in done.stderr


def test_wheel_holds_what_it_should(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "numafit/__init__.pxd",
        "numafit/_c.pxd",
        "numafit/_engine.pxd",
        "numafit/_engine.pyi",
        "numafit/include/numafit/builder.h",
        "numafit/include/numafit/image.h",
        "numafit/include/numafit/numafit.h",
        "numafit/lib/libnumafit.a",
        "numafit/lib/libnumafit.so",
        f"numafit/lib/libnumafit.so.{abi_version()}",
        "numafit/lib/cmake/numafit/numafit-config.cmake",
        "numafit/lib/pkgconfig/numafit.pc",
        "numafit/py.typed",
        "numafit/readers/host.schema.json",
    ):
        assert wanted in names
    tracked = run("git", "ls-files", "numafit", "numafit_command", cwd=ROOT).splitlines()
    sources = {n for n in tracked if not n.endswith((".pyx", ".pxi"))}
    built = {n for n in names if n not in sources and ".dist-info/" not in n}
    assert not sources - set(names)
    modules = ("_as_one", "_engine", "_header", "_slab", "columns/_nova_text", "nova/_seen")
    ours = ("numafit/lib/", *(f"numafit/{name}." for name in modules))
    assert all(n.startswith(ours) for n in built), built
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_sdist_builds_offline(dist: Path, tmp_path: Path) -> None:
    """With its build requirements present, nothing is fetched."""
    (archive,) = dist.glob("numafit-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    tracked = run("git", "ls-files", cwd=ROOT).splitlines()
    kept_out = {n for n in tracked if n.startswith((".ci/", "bench/results"))}
    assert not set(tracked) - names - kept_out
    run(
        sys.executable, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps",
        "-w", tmp_path, archive,
        cwd=tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )  # fmt: skip
    assert list(tmp_path.glob("numafit-*.whl"))


def test_unbuilt_tree_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "numafit", tmp_path / "numafit")
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; sys.path[1:1] = [sys.argv[1]]; "
         "from numafit import Fleet",
         str(Path(__import__("numpy").__file__).parents[1])],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "make build" in done.stderr


def test_python_of_the_readme_runs_where_the_library_alone_is_installed(
    wheel: Path, tmp_path: Path
) -> None:
    """After ``pip install .`` as the README has it, outside the tree."""
    venv.create(tmp_path / "alone", with_pip=True)
    alone = tmp_path / "alone" / "bin" / "python"
    run(alone, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, cwd=tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    promised = re.findall(r"# ([\[{].*?[\]}])", code)
    assert run(alone, "-c", code, cwd=tmp_path).splitlines() == promised
