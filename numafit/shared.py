"""A fleet that several processes look at: one file, or memory, that each maps as it is."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from typing import Any, BinaryIO

from numafit._slab import Slab, unnamed_file
from numafit.columns import image
from numafit.columns.drafts import draft_of
from numafit.errors import InputError, InvalidValue
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.moments import columns_now

_WHOLE = "a fleet that numafit.shared wrote"


class Shared:
    """A fleet in memory, for other processes to ``open``: sent to them as any value is.

    It is there until ``close``, the end of a ``with`` block, or the end of the process that shared
    it; who has opened it by then keeps it.
    """

    __slots__ = ("_file", "_identity", "path")

    def __init__(self, path: str, identity: tuple[int, int], file: Any = None) -> None:
        self.path = path
        self._identity = identity
        self._file = file

    def close(self) -> None:
        """Nobody can open it any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        return Shared, (self.path, self._identity)

    def __repr__(self) -> str:
        return f"Shared({self.path!r})"


def write(fleet: Fleet, path: str | os.PathLike[str]) -> None:
    """Write the fleet as it is now to a file for ``open``, as a whole or not at all.

    Hosts that were removed are left out, as by ``compact``. Readers of the file that was there
    before keep what they have. The file is for machines of the
    same byte order and the same version of numafit's C structs; ``Fleet.save`` writes one that
    lasts. Raises ``OSError``, and ``InputError`` where something else than a regular file is there.
    """
    columns = columns_now(_fleet(fleet)._engine)
    with draft_of(fields.path("path", path)) as file:
        image.write(columns, file)


def share(fleet: Fleet) -> Shared:
    """The fleet as it is now in memory that other processes of this machine and user may ``open``:
    ``executor.submit(work, shared.share(fleet))``."""
    columns = columns_now(_fleet(fleet)._engine)
    file: Any
    if os.path.isdir("/proc/self/fd"):
        file = os.fdopen(unnamed_file(0), "wb")
        path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
    else:
        file = tempfile.NamedTemporaryFile(prefix="numafit-")  # noqa: SIM115
        path = file.name
    try:
        image.write(columns, file)
        file.flush()
        _seal(file)
        found = os.fstat(file.fileno())
    except BaseException:
        file.close()
        raise
    return Shared(path, (found.st_dev, found.st_ino), file)


def _seal(file: BinaryIO) -> None:
    """So that nobody can change it, or cut it short under those who read it."""
    names = ("F_SEAL_SEAL", "F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE")
    try:
        seals = [getattr(fcntl, name) for name in names]
        fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals[0] | seals[1] | seals[2] | seals[3])
    except (AttributeError, OSError):
        pass  # no memfd


def open(source: str | os.PathLike[str] | Shared, check: bool | None = None) -> Fleet:  # noqa: A001
    """The fleet that ``write`` or ``share`` put there, for reading alone; claims are refused with
    MisuseError. ``fork()`` of it is private, and takes claims.

    It is mapped, and not read: memory is shared with all who have it open, and names, pools and
    inventories are decoded when somebody asks. The head is always checked. ``check``: whether the
    engine checks the columns too (0.5 us a host), so that no file can make it read beyond them; by
    default a file's are checked, and what ``share`` shared is trusted. A number that was changed to
    another that is possible is not noticed: ``Fleet.load`` notices.

    A file must not be changed in place while it is open; ``write`` puts a new one in its place.
    Raises ``InputError`` for a file that is cut, foreign or of another version.
    """
    shared = source if isinstance(source, Shared) else None
    file = fields.path("path", source) if shared is None else shared.path
    check = shared is None if check is None else fields.yes_or_no("check", check)
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if shared is not None and error.errno in (errno.ENOENT, errno.ENXIO):
            raise _gone(file) from None
        raise InputError(file, None, error.strerror, "a file that can be read") from None
    try:
        found = os.fstat(handle)
        if shared is not None and (found.st_dev, found.st_ino) != shared._identity:
            raise _gone(file)
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            raise InputError(file, None, "something else", _WHOLE)
        columns = image.open_columns(Slab.of_file(handle, found.st_size), check)
    except InputError as error:
        raise error.within(file) from None
    finally:
        os.close(handle)
    return Fleet._of(columns, holds=True)


def _gone(file: str) -> InputError:
    hint = "Keep what share() returned until the others have opened it."
    return InputError(file, None, "nothing", "a fleet that is still shared", hint)


def _fleet(fleet: object) -> Fleet:
    if not isinstance(fleet, Fleet):
        raise InvalidValue("fleet", fleet, "a Fleet")
    return fleet
