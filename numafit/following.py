"""A nova database that a fleet follows: which compute nodes have changed since the last look?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from numafit.readers.nova_db import NovaDb, Row, Stamp


@dataclass(slots=True)
class Seen:
    """What was read of one database. ``latest``: the last moment that any row was changed: of that
    second there may be changes that were not seen yet."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    latest: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """``rows`` of hosts that are new or changed, ``gone``: names of those that are there no more;
    ``seen``: what is known once they have been taken over."""

    rows: list[Row]
    gone: list[str]
    seen: Seen


def look(database: NovaDb, before: Seen) -> News:
    stamps = database.stamps()
    due = [
        stamp.id
        for name, stamp in stamps.items()
        if stamp != before.stamps.get(name) or stamp.updated == before.latest
    ]
    digests = {name: one for name, one in before.digests.items() if name in stamps}
    rows = []
    for row in database.rows_of(due):
        digest = _digest(row)
        if digests.get(row[0]) != digest:
            digests[row[0]] = digest
            rows.append(row)
    latest = max((stamp.updated for stamp in stamps.values()), default="")
    gone = [name for name in before.stamps if name not in stamps]
    return News(rows, gone, Seen(stamps, digests, latest))


def _digest(row: Row) -> bytes:
    found = blake2b(digest_size=16)
    for part in _parts(row):
        found.update(repr(part).encode())
        found.update(b"\0")
    return found.digest()


def _parts(row: Row) -> Iterator[Any]:
    *plain, node = row
    yield from plain
    yield sorted(node.items())
