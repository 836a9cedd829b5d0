"""A SQLite file that is only read, whoever made it: it may not compute what it shows."""

from __future__ import annotations

import os
import sqlite3
from urllib.parse import quote

from numafit.errors import InputError
from numafit.readers import bounds

# hidden: 1 of a virtual table, 2 and 3 generated
_COMPUTED = (
    "SELECT name FROM sqlite_master WHERE type = 'view' UNION SELECT m.name FROM sqlite_master m, "
    "pragma_table_xinfo(m.name) x WHERE x.hidden > 0 LIMIT 1"
)
_STEPS = 10_000
NO_MEMORY = "out of memory, or damaged"
"""What a MemoryError of SQLite's stands for, which has no text: it says of a file whose lengths are
wrong that it wants memory."""


def open_sqlite(path: str, name: str, makers: str) -> sqlite3.Connection:
    """The file, which errors call ``name``; ``makers`` of such files make tables alone. Raises
    ``InputError`` and ``sqlite3.Error``."""
    # mode=ro: nothing is created, and nothing can be written
    uri = f"file:{quote(os.path.abspath(path))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    # a file may compute what it shows: rows without end, texts of a gigabyte
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.FILE_BYTES)
    left = [bounds.database_steps(os.path.getsize(path)) // _STEPS]

    def used() -> bool:
        left[0] -= 1
        return left[0] < 0

    connection.set_progress_handler(used, _STEPS)
    try:
        found = connection.execute(_COMPUTED).fetchone()
    except BaseException:
        connection.close()
        raise
    if found is not None:
        connection.close()
        raise InputError(name, str(found[0]), None, f"tables alone, as {makers} makes them")
    return connection
