"""Host files that people write: what loads, and what a mistake is answered with."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from numafit import Flavor, Host, InputError, Refusal, Request, guest_topology
from numafit.readers.hostfile import (
    host_from_mapping,
    host_schema,
    host_to_mapping,
    read_host_file,
)
from numafit.readers.textfile import load

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "hosts").iterdir())
SMALL: dict[str, Any] = {
    "version": 1,
    "name": "small",
    "cells": [
        {
            "id": 0,
            "cpus": "0-3",
            "siblings": ["0,2", "1,3"],
            "memory_mb": 4096,
            "pages": [{"size": "4KiB", "total": 1048576}],
        },
        {"id": 1, "cpus": "4-7", "memory_mb": 4096, "physnets": ["a"]},
    ],
    "distances": [[10, 21], [21, 10]],
    "pci": [{"vendor_id": "8086", "product_id": "1572", "numa_node": 0, "count": 2}],
    "limits": {"cpu_allocation_ratio": 4},
}


def changed(*way: str | int, to: object) -> dict[str, Any]:
    """SMALL with the value at ``way`` replaced or added."""
    data = copy.deepcopy(SMALL)
    place: Any = data
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = to
    return data


def without(*way: str | int) -> dict[str, Any]:
    data = copy.deepcopy(SMALL)
    place: Any = data
    for step in way[:-1]:
        place = place[step]
    del place[way[-1]]
    return data


CELL = ("cells", 0)
WRONG: list[tuple[dict[str, Any], str, str]] = [
    # keys
    (changed("cell", to=[]), "cell", "Did you mean 'cells'?"),
    (changed(*CELL, "memory", to=1), "cells[0].memory", "Did you mean 'memory_mb'?"),
    (changed(*CELL, "pages", 0, "free", to=1), "cells[0].pages[0].free", "one of the keys size"),
    (changed("limits", "cpu", to=1), "limits.cpu", "cpu_allocation_ratio"),
    (changed("pci", 0, "vendor", to="8086"), "pci[0].vendor", "vendor_id"),
    (without("version"), "version", "the key is missing"),
    (without("cells"), "cells", "the key is missing"),
    (without(*CELL, "memory_mb"), "cells[0].memory_mb", "the key is missing"),
    (without(*CELL, "cpus"), "cells[0].cpus", "shared_cpus and dedicated_cpus"),
    # types
    (changed("version", to="1"), "version", "a whole number from 1 to 1"),
    (changed("version", to=2), "version", "a whole number from 1 to 1"),
    (changed("version", to=True), "version", "a whole number"),
    (changed("cells", to={}), "cells", "a list of NUMA cells"),
    (changed("cells", to="0-3"), "cells", "a list of NUMA cells"),
    (changed("cells", 1, to=None), "cells[1]", "a mapping with the keys of a cell"),
    (changed(*CELL, "memory_mb", to="4096"), "cells[0].memory_mb", "a whole number from 0"),
    (changed(*CELL, "memory_mb", to=4096.0), "cells[0].memory_mb", "(MiB)"),
    (changed(*CELL, "tunneled", to="yes"), "cells[0].tunneled", "true or false"),
    (changed(*CELL, "physnets", to="a"), "cells[0].physnets", "a list of names"),
    (changed(*CELL, "physnets", to=[1]), "cells[0].physnets[0]", "Put it in quotes"),
    (changed("name", to="a\x1b[31m"), "name", "printable"),
    (changed("limits", to=[]), "limits", "a mapping"),
    # numbers out of bounds
    (changed(*CELL, "memory_mb", to=-1), "cells[0].memory_mb", "a whole number from 0"),
    (changed(*CELL, "memory_mb", to=1 << 60), "cells[0].memory_mb", "a whole number from 0"),
    (changed(*CELL, "id", to=1 << 31), "cells[0].id", "a whole number from 0 to 2147483647"),
    (changed(*CELL, "id", to=-1), "cells[0].id", "a whole number from 0"),
    (changed(*CELL, "cpus", to=[1 << 31]), "cells[0].cpus[0]", "2147483647"),
    (changed(*CELL, "cpus", to=[-1]), "cells[0].cpus[0]", "a whole number from 0"),
    (changed(*CELL, "pages", 0, "total", to=-1), "cells[0].pages[0].total", "(pages)"),
    (changed(*CELL, "pages", 0, "total", to=1 << 60), "cells[0].pages[0].total", "(pages)"),
    (changed("limits", "cpu_allocation_ratio", to=-1), "limits.cpu_allocation_ratio", "0 or more"),
    (changed("limits", "cpu_allocation_ratio", to="4"), "limits.cpu_allocation_ratio", "number"),
    (changed("limits", "cpu_allocation_ratio", to=10**400), "limits.cpu_all", "number"),
    (changed("pci", 0, "count", to=-1), "pci[0].count", "a whole number from 0"),
    (changed("pci", 0, "numa_node", to="0"), "pci[0].numa_node", "a whole number from -1"),
    # CPU lists
    *(
        (changed(*CELL, "cpus", to=text), "cells[0].cpus", "a CPU list such as 0-3,8,^2")
        for text in ("0-", "-3", "5-2", "^", "^-", "0-3-5", "a", "0x3", "1;2", "1 2", "٣", "1.0")
    ),
    (changed(*CELL, "cpus", to="2147483648"), "cells[0].cpus", "larger than 65535"),
    (changed(*CELL, "cpus", to="0-99999999999999999999"), "cells[0].cpus", "larger than 65535"),
    (changed(*CELL, "cpus", to="0-65535"), "cells[0].cpus", "at most 8192 CPUs"),
    (changed(*CELL, "cpus", to=None), "cells[0].cpus", "a CPU list"),
    (changed(*CELL, "cpus", to=True), "cells[0].cpus", "a CPU list"),
    (changed(*CELL, "cpus", to=[["0"]]), "cells[0].cpus[0]", "a whole number"),
    (changed(*CELL, "pinned", to="0-"), "cells[0].pinned", "a CPU list"),
    (changed(*CELL, "dedicated_cpus", to="2-9"), "cells[0].dedicated_cpus", "4-9 is not in"),
    # siblings
    (changed(*CELL, "siblings", to=["0,2", "2,3"]), "cells[0].siblings[1]", "CPU 2 stands in two"),
    (changed(*CELL, "siblings", to=["0,2", ""]), "cells[0].siblings[1]", "at least one CPU"),
    (changed(*CELL, "siblings", to=["0,9"]), "cells[0].siblings", "9 is not in"),
    (changed(*CELL, "siblings", to="0,2"), "cells[0].siblings", "a list of CPU lists"),
    (changed(*CELL, "threads", to=["0-1", "2-3"]), "cells[0].threads", "siblings or threads"),
    # cells of one host
    (changed("cells", 1, "id", to=0), "cells[1].id", "no other cell has"),
    (changed("cells", 1, "cpus", to="3-7"), "cells[1]", "CPU 3 is in cells[0] too"),
    (changed("cells", 1, "pinned", to="3"), "cells[1]", "CPU 3 is in cells[0] too"),
    (changed("cells", to=[{}] * 10_000), "cells", "at most 1024 cells"),
    # pages
    (changed(*CELL, "pages", 0, "size", to="4kb"), "cells[0].pages[0].size", "4KiB, 2MiB, 1GiB"),
    (changed(*CELL, "pages", 0, "size", to=0), "cells[0].pages[0].size", "KiB from 1 to"),
    (changed(*CELL, "pages", 0, "size", to="0KiB"), "cells[0].pages[0].size", "KiB from 1 to"),
    (changed(*CELL, "pages", 0, "size", to="999999999999GiB"), "cells[0].pages[0].size", "KiB"),
    (
        changed(*CELL, "pages", to=[{"size": "2MiB", "total": 1}, {"size": 2048, "total": 1}]),
        "cells[0].pages[1].size",
        "each page size once",
    ),
    # distances
    (changed("distances", to=[[10, 21]]), "distances", "2 rows of 2 numbers"),
    (changed("distances", to=[[10], [10]]), "distances", "2 rows of 2 numbers"),
    (changed("distances", to=[[10, "x"], [21, 10]]), "distances[0][1]", "a whole number"),
    (changed("distances", to=[[10, -1], [21, 10]]), "distances[0][1]", "a whole number"),
    # devices
    (changed("pci", 0, "tags", to={"count": "1"}), "pci[0].tags.count", "beside tags"),
    (changed("pci", 0, "tags", to={"a": 1}), "pci[0].tags.a", "text or null"),
    (changed("pci", 0, "vendor_id", to=86), "pci[0].vendor_id", "text"),
]


@pytest.mark.parametrize(("data", "key", "words"), WRONG, ids=lambda one: str(one)[:40])
def test_mistake_is_named(data: dict[str, Any], key: str, words: str, tmp_path: Path) -> None:
    """File, key, value, and what was expected; read from a file as a user would."""
    path = tmp_path / "host.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_host_file(path)
    error = caught.value
    assert error.file == str(path)
    assert (error.key or "").startswith(key)
    assert words in str(error)
    assert len(str(error)) < 700
    assert "\x1b" not in str(error)


def test_what_the_schema_refuses_the_reader_refuses() -> None:
    """The schema serves editors; a file that passes there may still contradict itself."""
    validator = jsonschema.Draft202012Validator(host_schema())
    assert not list(validator.iter_errors(SMALL))
    refused = [data for data, _key, _words in WRONG if not validator.is_valid(data)]
    assert len(refused) > 25
    for data in refused:
        with pytest.raises(InputError):
            host_from_mapping(data)


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(host_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_of_the_schema_and_survive_a_round_trip(path: Path) -> None:
    data = load(path)
    jsonschema.validate(data, host_schema(), cls=jsonschema.Draft202012Validator)
    host = read_host_file(path)
    assert host.name == path.stem
    written = host_to_mapping(host)
    jsonschema.validate(written, host_schema(), cls=jsonschema.Draft202012Validator)
    assert host_from_mapping(written) == host
    assert Host(host).check() is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_true_to_life(path: Path) -> None:
    """Memory is the sum of the pages, each core has two threads, distances are a SLIT."""
    host = read_host_file(path)
    for n, cell in enumerate(host.cells):
        pages = sum(pool.size_kib * pool.total for pool in cell.page_pools) >> 10
        assert pages == pytest.approx(cell.memory_mb, rel=0.02)
        assert {len(core) for core in cell.siblings} == {2}
        assert cell.pinned_cpus <= cell.pcpuset
        assert not cell.cpuset & cell.pcpuset
        assert host.distances[n][n] == 10
    assert [list(row) for row in host.distances] == [
        list(column) for column in zip(*host.distances, strict=True)
    ]


def pinned(vcpus: int, **specs: str) -> Request:
    flavor = Flavor("f", vcpus, 1024, {"hw:cpu_policy": "dedicated", **specs})
    return Request(guest_topology(flavor))


def overcommitted(change: Callable[[dict[str, Any]], object]) -> Host:
    data = without("cells", 1)
    del data["distances"]
    change(data["cells"][0])
    return Host(host_from_mapping(data))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda cell: cell.update(memory_used_mb=99_999), None),
        (lambda cell: cell["pages"][0].update(used=2_000_000), "pages"),
        (lambda cell: cell["pages"][0].update(reserved=2_000_000), "pages"),
        (lambda cell: cell.update(dedicated_cpus="0-1", pinned="0-3"), "free_cpus"),
        (lambda cell: cell.update(pinned="0-3"), "free_cpus"),
    ],
)
def test_overcommitted_hosts_load(
    change: Callable[[dict[str, Any]], object], reason: str | None
) -> None:
    """A real state: it loads, and nothing more fits where it is short."""
    answer = overcommitted(change).fit(pinned(1))
    if reason is None:  # the smallest page counts for a pinned guest, not the sum in MiB
        assert answer
    else:
        assert isinstance(answer, Refusal)
        assert answer.reason == reason
        assert answer.available <= 0


def test_a_host_without_cells_loads_and_refuses() -> None:
    host = Host(host_from_mapping({"version": 1, "cells": []}))
    answer = host.fit(pinned(1))
    assert isinstance(answer, Refusal)
    assert answer.reason == "no_topology"


def test_the_largest_host_loads() -> None:
    cells = [{"id": n, "cpus": f"{n * 8}-{n * 8 + 7}", "memory_mb": 1024} for n in range(1024)]
    host = Host(host_from_mapping({"version": 1, "cells": cells}))
    assert host.fit(pinned(8))


def test_threads_are_siblings_by_columns() -> None:
    rows = host_from_mapping(SMALL)
    columns = without(*CELL, "siblings")
    columns["cells"][0]["threads"] = ["0-1", "2-3"]
    assert host_from_mapping(columns) == rows


@pytest.mark.parametrize(
    ("threads", "words"),
    [(["0-1", "2"], "2 CPUs, as many as"), (["0-1", "1-2"], "each CPU once"), ("0-3", "a list")],
)
def test_threads_that_are_none(threads: object, words: str) -> None:
    data = without(*CELL, "siblings")
    data["cells"][0]["threads"] = threads
    with pytest.raises(InputError, match=words) as caught:
        host_from_mapping(data)
    assert (caught.value.key or "").startswith("cells[0].threads")


def test_notes_and_anchors_stand_under_x(tmp_path: Path) -> None:
    path = tmp_path / "twins.yaml"
    path.write_text(
        "version: 1\n"
        "x-cell: &cell {memory_mb: 1024, pages: [{size: 4KiB, total: 262144}]}\n"
        "cells:\n"
        "  - {<<: *cell, id: 0, cpus: 0-3}\n"
        "  - {<<: *cell, id: 1, cpus: 4-7, memory_mb: 2048}\n"
    )
    host = read_host_file(path)
    assert host.name == "twins"
    assert [cell.memory_mb for cell in host.cells] == [1024, 2048]
    assert host.cells[0].page_pools == host.cells[1].page_pools
