"""Stored topologies as nova 34 writes them -> plain values, by a typed JSON decoder (msgspec).

For fleets of many rows. A row that is not of the very shape that nova 34 writes is not judged
here: ``decode`` answers ``None``, and ``nova_rows`` reads it, or says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from numafit.errors import MissingExtra
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import MAX_CELLS, MAX_ID, MAX_PAGE_COUNT, MAX_PAGE_KIB, max_pages

try:
    import msgspec
except ImportError as error:
    raise MissingExtra("msgspec", "rows") from error

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_PAGE_COUNT)]
Megabytes = Annotated[int, msgspec.Meta(ge=0, le=MAX_MEMORY_MB)]
Id = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]


class Pages(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    size_kb: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE_KIB)]
    total: Count
    used: Count
    reserved: Count


class Network(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    physnets: list[str]
    tunneled: bool


def _object(name: str, version: str, data: Any) -> Any:
    """The envelope that nova puts around an object's fields."""
    return msgspec.defstruct(
        name,
        [
            ("name", Literal[name]),
            ("namespace", Literal["nova"]),
            ("version", Literal[version]),
            ("data", data),
            ("changes", msgspec.Raw, msgspec.Raw()),
        ],
        rename={
            part: f"nova_object.{part}"
            for part in ("name", "namespace", "version", "data", "changes")
        },
        forbid_unknown_fields=True,
        gc=False,
    )


class Cell(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Lists that hosts share are left as they are, to be compared before they are read."""

    id: Id
    cpuset: msgspec.Raw
    pcpuset: msgspec.Raw
    memory: Megabytes
    cpu_usage: Id
    memory_usage: Megabytes
    pinned_cpus: list[Id]
    siblings: msgspec.Raw
    mempages: list[_object("NUMAPagesTopology", "1.1", Pages)]  # type: ignore[valid-type]
    network_metadata: _object("NetworkMetadata", "1.0", Network)  # type: ignore[valid-type]
    socket: Annotated[int, msgspec.Meta(ge=-1, le=MAX_ID)] | None = None


class Topology(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    cells: list[_object("NUMACell", "1.5", Cell)]  # type: ignore[valid-type]


class CpuSets(msgspec.Struct, gc=False):
    cpuset: list[Id]
    pcpuset: list[Id]
    siblings: list[list[Id]]


_topology = msgspec.json.Decoder(_object("NUMATopology", "1.2", Topology))
_sets: Callable[[bytes], CpuSets] = msgspec.json.Decoder(CpuSets).decode


def decode(text: str | bytes) -> list[Cell] | None:
    """The cells of one ``numa_topology``; ``None``: the careful reader has to look at it."""
    try:
        cells = [cell.data for cell in _topology.decode(text).data.cells]
    except (msgspec.MsgspecError, UnicodeError):
        return None
    if len(cells) > MAX_CELLS or len({cell.id for cell in cells}) != len(cells):
        return None
    for cell in cells:
        sizes = set()
        for pages in cell.mempages:
            size = pages.data.size_kb
            if pages.data.total > max_pages(size) or size in sizes:
                return None
            sizes.add(size)
    return cells


def cpu_sets(cell: Cell) -> CpuSets | None:
    """The lists that ``decode`` left alone."""
    text = b'{"cpuset":%b,"pcpuset":%b,"siblings":%b}' % (
        bytes(cell.cpuset),
        bytes(cell.pcpuset),
        bytes(cell.siblings),
    )
    try:
        return _sets(text)
    except msgspec.MsgspecError:
        return None
