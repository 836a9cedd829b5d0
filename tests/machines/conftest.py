"""Other projects' own test machines, fetched by the package manager; none of them is kept here."""

from __future__ import annotations

import functools
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path("/etc/apt")


def _source_lines() -> str:
    """The machine's own sources of packages, asked for source packages instead."""
    stanzas = []
    for path in sorted(SOURCES.glob("sources.list.d/*.sources")):
        for stanza in path.read_text().split("\n\n"):
            kept = [line for line in stanza.splitlines() if not line.startswith("#")]
            if any(line.lower().startswith("types:") for line in kept):
                kept = ["Types: deb-src" if x.lower().startswith("types:") else x for x in kept]
                stanzas.append("\n".join(kept))
    for path in [SOURCES / "sources.list", *sorted(SOURCES.glob("sources.list.d/*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else ():
            words = line.split()
            if words[:1] == ["deb"]:
                options = ""
                if words[1].startswith("["):
                    options, _, rest = line.partition("[")[2].partition("]")
                    words = ["deb", *rest.split()]
                stanza = [
                    "Types: deb-src",
                    f"URIs: {words[1]}",
                    f"Suites: {words[2]}",
                    f"Components: {' '.join(words[3:])}",
                ]
                if "signed-by=" in options:
                    stanza.append("Signed-By: " + options.partition("signed-by=")[2].split()[0])
                stanzas.append("\n".join(stanza))
    return "\n\n".join(stanzas) + "\n"


@pytest.fixture(scope="session")
def source_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder that a source package unpacks to, by the package's name."""
    base = tmp_path_factory.mktemp("sources")
    (base / "lists").mkdir()
    (base / "own.sources").write_text(_source_lines())
    options = [
        f"-oDir::Etc::sourcelist={base}/own.sources",
        "-oDir::Etc::sourceparts=-",
        f"-oDir::State::Lists={base}/lists",
        "-oAPT::Sandbox::User=root",
    ]

    def apt(*words: str) -> None:
        done = subprocess.run(
            ["apt-get", "-q", *options, *words], cwd=base, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    apt("update")

    @functools.cache
    def fetch(package: str) -> Path:
        apt("source", "--download-only", package)
        (archive,) = (
            path for path in base.glob(f"{package}_*.orig.tar.*") if path.suffix != ".asc"
        )
        inside = base / package
        with tarfile.open(archive) as tar:
            tar.extractall(inside, filter="tar")
        (top,) = inside.iterdir()
        return top

    return fetch


@pytest.fixture(scope="session")
def hwloc_tests(source_of: Callable[[str], Path]) -> Path:
    """``tests/hwloc`` of hwloc's source."""
    return source_of("hwloc") / "tests" / "hwloc"


@pytest.fixture(scope="session")
def libvirt_tests(source_of: Callable[[str], Path]) -> Path:
    """``tests`` of libvirt's source."""
    return source_of("libvirt") / "tests"


@pytest.fixture(scope="session")
def lscpu_tests(source_of: Callable[[str], Path]) -> Path:
    """``tests`` of util-linux's source."""
    return source_of("util-linux") / "tests"
