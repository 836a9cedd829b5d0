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
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from numafit.errors import InputError
from numafit.readers.textfile import irregular

_ENDING = ".draft"
_RANDOM = 4  # bytes
_NEW_MODE = 0o666  # what open() asks for; the umask takes from it


@contextmanager
def draft_of(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the place of ``path`` once the block has ended well, with
    the mode of the file that was there; a symlink stays, and what it points to is replaced.

    Raises ``OSError``, and ``InputError`` where something else than a regular file is there;
    what is at ``path`` is then what it was."""
    target = Path(os.path.realpath(path))
    mode = _mode_of(target, path)
    _remove_abandoned(target)
    draft, file = _new_draft(target, mode)
    try:
        with file:
            yield file
            file.flush()
            if mode is not None and stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            # the lock is held until the name is gone
            os.replace(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    _sync(target.parent)


def _mode_of(target: Path, path: str | os.PathLike[str]) -> int | None:
    """Of the file that is there; ``None`` where there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    kind = irregular(mode)
    if kind is not None:
        hint = "Save to a file, and copy it from there."
        raise InputError(os.fspath(path), None, kind, "a regular file or a new name", hint)
    return stat.S_IMODE(mode)


def _new_draft(target: Path, mode: int | None) -> tuple[str, BinaryIO]:
    # never open to others than the file that it replaces is; and writable until it is whole, for
    # the next writer removes what it can write to
    def create(name: str, flags: int) -> int:
        return os.open(name, flags, _NEW_MODE if mode is None else mode & _NEW_MODE | 0o600)

    while True:
        name = f".{target.name}.{secrets.token_hex(_RANDOM)}{_ENDING}"
        draft = os.path.join(target.parent, name)
        with suppress(FileExistsError):
            file = open(draft, "xb", opener=create)  # noqa: SIM115
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
