"""A MariaDB server of Debian's packages, in a directory of its own, stopped at the end."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

READY_SECONDS = 60


def program(*names: str) -> str:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    pytest.fail(f"{names[0]} is not installed; 'make test-db' installs Debian's mariadb-server")


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of this name; its URL."""
    # the path of a socket has little room, pytest's directories are long
    folder = tmp_path_factory.mktemp("db")
    data, log = folder / "data", folder / "log"
    socket = f"/tmp/numafit-{os.getpid()}.sock"
    user = getpass.getuser()
    subprocess.run(
        [
            program("mariadb-install-db", "mysql_install_db"),
            "--no-defaults",
            f"--datadir={data}",
            f"--user={user}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    with log.open("wb") as out:
        server = subprocess.Popen(
            [
                program("mariadbd", "mysqld"),
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={socket}",
                f"--user={user}",
                f"--pid-file={folder / 'pid'}",
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        client = [program("mariadb", "mysql"), "--no-defaults", f"--socket={socket}", "-uroot"]
        end = time.monotonic() + READY_SECONDS
        while subprocess.run([*client, "-e", ""], capture_output=True, check=False).returncode:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.3)

        def make(name: str) -> str:
            sql = f"CREATE DATABASE {name} CHARACTER SET utf8mb3"
            subprocess.run([*client, "-e", sql], capture_output=True, check=True)
            return f"mysql+pymysql://root@localhost/{name}?unix_socket={socket}"

        yield make
    finally:
        server.terminate()
        server.wait(READY_SECONDS)
