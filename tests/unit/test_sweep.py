"""Sweeps: the same answers from any number of workers, whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow
import pytest

import numafit
from numafit import Fleet, HostCell, HostInfo, InputError, InvalidValue, MisuseError, SweepError

# a process that starts afresh imports questions from here
from tests.unit import sweep_questions as questions


def host(name: str, cpus: int) -> HostInfo:
    everything = frozenset(range(cpus))
    cell = HostCell(id=0, cpuset=everything, pcpuset=everything, memory_mb=cpus * 1024)
    return HostInfo(cells=(cell,), name=name)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet([host("a", 4), host("b", 8), host("c", 16)])


def rows(sweep: Any) -> list[dict[str, Any]]:
    return sweep.table().rows


def test_a_grid_has_every_combination_the_last_axis_first() -> None:
    assert numafit.grid(a=[1, 2], b=["x", "y"]) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_each_point_is_answered_and_the_table_is_in_their_order(fleet: Fleet) -> None:
    points = numafit.grid(fleet=[fleet], vcpus=[2, 4, 8])
    # pinned guests of 2, 4 and 8 CPUs on hosts of 4, 8 and 16
    assert rows(numafit.sweep(questions.guests, points, workers=2)) == [
        {"point": 0, "vcpus": 2, "guests": 2 + 4 + 8},
        {"point": 1, "vcpus": 4, "guests": 1 + 2 + 4},
        {"point": 2, "vcpus": 8, "guests": 0 + 1 + 2},
    ]


def test_what_a_question_claims_no_other_point_sees(fleet: Fleet) -> None:
    points = numafit.grid(fleet=[fleet], vcpus=[4, 4, 4])
    for executor in (None, ThreadPoolExecutor(1)):
        found = rows(numafit.sweep(questions.claimed, points, executor))
        assert [row["placed"] for row in found] == [7, 7, 7]
    assert fleet.capacity(questions.pinned(4)).tolist() == [1, 2, 4]


def test_seeds_follow_from_the_point_and_not_from_the_worker() -> None:
    points = numafit.grid(n=range(20))
    one = rows(numafit.sweep(questions.drawn, points, workers=1))
    two = rows(numafit.sweep(questions.drawn, points, workers=2))
    back = rows(numafit.sweep(questions.drawn, points[::-1], ThreadPoolExecutor(4)))
    assert one == two
    assert [(row["n"], row["seed"]) for row in back[::-1]] == [(r["n"], r["seed"]) for r in one]
    assert len({row["seed"] for row in one}) == 20
    other = rows(numafit.sweep(questions.drawn, points, seed=1, workers=1))
    assert not {row["seed"] for row in one} & {row["seed"] for row in other}


def test_a_seed_of_the_points_own_is_kept() -> None:
    assert rows(numafit.sweep(questions.drawn, [{"n": 1, "seed": 7}], workers=1))[0]["seed"] == 7


def test_sets_and_mappings_make_the_same_seed_in_every_process(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import numafit\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "points = [{'what': {'b': 1, 'a': frozenset(map(str, range(20)))}}]\n"
        "question = lambda what, seed: seed\n"
        "print(numafit.sweep(question, points, ThreadPoolExecutor(1)).table().rows[0]['answer'])\n"
    )
    seen = set()
    for salt in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(run.stdout)
    assert len(seen) == 1


def test_batches_go_out_as_they_are_full() -> None:
    sweep = numafit.sweep(questions.drawn, numafit.grid(n=range(10)), workers=1, batch=4)
    assert len(sweep) == 10
    assert [len(batch) for batch in sweep] == [4, 4, 2]
    assert len(sweep.table()) == 10


def test_a_batch_is_arrow_data() -> None:
    points = [{"kind": kind} for kind in ("whole", "fraction", "none", "text")]
    batch = numafit.sweep(questions.kinds, points, ThreadPoolExecutor(1)).table()
    table = pyarrow.table(batch)
    assert table.schema.field("number").type == pyarrow.float64()
    assert table.column("number").to_pylist() == [1.0, 0.5, None, None]
    assert table.column("word").to_pylist() == [None, None, None, "w"]
    assert table.column("yes").to_pylist() == [True, False, None, None]
    assert table.schema.field("nothing").type == pyarrow.null()
    assert polars.DataFrame(batch)["kind"].to_list() == ["whole", "fraction", "none", "text"]


def test_numbers_where_others_answered_text_are_refused() -> None:
    points = [{"value": "text"}, {"value": 1}]
    with pytest.raises(InvalidValue, match=r"points\[1\]\.value: got 1, expected str"):
        rows(numafit.sweep(questions.nothing, points, workers=1))


def test_several_rows_a_point() -> None:
    found = rows(numafit.sweep(questions.several, [{"n": 2}, {"n": 0}, {"n": 1}], workers=1))
    assert [(row["point"], row["i"]) for row in found] == [(0, 0), (0, 1), (2, 0)]


def test_an_answer_that_is_no_row_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"points\[0\]: answer.answer: got .*expected True or"):
        rows(numafit.sweep(questions.an_object, [{}], workers=1))
    with pytest.raises(InvalidValue, match=r"got 'n', expected a name that the point does not"):
        rows(numafit.sweep(questions.its_own_name, [{"n": 1}], workers=1))


def test_a_question_that_fails_ends_the_sweep_and_names_the_point(tmp_path: Path) -> None:
    points = numafit.grid(n=range(6))
    with pytest.raises(SweepError, match=r"points\[3\] \(n=3\): ZeroDivisionError: ") as caught:
        rows(numafit.sweep(questions.not_three, points, workers=1, to=tmp_path / "kept"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    # what came before it is kept
    assert len((tmp_path / "kept").read_text().splitlines()) == 1 + 3


def test_a_question_that_fails_can_have_its_error_in_its_row(tmp_path: Path) -> None:
    points = numafit.grid(n=range(6))
    kept = tmp_path / "kept"
    sweep = numafit.sweep(questions.not_three, points, workers=2, errors="row", to=kept)
    found = rows(sweep)
    assert [row["error"] for row in found] == [
        None,
        None,
        None,
        "ZeroDivisionError: division by zero",
        None,
        None,
    ]
    # and is asked again by the next call
    assert {json.loads(line)["point"] for line in kept.read_text().splitlines()[1:]} == {
        0,
        1,
        2,
        4,
        5,
    }


def test_a_point_whose_worker_is_killed_is_asked_again(tmp_path: Path) -> None:
    points = numafit.grid(n=range(12), folder=[str(tmp_path)])
    found = rows(numafit.sweep(questions.killed_once, points, workers=2))
    assert (tmp_path / "killed").exists()
    assert [row["square"] for row in found] == [n * n for n in range(12)]


def test_a_point_that_ends_every_worker_is_named_and_no_other(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with pytest.raises(SweepError, match=r"points\[5\] \(n=5\): no answer after 3 tries"):
        rows(numafit.sweep(questions.deadly_five, numafit.grid(n=range(8)), workers=2, to=kept))


def test_a_given_pool_that_breaks_says_how_to_go_on(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    points = numafit.grid(n=range(8))
    with ProcessPoolExecutor(1) as pool, pytest.raises(SweepError, match="with a new executor"):
        rows(numafit.sweep(questions.deadly_five, points, pool, to=kept))


def test_an_interrupted_sweep_goes_on_where_it_ended(tmp_path: Path) -> None:
    points = numafit.grid(n=range(10), folder=[str(tmp_path)])
    whole = rows(numafit.sweep(questions.counted, points, workers=1))
    (tmp_path / "asked").unlink()
    kept = tmp_path / "kept"
    sweep = numafit.sweep(questions.counted, points, workers=1, to=kept, batch=1)
    for _, batch in zip(range(4), sweep, strict=False):
        assert len(batch) == 1
    sweep.close()
    first = (tmp_path / "asked").read_text().split()
    # the writer was ended in the middle of a line
    with open(kept, "ab") as file:
        file.write(b'{"point": 9, "ro')
    done = {json.loads(line)["point"] for line in kept.read_bytes().splitlines()[1:-1]}
    assert rows(numafit.sweep(questions.counted, points, workers=2, to=kept)) == whole
    second = (tmp_path / "asked").read_text().split()[len(first) :]
    assert {int(n) for n in second} == set(range(10)) - done
    # a third call asks nothing
    assert rows(numafit.sweep(questions.counted, points, workers=2, to=kept)) == whole
    assert len((tmp_path / "asked").read_text().split()) == len(first) + len(second)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 1}, "seed"),
        ({"points": [{"n": 1}]}, "points"),
        ({"points": [{"n": 3}, {"n": 2}]}, "digest"),
        ({"question": questions.not_three}, "question"),
    ],
)
def test_a_file_of_another_sweep_is_refused(
    tmp_path: Path, change: dict[str, Any], key: str
) -> None:
    kept = tmp_path / "kept"
    given = {"question": questions.drawn, "points": [{"n": 1}, {"n": 2}], "workers": 1, "to": kept}
    rows(numafit.sweep(**given))
    before = kept.read_bytes()
    with pytest.raises(InputError, match=f"{key}: got .* as of this sweep"):
        rows(numafit.sweep(**{**given, **change}))
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["no json\n", "[]\n", "[" * 9999 + "\n", '{"format": "numafit sweep"}\n']
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "kept"
    kept.write_text(text)
    with pytest.raises(InputError, match="kept: line 1"):
        rows(numafit.sweep(questions.drawn, [{"n": 1}], workers=1, to=kept))
    assert kept.read_text() == text


def test_a_fleet_with_other_usage_is_another_sweep(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    once, used = Fleet([host("a", 8)]), Fleet([host("a", 8)])
    rows(numafit.sweep(questions.guests, [{"fleet": once, "vcpus": 2}], workers=1, to=kept))
    claim = used.claim(questions.pinned(2), 0)
    with pytest.raises(InputError, match="digest"):
        rows(numafit.sweep(questions.guests, [{"fleet": used, "vcpus": 2}], workers=1, to=kept))
    used.release(claim)
    found = rows(numafit.sweep(questions.guests, [{"fleet": used, "vcpus": 2}], to=kept))
    assert found[0]["guests"] == 4


def test_progress_is_said(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    kept, points = tmp_path / "kept", numafit.grid(n=range(3))
    sweep = numafit.sweep(
        questions.drawn, points, workers=1, to=kept, progress=lambda *n: said.append(n)
    )
    sweep.table()
    assert said == [(1, 3), (2, 3), (3, 3)]
    said.clear()
    numafit.sweep(
        questions.drawn, points, workers=1, to=kept, progress=lambda *n: said.append(n)
    ).table()
    assert said == [(3, 3)]


def test_a_bar_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    numafit.sweep(questions.drawn, numafit.grid(n=range(3)), workers=1, progress=True).table()
    assert "3/3" in capsys.readouterr().err


def test_no_file_of_a_fleet_stays_behind(tmp_path: Path, fleet: Fleet) -> None:
    points = numafit.grid(fleet=[fleet], vcpus=[2, 4])
    sweep = numafit.sweep(questions.guests, points, workers=1, spool=tmp_path, batch=1)
    next(iter(sweep))
    assert len(list(tmp_path.iterdir())) == 1
    sweep.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"question": 1}, "question: got 1, expected a function"),
        ({"points": 1}, "points: got 1, expected a list of mappings"),
        ({"points": [1]}, r"points\[0\]: got 1, expected a mapping"),
        ({"points": [{1: 2}]}, r"points\[0\]: got \{1: 2\}, expected a mapping"),
        ({"points": [{"n": object()}]}, r"points\[0\]\.n: got <object"),
        ({"executor": 1}, "executor: got 1"),
        ({"errors": "hide"}, "errors: got 'hide'"),
        ({"workers": 0}, "workers: got 0"),
        ({"to": 3}, "to: got 3, expected a path"),
        ({"spool": "/nowhere/at/all"}, "spool: got '/nowhere/at/all', expected a folder"),
        ({"progress": "yes"}, "progress: got 'yes'"),
        ({"batch": 0}, "batch: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"executor": ThreadPoolExecutor(1), "workers": 1}, "workers: they are the executor's own"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], message: str) -> None:
    whole = {"question": questions.drawn, "points": [], **given}
    with pytest.raises((InvalidValue, MisuseError), match=message):
        numafit.sweep(**whole)


def test_an_axis_is_a_list() -> None:
    with pytest.raises(InvalidValue, match="flavors: got 'ab', expected a list of values"):
        numafit.grid(flavors="ab")


def test_a_request_of_a_point_decides_its_seed() -> None:
    points = numafit.grid(value=[questions.pinned(2), questions.pinned(2), questions.pinned(3)])
    one, same, other = rows(numafit.sweep(questions.a_seed, points, ThreadPoolExecutor(1)))
    assert one["answer"] == same["answer"] != other["answer"]


def test_no_points_no_rows() -> None:
    assert rows(numafit.sweep(questions.drawn, [])) == []


def test_ctrl_c_ends_the_workers(tmp_path: Path) -> None:
    def stop(done: int, points: int) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    points, kept = numafit.grid(n=range(50)), tmp_path / "kept"
    with pytest.raises(KeyboardInterrupt):
        numafit.sweep(questions.drawn, points, workers=2, to=kept, progress=stop).table()
    assert len(numafit.sweep(questions.drawn, points, workers=2, to=kept).table()) == 50


def test_numpy_values_are_columns() -> None:
    found = rows(numafit.sweep(questions.drawn, [{"n": np.int64(3)}], workers=1))
    assert found[0]["n"] == 3
    assert type(found[0]["n"]) is int
