"""A journal of claims: one line for each change, so that a service restarts where it was.

Each line is a checksum and a JSON object. The first says which journal this is; the others what was
taken (``take``: number -> claim) and given back (``give``: numbers). A line that a kill or a loss
of power tore off at the end was never whole, and is cut off when the journal is opened again.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import FileIO
from typing import Any, BinaryIO, NamedTuple, Self

from numafit._as_one import Under, as_one, or_undo
from numafit.columns.columns import Position
from numafit.columns.drafts import draft_of
from numafit.errors import InputError, MisuseError
from numafit.holding import Holding
from numafit.model import fields
from numafit.readers import checks
from numafit.readers.textfile import open_regular

FORMAT = "numafit claims"
VERSION = 1
_HINT = "The journal was changed or damaged."
_LARGEST = 10**18 - 1
"""Number of a claim."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line: what was given back, then what was taken, each with the number that it has in the
    journal."""

    line: int
    give: tuple[int, ...]
    take: Mapping[int, Holding]


class At(NamedTuple):
    """Where the file ends: its last line, the number of the next claim, bytes."""

    line: int
    next: int
    end: int


class Journal:
    """An open journal; a context manager. ``fsync``: wait until each line is on the disk, so that
    it outlives a loss of power too; what is written outlives the process in any case.

    ``Fleet.adopt(journal)`` takes again what it says is held, and writes to it from then on. One
    process writes to a journal; the child of a fork does not.

    Raises InputError for a file that is no journal, damaged, or open elsewhere; OSError where
    it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], fsync: bool = False) -> None:
        # a daemon may go to another directory later
        self.path = os.path.abspath(fields.path("path", path))
        self._fsync = fields.yes_or_no("fsync", fsync)
        self.lock = threading.RLock()
        self._owner = os.getpid()
        self._id, self._from, self._at = "", 0, At(0, 1, 0)
        self._file = _open(self.path)
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Claims of a fleet that writes to it raise from then on."""
        if not self.here:  # a thread of the parent may have held the lock at the fork
            self._file.close()
            return
        with self.lock:
            self._file.close()

    @property
    def here(self) -> bool:
        """Is this the process that opened it?"""
        return os.getpid() == self._owner

    def locked(self) -> AbstractContextManager[Self]:
        """While no other thread writes."""
        return Under(self.lock, self)

    @property
    def position(self) -> Position:
        """After its last line."""
        return Position(self._id, self._at.line)

    def events(self, since: Position | None = None) -> Iterator[Event]:
        """Its lines in their order. Those up to ``since`` are summed up in the first, which takes
        what was held there. Raises InputError where the journal does not know that any more."""
        fields.instance("since", since, Position, none=True)
        start = self._from if since is None else since.line
        if since is not None and (since.id != self._id or not self._from <= start <= self._at.line):
            expected = f"journal {since.id} with line {start}, where the fleet was saved"
            hint = "It is another one, or was trimmed after a later save."
            raise InputError(self.path, None, f"journal {self._id}", expected, hint)
        held: dict[int, Holding] = {}
        events = self._events()
        for event in events:
            for number in event.give:
                held.pop(number, None)
            held.update(event.take)
            if event.line == start:
                break
        yield Event(start, (), held)
        yield from events

    def numbers(self, count: int) -> list[int]:
        """For claims that are taken next."""
        count = fields.number("count", count, 0, fields.MOST_VALUES)
        return list(range(self._at.next, self._at.next + count))

    def write(self, give: Sequence[int] = (), take: Mapping[int, Holding] | None = None) -> None:
        """One line, whole or, raising OSError, not at all; after Ctrl-C ``position`` says which.
        The caller holds ``lock``."""
        data: dict[str, Any] = {}
        gone = [_written("give", one) for one in fields.listed("give", give, "claims' numbers")]
        if gone:
            data["give"] = gone
        fields.instance("take", take, Mapping, none=True)
        taken = {}
        for number, one in (take or {}).items():
            fields.instance("take", one, Holding)
            taken[str(_written("take", number))] = one.as_dict()
        if taken:
            data["take"] = taken
        self._append(data, max((self._at.next, *(number + 1 for number in take or ()))))

    def forget(self, numbers: Sequence[int]) -> None:
        """Claims that could not be taken again are held no longer."""
        self._writable()
        with self.lock:
            self.write(give=numbers)

    def trim(self) -> None:
        """Leave out what was given back: the journal begins anew from here. A fleet that was saved
        before this no longer goes with it; so save first. Raises InputError where another file
        has the journal's name by now."""
        self._writable()
        with self.lock:
            self._writable()
            if not _is_at(self.path, self._file):
                expected = "the journal that was opened"
                hint = "It was moved or removed: close it, and open it where it is."
                raise InputError(self.path, None, "another file, or none", expected, hint)
            (summed,) = self.events(self.position)
            at, before = self._at, self._file
            head = _line(_head(self._id, at.line, at.next, summed.take))
            after: list[FileIO] = []

            def replace() -> None:
                with draft_of(self.path) as draft:
                    draft.write(head)
                    draft.flush()
                    after.append(_kept_open(draft))

            def go_on() -> None:
                self._file, self._from, self._at = after[0], at.line, at._replace(end=len(head))
                before.close()

            try:
                as_one(replace, lambda: bool(after) and _is_at(self.path, after[0]), go_on)
            finally:
                for made in after:
                    if made is not self._file:
                        made.close()

    def _writable(self) -> None:
        if not self.here:
            raise MisuseError(f"{self.path}: the journal is written by the process that opened it")
        if self._file.closed:
            raise MisuseError(f"{self.path}: the journal is closed")

    def _append(self, data: dict[str, Any], following: int) -> None:
        self._writable()
        line = _line(data)
        after = At(self._at.line + 1, following, self._at.end + len(line))

        def write() -> None:
            text = memoryview(line)
            while text:
                text = text[os.write(self._file.fileno(), text) :]
            if self._fsync:
                os.fdatasync(self._file.fileno())
            self._at = after

        # a part of the line may stand there: the next one must not follow it
        or_undo(write, lambda: os.ftruncate(self._file.fileno(), self._at.end))

    def _read(self) -> None:
        name, first, at = "", 0, At(0, 1, 0)
        for n, (data, end) in enumerate(_lines(self.path)):
            if n == 0:
                name, first, following = self._head_of(data)
                at = At(first, following, 0)
            key = "take" if n else "held"
            try:
                taken = checks.mapping(key, data.get(key, {} if n else None))
                following = max((at.next, *(_number(key, one) + 1 for one in taken)))
            except InputError as error:
                raise error.within(self.path, f"line {n + 1}") from None
            at = At(first + n, following, end)
        if not name:
            raise InputError(self.path, None, "something else", f"a journal of {FORMAT}")
        os.ftruncate(self._file.fileno(), at.end)
        self._id, self._from, self._at = name, first, at

    def _events(self) -> Iterator[Event]:
        """The first is what the head sums up."""
        for n, (data, _end) in enumerate(_lines(self.path)):
            found = {"take": data["held"]} if n == 0 else data
            try:
                yield _event(self._from + n, found)
            except InputError as error:
                raise error.within(self.path, f"line {n + 1}") from None

    def _head_of(self, data: dict[str, Any]) -> tuple[str, int, int]:
        if data.get("format") != FORMAT:
            raise InputError(self.path, "format", data.get("format"), f"a journal of {FORMAT}")
        if data.get("version") != VERSION:
            hint = "Open it with the numafit that wrote it."
            raise InputError(self.path, "version", data.get("version"), str(VERSION), hint)
        try:
            return (
                checks.text("id", data.get("id")),
                checks.whole("from", data.get("from"), 0, 1 << 62),
                checks.whole("next", data.get("next"), 1, 1 << 62),
            )
        except InputError as error:
            raise error.within(self.path, "line 1") from None


def _lines(path: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole line, and where it ends in the file."""
    torn, end = "", 0
    with open_regular(path) as file:
        for n, raw in enumerate(file):
            if torn:
                raise InputError(path, torn, None, "a line that is whole", _HINT)
            end += len(raw)
            if not _whole(raw):
                torn = f"line {n + 1}"  # the last may be
                continue
            try:
                data = json.loads(raw[9:-1])
            except (ValueError, RecursionError):
                data = None
            if not isinstance(data, dict):
                expected = "a JSON object"
                raise InputError(path, f"line {n + 1}", raw[9:89], expected, _HINT)
            yield data, end


def _head(name: str, line: int, following: int, held: Mapping[int, Holding]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "id": name,
        "from": line,
        "next": following,
        "held": {str(number): one.as_dict() for number, one in held.items()},
    }


def _kept_open(draft: BinaryIO) -> FileIO:
    """To write to once the draft is closed: no other process can lock it in between."""
    handle = os.dup(draft.fileno())
    fcntl.fcntl(handle, fcntl.F_SETFL, fcntl.fcntl(handle, fcntl.F_GETFL) | os.O_APPEND)
    return FileIO(handle, "a")


def _is_at(path: str, file: FileIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _line(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _whole(raw: bytes) -> bool:
    """Is this line as it was written?"""
    if not raw.endswith(b"\n") or raw[8:9] != b" ":
        return False
    try:
        return int(raw[:8], 16) == zlib.crc32(raw[9:-1])
    except ValueError:
        return False


def _event(line: int, data: Mapping[str, Any]) -> Event:
    checks.known_keys(data, ("give", "take"))
    give = checks.sequence("give", data.get("give", []))
    take = checks.mapping("take", data.get("take", {}))
    found = {}
    for number, value in take.items():
        try:
            found[_number("", number)] = Holding.from_dict(value)
        except InputError as error:
            raise error.within(key=f"take.{number}") from None
    numbers = tuple(checks.whole(f"give[{n}]", one, 1, 1 << 62) for n, one in enumerate(give))
    return Event(line, numbers, found)


def _number(key: str, text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST))
    if not digits or str(int(text)) != text:
        raise InputError(None, key, text, "the number of a claim")
    return int(text)


def _written(key: str, number: object) -> int:
    """A claim's number that ``_number`` will read again."""
    return fields.number(key, number, 1, _LARGEST)


def _open(path: str) -> FileIO:
    """The file, which is there from then on, and no other process's."""
    if not os.path.exists(path) or not os.path.getsize(path):
        # its head is there as a whole or not at all
        with draft_of(path) as draft:
            draft.write(_line(_head(secrets.token_hex(8), 0, 1, {})))
    while True:
        open_regular(path).close()  # says what else it may be
        file = open(path, "ab", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            expected = "a journal that no other process writes to"
            raise InputError(path, None, "in use", expected, "Stop the other one first.") from None
        except OSError:
            pass  # a file system without locks
        if _is_at(path, file):
            return file
        file.close()  # it was trimmed just now
