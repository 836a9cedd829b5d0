"""A cell database of nova -> hosts with their usage (extra ``openstack``: SQLAlchemy).

SQLite, MariaDB and MySQL, PostgreSQL. Everything is read in one transaction that may not write,
row after row, so that a database of any size needs little memory. Rows that nova deleted softly
are left out.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from urllib.parse import quote

from numafit.diagnosis.usage import Difference, HostSum, Instance, usage_differences
from numafit.errors import InputError
from numafit.extras import need
from numafit.model.hostinfo import HostInfo
from numafit.readers import bounds
from numafit.readers.node_totals import DISABLED, NODE_COLUMNS, node_columns
from numafit.readers.nova_instances import instance_cells
from numafit.readers.nova_rows import host_from_nova
from numafit.readers.oslo_files import Options, OsloFiles, of_type

CHUNK = 500
"""Rows that are fetched at a time: a row holds up to 64 KiB of topology."""

_EXAMPLE = "a URL such as mysql+pymysql://nova:PASSWORD@db/nova_cell1 or sqlite:////var/nova.db"
_CELL = "Give the database of a cell (nova_cell1, nova_main), not nova_api or nova_cell0."
# a bare name means a driver of its own for SQLAlchemy; the extra brings these
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
# hidden: 1 of a virtual table, 2 and 3 generated
_COMPUTED = (
    "SELECT name FROM sqlite_master WHERE type = 'view' UNION SELECT m.name FROM sqlite_master m, "
    "pragma_table_xinfo(m.name) x WHERE x.hidden > 0 LIMIT 1"
)
_STEPS = 10_000
NO_SERVICE = "nova knows of no nova-compute there"
_GONE = ("deleted", "shelved_offloaded")
"""States in which an instance holds nothing on its host, though its row may still name it."""

Row = tuple[str, str | None, str | None, float | None, float | None, dict[str, Any]]


class NovaDb:
    """An open database; a context manager. Raises ``InputError`` for a URL that is none, for a
    database that cannot be reached or is not nova's; a password never stands in the message."""

    def __init__(self, url: str) -> None:
        self._sa: Any = need("sqlalchemy", "openstack")
        parsed = self._parse(url)
        self.name: str = parsed.render_as_string(hide_password=True)
        self._named = bounds.Named()
        with self._said():
            self._engine = self._open(parsed)
            try:
                self._connection = self._connect(parsed.get_backend_name())
            except BaseException:
                self._engine.dispose()
                raise

    def __enter__(self) -> NovaDb:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def rows(self) -> Iterator[Row]:
        """Name, ``numa_topology``, ``pci_stats``, both allocation ratios and what is known of the
        whole node (vCPUs, memory, disk, whether its service takes guests) of each compute node, as
        ``Fleet.from_nova_rows`` takes them."""
        for _key, row in self._compute_nodes():
            yield row

    def hosts(self) -> Iterator[HostInfo]:
        """The compute nodes with their usage as nova stored it."""
        for _key, host in self._keyed_hosts():
            yield host

    def instances(self) -> Iterator[Instance]:
        """The instances that hold something on a host."""
        columns = self._table(
            "instances", "uuid", "host", "node", "vm_state", "task_state", "deleted"
        )
        extra = self._table(
            "instance_extra", "instance_uuid", "numa_topology", "migration_context", "deleted"
        )
        one, more = columns.c, extra.c
        query = (
            self._sa.select(
                one.uuid,
                one.host,
                one.node,
                more.numa_topology,
                more.migration_context.is_not(None),
            )
            .join_from(columns, extra, one.uuid == more.instance_uuid)
            .where(one.deleted == 0, more.deleted == 0, one.host.is_not(None))
            .where(self._sa.or_(one.vm_state.is_(None), one.vm_state.not_in(_GONE)))
        )
        for uuid, host, node, topology, moving in self._stream(query):
            try:
                with bounds.document(known=self._named):
                    cells = instance_cells(topology)
            except InputError as error:
                raise error.within(self.name, f"instance_extra of {uuid}.numa_topology") from None
            yield Instance(uuid, host, node or "", cells, bool(moving))

    def compute_versions(self) -> list[int]:
        """``services.version`` of each nova-compute that takes part, as nova looks for the oldest:
        without those that are forced down."""
        services = self._table("services", "binary", "version", "forced_down", "deleted")
        one = services.c
        query = self._sa.select(one.version).where(
            one.binary == "nova-compute",
            one.deleted == 0,
            self._sa.or_(one.forced_down.is_(None), one.forced_down == self._sa.false()),
        )
        return [int(version or 0) for (version,) in self._stream(query)]

    def services_without_guests(self) -> dict[str, str] | None:
        """Host of each nova-compute -> why it takes no guests, empty where it takes them; ``None``
        where the database knows of no nova-compute at all."""
        if not self._columns("services"):
            return None
        services = self._table(
            "services", "host", "binary", "disabled", "disabled_reason", "forced_down", "deleted"
        )
        one = services.c
        query = self._sa.select(one.host, one.disabled, one.disabled_reason, one.forced_down).where(
            one.binary == "nova-compute", one.deleted == 0
        )
        found = {
            host: ("disabled" + (f", {reason}" if reason else ""))
            if disabled
            else ("forced down" if down else "")
            for host, disabled, reason, down in self._stream(query)
        }
        return found or None

    def differences(self) -> list[Difference]:
        """Where the usage that a host's row holds is not the sum of its instances. Instances that
        are moving between hosts count where their row says; the differences name them."""
        sums: dict[tuple[str, str], HostSum] = {}
        for instance in self.instances():
            sums.setdefault((instance.host, instance.node), HostSum()).add(instance)
        return list(usage_differences(self._keyed_hosts(), sums))

    def _keyed_hosts(self) -> Iterator[tuple[tuple[str, str], HostInfo]]:
        for key, (name, topology, pools, cpu, ram, node) in self._compute_nodes():
            try:
                with bounds.document(known=self._named):
                    host = host_from_nova(topology, pools, name, cpu, ram, node=node)
                yield key, host
            except InputError as error:
                raise error.within(self.name, f"compute_nodes of {name}") from None

    def _compute_nodes(self) -> Iterator[tuple[tuple[str, str], Row]]:
        # a view or a copy of the table may lack them; nova's own has them all
        totals = [name for name in NODE_COLUMNS if name in self._columns("compute_nodes")]
        resting = self.services_without_guests()
        table = self._table(
            "compute_nodes",
            "id",
            "host",
            "hypervisor_hostname",
            "numa_topology",
            "pci_stats",
            "cpu_allocation_ratio",
            "ram_allocation_ratio",
            "deleted",
            *totals,
        )
        one = table.c
        query = (
            self._sa.select(
                one.host,
                one.hypervisor_hostname,
                one.numa_topology,
                one.pci_stats,
                one.cpu_allocation_ratio,
                one.ram_allocation_ratio,
                *(one[name] for name in totals),
            )
            .where(one.deleted == 0)
            .order_by(one.id)
        )
        for host, node, topology, pools, cpu, ram, *found in self._stream(query):
            others = node_columns(dict(zip(totals, found, strict=True)))
            if resting is not None and (why := resting.get(host, NO_SERVICE)):
                others[DISABLED] = why
            yield (host or "", node or ""), (node or host or "", topology, pools, cpu, ram, others)

    def _columns(self, table: str) -> frozenset[str]:
        """Names of a table's columns; none where there is no such table."""
        with self._said():
            looked = self._sa.inspect(self._connection)
            if not looked.has_table(table):
                return frozenset()
            return frozenset(column["name"] for column in looked.get_columns(table))

    def _table(self, name: str, *columns: str) -> Any:
        return self._sa.table(name, *map(self._sa.column, columns))

    def _stream(self, query: Any) -> Iterator[Any]:
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

    def _parse(self, url: str) -> Any:
        try:
            parsed = self._sa.make_url(url)
        except (ValueError, self._sa.exc.ArgumentError):
            raise InputError(None, "--nova-db", _hidden(url), _EXAMPLE) from None
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        if parsed.get_backend_name() not in ("sqlite", "mysql", "mariadb", "postgresql"):
            raise InputError(None, "--nova-db", _hidden(url), _EXAMPLE)
        return parsed

    def _open(self, parsed: Any) -> Any:
        sa = self._sa
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            return sa.create_engine("sqlite://", creator=lambda: self._sqlite(parsed.database))
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}
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
        # mode=ro: nothing is created, and nothing can be written
        uri = f"file:{quote(path)}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        # a file may compute what it shows: rows without end, texts of a gigabyte
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.FILE_BYTES)
        left = [bounds.database_steps(os.path.getsize(path)) // _STEPS]

        def used() -> bool:
            left[0] -= 1
            return left[0] < 0

        connection.set_progress_handler(used, _STEPS)
        found = connection.execute(_COMPUTED).fetchone()
        if found is not None:
            connection.close()
            raise InputError(self.name, str(found[0]), None, "tables alone, as nova makes them")
        return connection

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What a driver raises, in words; its own text may show the query, never the password."""
        sa = self._sa
        try:
            yield
        except sa.exc.DBAPIError as error:
            reason = str(error.orig)
            hint = _CELL if "no such table" in reason or "doesn't exist" in reason else ""
            raise InputError(self.name, None, reason, "a cell database of nova", hint) from None
        except (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
            raise InputError(self.name, None, str(error), "a cell database of nova") from None
        except ModuleNotFoundError as error:
            raise InputError(
                self.name,
                None,
                f"the driver {error.name} is not installed",
                "a driver that is installed",
                "For PostgreSQL run: pip install 'numafit[postgresql]'.",
            ) from None


_CONNECTION: Options = {("database", "connection"): of_type("text")}


def database_url(source: str) -> str:
    """The URL that ``source`` is or names: ``env:NAME`` is a variable of the environment, what is
    no URL a nova.conf with ``[database] connection``, so that no password stands in a command.

    Raises ``InputError``, in which no URL stands.
    """
    if "://" in source:
        return source
    name = source.removeprefix("env:")
    if name != source:
        url = os.environ.get(name)
        if not url:
            raise InputError(None, name, None, "a variable of the environment with the URL")
        return url
    if not os.path.exists(source):
        expected = f"{_EXAMPLE}, env:VARIABLE that holds one, or a nova.conf with one"
        raise InputError(None, "--nova-db", _hidden(source), expected)
    key = "[database] connection"
    try:
        found: str | None = OsloFiles(source, (), _CONNECTION).get("database", "connection")
    except InputError as error:
        if error.key != key and "://" not in str(error.value):
            raise
        hint = "A dollar of a password is written $$."
        expected = error.expected if error.key != key else "the URL of a cell database"
        raise InputError(source, error.key, "...", expected, hint) from None
    if not found:
        hint = "It stands in the nova.conf of the cell's nova-conductor, not in that of a compute."
        raise InputError(source, key, None, _EXAMPLE, hint)
    return found


def read_nova_db(url: str) -> list[HostInfo]:
    """The hosts of a cell database, with their usage as nova stored it."""
    with NovaDb(url) as database:
        return list(database.hosts())


def _hidden(url: str) -> str:
    """The URL up to what may be a password."""
    scheme, mark, _rest = url.partition("://")
    return f"{scheme[:40] if mark else ''}://..." if "@" in url else url


def _mysql_read_only(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
