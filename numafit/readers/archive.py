"""A tar archive -> its members in memory, as a tree: plain, gzip, bzip2 or xz.

Why not ``tarfile``: it takes a name of any length into memory, needs quadratic time for some
extended headers, passes over a header that is cut, and spends ten times as long on each member
that nobody asks for. Read are the formats of POSIX (ustar and pax) and GNU; sparse files are
refused. Nothing is written to disk.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from numafit.errors import InputError
from numafit.readers import bounds

Node = dict[str, Any] | bytes | str
"""A directory, the bytes of a file, or the target of a link."""

_BLOCK = 512
_CHUNK = 256 << 10
_XZ_MEMORY = 256 << 20
"""What a decoder of xz may take: 'xz -9' needs 65 MiB to unpack."""
_WHOLE = "a tar archive that is whole"
_LESS = "Copy only what is needed: sys/bus/pci, sys/class/net, sys/devices."
# where a tree of sysfs keeps what is read; a report of a whole system holds much besides
_WANTED = re.compile(rb"(?:\A|/)(?:devices|bus|class)(?:/|\Z)")
_FILES = b"0\07"
_WITHOUT_DATA = b"123456"


class _Packed(Exception):
    """Bytes that are no archive; the text says why."""


class _Member(NamedTuple):
    name: bytes
    kind: int
    target: bytes
    size: int


class Archive:
    """The store of a ``Tree``. Raises ``InputError`` for what is no archive, damaged, or larger
    than bounds allow."""

    def __init__(self, name: str, stream: IO[bytes], size: int) -> None:
        self._name = name
        self._root: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        self._kept = 0
        self._most = bounds.archive_members(size)
        try:
            self._load(_Blocks(_unpacked(stream, bounds.archive_bytes(size))))
        except _Packed as error:
            raise self._error(str(error)) from None
        except InputError as error:
            raise error.within(name) from None
        except (OSError, EOFError, ValueError) as error:
            raise self._error(str(error)) from None

    def _error(self, found: str) -> InputError:
        return InputError(self._name, None, found, _WHOLE, "Was the file cut or changed?")

    def _load(self, blocks: _Blocks) -> None:
        for count, member in enumerate(_members(blocks)):
            if count >= self._most:
                raise InputError(
                    None, None, f"more than {self._most} members", "fewer of them", _LESS
                )
            if not _WANTED.search(member.name) or not self._put(blocks, member):
                _skip_data(blocks, member)

    def _put(self, blocks: _Blocks, member: _Member) -> bool:
        """Whether the data of the member was read."""
        parts = self._parts(member.name)
        if member.kind in b"5" or (member.kind in _FILES and member.name.endswith(b"/")):
            self._directory(parts)
        elif member.kind in b"2":
            if len(member.target) > bounds.PATH_BYTES:
                raise self._long(member.target)
            self._enter(parts, self._text(member.target))
        elif member.kind in b"1":
            found = self._find(self._parts(member.target))
            if isinstance(found, bytes):
                self._enter(parts, found)
        elif member.kind in _FILES:
            data = blocks.take(min(member.size, bounds.TREE_FILE_BYTES))
            blocks.skip(member.size - len(data) + -member.size % _BLOCK)
            # 'tar' fills up what is shorter than sysfs said it were
            data = data.rstrip(b"\0")
            self._kept += len(data)
            if self._kept > bounds.TREE_BYTES:
                raise InputError(
                    None, None, f"more than {bounds.TREE_BYTES} bytes of files", "fewer", _LESS
                )
            self._enter(parts, data)
            return True
        elif member.kind in b"S":
            raise InputError(
                None,
                self._text(member.name),
                "a sparse file",
                "plain files",
                "Make the archive without --sparse.",
            )
        return False

    def _parts(self, name: bytes) -> list[str]:
        if len(name) > bounds.PATH_BYTES:
            raise self._long(name)
        parts = [self._text(part) for part in name.split(b"/") if part not in (b"", b".")]
        if ".." in parts:
            raise InputError(None, "/".join(parts), "..", "members inside the archive")
        if len(parts) > bounds.TREE_DEPTH:
            expected = f"at most {bounds.TREE_DEPTH} directories inside each other"
            raise InputError(None, "/".join(parts), len(parts), expected)
        return parts

    def _long(self, name: bytes) -> InputError:
        expected = f"names and links of at most {bounds.PATH_BYTES} bytes"
        return InputError(None, None, name, expected)

    def _text(self, name: bytes) -> str:
        # names repeat: each device has its 'vendor'
        text = name.decode("utf-8", "surrogateescape")
        return self._texts.setdefault(text, text)

    def _directory(self, parts: list[str]) -> dict[str, Any] | None:
        """The directory, made where it is missing; ``None`` below what is none."""
        here = self._root
        for part in parts:
            inner = here.setdefault(part, {})
            if not isinstance(inner, dict):
                return None
            here = inner
        return here

    def _enter(self, parts: list[str], node: Node) -> None:
        above = self._directory(parts[:-1]) if parts else None
        if above is not None and not isinstance(above.get(parts[-1]), dict):
            above[parts[-1]] = node

    def _find(self, parts: list[str] | tuple[str, ...]) -> Node | None:
        here: Any = self._root
        for part in parts:
            here = here.get(part) if isinstance(here, dict) else None
        return here  # type: ignore[no-any-return]

    # --- what a tree asks

    def kind(self, parts: tuple[str, ...]) -> str | None:
        found = self._find(parts)
        if isinstance(found, dict):
            return "dir"
        return None if found is None else "file" if isinstance(found, bytes) else "link"

    def target(self, parts: tuple[str, ...]) -> str:
        found = self._find(parts)
        return found if isinstance(found, str) else ""

    def names(self, parts: tuple[str, ...]) -> list[str]:
        found = self._find(parts)
        return list(found) if isinstance(found, dict) else []

    def read(self, parts: tuple[str, ...]) -> bytes | None:
        found = self._find(parts)
        return found if isinstance(found, bytes) else None


# --- unpacking


def _unpacked(stream: IO[bytes], most: int) -> Iterator[bytes]:
    """The bytes of the archive, a piece at a time, however small their packed form is."""
    packed = stream.read(_CHUNK)
    total = 0
    for piece in _pieces(packed, stream, _decoder_of(packed)):
        total += len(piece)
        if total > most:
            raise InputError(
                None, None, f"more than {most} bytes when unpacked", "fewer of them", _LESS
            )
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
    packed: bytes, stream: IO[bytes], decoder_of: Callable[[], Any] | None
) -> Iterator[bytes]:
    if decoder_of is None:
        while packed:
            yield packed
            packed = stream.read(_CHUNK)
        return
    # several streams may follow each other, with zeros between and behind them
    while packed := packed.lstrip(b"\0") or stream.read(_CHUNK).lstrip(b"\0"):
        decoder = decoder_of()
        while not decoder.eof:
            try:
                piece = decoder.decompress(packed, _CHUNK)
            except Exception as error:
                # each of the three has errors of its own, and one of them OSError
                raise _Packed(str(error) or type(error).__name__) from None
            packed = b""
            if piece:
                yield piece
            elif not decoder.eof and decoder.needs_input:
                packed = stream.read(_CHUNK)
                if not packed:
                    raise _Packed("the end of the file inside of packed data")
        packed = decoder.unused_data


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
                raise _Packed("the end of the archive inside of a member")
            self._buffer = piece


# --- headers


def _members(blocks: _Blocks) -> Iterator[_Member]:
    """Each member; its data comes next in ``blocks``."""
    name = target = size = None
    first = True
    while True:
        header = blocks.take(_BLOCK)
        if not header and not first:
            return
        if len(header) < _BLOCK:
            raise _Packed("the end of the archive inside of a header" if header else "no bytes")
        if not header[0] and not header.strip(b"\0"):
            return
        if first or header[257:262] != b"ustar":
            _check_sum(header)
        first = False
        kind = header[156]
        length = _number(header[124:136])
        if kind in b"LK":
            text = _extension(blocks, length).partition(b"\0")[0]
            name, target = (text, target) if kind in b"L" else (name, text)
            continue
        if kind in b"xg":
            records = _records(_extension(blocks, length))
            if kind in b"x":  # those of 'g' are of all members, and no name is
                name = records.get(b"path", name)
                target = records.get(b"linkpath", target)
                if b"size" in records:
                    size = _decimal(records[b"size"])
                if b"GNU.sparse.major" in records or b"GNU.sparse.map" in records:
                    kind = b"S"[0]
            continue
        yield _Member(
            name if name is not None else _own_name(header),
            kind,
            target if target is not None else header[157:257].partition(b"\0")[0],
            length if size is None else size,
        )
        name = target = size = None


def _own_name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    # GNU writes a blank behind 'ustar' and times where POSIX has the prefix
    if header[345] and header[257:263] == b"ustar\0":
        return header[345:500].partition(b"\0")[0] + b"/" + name
    return name


def _skip_data(blocks: _Blocks, member: _Member) -> None:
    if member.kind not in _WITHOUT_DATA:
        blocks.skip(member.size + -member.size % _BLOCK)


def _extension(blocks: _Blocks, size: int) -> bytes:
    if size > bounds.TAR_EXTENSION:
        expected = f"names and other additions of at most {bounds.TAR_EXTENSION} bytes"
        raise InputError(None, None, f"one of {size} bytes", expected)
    found = blocks.take(size)
    blocks.skip(size - len(found) + -size % _BLOCK)
    return found


def _records(text: bytes) -> dict[bytes, bytes]:
    """Records of pax: ``LENGTH KEY=VALUE\\n``, where LENGTH counts itself."""
    found = {}
    at = 0
    while at < len(text):
        blank = text.find(b" ", at, at + 9)
        length = _decimal(text[at:blank]) if blank >= 0 else 0
        end = at + length
        if blank < 0 or end <= blank + 1 or end > len(text):
            raise _Packed("a pax header that is none")
        key, _, value = text[blank + 1 : end - 1].partition(b"=")
        found[key] = value
        at = end
    return found


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise _Packed("a pax header without a number")
    return int(text)


def _number(field: bytes) -> int:
    """Octal digits or, where its first bit is set, a number to the base of 256."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    else:
        text = field.partition(b"\0")[0].strip()
        value = int(text or b"0", 8) if not text or text.isdigit() else -1
    if value < 0:
        raise _Packed("a header without a size")
    return value


def _check_sum(header: bytes) -> None:
    """The sum of all bytes, with blanks in place of the sum itself."""
    rest = header[:148] + header[156:]
    total = sum(rest) + 8 * 32
    # some old programs took bytes for signed
    signed = total - 256 * sum(byte > 127 for byte in rest) if not rest.isascii() else total
    if _number(header[148:156]) not in (total, signed):
        raise _Packed("a header whose checksum is wrong")
