"""Numbers that a file of SQLite holds where nova and placement have whole ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit import InputError
from numafit.readers.nova_db import NovaDb
from numafit.readers.placement_db import read_placement_db
from tests.unit.small_cloud import Cloud

ODD = ["x", float("inf"), float("-inf"), -5, 1.5, b"\xff", 1 << 62]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.hosts([1, 2])
    with closing(sqlite3.connect(cloud.file("cell"))) as cell:
        cell.executescript(
            """
            ALTER TABLE instances ADD COLUMN vcpus INTEGER;
            ALTER TABLE instances ADD COLUMN memory_mb INTEGER;
            CREATE TABLE migrations (source_compute TEXT, source_node TEXT, dest_compute TEXT,
                dest_node TEXT, status TEXT, deleted INTEGER);
            INSERT INTO instances VALUES ('u', 'c1', 'c1.example', 'active', NULL, 0, 2, 64);
            """
        )
    return cloud


def written(cloud: Cloud, file: str, column: str, value: object) -> str:
    table, _, name = column.partition(".")
    with closing(sqlite3.connect(cloud.file(file))) as database:
        database.execute(f"UPDATE {table} SET {name} = ?", (value,))
        database.commit()
    return cloud.url(file)


def versions(url: str) -> object:
    with NovaDb(url) as database:
        return database.compute_versions()


def rows(url: str) -> object:
    with NovaDb(url) as database:
        return list(database.rows())


READS: dict[str, tuple[str, Callable[[str], object]]] = {
    "services.version": ("cell", versions),
    "instances.vcpus": ("cell", rows),
    "instances.memory_mb": ("cell", rows),
    "allocations.used": ("placement", read_placement_db),
}


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("column", READS)
def test_what_is_no_whole_number_is_named(column: str, value: Any, cloud: Cloud) -> None:
    file, read = READS[column]
    url = written(cloud, file, column, value)
    if column != "services.version" and isinstance(value, str | bytes):
        read(url)  # a sum passes over text
        return
    with pytest.raises(InputError, match=rf"{file}\.db: {column}: got .* a whole number from 0"):
        read(url)


@pytest.mark.parametrize("column", READS)
def test_nothing_counts_as_none(column: str, cloud: Cloud) -> None:
    file, read = READS[column]
    assert read(written(cloud, file, column, None)) is not None


def test_sums_beyond_what_sqlite_adds_up_are_an_error(cloud: Cloud) -> None:
    url = written(cloud, "placement", "allocations.used", (1 << 63) - 1)
    with closing(sqlite3.connect(cloud.file("placement"))) as database:
        database.execute("UPDATE allocations SET resource_provider_id = 1, resource_class_id = 1")
        database.commit()
    with pytest.raises(InputError, match="integer overflow"):
        read_placement_db(url)
