"""The guide lists the tables and columns that a read-only user of the databases needs: no fewer
than are read, and no more."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit.readers.database import Database
from numafit.readers.nova_db import NovaDb
from numafit.readers.nova_db_servers import read_servers
from numafit.readers.placement_db import PlacementDb

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "hosts.md"
Columns = dict[str, set[str]]


def listed(option: str) -> Columns:
    """Table -> columns, of the guide's table below the sentence about ``option``."""
    section = GUIDE.read_text().split("## What a read-only user may see")[1]
    rows = section.split(f"`{option}` reads", 1)[1].split("\n\n")[1].splitlines()[2:]
    found = {}
    for row in rows:
        _left, table, columns, *_more = row.split("|")
        found[table.strip(" `")] = set(re.findall(r"`(\w+)`", columns))
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Columns:
    """Filled with what readers ask for."""
    asked: Columns = {}
    table = Database.table

    def noted(self: Database, name: str, *columns: str) -> Any:
        asked.setdefault(name, set()).update(columns)
        return table(self, name, *columns)

    monkeypatch.setattr(Database, "table", noted)
    return asked


def database(folder: Path, tables: Columns) -> str:
    """With the listed columns and no others: asking for another one fails."""
    file = folder / "some.db"
    with closing(sqlite3.connect(file)) as connection:
        for name, columns in tables.items():
            names = ", ".join(f'"{one}"' for one in sorted(columns))
            connection.execute(f"CREATE TABLE {name} ({names})")
        connection.commit()
    return f"sqlite:///{file}"


def test_of_a_cell(tmp_path: Path, read: Columns) -> None:
    tables = listed("--nova-db")
    with NovaDb(database(tmp_path, tables)) as cell:
        assert list(cell.rows()) == []
        assert cell.differences() == []
        assert cell.compute_versions() == []
        assert list(read_servers(cell)) == []
    assert read == tables


def test_of_placement(tmp_path: Path, read: Columns) -> None:
    tables = listed("--placement-db")
    with PlacementDb(database(tmp_path, tables)) as placement:
        assert placement.hosts() == {}
    assert read == tables
