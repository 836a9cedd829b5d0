"""A fleet in a file: ``.npz``, versioned and checksummed, written as a whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
import zlib
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.columns import Columns
from numafit.columns.drafts import draft_of
from numafit.columns.layouts import LAYOUT_DTYPE, Layout
from numafit.columns.names import Names
from numafit.errors import InputError
from numafit.model.hostinfo import PciPool
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
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_HINT = "Write it anew with Fleet.save()."
_U32, _I32, _U64, _I64, _F64 = np.uint32, np.int32, np.uint64, np.int64, np.float64

# column: type, and what it has a value for
_HOSTS: dict[str, tuple[type, str]] = {
    "host_first_cell": (_U32, "host edges"),
    "host_cpu_ratio": (_F64, "hosts"),
    "host_ram_ratio": (_F64, "hosts"),
    "host_distance_at": (_U64, "hosts"),
    "host_generation": (_U64, "hosts"),
    "host_first_pool": (_U32, "host edges"),
    "cell_id": (_I32, "cells"),
    "cell_socket": (_I32, "cells"),
    "cell_layout": (_U32, "cells"),
    "cell_mask_at": (_U64, "cells"),
    "cell_memory": (_I64, "cells"),
    "cell_page_sizes": (_U32, "cells"),
    "cell_memory_used": (_I64, "cells"),
    "cell_cpu_used": (_I64, "cells"),
    "cell_devices": (_I64, "cells"),
    "cell_nets": (_U64, "cells x nets"),
    "pages_total": (_I32, "sizes x cells"),
    "pages_used": (_I32, "sizes x cells"),
    "pages_free": (_I32, "sizes x cells"),
    "pool_class": (_U32, "pools"),
    "pool_cell": (_I32, "pools"),
    "pool_provider": (_U32, "pools"),
    "pool_family": (_U32, "pools"),
    "pool_kind": (_U32, "pools"),
    "pool_count": (_I32, "pools"),
    "pool_taken": (_I32, "pools"),
    "pool_hidden": (_I32, "pools"),
    "page_kib": (_U32, "sizes"),
    "pinned": (_U64, ""),
    "distances": (_I32, ""),
    "layout_words": (_U64, ""),
    "layout_cpus": (_I32, ""),
    "layout_shared": (_I32, ""),
    "names": (np.uint8, ""),
    "name_ends": (_U64, "host edges"),
}

_APART = ("names", "name_ends", "layout_shared")
"""What ``Columns`` holds in another form."""


def save(columns: Columns, path: str | os.PathLike[str]) -> None:
    """Write to a file beside ``path``, then put it in its place: readers see the old file or the
    new one. Raises ``OSError``."""
    arrays = {name: getattr(columns, name) for name in _HOSTS if name not in _APART}
    text, ends = columns.names.parts()
    arrays["names"], arrays["name_ends"] = np.frombuffer(text, np.uint8), ends
    arrays["layouts"] = columns.layouts
    shared = [cpu for layout in columns.cpu_layouts for cpu in sorted(layout.shared)]
    arrays["layout_shared"] = np.array(shared, np.int32)
    arrays[_META] = np.frombuffer(_meta(columns, arrays), np.uint8)
    with draft_of(path) as file:
        np.savez(file, **arrays)


def _meta(columns: Columns, arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "checksum": _checksum(arrays),
            "nets": list(columns.nets),
            "providers": list(columns.providers),
            "classes": columns.classes,
            "pools": [{**pool.as_dict(), "devices": pool.devices} for pool in columns.pools],
            "devices_taken": {
                pool: sorted(taken) for pool, taken in columns.devices_taken.items() if taken
            },
        }
    ).encode()


def _checksum(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
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
    except _BROKEN:
        raise InputError(file, None, "something else", f"a {FORMAT}, whole", _HINT) from None
    try:
        return _columns(arrays, meta)
    except InputError as error:
        raise error.within(file) from None
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):
        raise InputError(file, "meta", "something else", f"a {FORMAT}", _HINT) from None


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
        meta = json.loads(_array(members.read(f"{_META}.npy")).tobytes())
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise InputError(None, "format", None, f"a {FORMAT}", _HINT)
        if meta.get("version") != VERSION:
            hint = "Load it with the numafit that wrote it, or write it anew."
            raise InputError(None, "version", meta.get("version"), str(VERSION), hint)
        found: dict[str, npt.NDArray[Any]] = {}
        for member in members.infolist():
            name = member.filename.removesuffix(".npy")
            if name in found or name not in (*_HOSTS, "layouts", _META):
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
    shape, by_columns, dtype = read_header(stream)
    start = stream.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError("a header that does not tell what follows it")
    order = "F" if by_columns else "C"
    return np.ndarray(shape, dtype, data, start, order=order).copy(order="C")


def _columns(arrays: dict[str, npt.NDArray[Any]], meta: Mapping[str, Any]) -> Columns:
    table = arrays.pop("layouts", None)
    if table is None or table.dtype != LAYOUT_DTYPE or table.ndim != 1:
        raise InputError(None, "layouts", None, "a table of layouts", _HINT)
    for name, (dtype, _per) in _HOSTS.items():
        if name not in arrays or arrays[name].dtype != dtype:
            raise InputError(None, name, None, f"a column of {dtype.__name__}", _HINT)
    if meta["checksum"] != _checksum(arrays | {"layouts": table}):
        hint = f"The file was changed or damaged. {_HINT}"
        raise InputError(None, "checksum", meta["checksum"], "that of the columns", hint)
    _check_shapes(arrays, len(meta["nets"]))
    _check_places(arrays, table)
    columns = Columns.__new__(Columns)
    columns.adopt(
        {name: arrays[name] for name in _HOSTS if name not in _APART} | {"layouts": table},
        names=Names.of(arrays["names"].tobytes(), array("Q", arrays["name_ends"].tobytes())),
        cpu_layouts=_layouts(arrays, table),
        nets={name: n + 1 for n, name in enumerate(meta["nets"])},
        providers={name: n + 1 for n, name in enumerate(meta["providers"])},
        classes=meta["classes"],
        pools=[_pool(pool) for pool in meta["pools"]],
        devices_taken={int(pool): set(taken) for pool, taken in meta["devices_taken"].items()},
    )
    if len(columns.pools) != len(columns.pool_count):
        raise InputError(None, "pools", len(columns.pools), f"{len(columns.pool_count)} pools")
    return columns


def _check_shapes(arrays: Mapping[str, npt.NDArray[Any]], nets: int) -> None:
    hosts, cells = len(arrays["host_cpu_ratio"]), len(arrays["cell_id"])
    sizes = len(arrays["page_kib"])
    shapes = {
        "hosts": (hosts,),
        "host edges": (hosts + 1,),
        "cells": (cells,),
        "cells x nets": (cells, (nets + 1 + 63) // 64),
        "sizes": (sizes,),
        "sizes x cells": (sizes, cells),
        "pools": (len(arrays["pool_class"]),),
    }
    for name, (_dtype, per) in _HOSTS.items():
        expected = shapes[per] if per else (arrays[name].size,)
        if arrays[name].shape != expected:
            raise InputError(None, name, arrays[name].shape, f"the shape {expected}", _HINT)


def _check_places(arrays: Mapping[str, npt.NDArray[Any]], table: npt.NDArray[Any]) -> None:
    """What points into another column points inside it; the engine cannot know how long it is."""

    def inside(name: str, starts: Any, lengths: Any, room: int) -> None:
        # in Python's numbers, which do not wrap around
        ends = starts.astype(object) + lengths.astype(object)
        if len(ends) and max(ends) > room:
            raise InputError(None, name, int(max(ends)), f"places up to {room}", _HINT)

    for start, length, column in (
        ("mask_at", "n_words", "layout_words"),
        ("cpu_at", "n_slots", "layout_cpus"),
    ):
        inside("layouts", table[start], table[length], len(arrays[column]))
        # layouts that lie upon each other would take more memory than the file has bytes
        total = int(table[length].sum(dtype=np.uint64))
        if total > len(arrays[column]):
            raise InputError(None, "layouts", total, f"places of its own in {column} each", _HINT)
    if int(table["n_shared"].sum(dtype=np.uint64)) != len(arrays["layout_shared"]):
        raise InputError(None, "layout_shared", None, "the shared CPUs of each layout", _HINT)
    layouts = arrays["cell_layout"]
    if len(layouts) and int(layouts.max()) >= len(table):
        raise InputError(None, "cell_layout", int(layouts.max()), "a layout that is there", _HINT)
    at = arrays["cell_mask_at"]
    if len(at):
        ends = at + table["n_words"][layouts]
        if int(ends.max()) > len(arrays["pinned"]) or bool((ends < at).any()):
            raise InputError(None, "cell_mask_at", None, "masks inside pinned", _HINT)
    for name in ("host_first_cell", "host_first_pool"):
        column = arrays["cell_id" if name == "host_first_cell" else "pool_class"]
        edges = arrays[name].astype(np.int64)
        if edges[0] or edges[-1] != len(column) or bool((np.diff(edges) < 0).any()):
            raise InputError(None, name, None, f"ascending edges from 0 to {len(column)}", _HINT)
    cells = np.diff(arrays["host_first_cell"].astype(np.int64))
    known = arrays["host_distance_at"] != np.iinfo(np.uint64).max
    inside(
        "host_distance_at",
        arrays["host_distance_at"][known],
        cells[known] ** 2,
        len(arrays["distances"]),
    )
    ends = arrays["name_ends"]
    if ends[0] or int(ends[-1]) != len(arrays["names"]) or bool((ends[1:] < ends[:-1]).any()):
        raise InputError(None, "name_ends", None, "ascending ends of names", _HINT)


def _layouts(arrays: Mapping[str, npt.NDArray[Any]], table: npt.NDArray[Any]) -> list[Layout]:
    ends = np.cumsum(table["n_shared"], dtype=np.int64)
    shared = np.split(arrays["layout_shared"], ends[:-1]) if len(ends) else []
    return [
        _layout(arrays, row, frozenset(cpus.tolist()))
        for row, cpus in zip(table, shared, strict=True)
    ]


def _layout(arrays: Mapping[str, npt.NDArray[Any]], row: Any, shared: frozenset[int]) -> Layout:
    first, mask_at = int(row["cpu_at"]), int(row["mask_at"])
    cpus = arrays["layout_cpus"][first : first + int(row["n_slots"])].tolist()
    words = arrays["layout_words"][mask_at : mask_at + int(row["n_words"])].tobytes()
    mask = np.unpackbits(np.frombuffer(words, np.uint8), bitorder="little")
    return Layout(
        shift=int(row["shift"]),
        threads=int(row["threads"]),
        n_cores=int(row["n_cores"]),
        cpus=cpus,
        dedicated=frozenset(
            cpu for cpu, bit in zip(cpus, mask.tolist(), strict=False) if bit and cpu >= 0
        ),
        shared=shared,
    )


def _pool(data: dict[str, Any]) -> PciPool:
    return PciPool(
        data.pop("vendor_id"),
        data.pop("product_id"),
        data.pop("numa_node"),
        data.pop("count"),
        devices=tuple(data.pop("devices")),
        tags=data,
    )
