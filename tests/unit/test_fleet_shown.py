"""A fleet in a terminal, a notebook and a frame: sums worked out by hand."""

from __future__ import annotations

import time

import numpy as np
import pandas
import polars
import pytest

from numafit import Fleet, HostCell, HostInfo


def host(name: str, cells: int, pinned: int) -> HostInfo:
    return HostInfo(
        cells=tuple(
            HostCell(
                id=n,
                cpuset=range(n * 8, n * 8 + 2),
                pcpuset=range(n * 8 + 2, n * 8 + 8),
                memory_mb=4096,
                memory_usage=1024,
                cpu_usage=3,
                pinned_cpus=range(n * 8 + 2, n * 8 + 2 + pinned),
            )
            for n in range(cells)
        ),
        name=name,
    )


@pytest.fixture
def fleet() -> Fleet:
    return Fleet([host("a<b", 2, 1), host("c", 1, 4)])


def test_repr_says_what_there_is_and_what_is_used(fleet: Fleet) -> None:
    assert repr(fleet) == (
        "<Fleet of 2 hosts, 3 cells, 6 of 18 dedicated CPUs used, 9 vCPUs on 6 shared CPUs, "
        "3 of 12 GiB used>"
    )
    assert repr(Fleet([])) == "<Fleet of 0 hosts, 0 cells>"


def test_what_was_removed_or_moved_counts_once(fleet: Fleet) -> None:
    fleet.replace("c", host("c", 3, 2))
    assert repr(fleet).startswith("<Fleet of 2 hosts, 5 cells, 8 of 30 dedicated")
    fleet.remove("a<b")
    assert repr(fleet).startswith("<Fleet of 1 host, 3 cells, 6 of 18 dedicated")
    assert fleet.table()["dedicated_used"].tolist() == [0, 6]


def test_a_large_fleet_is_said_in_a_moment() -> None:
    large = Fleet.of(host("h", 2, 1), 100_000)
    repr(large)
    began = time.process_time()
    for _ in range(5):
        repr(large)
    # a millisecond each on an idle machine
    assert time.process_time() - began < 0.1


TABLE = {
    "name": ["a<b", "c"],
    "cells": [2, 1],
    "dedicated_cpus": [12, 6],
    "dedicated_used": [2, 4],
    "shared_cpus": [4, 2],
    "shared_vcpus_used": [6, 3],
    "memory_mb": [8192, 4096],
    "memory_used_mb": [2048, 1024],
}


def test_frames_have_one_row_per_host(fleet: Fleet) -> None:
    for frame in (fleet.to_pandas(), pandas.DataFrame(fleet)):
        assert {name: frame[name].tolist() for name in frame.columns} == TABLE
        assert frame["cells"].dtype == np.int64
    assert fleet.to_polars().to_dict(as_series=False) == TABLE
    # through Arrow polars has all of it
    assert {"cells", "pci_pools"} <= set(polars.DataFrame(fleet).columns)


def test_a_notebook_shows_names_as_text(fleet: Fleet) -> None:
    shown = fleet._repr_html_()
    assert "2 hosts, 3 cells" in shown
    assert "6 of 18 dedicated CPUs used" in shown
    assert "value='0.3333'" in shown
    assert len(Fleet.of(host("h", 2, 1), 1000)._repr_html_()) < 1000


def test_going_over_a_fleet_hands_out_a_row_per_host(fleet: Fleet) -> None:
    first, second = fleet
    assert first == ("a<b", 2, 12, 2, 4, 6, 8192, 2048)
    assert (second.name, second.dedicated_used) == ("c", 4)
