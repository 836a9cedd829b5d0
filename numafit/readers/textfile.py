"""Files of JSON and YAML -> decoded values: bounded, strict, and never a surprise.

Every reader of text opens its files here. What is refused: files that are not regular, larger
than a bound, not UTF-8; duplicate keys; numbers that are not finite; nesting without end.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from numafit.errors import InputError
from numafit.readers import bounds

_OPEN_ALREADY = re.compile(r"/dev/(?:fd/[0-9]+|stdin)|/proc/self/fd/[0-9]+")
_PIECE = 1 << 20
_SQLITE = b"SQLite format 3\0"
_PACKED = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\0": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"PK\3\4": "unzip",
}
"""How files begin that are not text, and what makes text of them."""
_HINTS = {
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path.",
    errno.EACCES: "Check who may read the file.",
    errno.EPERM: "Check who may read the file.",
}


def load(path: str | os.PathLike[str], *, limit: int = bounds.FILE_BYTES) -> object:
    """The value that a JSON or YAML file holds.

    ``*.json`` is JSON, ``*.yaml`` and ``*.yml`` are YAML; other names are JSON where the text
    opens with ``{`` or ``[``, else YAML. ``limit``: bytes. Raises ``InputError`` with the file.
    """
    return parse_text(read_text(path, limit=limit), os.fspath(path))


def parse_text(text: str, file: str) -> object:
    """What ``load`` makes of a file that holds ``text``."""
    ending = os.path.splitext(file)[1].lower()
    if ending == ".json" or (ending not in (".yaml", ".yml") and text.lstrip()[:1] in "{["):
        return parse_json(text, file)
    # imported here so that JSON alone needs no PyYAML
    from numafit.readers.yamltext import parse_yaml

    return parse_yaml(text, file)


def read_text(
    path: str | os.PathLike[str], *, limit: int = bounds.FILE_BYTES, empty: bool = False
) -> str:
    """The UTF-8 text of a regular file of at most ``limit`` bytes, without a byte order mark.

    ``-`` is standard input; a pipe that the shell has opened (``<(command)``) is read too, and may
    be asked for again. ``empty``: whether a file without any text will do.
    """
    file = os.fspath(path)
    with _unreadable(file):
        if file == "-":
            if sys.stdin is None:
                raise InputError(file, None, "closed", "standard input that can be read")
            data = _read(file, sys.stdin.buffer, limit)
        elif is_open_pipe(file):
            data = _read_pipe(file, limit)
        else:
            with open_regular(path) as stream:
                data = _read(file, stream, limit)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = data[error.start : error.start + 4]
        packed = next((how for magic, how in _PACKED.items() if data.startswith(magic)), "")
        hint = f"Unpack it first: {packed}." if packed else "Convert the file to UTF-8."
        raise InputError(file, f"byte {error.start}", found, "UTF-8 text", hint) from None
    if not empty and not text.strip():
        raise InputError(file, None, text, "JSON or YAML; the file is empty")
    return text


def is_open_pipe(file: str) -> bool:
    """Whether this is what a shell writes for ``<(command)``: a pipe that this process has open
    already, so that it cannot wait for somebody to open its other end."""
    if not _OPEN_ALREADY.fullmatch(file):
        return False
    try:
        return stat.S_ISFIFO(os.stat(file).st_mode)
    except OSError:
        return False


def _read_pipe(file: str, limit: int) -> bytes:
    with open(file, "rb") as stream:
        there = os.fstat(stream.fileno())
        key = (there.st_dev, there.st_ino)
        # a command may ask for a file several times, and a pipe gives its bytes once
        if key not in _piped:
            _piped[key] = _read(file, stream, limit)
        return _piped[key]


_piped: dict[tuple[int, int], bytes] = {}


def lines_of(text: str) -> list[str]:
    """``text.split("\\n")``, bounded. Raises ``InputError``."""
    count = text.count("\n")
    if count > bounds.LINES:
        raise InputError(None, None, f"{count} lines", f"at most {bounds.LINES} lines")
    return text.split("\n")


def _read(file: str, stream: BinaryIO, limit: int) -> bytes:
    # in pieces, for read() takes memory for all that it might find
    pieces: list[bytes] = []
    left = limit
    while piece := stream.read(_PIECE):
        if not pieces and piece.startswith(_SQLITE):
            hint = f"--nova-db and --placement-db take its URL: sqlite:///{file}"
            raise InputError(file, None, "a SQLite database", "a file of text", hint)
        left -= len(piece)
        if left < 0:
            raise InputError(file, None, f"more than {limit} bytes", f"at most {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file, opened. Raises ``InputError`` for what is none or cannot be opened."""
    file = os.fspath(path)
    with _unreadable(file):
        # asked before opening: opening a FIFO blocks, and opening a device may move it
        _regular(file, os.stat(file).st_mode)
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # and again after it, for the name may have changed hands in between
            _regular(file, os.fstat(handle).st_mode)
            return open(handle, "rb")
        except BaseException:
            os.close(handle)
            raise


@contextmanager
def _unreadable(file: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise  # it is a ValueError too
    except OSError as error:
        reason = error.strerror or str(error)
        hint = _HINTS.get(error.errno or 0, "")
        raise InputError(file, None, reason, "a file that can be read", hint) from None
    except ValueError as error:  # a NUL in the path
        raise InputError(file, None, str(error), "the path of a file") from None


def _regular(file: str, mode: int) -> None:
    kind = irregular(mode)
    if kind is not None:
        hint = "" if kind == "a directory" else "Pipe it into standard input, which is called -."
        raise InputError(file, None, kind, "a regular file", hint)


def irregular(mode: int) -> str | None:
    """What a file of this mode is, in words; ``None``: a regular file."""
    if stat.S_ISREG(mode):
        return None
    kinds = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((word for test, word in kinds if test(mode)), "a device")


def parse_json(text: str, file: str | None = None) -> Any:
    """Decode JSON as RFC 8259 has it: no ``NaN``, no ``Infinity``, each key of an object once.

    Raises ``InputError`` whose key is ``line L, column C``, or the key that stands twice.
    """
    try:
        return _DECODER.decode(text)
    except InputError as error:
        raise error.within(file) from None
    except json.JSONDecodeError as error:
        raise _syntax_error(error, text, file) from None
    except RecursionError:
        raise InputError(file, None, text, "JSON that is nested less deeply") from None
    except ValueError:
        # int() refuses more digits than sys.get_int_max_str_digits()
        raise InputError(file, None, text, "JSON whose numbers have fewer digits") from None


def _syntax_error(error: json.JSONDecodeError, text: str, file: str | None) -> InputError:
    where = f"line {error.lineno}, column {error.colno}"
    cut = error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip())
    found = text[error.pos : error.pos + 30] or "the end of the text"
    hint = "The text breaks off early: was the file cut?" if cut else ""
    return InputError(file, where, found, f"JSON ({error.msg.lower()})", hint)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, value in pairs:
            if key in seen:
                raise InputError(None, key, value, "each key of an object once")
            seen.add(key)
    return result


def _no_constant(word: str) -> NoReturn:
    raise InputError(None, None, word, "a number; JSON has no NaN and no infinity")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise InputError(None, None, digits, "a number that a double can hold")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
)
