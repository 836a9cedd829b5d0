"""A fleet in a file: ``.npz``, versioned and checksummed, written as a whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit import _engine
from numafit.columns import npz_meta, ranges, trust
from numafit.columns.columns import Columns
from numafit.columns.drafts import draft_of
from numafit.columns.in_order import edges_of, tidy
from numafit.columns.schema import GIVEN, Arrays, Column, counts_of
from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.textfile import open_regular

FORMAT = "numafit fleet"
VERSION = 1
"""Grows when a file of before can no longer be read."""

_META = "meta"
# what zipfile, numpy and json raise for bytes that are not theirs
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    ValueError,
)
_ENCRYPTED = 1
"""The bit of a member's flags: zipfile raises RuntimeError for it, as Python does where it has no
memory for a lock."""
_FOREIGN, _WHOLE = "something else", f"a {FORMAT}, whole"
_HINT = "Write it anew with Fleet.save()."

_APART = {
    name: Column(name, np.dtype(kind), ("",), claimed=False, derived=False)
    for name, kind in (("names", np.uint8), ("name_ends", np.uint64), ("layout_shared", np.int32))
}
"""What ``Columns`` holds in another form."""

EDGES = {"host_first_cell": "cell", "host_first_pool": "pool"}
"""Where the cells and pools of hosts, which follow one another in a file, begin and end."""

_WORKED_OUT = ("host_end_cell", "host_end_pool", "cell_host", "pool_host")
"""What ``Columns`` has in their place."""

HELD = {name: column for name, column in {**GIVEN, **_APART}.items() if name not in _WORKED_OUT}
"""All arrays of a file, but for the one that holds what is not an array."""

_LATER = (("host_class", "resource_limit", "resource_used"),)
"""Columns that files of this version did not have at first, by the day on which they came: those of
one day are there together, or zeros stand for them."""


def held_arrays(columns: Columns) -> dict[str, Any]:
    """Of columns in order: all that a saved fleet holds, but for what is not an array."""
    arrays: dict[str, Any] = {name: getattr(columns, name) for name in GIVEN if name in HELD}
    for name, part in EDGES.items():
        arrays[name] = edges_of(columns, part).astype(GIVEN[name].dtype)
    text, ends = columns.names.parts()
    arrays["names"], arrays["name_ends"] = np.frombuffer(text, np.uint8), ends
    shared = [cpu for layout in columns.cpu_layouts for cpu in sorted(layout.shared)]
    arrays["layout_shared"] = np.array(shared, _APART["layout_shared"].dtype)
    return arrays


def digest(columns: Columns) -> str:
    """The same for columns that say the same, however often they were claimed and released."""
    columns = tidy(columns)
    arrays = held_arrays(columns)
    del arrays["host_generation"]
    known = json.dumps(npz_meta.write(columns), sort_keys=True)
    return hashlib.blake2b((checksum_of(arrays) + known).encode(), digest_size=16).hexdigest()


def save(columns: Columns, path: str | os.PathLike[str]) -> None:
    """Write to a file beside ``path``, then put it in its place: readers see the old file or the
    new one. Raises ``OSError``, and ``InputError`` where no regular file can be."""
    columns = tidy(columns)
    arrays = held_arrays(columns)
    arrays[_META] = np.frombuffer(_meta(columns, arrays), np.uint8)
    with draft_of(path) as file:
        try:
            np.savez(file, **arrays)
        except ValueError as error:
            # zipfile complains that a member is open, whatever ended the writing of it: a full
            # disk, want of memory, Ctrl-C
            raise (error.__context__ or error) from None


def _meta(columns: Columns, arrays: Arrays) -> bytes:
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "checksum": checksum_of(arrays),
            **npz_meta.write(columns),
        }
    ).encode()


def checksum_of(arrays: Arrays) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        if name != _META:
            digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
            digest.update(np.ascontiguousarray(arrays[name]).view(np.uint8).data)
    return digest.hexdigest()


def load(path: str | os.PathLike[str]) -> Columns:
    """What ``save`` wrote. Raises ``InputError`` for a file that is cut, changed or foreign."""
    file = os.fspath(path)
    try:
        meta, arrays = _members(file)
    except InputError as error:
        raise error.within(file) from None
    except OSError as error:
        # EINVAL: zipfile looked where the file says that a member is
        if error.errno != errno.EINVAL:
            raise InputError(file, None, error.strerror, "a file that can be read") from None
        raise InputError(file, None, _FOREIGN, _WHOLE, _HINT) from None
    except _BROKEN:
        raise InputError(file, None, _FOREIGN, _WHOLE, _HINT) from None
    try:
        return judged(arrays, meta)
    except InputError as error:
        raise error.within(file) from None


def _members(file: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What ``_META`` holds, and the columns."""
    with open_regular(file) as stream, zipfile.ZipFile(stream) as members:
        left = os.fstat(stream.fileno()).st_size
        for member in members.infolist():
            # numpy would unpack what another program packed, to a thousand times its size, and
            # read members that lie upon each other
            left -= member.file_size
            if member.compress_type != zipfile.ZIP_STORED or left < 0:
                raise InputError(None, member.filename, None, "a member that is not packed", _HINT)
            if member.flag_bits & _ENCRYPTED:
                expected = "a member that is not encrypted"
                raise InputError(None, member.filename, None, expected, _HINT)
        meta = json.loads(_array(members.read(f"{_META}.npy")).tobytes())
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise InputError(None, "format", None, f"a {FORMAT}", _HINT)
        if meta.get("version") != VERSION:
            hint = "Load it with the numafit that wrote it, or write it anew."
            raise InputError(None, "version", meta.get("version"), str(VERSION), hint)
        found: dict[str, npt.NDArray[Any]] = {}
        for member in members.infolist():
            name = member.filename.removesuffix(".npy")
            if name in found or name not in (*HELD, _META):
                raise InputError(None, member.filename, None, f"each column of a {FORMAT} once")
            if name != _META:
                found[name] = _array(members.read(member))
        return meta, found


def _array(data: bytes) -> npt.NDArray[Any]:
    """A member in numpy's format. Its header is compared with its length before memory is taken.

    Raises ``ValueError``."""
    stream = io.BytesIO(data)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(stream)]
    try:
        shape, by_columns, dtype = read_header(stream)
    except (MemoryError, SystemError):  # the latter of numpy's, for want of memory too
        raise
    except Exception as error:
        # numpy lets through what Python's own parsers raise: SyntaxError, TokenError
        raise ValueError(str(error)) from None
    start = stream.tell()
    if (
        dtype.hasobject
        or not dtype.itemsize
        or math.prod(shape) * dtype.itemsize != len(data) - start
    ):
        raise ValueError("a header that does not tell what follows it")
    found: npt.NDArray[Any] = np.ndarray(
        shape, dtype, data, start, order="F" if by_columns else "C"
    )
    return found.copy(order="C")


def judged(arrays: Arrays, data: Mapping[str, Any]) -> Columns:
    """Columns of what ``held_arrays`` and ``npz_meta.write`` gave. Raises InputError for all that
    could not have come from hosts."""
    _check_types(arrays)
    checksum = checks.text("checksum", data.get("checksum"))
    if checksum != checksum_of(arrays):
        hint = f"The file was changed or damaged. {_HINT}"
        raise InputError(None, "checksum", checksum, "that of the columns", hint)
    given = {name: arrays[name] for name in GIVEN if name in arrays}
    counts = counts_of({name: array for name, array in given.items() if name not in EDGES})
    hosts = counts["host_room"]
    if len(arrays["name_ends"]) != hosts + 1:
        raise InputError(None, "name_ends", len(arrays["name_ends"]), f"{hosts + 1} ends")
    for name in set(GIVEN) - set(given) - set(_WORKED_OUT):
        given[name] = np.zeros(GIVEN[name].shape(counts), GIVEN[name].dtype)
    for name, part in EDGES.items():
        trust.hold(name, len(given[name]) == hosts + 1, len(given[name]), f"{hosts + 1} edges")
        trust.check_edges(name, given[name], counts[f"n_{part}s"])
    names = trust.names_of(arrays["names"], arrays["name_ends"])
    layouts = trust.layouts_of(given, arrays["layout_shared"])
    meta = npz_meta.read(data)
    resources = trust.resources_of(meta.hosts, hosts, meta.resource_classes, given)
    pools = trust.pools_of(meta.pools, meta.classes, meta.providers, given)
    placed = [ranges.from_edges(part, given[name]) for name, part in EDGES.items()]
    columns = Columns.of(
        {**given, **placed[0], **placed[1]},
        {
            "names": names,
            "nets": trust.nets_of(meta.nets, given["cell_nets"]),
            "cpu_layouts": layouts,
            "devices_taken": meta.devices_taken,
            **pools.known(),
            **resources.known(),
        },
    )
    columns.saved_at = meta.saved_at
    fault = _engine.fault(columns)
    if fault is not None:
        column, _, words = fault.partition(": ")
        raise InputError(None, column, words, "columns that hold together", _HINT)
    trust.check_cells(given, layouts)
    trust.check_devices(columns.pools, meta.devices_taken, given)
    return columns


def _check_types(arrays: Arrays) -> None:
    """Every column that there is, each of its own type."""
    for name, column in HELD.items():
        if name in arrays:
            column.check(arrays[name])
        elif not any(name in group and not arrays.keys() & set(group) for group in _LATER):
            raise InputError(None, name, None, "a column; it is missing", _HINT)
