"""A cell database of nova, followed in place: its hosts as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from numafit.columns.nova_rows import hostinfo_of
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.following import News, Seen, look
from numafit.model.hostinfo import HostInfo
from numafit.readers.nova_db import NovaDb

Over = Callable[[HostInfo], HostInfo | None]
_T = TypeVar("_T")


class Followed:
    """One database. ``fleet`` is what was seen last; it stays so where a look fails.

    ``over`` puts what others know of a host on top (placement, aggregates, a nova.conf): it is
    asked about every host at each look, and hosts for which it says the same stay untouched;
    ``None`` leaves one out. ``unreadable``: by name, what is wrong with each host that is left out
    because its row tells of none.
    """

    def __init__(self) -> None:
        self.fleet = Fleet([])
        self.unreadable: dict[str, InputError] = {}
        self._seen = Seen()
        self._rows: dict[str, HostInfo] = {}
        self._shown: dict[str, HostInfo] = {}

    def now(self, database: NovaDb, over: Over | None = None) -> Fleet:
        """Raises InputError for a database that cannot be read."""
        news = look(database, self._seen)
        for name in (*news.gone, *(row[0] for row in news.rows)):
            self.unreadable.pop(name, None)
        if over is None:
            failed = _as_many(self.fleet.update_rows, news.rows)
            for row, error in failed:
                self._leave_out(database, row[0], error)
            gone = [*news.gone, *(row[0] for row, _error in failed)]
        else:
            self._take_over(news, database)
            made = ((name, over(info)) for name, info in self._rows.items())
            gone = self._show({name: info for name, info in made if info is not None}, database)
        self._seen = news.seen
        there = set(self.fleet.names)
        lost = [name for name in gone if name in there]
        if lost:
            self.fleet.remove(lost)
            self.fleet.compact()
        return self.fleet

    def _take_over(self, news: News, database: NovaDb) -> None:
        for name in (*news.gone, *(row[0] for row in news.rows)):
            self._rows.pop(name, None)
        for row in news.rows:
            try:
                self._rows[row[0]] = hostinfo_of(row)
            except InputError as error:
                self._leave_out(database, row[0], error)

    def _show(self, hosts: dict[str, HostInfo], database: NovaDb) -> list[str]:
        """Names of those that were shown and are no more."""
        shown = self._shown
        failed = [
            (name, error)
            for name, info in hosts.items()
            if name in shown and info != shown[name]
            for _host, error in _as_many(lambda one: self.fleet.replace(*one[0]), [(name, info)])
        ]
        new = [item for item in hosts.items() if item[0] not in shown]
        added = _as_many(lambda some: self.fleet.add([info for _name, info in some]), new)
        failed += [(name, error) for (name, _info), error in added]
        lost = dict(failed)
        for name, error in lost.items():
            self._leave_out(database, name, error)
        gone = [name for name in shown if name not in hosts or name in lost]
        self._shown = {name: info for name, info in hosts.items() if name not in lost}
        return gone

    def _leave_out(self, database: NovaDb, name: str, error: InputError) -> None:
        # a row's own error has the host in the place of the file
        bare = InputError(None, error.key, error.value, error.expected, error.hint)
        self.unreadable[name] = bare.within(database.name, f"compute_nodes of {name}")


def _as_many(do: Callable[[list[_T]], object], items: Sequence[_T]) -> list[tuple[_T, InputError]]:
    """``do`` all of them at once or, where it refuses, as many as can be; those that cannot.
    ``do``: changes nothing where it raises."""
    try:
        do(list(items))
    except InputError as error:
        if len(items) == 1:
            return [(items[0], error)]
        half = len(items) // 2
        return _as_many(do, items[:half]) + _as_many(do, items[half:])
    return []
