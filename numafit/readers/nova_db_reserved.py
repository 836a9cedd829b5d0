"""How much of what a row of ``compute_nodes`` has in use is reserved for the host itself?

Nova-compute adds what it reserves to what its guests have, and stores the sum (``ResourceTracker``
of nova 34): less the guests' own figures it is what nova.conf reserved there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numafit.model.resources import MAX_USED
from numafit.readers.database import Database
from numafit.readers.node_totals import RESERVED

GONE = ("deleted", "shelved_offloaded")
"""States in which an instance holds nothing on its host, though its row may still name it."""
_OVER = ("confirmed", "reverted", "error", "failed", "completed", "cancelled", "done")
"""States of migrations that count nowhere any more."""
_GUESTS = ("host", "node", "vm_state", "deleted", "vcpus", "memory_mb")
_MOVES = ("source_compute", "source_node", "dest_compute", "dest_node", "status", "deleted")
_USED = ("vcpus_used", "memory_mb_used")


class Reserved:
    """Of the hosts of a cell database; of none where it is a copy that lacks tables or columns."""

    def __init__(self, database: Database) -> None:
        self._guests: dict[tuple[str, str], tuple[int, ...]] | None = None
        self._moving: frozenset[tuple[str, str]] = frozenset()
        told = database.columns_of("instances").issuperset(_GUESTS)
        if told and database.columns_of("migrations").issuperset(_MOVES):
            self._guests = dict(_guests(database))
            self._moving = frozenset(_moving(database))

    def of(self, host: str, node: str, columns: Mapping[str, Any]) -> dict[str, int]:
        """``vcpus_reserved`` and ``memory_mb_reserved``, as far as they are known. A host that is
        one end of a migration also counts what that one has there."""
        key = (host, node)
        if self._guests is None or key in self._moving:
            return {}
        has = self._guests.get(key, (0,) * len(_USED))
        found = {}
        for name, used, guests in zip(RESERVED, _USED, has, strict=True):
            in_use = columns.get(used)
            # what is not a number is the reader of the row's to say
            if type(in_use) is int and in_use >= guests:
                found[name] = in_use - guests
        return found


def _guests(database: Database) -> Iterator[tuple[tuple[str, str], tuple[int, ...]]]:
    sa, one = database._sa, database.table("instances", *_GUESTS).c
    query = (
        sa.select(one.host, one.node, sa.func.sum(one.vcpus), sa.func.sum(one.memory_mb))
        .where(one.deleted == 0, one.host.is_not(None))
        .where(sa.or_(one.vm_state.is_(None), one.vm_state.not_in(GONE)))
        .group_by(one.host, one.node)
    )
    for host, node, *sums in database.stream(query):
        yield (
            (host, node or ""),
            tuple(
                database.whole(f"instances.{column}", units, MAX_USED)
                for column, units in zip(("vcpus", "memory_mb"), sums, strict=True)
            ),
        )


def _moving(database: Database) -> Iterator[tuple[str, str]]:
    sa, one = database._sa, database.table("migrations", *_MOVES).c
    query = sa.select(*(one[name] for name in _MOVES[:4])).where(
        one.deleted == 0, sa.or_(one.status.is_(None), one.status.not_in(_OVER))
    )
    for source, source_node, target, target_node in database.stream(query):
        yield source or "", source_node or ""
        yield target or "", target_node or ""
