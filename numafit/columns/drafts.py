"""Files that are written as a whole or not at all, and what a writer that was killed left behind.

A draft stands beside the file and takes its place at the end, so that readers see the old file or
the new one. Its writer holds a lock on it (``flock``), which ends with the writer however that
ends: a draft that nobody holds was abandoned, and the next writer of the same file removes it.
Where a file system knows no locks, drafts are left alone.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_ENDING = ".draft"
_RANDOM = 4  # bytes


@contextmanager
def draft_of(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of ``path`` once the block has ended well.
    Raises ``OSError``; the file at ``path`` is then what it was."""
    target = Path(path)
    _remove_abandoned(target)
    draft, file = _new_draft(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # the lock is held until the name is gone
            os.replace(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    _sync(target.parent)


def _new_draft(target: Path) -> tuple[str, BinaryIO]:
    while True:
        name = f".{target.name}.{secrets.token_hex(_RANDOM)}{_ENDING}"
        draft = os.path.join(target.parent, name)
        with suppress(FileExistsError):
            file = open(draft, "xb")  # noqa: SIM115
            # another writer may have seen it before it was locked, and removed it
            if _lock(file.fileno()) and os.path.exists(draft):
                return draft, file
            file.close()


def _lock(handle: int) -> bool:
    """Whether no other process holds it; also where there are no locks at all."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _remove_abandoned(target: Path) -> None:
    start = f".{target.name}."
    length = len(start) + 2 * _RANDOM + len(_ENDING)
    with os.scandir(target.parent) as entries:
        found = [
            entry.path
            for entry in entries
            if entry.name.startswith(start)
            and entry.name.endswith(_ENDING)
            and len(entry.name) == length
        ]
    for draft in found:
        # what may not be opened or removed is another's to care for
        with suppress(OSError), open(draft, "rb+", opener=_no_link) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(draft)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _sync(folder: Path) -> None:
    """So that the new name outlives a loss of power too."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
