"""``numafit export`` beside a MariaDB that has nova's own tables, goes away and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy

from tests.nova.test_nova_db import fill
from tests.unit.test_export_cache import until, values
from tests.unit.test_export_command import FLAVORS, Process
from tests.unit.test_export_families import read

pytestmark = [pytest.mark.nova, pytest.mark.db]

TOTAL = "openstack_free_capacity_by_flavor_total"


@pytest.fixture
def cell(mariadb: Callable[[str], str]) -> str:
    url = mariadb("nova_exported")
    fill(url)
    return url


@pytest.fixture
def door(cell: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The cell's URL by a name of the server's socket that can be taken away; that name."""
    (socket,) = parse_qs(urlsplit(cell).query)["unix_socket"]
    name = Path(f"{socket}.door")
    name.symlink_to(socket)
    yield cell.replace(socket, str(name)), name
    name.unlink(missing_ok=True)


def totals(process: Process) -> dict[tuple[str, ...], float]:
    return read(process.scrape().decode())[TOTAL]


def counted(cell: str) -> dict[tuple[str, ...], float]:
    """What ``numafit capacity`` says of the same flavors and hosts."""
    line = [sys.executable, "-m", "numafit", "capacity", str(FLAVORS), "--nova-db", cell]
    done = subprocess.run([*line, "--format", "json"], capture_output=True, text=True, check=False)
    flavors = json.loads(done.stdout)["flavors"]
    return {(one["flavor"], "True"): one["in_all"] for one in flavors}


def test_a_server_that_goes_away_and_comes_back(cell: str, door: tuple[str, Path]) -> None:
    url, name = door
    target = name.readlink()
    one = Process(FLAVORS, "--nova-db", url, "--interval", 1)
    try:
        expected = counted(cell)
        assert totals(one) == expected
        assert any(expected.values())

        engine = sqlalchemy.create_engine(cell)

        def change(query: str) -> dict[tuple[str, ...], float]:
            with engine.begin() as connection:
                connection.exec_driver_sql(query)
            engine.dispose()
            return counted(cell)

        fewer = change("UPDATE compute_nodes SET deleted = id WHERE host IN ('host-4', 'host-5')")
        assert fewer != expected
        until(lambda: totals(one) == fewer, 30)
        name.unlink()
        until(lambda: values(one.scrape())["numafit_up"] == 0, 30)
        assert totals(one) == fewer
        assert change("UPDATE compute_nodes SET deleted = 0 WHERE host IN ('host-4', 'host-5')")
        name.symlink_to(target)
        until(lambda: totals(one) == expected, 30)
        assert values(one.scrape())["numafit_up"] == 1
    finally:
        one.process.kill()
        one.process.communicate()
