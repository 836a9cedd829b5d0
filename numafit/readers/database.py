"""A database that is only read, whichever service made it (extra ``openstack``: SQLAlchemy).

SQLite, MariaDB and MySQL, PostgreSQL. Everything is read in one transaction that may not write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from numafit._as_one import or_undo
from numafit.errors import InputError
from numafit.extras import need
from numafit.readers import bounds
from numafit.readers.oslo_files import OsloFiles, of_type
from numafit.readers.sqlite_file import NO_MEMORY, open_sqlite

CHUNK = 500
"""Rows that are fetched at a time: one of nova's holds up to 64 KiB of topology."""

# a bare name means a driver of its own for SQLAlchemy; the extra brings these
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_PATIENCE = {
    "pymysql": {"connect_timeout": 10, "read_timeout": 60},
    "psycopg": {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    },
}
"""Seconds (and probes) after which a server that says nothing is away, by driver; else a network
that swallows packets would keep whoever reads for ever. A URL may say otherwise."""
_REASON = 800


@dataclass(frozen=True, slots=True)
class Kind:
    """What a database is, for messages. ``option``: of the command line; ``what``: whose database
    is expected; ``example``: of a URL; ``section``: of the service's configuration file, with the
    option ``connection``; ``file``: what that is called; ``where``: which one it is; ``other``:
    which database it is not."""

    option: str
    what: str
    example: str
    section: str
    file: str
    where: str
    other: str


class Database:
    """An open database; a context manager. Raises ``InputError`` for a URL that is none, for a
    database that cannot be reached or is not of its kind; a password never stands in the
    message."""

    kind: ClassVar[Kind]

    def __init__(self, url: str) -> None:
        self._sa: Any = need("sqlalchemy", "openstack")
        parsed = self._parse(url)
        self.name: str = parsed.render_as_string(hide_password=True)
        self._named = bounds.Named()
        with self._said():
            self._engine = self._open(parsed)
            try:
                self._connection = self._connect(parsed.get_backend_name())
                self._raw = self._connection.connection.dbapi_connection
            except BaseException:
                self._engine.dispose()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Whatever SQLAlchemy was doing when Ctrl-C came: the driver's own connection is closed."""
        with suppress(AssertionError):  # of SQLAlchemy's, whose own notes were ended halfway
            or_undo(self._close, self._raw.close)

    def _close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def columns_of(self, table: str) -> frozenset[str]:
        """Names of a table's columns; none where there is no such table."""
        with self._said():
            looked = self._sa.inspect(self._connection)
            if not looked.has_table(table):
                return frozenset()
            return frozenset(column["name"] for column in looked.get_columns(table))

    def table(self, name: str, *columns: str) -> Any:
        return self._sa.table(name, *map(self._sa.column, columns))

    def stream(self, query: Any) -> Iterator[Any]:
        with self._said():
            options = {"yield_per": CHUNK, "stream_results": True}
            rows = iter(self._connection.execute(query, execution_options=options))
        while True:
            # what the caller does with a row is none of ours to explain
            with self._said():
                row = next(rows, None)
            if row is None:
                return
            yield row

    def whole(self, key: str, value: Any, most: int) -> int:
        """A number that was asked for, or a sum: nothing sums to ``None``, MariaDB's sums are
        decimals, and a file of SQLite may hold anything in any column."""
        if value is None:
            return 0
        try:
            found = int(value)
            if found == value and 0 <= found <= most:
                return found
        except (TypeError, ValueError, OverflowError):
            pass
        raise InputError(self.name, key, value, f"a whole number from 0 to {most}")

    def _parse(self, url: str) -> Any:
        try:
            parsed = self._sa.make_url(url)
        except (ValueError, self._sa.exc.ArgumentError):
            raise InputError(None, self.kind.option, _hidden(url), self.kind.example) from None
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        if parsed.get_backend_name() not in ("sqlite", "mysql", "mariadb", "postgresql"):
            raise InputError(None, self.kind.option, _hidden(url), self.kind.example)
        return parsed

    def _open(self, parsed: Any) -> Any:
        sa = self._sa
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            return sa.create_engine("sqlite://", creator=lambda: self._sqlite(parsed.database))
        patience = _PATIENCE.get(parsed.get_driver_name(), {})
        options: dict[str, Any] = {
            "isolation_level": "REPEATABLE READ",
            "connect_args": {k: n for k, n in patience.items() if k not in parsed.query},
        }
        engine = sa.create_engine(parsed, pool_size=1, max_overflow=0, **options)
        if backend in ("mysql", "mariadb"):
            sa.event.listen(engine, "connect", _mysql_read_only)
        return engine

    def _connect(self, backend: str) -> Any:
        connection = self._engine.connect()
        if backend == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        return connection

    def _sqlite(self, path: str | None) -> sqlite3.Connection:
        if not path or not os.path.isfile(path):
            raise InputError(self.name, None, path, "the path of a SQLite file", "Check the path.")
        return open_sqlite(path, self.name, "nova")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What a driver raises, in words; its own text may show the query, never the password."""
        sa = self._sa
        try:
            yield
        except sa.exc.DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            hint = self.kind.other if "no such table" in reason or "doesn't exist" in reason else ""
            expected = self.kind.what
            if "is locked" in reason:
                expected = "a database that can be read now"
                hint = "Another program writes to it: ask again later, or give a copy."
            told = InputError(self.name, None, reason, expected, hint)
            # why a database cannot be reached stands at the end
            told.shown = _REASON
            raise told from None
        except (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeError, MemoryError) as error:
            raise InputError(self.name, None, str(error) or NO_MEMORY, self.kind.what) from None
        except ModuleNotFoundError as error:
            raise InputError(
                self.name,
                None,
                f"the driver {error.name} is not installed",
                "a driver that is installed",
                "For PostgreSQL run: pip install 'numafit[postgresql]'.",
            ) from None


def url_of(source: str, kind: Kind) -> str:
    """The URL that ``source`` is or names: ``env:NAME`` is a variable of the environment, what is
    no URL a configuration file of the service, so that no password stands in a command.

    Raises ``InputError``, in which no URL stands.
    """
    if "://" in source:
        return source
    name = source.removeprefix("env:")
    if name != source:
        url = os.environ.get(name)
        if not url:
            what = "not set" if url is None else "empty"
            expected = f"the URL of {kind.what} in this variable of the environment"
            raise InputError(None, source, url, expected, f"{name} is {what}.")
        return url
    expected = f"{kind.example}, env:VARIABLE that holds one, or a {kind.file} with one"
    try:
        os.stat(source)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        shown = _hidden(source)
        hint = "" if shown != source else f"As the name of a file: {reason}."
        raise InputError(None, kind.option, shown, expected, hint) from None
    key = f"[{kind.section}] connection"
    options = {(kind.section, "connection"): of_type("text")}
    try:
        found: str | None = OsloFiles(source, (), options).get(kind.section, "connection")
    except InputError as error:
        if error.key != key and "://" not in str(error.value):
            raise
        hint = "A dollar of a password is written $$."
        expected = error.expected if error.key != key else f"the URL of {kind.what}"
        raise InputError(source, error.key, "...", expected, hint) from None
    if not found:
        raise InputError(source, key, None, kind.example, kind.where)
    return found


def _hidden(url: str) -> str:
    """The URL up to what may be a password."""
    scheme, mark, _rest = url.partition("://")
    return f"{scheme[:40] if mark else ''}://..." if "@" in url else url


def _mysql_read_only(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
