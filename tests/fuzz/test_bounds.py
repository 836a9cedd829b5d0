"""Whatever a reader is given, it ends in 2 s and 512 MiB with a value or with one InputError."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.bombs import BOMBS, Bomb
from tests.fuzz.bounded import Taken, taken

CORPUS = Path(__file__).parent / "corpus"
ENGINE = ("builder", "damaged", "engine", "opened")
"""Of the C API's fuzzers, which read theirs themselves."""
FOUND = sorted(path for path in CORPUS.glob("*/*") if path.parent.name not in ENGINE)

Results = dict[tuple[str, str], Taken]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """Of all inputs: starting Python for each would take longer than reading them."""
    folder = tmp_path_factory.mktemp("inputs")
    for bomb in BOMBS:
        data = bomb.make()
        path = folder / bomb.reader / bomb.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    for path in FOUND:
        (folder / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, folder / path.parent.name)
    found = taken(folder)
    sizes = {(path.parent.name, path.name): path.stat().st_size for path in folder.glob("*/*")}
    assert sizes.keys() == found.keys()
    assert max(sizes.values()) <= 4 << 20
    yield found
    shutil.rmtree(folder)


def check(found: Taken) -> None:
    assert not found.fault
    assert found.seconds < 2.0
    assert found.memory < 512 << 20


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: f"{bomb.reader}: {bomb.name}")
def test_what_costs_its_reader_more_than_its_writer_is_bounded(
    bomb: Bomb, results: Results
) -> None:
    found = results[bomb.reader, bomb.name]
    check(found)
    assert bomb.said in found.said
    assert bool(bomb.said) <= bool(found.said)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_a_fuzzer_found_once_is_read_or_refused(path: Path, results: Results) -> None:
    check(results[path.parent.name, path.name])
