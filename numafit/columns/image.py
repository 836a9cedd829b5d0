"""A fleet as one block of bytes, which is mapped and used as it is: in a file, in memory that
processes share, in a message. numafit/image.h says how it is laid out.

Two ways lead back. ``open_columns`` trusts the bytes but for what the engine checks, and decodes
names, pools and inventories when somebody asks. ``load_columns`` trusts nothing, as ``npz.load``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from numafit import _engine, _header
from numafit._slab import Slab
from numafit.columns import npz, npz_meta, trust
from numafit.columns.columns import Columns
from numafit.columns.gather import FIRST_PHYSNET
from numafit.columns.in_order import tidy
from numafit.columns.resources import NO_KIND
from numafit.columns.schema import COLUMNS, Column
from numafit.columns.slabs import aligned
from numafit.errors import InputError, MisuseError
from numafit.plurals import counted
from numafit.rules.candidates import kind_of

_COUNT = np.dtype([("name", f"S{_header.IMAGE_NAME}"), ("value", "u8")])
_PART = np.dtype(
    [
        ("name", f"S{_header.IMAGE_NAME}"),
        ("type", "u4"),
        ("checksum", "u4"),
        ("offset", "u8"),
        ("bytes", "u8"),
    ]
)
_HEAD = np.dtype(
    [
        ("magic", "S8"),
        ("version", "u4"),
        ("abi", "u4"),
        ("order", "u4"),
        ("checksum", "u4"),
        ("bytes", "u8"),
        ("n_counts", "u4"),
        ("n_parts", "u4"),
        ("unused", "u8", 3),
        ("counts", _COUNT, _header.IMAGE_COUNTS),
        ("parts", _PART, _header.IMAGE_PARTS),
    ]
)
_WHOLE = "a fleet as numafit.shared.write() writes it, whole"
_HINT = "Write it anew with numafit.shared.write()."
_SMALL, _POOLS, _HOSTS = "meta", "pools", "hosts"
"""Parts in JSON: what is decoded at once; pools and their providers; what placement knows."""
_MOST_KINDS = 1 << 16
"""Of hosts, where there are not as many hosts: some may have gone."""
_SECTIONS = {_POOLS: ("pools", "providers"), _HOSTS: ("hosts",)}


def _parts(columns: Columns, checksum: bool) -> dict[str, npt.NDArray[Any]]:
    """All parts by their names, of columns in order. ``checksum``: of all, without which
    ``load_columns`` refuses it."""
    held = npz.held_arrays(columns)
    found = {name: getattr(columns, name) for name in COLUMNS}
    found.update((name, array) for name, array in held.items() if name not in COLUMNS)
    known = npz_meta.write(columns)
    known["knows_devices"] = columns.knows_devices
    known["kinds"] = npz_meta.write_kinds(columns)
    if checksum:
        known["checksum"] = npz.checksum_of(held)
    for part, keys in _SECTIONS.items():
        found[part] = _json({key: known.pop(key) for key in keys})
    found[_SMALL] = _json(known)
    return found


def _json(value: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _lay_out(columns: Columns, parts: Mapping[str, npt.NDArray[Any]]) -> tuple[bytes, int]:
    """The head, and how many bytes there are in all."""
    head = np.zeros((), _HEAD)
    counts = columns.counts()
    for row, name in zip(head["counts"], counts, strict=False):
        row["name"], row["value"] = name.encode(), counts[name]
    at = _header.IMAGE_HEAD
    for row, (name, array) in zip(head["parts"], parts.items(), strict=False):
        column = COLUMNS.get(name)
        row["name"], row["offset"], row["bytes"] = name.encode(), at, array.nbytes
        row["type"] = _header.IMAGE_BYTES if column is None else column.number
        row["checksum"] = 0 if column is not None else zlib.crc32(array.data)
        at += aligned(array.nbytes)
    head["magic"], head["version"] = _header.IMAGE_MAGIC, _header.IMAGE_VERSION
    head["abi"], head["order"] = _header.ABI_VERSION, _header.IMAGE_ORDER
    head["bytes"], head["n_counts"], head["n_parts"] = at, len(counts), len(parts)
    head["checksum"] = zlib.crc32(head.tobytes().ljust(_header.IMAGE_HEAD, b"\0"))
    return head.tobytes().ljust(_header.IMAGE_HEAD, b"\0"), at


def write(columns: Columns, file: BinaryIO) -> None:
    """The columns are of one moment, which nobody changes any more."""
    columns = tidy(columns)
    parts = _parts(columns, checksum=False)
    head, _ = _lay_out(columns, parts)
    file.write(head)
    for array in parts.values():
        file.write(array.reshape(-1).view(np.uint8).data)
        file.write(bytes(aligned(array.nbytes) - array.nbytes))


def pack(columns: Columns) -> npt.NDArray[np.uint8]:
    """The same in memory, for ``load_columns``."""
    columns = tidy(columns)
    parts = _parts(columns, checksum=True)
    head, size = _lay_out(columns, parts)
    packed = np.zeros(size, np.uint8)
    packed[: len(head)] = np.frombuffer(head, np.uint8)
    at = len(head)
    for array in parts.values():
        packed[at : at + array.nbytes] = array.reshape(-1).view(np.uint8)
        at += aligned(array.nbytes)
    return packed


@dataclass(frozen=True, slots=True)
class _Image:
    """What a head says of its bytes."""

    memory: memoryview
    counts: dict[str, int]
    parts: dict[str, tuple[int, int, int, int]]
    """Type, checksum, offset, bytes."""

    def array(self, column: Column, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Raises InputError where it is not as the counts say."""
        if column.name not in self.parts:
            raise InputError(None, column.name, None, "a column; it is missing", _HINT)
        kind, _, offset, size = self.parts[column.name]
        n = 1
        for length in shape:
            n *= length
        if (kind, size) != (column.number, n * column.dtype.itemsize):
            expected = f"{counted(n, 'value')} of {column.dtype}, as the counts say"
            raise InputError(None, column.name, f"{size} bytes", expected, _HINT)
        found: npt.NDArray[Any] = np.frombuffer(self.memory, column.dtype, n, offset)
        return found.reshape(shape)

    def apart(self, name: str, kind: Any = np.uint8) -> npt.NDArray[Any]:
        """What is not a column. Raises InputError where it was changed."""
        if name not in self.parts:
            raise InputError(None, name, None, "a part; it is missing", _HINT)
        _, checksum, offset, size = self.parts[name]
        data = self.memory[offset : offset + size]
        if zlib.crc32(data) != checksum or size % np.dtype(kind).itemsize:
            raise InputError(None, name, None, "what was written: it was changed", _HINT)
        return np.frombuffer(data, kind)

    def section(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self.apart(name).tobytes())
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InputError(None, name, None, "a mapping in JSON", _HINT)
        return found


def _text(name: bytes) -> str:
    """One that nobody wrote is the name of nothing."""
    return name.decode("ascii", "replace")


def _read_head(memory: memoryview) -> _Image:
    """Raises InputError for what is no head, or of another machine or version."""
    if len(memory) < _header.IMAGE_HEAD:
        raise InputError(None, None, f"{len(memory)} bytes", _WHOLE)
    raw = bytearray(memory[: _header.IMAGE_HEAD])
    head = np.frombuffer(raw, _HEAD, 1)[0]
    for name, expected in (
        ("magic", _header.IMAGE_MAGIC),
        ("order", _header.IMAGE_ORDER),
        ("version", _header.IMAGE_VERSION),
    ):
        if head[name] != expected:
            words = {"magic": _WHOLE, "order": "the byte order of this machine"}
            raise InputError(None, name, head[name].item(), words.get(name, str(expected)), _HINT)
    checksum = int(head["checksum"])
    head["checksum"] = 0
    if zlib.crc32(raw) != checksum:
        raise InputError(None, "head", None, "what was written: it was changed", _HINT)
    if head["abi"] != _header.ABI_VERSION:
        hint = "Write it anew with the numafit that is to open it."
        raise InputError(None, "abi", int(head["abi"]), str(_header.ABI_VERSION), hint)
    if head["bytes"] != len(memory):
        raise InputError(None, "bytes", len(memory), f"{head['bytes']}: the file was cut", _HINT)
    n_counts, n_parts = int(head["n_counts"]), int(head["n_parts"])
    if n_counts > _header.IMAGE_COUNTS or n_parts > _header.IMAGE_PARTS:
        raise InputError(None, "head", n_parts, "as many parts as a head has room for", _HINT)
    counts = {_text(name): value for name, value in head["counts"][:n_counts].tolist()}
    parts, end = {}, _header.IMAGE_HEAD
    for name, kind, crc, offset, size in head["parts"][:n_parts].tolist():
        if offset % _header.IMAGE_ALIGNED or offset < end or offset + size > len(memory):
            order = "one behind the other, all in the file"
            raise InputError(None, "parts", _text(name), order, _HINT)
        end = offset + size
        parts[_text(name)] = kind, crc, offset, size
    missing = set(_header.counts()) - counts.keys()
    if missing:
        raise InputError(None, sorted(missing)[0], None, "a count; it is missing", _HINT)
    return _Image(memory, {name: counts[name] for name in _header.counts()}, parts)


def _arrays(image: _Image) -> dict[str, npt.NDArray[Any]]:
    return {
        name: image.array(column, column.shape(image.counts)) for name, column in COLUMNS.items()
    }


def load_columns(memory: memoryview) -> Columns:
    """What ``pack`` packed, in memory of its own. Raises InputError for all that could not have
    come from hosts."""
    # what is checked is what is used, whoever writes to the buffer meanwhile
    image = _read_head(memoryview(bytearray(memory)))
    arrays = _arrays(image)
    held = {
        name: arrays[name] if name in arrays else image.apart(name, column.dtype)
        for name, column in npz.HELD.items()
    }
    for name, end in npz.EDGES.items():
        held[name] = np.append(held[name].dtype.type(0), arrays[f"host_end_{end}"])
    data = image.section(_SMALL)
    for part in _SECTIONS:
        data |= image.section(part)
    return npz.judged(held, data)


def open_columns(slab: Slab, check: bool) -> Columns:
    """What ``write`` wrote, where it is, for reading alone. ``check``: by the engine, so that
    whatever the columns hold, nothing is read beyond them."""
    image = _read_head(memoryview(slab))
    arrays = _arrays(image)
    for array in arrays.values():
        array.flags.writeable = False
    known, data = _known(image)
    columns = Columns.standing(slab, image.counts, arrays, known, dict(_later(image, data)))
    if check:
        try:
            fault = _engine.fault(columns, derive=False)
        except MisuseError as error:
            raise InputError(None, None, str(error), "columns that agree", _HINT) from None
        if fault is not None:
            column, _, words = fault.partition(": ")
            raise InputError(None, column, words, "columns that hold together", _HINT)
    return columns


def _known(image: _Image) -> tuple[dict[str, Any], dict[str, Any]]:
    """What stands behind the numbers and is small; and the part that it comes from."""
    data = image.section(_SMALL)
    meta = npz_meta.read({**data, "pools": [], "providers": [], "hosts": data.get("kinds")})
    for name, found in (("n_classes", meta.classes), ("n_resources", meta.resource_classes)):
        _agree(image, name, len(found))
    most = max(image.counts["n_hosts"], _MOST_KINDS)
    trust.hold("n_host_classes", image.counts["n_host_classes"] <= most, None, f"at most {most}")
    kinds = {number: kind_of(host) for number, host in meta.hosts.items()}
    return {
        "nets": {name: n for n, name in enumerate(meta.nets, FIRST_PHYSNET)},
        "classes": meta.classes,
        "devices_taken": meta.devices_taken,
        "resource_classes": {name: n for n, name in enumerate(meta.resource_classes)},
        "host_kinds": [kinds.get(n, NO_KIND) for n in range(image.counts["n_host_classes"])],
        "knows_devices": data.get("knows_devices") is not False,
    }, data


def _agree(image: _Image, count: str, n: int) -> None:
    if image.counts[count] != n:
        raise InputError(None, count, image.counts[count], f"{n}, as the names say", _HINT)


def _later(
    image: _Image, small: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], Mapping[str, Any]]]]:
    """Attributes of Columns, each with what gives it and others once it is asked for."""

    @cache
    def names() -> Mapping[str, Any]:
        ends = image.apart("name_ends", np.uint64)
        _agree(image, "n_hosts", len(ends) - 1)
        return {"names": trust.names_of(image.apart("names"), ends)}

    @cache
    def layouts() -> Mapping[str, Any]:
        return {
            "cpu_layouts": trust.layouts_of(_arrays(image), image.apart("layout_shared", np.int32))
        }

    @cache
    def pools() -> Mapping[str, Any]:
        meta = npz_meta.read({**small, **image.section(_POOLS), "hosts": {}})
        _agree(image, "n_pools", len(meta.pools))
        providers = {name: n for n, name in enumerate(meta.providers, 1)}
        return {"pools": meta.pools, "providers": providers}

    @cache
    def hosts() -> Mapping[str, Any]:
        data = {**small, **image.section(_HOSTS), "pools": [], "providers": []}
        found = npz_meta.read(data).hosts
        trust.hold("hosts", max(found, default=0) < max(image.counts["n_hosts"], 1), None,
                   "hosts of the fleet")  # fmt: skip
        known = {host: info.provider for host, info in found.items() if info.provider is not None}
        return {"providers_of_hosts": known}

    yield "names", names
    yield "cpu_layouts", layouts
    yield "pools", pools
    yield "providers", pools
    yield "providers_of_hosts", hosts
