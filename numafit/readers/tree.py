"""A tree of small files, such as a copy of ``/sys``: a directory or a tar archive.

Paths are relative to the root of the tree. Symbolic links are followed inside the tree alone: one
that leads out of it, or in a circle, leads nowhere. Nothing of an archive is written to disk.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from numafit.errors import InputError
from numafit.readers import bounds
from numafit.readers.archive import Archive
from numafit.readers.textfile import is_open_pipe, open_regular

Step = tuple[str, Any]
"""A name and what stands under it: a node of the store."""


class _Store(Protocol):
    """Nodes are what the store likes them to be."""

    def root(self) -> Any: ...

    def inside(self, node: Any, name: str) -> Any:
        """The node of a name in a directory; ``None`` for what is not there."""

    def kind(self, node: Any) -> str | None:
        """``"dir"``, ``"file"``, ``"link"``, or ``None`` for what is else."""

    def target(self, node: Any) -> str: ...
    def names(self, node: Any) -> list[str]: ...
    def read(self, node: Any) -> bytes | None: ...


class Tree:
    """Reads by path; what is not there, or may not be read, is ``None`` or empty.

    Raises ``InputError`` where it was asked for more than a machine can show: links that lead a
    thousand names to one large directory cost the writer of an archive nothing.
    """

    def __init__(self, name: str, store: _Store, root: Any) -> None:
        self.name = name
        self._store = store
        self._root = root
        self._left = bounds.TREE_STEPS
        self._known: dict[str, list[Step] | None] = {"": []}

    def spend(self, steps: int) -> None:
        """Count work that ``bounds.TREE_STEPS`` limits."""
        self._left -= steps
        if self._left < 0:
            expected = "devices and CPUs of one machine"
            raise InputError(self.name, None, "links or lists without end", expected)

    def resolve(self, path: str) -> str | None:
        """The path without links, or ``None`` where it leads nowhere."""
        found = self._resolve(path)
        return None if found is None else "/".join(name for name, _node in found)

    def names(self, path: str) -> list[str]:
        """Names in a directory, in text order."""
        node = self._node(path, "dir")
        if node is None:
            return []
        names = self._store.names(node)
        self.spend(len(names))
        return sorted(names)

    def exists(self, path: str) -> bool:
        return self._resolve(path) is not None

    def data(self, path: str) -> bytes | None:
        """The bytes of a file, at most ``bounds.TREE_FILE_BYTES``."""
        node = self._node(path, "file")
        if node is None:
            return None
        data = self._store.read(node)
        self.spend(len(data or b"") // 32)
        return data

    def text(self, path: str) -> str | None:
        """The text of a file without blanks around it, and without NULs, which some copies add."""
        data = self.data(path)
        if data is None:
            return None
        data = data.strip(b" \t\r\n\0")
        if len(data) > bounds.TREE_TEXT_BYTES:
            expected = f"at most {bounds.TREE_TEXT_BYTES} bytes of text"
            raise InputError(self.name, path, f"{len(data)} bytes", expected)
        return data.decode("utf-8", "replace")

    def whole(self, path: str) -> int | None:
        """The number that a file holds, decimal or ``0x`` hexadecimal.

        Raises ``InputError`` where something else stands there.
        """
        text = self.text(path)
        if text is None or text == "":
            return None
        try:
            return int(text, 0) if len(text) < 40 else int("-")
        except ValueError:
            raise InputError(self.name, path, text, "a whole number") from None

    def _node(self, path: str, kind: str) -> Any:
        found = self._resolve(path)
        if found is None:
            return None
        node = found[-1][1] if found else self._root
        return node if self._store.kind(node) == kind else None

    def _resolve(self, path: str) -> list[Step] | None:
        """Link by link, as the kernel does, but never above the root."""
        above, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return self._walk([], path)
        # the files of a device are asked for one after the other
        if above not in self._known:
            self._known[above] = self._walk([], above)
        start = self._known[above]
        return None if start is None else self._walk(start, name)

    def _walk(self, start: list[Step], path: str) -> list[Step] | None:
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done = list(start)
        links = 0
        while todo:
            part = todo.pop()
            self.spend(1)
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            node = self._store.inside(done[-1][1] if done else self._root, part)
            if node is None:
                return None
            if self._store.kind(node) != "link":
                done.append((part, node))
                continue
            links += 1
            target = self._store.target(node)
            if links > bounds.TREE_LINKS or target.startswith("/"):
                return None
            todo.extend(one for one in reversed(target.split("/")) if one not in ("", "."))
        return done


def open_tree(path: str | os.PathLike[str], inside: Sequence[str] = ()) -> Tree:
    """The tree in a directory or tar archive (plain, gzip, bzip2, xz); ``-``: an archive that
    comes through standard input, as it may through a pipe of the shell, ``<(command)``.

    ``inside``: a path that the tree is known by, such as ``("devices", "system")``; where it is
    not at the root, one directory above it is looked for, at most four levels down. Raises
    ``InputError`` for what is neither, is damaged or larger than bounds allow.
    """
    name = os.fspath(path)
    if name == "-" or is_open_pipe(name):
        return _based(name, _piped_archive(name), inside)
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(name, None, reason, "a directory or a tar archive") from None
    if stat.S_ISDIR(mode):
        store: _Store = _Directory(name)
    elif stat.S_ISREG(mode):
        store = _open_archive(name)
    else:
        raise InputError(name, None, "a special file", "a directory or a tar archive")
    return _based(name, store, inside)


_COPY = "tar -C / --ignore-failed-read -cf sys.tar sys/devices sys/bus/pci/devices sys/class/net"


def _based(name: str, store: _Store, inside: Sequence[str]) -> Tree:
    base = _find(store, inside)
    if base is None:
        raise InputError(
            name,
            None,
            f"no {'/'.join(inside)} in it",
            "a copy of /sys",
            f"Make one on the host: {_COPY}",
        )
    return Tree(name, store, base)


def _open_archive(name: str) -> Archive:
    with open_regular(name) as stream:
        return Archive(name, stream)


def _piped_archive(name: str) -> Archive:
    if name == "-":
        return Archive(name, sys.stdin.buffer)
    with open(name, "rb") as stream:
        return Archive(name, stream)


def _find(store: _Store, inside: Sequence[str]) -> Any:
    level = [store.root()]
    for _ in range(5):
        for base in level:
            if _is_base(store, base, inside):
                return base
        level = [
            node
            for base in level[:100]
            for name in store.names(base)[:1000]
            if (node := store.inside(base, name)) is not None and store.kind(node) == "dir"
        ]
    return None


def _is_base(store: _Store, node: Any, inside: Sequence[str]) -> bool:
    for name in inside:
        node = store.inside(node, name)
        if node is None or store.kind(node) != "dir":
            return False
    return True


class _Directory:
    """Nodes are paths with the kind of what stands there."""

    def __init__(self, root: str) -> None:
        self._root = root

    def root(self) -> tuple[str, str]:
        # it may be reached by a link
        return self._root, "dir"

    def inside(self, node: tuple[str, str], name: str) -> tuple[str, str | None] | None:
        path = os.path.join(node[0], name)
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError):
            return None
        if stat.S_ISLNK(mode):
            return path, "link"
        if stat.S_ISDIR(mode):
            return path, "dir"
        return path, "file" if stat.S_ISREG(mode) else None

    def kind(self, node: tuple[str, str | None]) -> str | None:
        return node[1]

    def target(self, node: tuple[str, str]) -> str:
        try:
            return os.readlink(node[0])
        except OSError:  # another thing by now
            return "/"

    def names(self, node: tuple[str, str]) -> list[str]:
        try:
            return os.listdir(node[0])
        except OSError:
            return []

    def read(self, node: tuple[str, str]) -> bytes | None:
        try:
            handle = os.open(node[0], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(handle, "rb") as stream:
                return stream.read(bounds.TREE_FILE_BYTES)
        except OSError:
            # sysfs refuses some reads by design, such as the speed of an interface that is down
            return None
