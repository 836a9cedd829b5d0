"""nova's API database, with its aggregates and their metadata (extra ``openstack``: SQLAlchemy)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.database import Database, Kind, url_of
from numafit.rules.aggregates import Aggregate

KIND = Kind(
    "--api-db",
    "nova's API database",
    "a URL such as mysql+pymysql://nova:PASSWORD@db/nova_api or sqlite:////var/nova_api.db",
    "api_database",
    "nova.conf",
    "It stands in the nova.conf of nova-api, nova-scheduler and nova-conductor.",
    "Give nova_api, not the database of a cell.",
)


class ApiDb(Database):
    """nova's API database, open; a context manager."""

    kind = KIND

    def aggregates(self) -> list[Aggregate]:
        """All of them, in the order of their numbers."""
        rows = self.each("aggregates", "id", "name")
        names = {number: self._label("aggregates.name", name) for number, name in rows}
        hosts: dict[int, set[str]] = {}
        for number, host in self.each("aggregate_hosts", "aggregate_id", "host"):
            hosts.setdefault(number, set()).add(self._label("aggregate_hosts.host", host))
        metadata: dict[int, dict[str, str]] = {}
        rows = self.each("aggregate_metadata", "aggregate_id", "key", "value")
        for number, key, value in rows:
            words = metadata.setdefault(number, {})
            words[self._label("aggregate_metadata.key", key)] = self._label(
                f"aggregate_metadata of {names.get(number)}.{key}", value
            )
        return [
            Aggregate(name, frozenset(hosts.get(number, ())), metadata.get(number))
            for number, name in names.items()
        ]

    def each(self, name: str, *columns: str) -> Iterator[Any]:
        """These columns of each row of a table, in the order of ``id``."""
        table = self.table(name, *dict.fromkeys(("id", *columns)))
        query = self._sa.select(*(table.c[one] for one in columns)).order_by(table.c.id)
        return self.stream(query)

    def _label(self, key: str, value: object) -> str:
        try:
            return checks.label(key, value)
        except InputError as error:
            raise error.within(self.name) from None


def read_api_db(source: str) -> list[Aggregate]:
    """``source``: a URL, ``env:VARIABLE`` that holds one, or a nova.conf with ``[api_database]
    connection``. Raises ``InputError``."""
    with ApiDb(url_of(source, KIND)) as database:
        return database.aggregates()
