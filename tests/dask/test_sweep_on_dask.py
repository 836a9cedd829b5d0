"""A sweep on a real cluster of Dask: worker processes, a scheduler and connections on loopback.

``NUMAFIT_HOSTS`` and ``NUMAFIT_FLAVORS`` make it larger.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numafit
from numafit import Fleet, HostCell, HostInfo, SweepError
from tests.unit import sweep_questions as questions

distributed = pytest.importorskip("distributed", reason="make test-dask installs it")
pytestmark = [pytest.mark.dask, pytest.mark.filterwarnings("ignore")]

HOSTS = int(os.environ.get("NUMAFIT_HOSTS", "20000"))
FLAVORS = int(os.environ.get("NUMAFIT_FLAVORS", "40"))


@pytest.fixture
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def large(n: int) -> Fleet:
    """Hosts of two cells, of three kinds, some of their CPUs taken."""
    kinds = []
    for cpus in (24, 32, 64):
        cells = tuple(
            HostCell(
                id=cell,
                cpuset=frozenset(),
                pcpuset=frozenset(range(cell * cpus, cell * cpus + cpus)),
                pinned_cpus=frozenset(range(cell * cpus, cell * cpus + cpus // (8 - 5 * cell))),
                memory_mb=cpus * 4096,
            )
            for cell in range(2)
        )
        kinds.append(HostInfo(cells=cells, name=f"kind-{cpus}"))
    return Fleet(kinds)[np.arange(n) % len(kinds)]


def test_two_workers_answer_as_one_process_does(client: Any) -> None:
    fleet = large(HOSTS)
    points = numafit.grid(fleet=[fleet], vcpus=range(1, FLAVORS + 1))
    here = numafit.sweep(questions.guests, points, workers=1).table().rows
    there = numafit.sweep(questions.guests, points, client.get_executor()).table().rows
    assert there == here
    # 21, 28 and 56 CPUs are free of one cell (an eighth is taken), 16, 22 and 43 of the other
    each = np.array([[21, 28, 56], [16, 22, 43]])
    by_kind = np.bincount(np.arange(HOSTS) % 3, minlength=3)
    for row in here[:40]:
        assert row["guests"] == int((each // row["vcpus"]).sum(axis=0) @ by_kind)


def test_a_worker_killed_midway_changes_nothing(client: Any, tmp_path: Path) -> None:
    points = numafit.grid(n=range(40), folder=[str(tmp_path)])
    found = numafit.sweep(questions.killed_once, points, client.get_executor()).table().rows
    assert (tmp_path / "killed").exists()
    assert [row["square"] for row in found] == [n * n for n in range(40)]


def test_an_interrupted_sweep_resumes_on_the_cluster(client: Any, tmp_path: Path) -> None:
    kept, points = tmp_path / "kept", numafit.grid(n=range(30))
    begun = numafit.sweep(questions.drawn, points, client.get_executor(), to=kept, batch=5)
    assert len(next(iter(begun))) == 5
    begun.close()
    whole = numafit.sweep(questions.drawn, points, client.get_executor(), to=kept).table().rows
    assert whole == numafit.sweep(questions.drawn, points, workers=1).table().rows


def test_a_question_that_fails_on_the_cluster_names_its_point(client: Any) -> None:
    with pytest.raises(SweepError, match=r"points\[3\] \(n=3\): ZeroDivisionError"):
        numafit.sweep(questions.not_three, numafit.grid(n=range(6)), client.get_executor()).table()
