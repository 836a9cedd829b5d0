"""The members of a tar archive that a tree of sysfs is read from, in memory.

Links and small files alone are looked at. Nothing is written to disk.
"""

from __future__ import annotations

import re
from typing import IO, Any

from numafit.errors import InputError
from numafit.readers import bounds, tar

Node = dict[str, Any] | bytes | str
"""A directory, the bytes of a file, or the target of a link."""

_WHOLE = "a tar archive that is whole"
_LESS = "Copy only what is needed: sys/bus/pci, sys/class/net, sys/devices."
# where a tree of sysfs keeps what is read; a report of a whole system holds much besides
_WANTED = re.compile(rb"(?:\A|/)(?:devices|bus|class)(?:/|\Z)")


class Archive:
    """The store of a ``Tree``. Raises ``InputError`` for what is not an archive, damaged, or larger
    than bounds allow."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self._root: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        self._bytes_left = bounds.TREE_BYTES
        self._directories_left = bounds.TREE_DIRECTORIES
        # members stand next to those of the same directory
        self._above: bytes | None = None
        self._here: dict[str, Any] | None = None
        try:
            self._load(stream)
        except tar.Broken as error:
            hint = "Was the file cut or changed?"
            raise InputError(name, None, str(error), _WHOLE, hint) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(name, None, reason, _WHOLE) from None
        except tar.TooMuch as error:
            raise InputError(name, None, str(error), "less", _LESS) from None
        except InputError as error:
            raise error.within(name) from None

    def _load(self, stream: IO[bytes]) -> None:
        archive = tar.Reader(stream)
        for member in archive:
            if _WANTED.search(member.name):
                self._put(archive, member)

    def _put(self, archive: tar.Reader, member: tar.Member) -> None:
        name = member.name.rstrip(b"/")
        if member.is_directory:
            self._directory(name)
        elif member.kind == tar.LINK:
            self._enter(name, self._once(_text(member.target)))
        elif member.kind == tar.HARD_LINK:
            found = self._find(member.target)
            if isinstance(found, bytes):
                self._enter(name, found)
        elif member.is_file:
            # 'tar' fills up what is shorter than sysfs said it were
            data = archive.data(bounds.TREE_FILE_BYTES).rstrip(b"\0")
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                raise tar.TooMuch(f"files of more than {bounds.TREE_BYTES} bytes")
            self._enter(name, data)
        elif member.kind == tar.SPARSE:
            hint = "Make the archive without --sparse."
            raise InputError(None, _text(name), "a sparse file", "plain files", hint)

    def _enter(self, name: bytes, node: Node) -> None:
        above, _, last = name.rpartition(b"/")
        if above != self._above:
            self._above, self._here = above, self._directory(above)
        text = self._parts(last)[-1:]
        if text and self._here is not None and type(self._here.get(text[0])) is not dict:
            self._here[self._once(text[0])] = node

    def _directory(self, name: bytes) -> dict[str, Any] | None:
        """The directory, made where it is missing; ``None`` below what is none."""
        here = self._root
        for part in self._parts(name):
            inner = here.get(part)
            if inner is None:
                inner = here[self._once(part)] = {}
                self._directories_left -= 1
                if self._directories_left < 0:
                    raise tar.TooMuch(f"more than {bounds.TREE_DIRECTORIES} directories")
            elif type(inner) is not dict:
                return None
            here = inner
        return here

    def _find(self, name: bytes) -> Node | None:
        here: Node | None = self._root
        for part in self._parts(name):
            here = self.inside(here, part) if here is not None else None
        return here

    def _parts(self, name: bytes) -> list[str]:
        parts = [part for part in _text(name).split("/") if part and part != "."]
        if ".." in parts:
            raise InputError(None, "/".join(parts), "..", "members inside the archive")
        if len(parts) > bounds.TREE_DEPTH:
            expected = f"at most {bounds.TREE_DEPTH} directories inside each other"
            raise InputError(None, "/".join(parts), len(parts), expected)
        return parts

    def _once(self, text: str) -> str:
        # names repeat: each device has its 'vendor'
        return self._texts.setdefault(text, text)

    # --- what a tree asks

    def root(self) -> Node:
        return self._root

    def inside(self, node: Node, name: str) -> Node | None:
        return node.get(name) if isinstance(node, dict) else None

    def kind(self, node: Node) -> str:
        return "dir" if isinstance(node, dict) else "file" if isinstance(node, bytes) else "link"

    def target(self, node: str) -> str:
        return node

    def names(self, node: dict[str, Node]) -> list[str]:
        return list(node)

    def read(self, node: bytes) -> bytes:
        return node


def _text(name: bytes) -> str:
    if len(name) > bounds.PATH_BYTES:
        expected = f"names and links of at most {bounds.PATH_BYTES} bytes"
        raise InputError(None, None, name, expected)
    return name.decode("utf-8", "surrogateescape")
