"""Arrow data are read in whole columns, with the answers of the reader that goes row by row."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import nanoarrow as na
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from numafit import Fleet, HostCell, HostInfo, InputError, PagePool, PciPool
from numafit.columns import Columns, from_arrow
from numafit.columns.arrow_parts import Part, Unlike


def cells(n: int, **changes: Any) -> list[HostCell]:
    """Cell k has CPUs 10 k to 10 k + 3: one for shared guests, three dedicated, one pinned."""
    return [
        HostCell(
            **{
                "id": k,
                "cpuset": {10 * k},
                "pcpuset": {10 * k + 1, 10 * k + 2, 10 * k + 3},
                "memory_mb": 1000 + k,
                "pinned_cpus": {10 * k + 2},
                "siblings": ({10 * k, 10 * k + 1}, {10 * k + 2, 10 * k + 3}),
                "page_pools": (PagePool(4, 100, 7, 1), PagePool(2048, 5)),
                "physnets": {"b", "a"} if k else (),
                "tunneled": not k,
                "socket": k or None,
                **changes,
            }
        )
        for k in range(n)
    ]


def pool(count: int, **tags: Any) -> PciPool:
    return PciPool("8086", "154c", 1, count, tags)


DISTANCES = ((10, 20), (20, 10))
HOSTS = [
    HostInfo(cells(2), "one", (pool(3, a="x"), pool(4, rp_uuid="u1", b="c")), 16.0),
    HostInfo(cells(2), "two", (pool(3, a="x"), pool(5, rp_uuid="u2", b="c")), None, 1.5, DISTANCES),
    HostInfo((), "none", (PciPool("10de", "1eb8", None, 0), pool(1))),
    HostInfo(cells(1, pinned_cpus={0, 2}), "outside"),
    HostInfo(cells(3, page_pools=(PagePool(4, 1, 3, 1),)), ""),
]


def in_columns(source: Any) -> Fleet:
    """Never row by row."""
    gatherer, generations = from_arrow._in_columns(from_arrow._batches(source))
    columns = Columns(gatherer)
    columns.host_generation[:] = generations
    return Fleet._of(columns)


def row_by_row(source: Any) -> Fleet:
    gatherer, generations = from_arrow._row_by_row(from_arrow._rows(from_arrow._batches(source)))
    columns = Columns(gatherer)
    columns.host_generation[:] = generations
    return Fleet._of(columns)


def same(a: Fleet, b: Fleet) -> None:
    """Equal in all but the numbers of layouts and classes, which go by who was met first."""
    assert a.check() is None
    ours, theirs = (Fleet(fleet.hostinfos()).c_columns() for fleet in (a, b))
    for field, value in theirs.items():
        np.testing.assert_array_equal(ours[field], value, err_msg=field)
    assert a.names == b.names
    assert list(a.hostinfos()) == list(b.hostinfos())


SOURCES: dict[str, Callable[[Fleet], Any]] = {
    "numafit": lambda fleet: fleet,
    "pyarrow": pa.table,
    "large types": lambda fleet: pa.table(pl.DataFrame(fleet).to_arrow()),
    "polars": pl.DataFrame,
    "two chunks": lambda fleet: pa.concat_tables([pa.table(fleet)[:2], pa.table(fleet)[2:]]),
    "a part of polars": lambda fleet: pl.concat([pl.DataFrame(fleet)] * 2)[len(fleet) :],
    "a reader": lambda fleet: pa.table(fleet).to_reader(),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_same_fleet_from_columns(source: Callable[[Fleet], Any]) -> None:
    fleet = Fleet(HOSTS)
    found = in_columns(source(fleet))
    same(found, fleet)
    assert [info.name for info in found.hostinfos()] == ["one", "two", "none", "outside", ""]
    assert found.hostinfo(1).pci_pools == HOSTS[1].pci_pools
    assert found.hostinfo(1).distances == DISTANCES


def test_a_part_of_a_table_has_the_hosts_of_that_part() -> None:
    table = pa.table(Fleet(HOSTS))
    found = in_columns(table.slice(1, 3))
    assert found.names == ["two", "none", "outside"]
    assert list(found.hostinfos()) == list(Fleet(HOSTS[1:4]).hostinfos())


def test_columns_by_hand() -> None:
    columns = in_columns(Fleet(HOSTS[:2])).columns()
    # slots 0, 1 and 2, 3 are the cores; CPUs 2 and 12 stand in slot 2
    assert columns["pinned"].tolist() == [0b100] * 4
    assert columns["pages_free"].tolist() == [[92] * 4, [5] * 4]
    assert columns["cell_memory"].tolist() == [1000, 1001, 1000, 1001]
    assert columns["pool_count"].tolist() == [3, 4, 3, 5]
    assert columns["pool_cell"].tolist() == [1] * 4
    assert columns["pool_provider"].tolist() == [0, 1, 0, 2]
    assert columns["cell_nets"].tolist() == [[1], [6], [1], [6]]


def rows_of(fleet: Fleet) -> list[Any]:
    found: list[Any] = pa.table(fleet).to_pylist()
    return found


def pages(used: int, reserved: int) -> dict[str, int]:
    return {"size_kib": 4, "total": 1, "used": used, "reserved": reserved}


UNLIKE: dict[str, dict[str, Any]] = {
    "a cell twice": {"id": 0},
    "pages beyond all bounds": {"page_pools": [pages(2**31 - 1, 9)]},
    "a page size twice": {"page_pools": [pages(0, 0)] * 2},
    "cores that share a CPU": {"siblings": "0,1 1,2"},
    "no memory": {"memory_mb": None},
    "a number for text": {"cpuset": 3},
    "no flag": {"tunneled": None},
}


@pytest.mark.parametrize("changes", UNLIKE.values(), ids=UNLIKE)
def test_what_is_wrong_is_left_to_the_reader_of_rows(changes: dict[str, Any]) -> None:
    rows = rows_of(Fleet(HOSTS[:1]))
    rows[0]["cells"] = [rows[0]["cells"][0], {**rows[0]["cells"][1], **changes}]
    if "cpuset" in changes:
        rows[0]["cells"][0]["cpuset"] = 1
    with pytest.raises(Unlike):
        in_columns(pa.Table.from_pylist(rows))
    with pytest.raises(InputError, match="row 0"):
        Fleet.from_arrow(pa.Table.from_pylist(rows))


def test_a_provider_deeper_in_the_tags_is_not_taken_for_the_pools() -> None:
    rows = rows_of(Fleet([HostInfo((), "a", (pool(1, rp_uuid="u"),))] * 2))
    rows[1]["pci_pools"][0]["tags"] = '{"a": {"rp_uuid": "v"}}'
    found = Fleet.from_arrow(pa.Table.from_pylist(rows))
    assert [p.tags for p in found.pools(1)] == [{"a": {"rp_uuid": "v"}}]
    assert [p.tags for p in found.pools(0)] == [{"rp_uuid": "u"}]


def test_dates_are_no_numbers() -> None:
    array = na.c_array(pa.array([1, 2], pa.timestamp("s")))
    with pytest.raises(Unlike):
        Part.of(array).whole(0, 9)


def outcome(read: Callable[[Any], Fleet], table: Any) -> Fleet | str:
    try:
        return read(table)
    except InputError as error:
        return str(error)


def bend(value: Any, rng: random.Random) -> Any:
    """One thing in it changed, dropped or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.95:
        key = rng.choice(sorted(value))
        if rng.random() < 0.05:
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: bend(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        n = rng.randrange(len(value))
        if rng.random() < 0.15:
            return [*value, value[n]]
        return [*value[:n], bend(value[n], rng), *value[n + 1 :]]
    if isinstance(value, int) and not isinstance(value, bool):
        return rng.choice([-1, 0, 1, 2, 3, 12, value + 1, 2**31 - 1, 2**31, 2**50, None])
    if isinstance(value, str):
        text = ["", "0", "0-3", "1,3", "0,1 2,3", "0-9999", "{}", '{"a": "b"}', "x", "a\nb", None]
        return rng.choice([*text, value + value, value[1:]])
    return rng.choice([None, 0.5, -1.0, True, False, [], float("nan")])


def test_bent_tables_are_read_or_refused_as_row_by_row() -> None:
    rng = random.Random(3)
    whole = rows_of(Fleet(HOSTS))
    refused = at_once = 0
    for _ in range(600):
        rows = copy.deepcopy(whole)
        n = rng.randrange(len(rows))
        rows[n] = bend(rows[n], rng)
        try:
            table = pa.Table.from_pylist(
                rows, schema=rng.choice([None, pa.table(Fleet([])).schema])
            )
        except (pa.ArrowException, AttributeError, OverflowError, TypeError, ValueError):
            continue
        slow = outcome(row_by_row, table)
        if isinstance(slow, str):
            assert outcome(Fleet.from_arrow, table) == slow
            refused += 1
            continue
        assert list(Fleet.from_arrow(table).hostinfos()) == list(slow.hostinfos()), rows[n]
        try:
            same(in_columns(table), slow)
        except Unlike:
            continue
        at_once += 1
    assert refused > 100
    assert at_once > 80


@pytest.mark.parametrize("union", [pa.dense_union, pa.sparse_union])
@pytest.mark.parametrize("column", ["cells", "generation"])
def test_a_union_is_no_column_of_a_fleet(union: Any, column: str) -> None:
    """Its first buffer says of which type each value is, and not which are missing."""
    fleet = Fleet([HostInfo((), "a"), HostInfo((), "b")])
    table = pa.table(fleet)
    at = table.schema.get_field_index(column)
    odd = pa.nulls(2, union([pa.field("one", pa.int32())]))
    with pytest.raises(InputError, match="expected"):
        Fleet.from_arrow(table.set_column(at, column, odd))
