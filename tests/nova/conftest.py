"""MariaDB and PostgreSQL of Debian's packages, each in a directory of its own and without a
network; they are stopped at the end."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

READY_SECONDS = 60
PLACES = ["/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]


def program(*names: str) -> str:
    path = os.pathsep.join((os.environ["PATH"], *PLACES))
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    pytest.fail(f"{names[0]} is not installed; 'make test-db' installs Debian's packages")


@contextmanager
def running(
    command: list[str], log: Path, ask: list[str], user: str | None = None
) -> Iterator[None]:
    """A server, from the moment at which ``ask`` gets an answer."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, user=user)
    try:
        end = time.monotonic() + READY_SECONDS
        while subprocess.run(ask, capture_output=True, check=False).returncode:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.3)
        yield
    finally:
        server.terminate()
        server.wait(READY_SECONDS)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Makes an empty database of this name; its URL."""
    # the path of a socket has little room, pytest's directories are long
    folder = tmp_path_factory.mktemp("db")
    data = folder / "data"
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
    server = [
        program("mariadbd", "mysqld"),
        "--no-defaults",
        f"--datadir={data}",
        f"--socket={socket}",
        f"--user={user}",
        f"--pid-file={folder / 'pid'}",
        "--skip-networking",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    client = [program("mariadb", "mysql"), "--no-defaults", f"--socket={socket}", "-uroot"]
    with running(server, folder / "log", [*client, "-e", ""]):

        def make(name: str) -> str:
            sql = f"CREATE DATABASE {name} CHARACTER SET utf8mb3"
            subprocess.run([*client, "-e", sql], capture_output=True, check=True)
            return f"mysql+pymysql://root@localhost/{name}?unix_socket={socket}"

        yield make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """Makes an empty database of this name; its URL."""
    # the server refuses to run as root, and pytest's directories are closed to others
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(f"/tmp/numafit-{os.getpid()}.pg")
    folder.mkdir(mode=0o700)
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [program("initdb"), "-D", data, "-U", "numafit", "-A", "trust", "--no-sync"],
            capture_output=True,
            timeout=120,
            check=True,
            user=user,
            cwd=folder,
        )
        server = [program("postgres"), "-D", str(data), "-k", str(folder), "-F"]
        client = [program("psql"), "-h", str(folder), "-U", "numafit", "-d", "postgres"]
        with running(
            [*server, "-c", "listen_addresses="],
            folder.with_suffix(".log"),
            [*client, "-c", ""],
            user,
        ):

            def make(name: str) -> str:
                sql = f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"
                subprocess.run([*client, "-c", sql], capture_output=True, check=True)
                return f"postgresql://numafit@/{name}?host={folder}"

            yield make
    finally:
        shutil.rmtree(folder)
        folder.with_suffix(".log").unlink(missing_ok=True)
