"""A cell database of nova, followed in place: its hosts as they are now."""

from __future__ import annotations

from collections.abc import Callable

from numafit.columns.nova_rows import hostinfo_of
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.following import Seen, look
from numafit.model.hostinfo import HostInfo
from numafit.readers.nova_db import NovaDb

Over = Callable[[HostInfo], HostInfo | None]


class Followed:
    """One database. ``fleet`` is what was seen last; it stays so where a look fails.

    ``over`` puts what others know of a host on top (placement, aggregates, a nova.conf): it is
    asked about every host at each look, and hosts for which it says the same stay untouched;
    ``None`` leaves one out.
    """

    def __init__(self) -> None:
        self.fleet = Fleet([])
        self._seen = Seen()
        self._rows: dict[str, HostInfo] = {}
        self._shown: dict[str, HostInfo] = {}

    def now(self, database: NovaDb, over: Over | None = None) -> Fleet:
        """Raises InputError for a database that cannot be read, or a host that cannot be."""
        if over is None:
            removed = bool(self.fleet.sync(database, alone=True).removed)
        else:
            self._look(database)
            made = ((name, over(info)) for name, info in self._rows.items())
            removed = self._show({name: info for name, info in made if info is not None})
        if removed:
            self.fleet.compact()
        return self.fleet

    def _look(self, database: NovaDb) -> None:
        news = look(database, self._seen)
        for row in news.rows:
            try:
                self._rows[row[0]] = hostinfo_of(row)
            except InputError as error:
                raise error.within(database.name, f"compute_nodes of {row[0]}") from None
        for name in news.gone:
            self._rows.pop(name, None)
        self._seen = news.seen

    def _show(self, hosts: dict[str, HostInfo]) -> bool:
        """Were any removed?"""
        shown = self._shown
        new = {name: info for name, info in hosts.items() if name not in shown}
        for name, info in hosts.items():
            if name not in new and info != shown[name]:
                self.fleet.replace(name, info)
                shown[name] = info
        gone = [name for name in shown if name not in hosts]
        if gone:
            self.fleet.remove(gone)
            for name in gone:
                del shown[name]
        self.fleet.add(new.values())
        shown |= new
        return bool(gone)
