"""A file that may be packed, as published traces are: by gzip, or by zip with one file in it."""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from numafit.errors import InputError
from numafit.readers import bounds
from numafit.readers.textfile import is_open_pipe, open_regular

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_PIECE = 1 << 20
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
"""What the two modules raise for files that are cut, encrypted or packed in a way of their own."""


@contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[str]:
    """The path itself, or that of a temporary file with what it holds. Standard input and pipes
    are left as they are. Raises ``InputError``."""
    file = os.fspath(path)
    if file == "-" or is_open_pipe(file):
        yield file
        return
    with open_regular(path) as stream:
        start = stream.read(4)
        stream.seek(0)
        if not start.startswith((_GZIP, _ZIP)):
            yield file
            return
        with tempfile.NamedTemporaryFile(prefix="numafit-") as there:
            try:
                with _opened(file, stream, start) as packed:
                    _copy(file, packed, there, os.fstat(stream.fileno()).st_size)
            except InputError:
                raise  # it is a ValueError, and zipfile's errors are not
            except _BROKEN as error:
                reason = str(error) or type(error).__name__
                raise InputError(file, None, reason, "a file that can be unpacked") from None
            there.flush()
            yield there.name


@contextmanager
def _opened(file: str, stream: BinaryIO, start: bytes) -> Iterator[IO[bytes]]:
    if start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=stream) as packed:
            yield cast(IO[bytes], packed)
        return
    with zipfile.ZipFile(stream) as archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
        if len(names) != 1:
            raise InputError(file, None, f"{len(names)} files", "a zip archive of one file")
        with archive.open(names[0]) as member:
            yield member


def _copy(file: str, packed: IO[bytes], there: IO[bytes], size: int) -> None:
    most = left = bounds.trace_bytes(size)
    while piece := packed.read(_PIECE):
        left -= len(piece)
        if left < 0:
            raise InputError(file, None, f"more than {most} bytes when unpacked", "fewer")
        there.write(piece)
