"""Tar archives, plain or packed by gzip, bzip2 or xz -> their members, one after the other.

Why not ``tarfile``: it takes a name of any length into memory, needs quadratic time for some
extended headers, passes over a header that is cut, and spends ten times as long on each member
that nobody asks for. Read are the formats of POSIX (ustar and pax) and GNU.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from numafit.readers import bounds

LINK, HARD_LINK, SPARSE = b"2"[0], b"1"[0], b"S"[0]
_DIRECTORY = b"5"[0]
_FILES = b"0\07"
_WITHOUT_DATA = b"123456"
_BLOCK = 512
_CHUNK = 256 << 10
_XZ_MEMORY = 256 << 20
"""What a decoder of xz may take: 'xz -9' needs 65 MiB to unpack."""


class Broken(Exception):
    """Bytes that are not an archive; the text says why."""


class TooMuch(Exception):
    """More than bounds allow; the text says of what."""


class Member(NamedTuple):
    """``kind``: the byte of its type; ``size``: bytes of its data."""

    name: bytes
    kind: int
    target: bytes
    size: int

    @property
    def is_directory(self) -> bool:
        return self.kind == _DIRECTORY or (self.kind in _FILES and self.name.endswith(b"/"))

    @property
    def is_file(self) -> bool:
        return self.kind in _FILES


class Reader:
    """The members; ``data`` reads that of the last one. Raises ``Broken`` and ``TooMuch``."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._packed = _Packed(stream)
        self._blocks = _Blocks(_unpacked(self._packed))
        self._left = 0
        self._records_left = bounds.TAR_RECORDS

    def data(self, most: int) -> bytes:
        """The first ``most`` bytes of the last member."""
        found = self._blocks.take(min(most, self._left))
        self._left -= len(found)
        return found

    def __iter__(self) -> Iterator[Member]:
        name = target = size = None
        first = True
        count = 0
        while (header := self._header(first)) is not None:
            first = False
            kind = header[156]
            length = _number(header[124:136])
            if kind in b"LK":
                text = self._extension(length).partition(b"\0")[0]
                name, target = (text, target) if kind in b"L" else (name, text)
            elif kind in b"g":
                self._extension(length)  # of all members, and no name is
            elif kind in b"x":
                records = self._records(self._extension(length))
                name = records.get(b"path", name)
                target = records.get(b"linkpath", target)
                size = _decimal(records[b"size"]) if b"size" in records else size
                if b"GNU.sparse.major" in records or b"GNU.sparse.map" in records:
                    name, kind = records.get(b"GNU.sparse.name", name), SPARSE
            if kind in b"LKgx":
                continue
            count += 1
            if count > (most := bounds.archive_members(self._packed.read_so_far)):
                raise TooMuch(f"more than {most} members")
            length = length if size is None else size
            padding = -length % _BLOCK
            self._left = 0 if kind in _WITHOUT_DATA else length
            yield Member(
                name if name is not None else _own_name(header),
                kind,
                target if target is not None else header[157:257].partition(b"\0")[0],
                length,
            )
            if kind not in _WITHOUT_DATA:
                self._blocks.skip(self._left + padding)
            name = target = size = None

    def _header(self, first: bool) -> bytes | None:
        """``None`` at the end, which is a block of zeros, or where some programs leave that out
        the end of the file."""
        header = self._blocks.take(_BLOCK)
        if not header and not first:
            return None
        if len(header) < _BLOCK:
            raise Broken("the end of the archive inside of a header" if header else "no bytes")
        if not header[0] and not header.strip(b"\0"):
            return None
        if first or header[257:262] != b"ustar":
            _check_sum(header)
        return header

    def _extension(self, size: int) -> bytes:
        if size > bounds.TAR_EXTENSION:
            raise TooMuch(f"a name or another addition of {size} bytes")
        found = self._blocks.take(size)
        self._blocks.skip(size - len(found) + -size % _BLOCK)
        return found

    def _records(self, text: bytes) -> dict[bytes, bytes]:
        """Records of pax: ``LENGTH KEY=VALUE\\n``, where LENGTH counts itself."""
        found = {}
        at = 0
        while at < len(text):
            blank = text.find(b" ", at, at + 9)
            end = at + _decimal(text[at:blank]) if blank >= 0 else 0
            if end <= blank + 1 or end > len(text):
                raise Broken("a pax header that is none")
            key, _, value = text[blank + 1 : end - 1].partition(b"=")
            found[key] = value
            at = end
            self._records_left -= 1
            if self._records_left < 0:
                raise TooMuch(f"more than {bounds.TAR_RECORDS} records in pax headers")
        return found


def _own_name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    # GNU writes a blank behind 'ustar', and times where POSIX has the prefix
    if header[345] and header[257:263] == b"ustar\0":
        return header[345:500].partition(b"\0")[0] + b"/" + name
    return name


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise Broken("a pax header without a number")
    return int(text)


def _number(field: bytes) -> int:
    """Octal digits or, where its first bit is set, a number to the base of 256."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    else:
        text = field.partition(b"\0")[0].strip() or b"0"
        value = int(text, 8) if text.isdigit() and not text.strip(b"01234567") else -1
    if value < 0:
        raise Broken("a header without a size")
    return value


def _check_sum(header: bytes) -> None:
    """The sum of all bytes, with blanks in place of the sum itself."""
    rest = header[:148] + header[156:]
    total = sum(rest) + 8 * 32
    # some old programs took bytes for signed
    signed = total - 256 * sum(byte > 127 for byte in rest) if not rest.isascii() else total
    if _number(header[148:156]) not in (total, signed):
        raise Broken("a header whose checksum is wrong")


class _Blocks:
    """Pieces of any length -> as many bytes as are asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """``size`` bytes, fewer at the end."""
        end = self._at + size
        if end <= len(self._buffer):
            found = self._buffer[self._at : end]
            self._at = end
            return found
        parts = [self._buffer[self._at :]]
        missing = size - len(parts[0])
        self._buffer, self._at = b"", 0
        while missing > 0 and (piece := next(self._pieces, None)) is not None:
            if len(piece) > missing:
                self._buffer, self._at = piece, missing
                piece = piece[:missing]
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Past ``size`` bytes, all of which must be there."""
        self._at += size
        while self._at > len(self._buffer):
            self._at -= len(self._buffer)
            piece = next(self._pieces, None)
            if piece is None:
                raise Broken("the end of the archive inside of a member")
            self._buffer = piece


class _Packed:
    """The bytes of the file, counted."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.read_so_far = 0

    def read(self) -> bytes:
        found = self._stream.read(_CHUNK)
        self.read_so_far += len(found)
        return found


def _unpacked(packed: _Packed) -> Iterator[bytes]:
    """The bytes of the archive, a piece at a time, however small their packed form is."""
    start = packed.read()
    total = 0
    for piece in _pieces(start, packed, _decoder_of(start)):
        total += len(piece)
        if total > (most := bounds.archive_bytes(packed.read_so_far)):
            raise TooMuch(f"more than {most} bytes when unpacked")
        yield piece


def _decoder_of(start: bytes) -> Callable[[], Any] | None:
    # imported here, for builds of Python may lack one of them
    if start.startswith(b"\x1f\x8b"):
        return _Gzip
    if start.startswith(b"BZh"):
        import bz2

        return bz2.BZ2Decompressor
    if start.startswith((b"\xfd7zXZ\0", b"]\0\0")):
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=_XZ_MEMORY)
    return None


class _Gzip:
    """zlib's decoder with the face of those of bz2 and lzma."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, most)

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


def _pieces(
    packed: bytes, source: _Packed, decoder_of: Callable[[], Any] | None
) -> Iterator[bytes]:
    if decoder_of is None:
        while packed:
            yield packed
            packed = source.read()
        return
    # several streams may follow each other, with zeros between and behind them
    while packed := packed.lstrip(b"\0") or source.read().lstrip(b"\0"):
        decoder = decoder_of()
        while not decoder.eof:
            try:
                piece = decoder.decompress(packed, _CHUNK)
            except Exception as error:
                # each of the three has errors of its own, and one of them OSError
                raise Broken(str(error) or type(error).__name__) from None
            packed = b""
            if piece:
                yield piece
            elif not decoder.eof and decoder.needs_input:
                packed = source.read()
                if not packed:
                    raise Broken("the end of the file inside of packed data")
        packed = decoder.unused_data
