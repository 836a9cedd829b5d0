"""Arguments that are of another kind than they look, have no end, or cannot be kept."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    Journal,
    MisuseError,
    NumafitError,
    Request,
    grid,
    shared,
)
from numafit.readers.nova_rows import host_from_nova

CELL = HostCell(0, frozenset(range(4)), frozenset(range(4)), 1024)
REQUEST = Request(GuestTopology((GuestCell(frozenset((0,)), frozenset(), 64),)))
TOPOLOGY = (
    '{"nova_object.name": "NUMATopology", "nova_object.namespace": "nova",'
    ' "nova_object.version": "1.2", "nova_object.data": {"cells": []}}'
)


def fleet() -> Fleet:
    return Fleet([HostInfo((CELL,), "h")])


@pytest.mark.parametrize("node", [0, 5, False, True, 1.5, "", "x", b"", [], [1], (), np.zeros(2)])
def test_other_columns_of_a_row_are_a_mapping_or_none(node: Any) -> None:
    row: Any = ("h", TOPOLOGY, None, 1.0, 1.0, node)
    with pytest.raises(InputError, match=r"row 0 \(h\): node: got .* expected a mapping"):
        Fleet.from_nova_rows([row])
    with pytest.raises(InputError, match=r"node: got .* expected a mapping"):
        fleet().update_rows([row])
    with pytest.raises(InputError, match=r"node: got .* expected a mapping"):
        host_from_nova(TOPOLOGY, node=node)


@pytest.mark.parametrize("pools", [0, False, True, 0.0, b"\xff", np.zeros(2), np.zeros(0)])
def test_pools_of_a_row_are_text_or_what_json_holds(pools: Any) -> None:
    with pytest.raises(InputError, match=r"row 0 \(h\): pci_stats: got"):
        Fleet.from_nova_rows([("h", TOPOLOGY, pools)])


def test_a_row_without_other_columns_says_nothing_of_them() -> None:
    plain = Fleet.from_nova_rows([("h", TOPOLOGY, "")])
    empty = Fleet.from_nova_rows([("h", TOPOLOGY, None, None, None, {})])
    assert list(plain.hostinfos()) == list(empty.hostinfos())


FOREVER = [("a range", lambda: range(10**12)), ("a generator", lambda: itertools.repeat(1))]
TAKERS: dict[str, Callable[[Any], object]] = {
    "cpuset": lambda many: HostCell(0, many, frozenset(), 1024),
    "pinned_cpus": lambda many: HostCell(0, CELL.cpuset, frozenset(), 1024, pinned_cpus=many),
    "siblings": lambda many: HostCell(0, CELL.cpuset, frozenset(), 1024, siblings=many),
    "cells": HostInfo,
    "guest cells": lambda many: GuestTopology(many),
    "pci": lambda many: Request(REQUEST.guest, pci=many),
    "claim_all": lambda many: fleet().claim_all(many),
    "release": lambda many: fleet().release(many),
    "names": lambda many: Fleet.of(HostInfo((CELL,), "h"), 2, names=many),
}
UNDER_A_LIMIT = """
import resource, sys
from tests.unit.test_arguments_that_lie import FOREVER, TAKERS, NumafitError
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for what, many in FOREVER:
    for name, take in TAKERS.items():
        try:
            take(many())
        except NumafitError:
            continue
        sys.exit(f"{name} took {what}")
"""


def test_what_has_no_end_is_an_error_and_not_all_memory() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("_name", "make"), FOREVER)
def test_rows_and_axes_without_an_end_are_refused(_name: str, make: Callable[[], Any]) -> None:
    with pytest.raises(MisuseError, match=r"^rows: got .*, at most"):
        fleet().update_rows(make())
    with pytest.raises(MisuseError, match=r"^n: got .*, at most"):
        grid(n=make())


@pytest.mark.parametrize("hosts", [range(10**12), range(-5, 0), range(1), range(10**30)])
def test_a_range_of_hosts_is_looked_at_before_it_is_written_out(hosts: range) -> None:
    if hosts == range(1):
        assert fleet().scan(REQUEST, hosts=hosts).tolist() == [True]
        return
    for ask in (fleet().fit, fleet().scan, fleet().capacity):
        with pytest.raises(MisuseError, match="expected indices from 0 to 0"):
            ask(REQUEST, hosts=hosts)


@pytest.mark.parametrize("path", ["a\0b", "\ud800", b"a\0b"])
def test_a_path_that_no_system_has_is_named(path: Any) -> None:
    for use in (
        fleet().save,
        Fleet.load,
        Journal,
        shared.open,
        lambda path: shared.write(fleet(), path),
    ):
        with pytest.raises(NumafitError, match=r"path: got .* expected the path of a file"):
            use(path)


@pytest.mark.parametrize(
    "write",
    [
        lambda journal: journal.write(np.arange(3)),
        lambda journal: journal.write([-1]),
        lambda journal: journal.write([10**18]),
        lambda journal: journal.write([True]),
        lambda journal: journal.write(5),
        lambda journal: journal.write((), [1]),
        lambda journal: journal.write((), {1: None}),
        lambda journal: journal.write((), True),
        lambda journal: journal.forget(["1"]),
        lambda journal: journal.numbers(-1),
        lambda journal: journal.numbers(1 << 70),
        lambda journal: list(journal.events(5)),
    ],
)
def test_a_journal_writes_nothing_that_it_could_not_read(
    write: Callable[[Journal], object], tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        before = path.read_bytes()
        with pytest.raises(NumafitError, match="expected"):
            write(journal)
        assert path.read_bytes() == before
    with Journal(path):
        pass


def test_an_old_name_in_nova_conf_prints_no_line_of_its_own(tmp_path: Path) -> None:
    """oslo.config logs it, and Python prints what is logged where nobody set up logging."""
    conf = tmp_path / "nova.conf"
    conf.write_text('[pci]\npassthrough_whitelist = {"vendor_id": "8086"}\n')
    read = (
        "import sys; from numafit.readers.nova_conf import read_nova_conf;"
        "print(read_nova_conf(sys.argv[1]).device_specs)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", read, str(conf)], capture_output=True, text=True, check=True
    )
    assert "8086" in ended.stdout
    assert ended.stderr == ""
