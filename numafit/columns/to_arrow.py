"""Fleets as Arrow data, one row per host, and back: snapshots, since Arrow data never changes.

CPU sets that hosts share are CPU lists as the kernel writes them (``siblings``: one list per core,
blanks between them); what changes is numbers. Arrays are built and read by nanoarrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES, POOL_GONE, TUNNEL_NET
from numafit.columns import ranges
from numafit.columns.columns import Columns
from numafit.columns.gather import FIRST_PHYSNET
from numafit.columns.in_order import edges_of, in_order
from numafit.cpuset import format_cpu_list
from numafit.extras import need

BATCH = 65536
"""Hosts a record batch: offsets of lists and text are 32 bits wide."""

Bits = npt.NDArray[np.bool_]


def schema() -> Any:
    """The type of a row; names are those of HostInfo, HostCell, PagePool and PciPool. Inventories,
    traits, zones and what else is known of a host as a whole are not in it."""
    na = need("nanoarrow", "arrow")
    pages = {
        "size_kib": na.int64(),
        "total": na.int64(),
        "used": na.int64(),
        "reserved": na.int64(),
    }
    cell = {
        "id": na.int32(),
        "socket": na.int32(),
        "cpuset": na.string(),
        "pcpuset": na.string(),
        "siblings": na.string(),
        "pinned_cpus": na.list_(na.int32()),
        "free_cpus": na.int32(),
        "memory_mb": na.int64(),
        "memory_usage": na.int64(),
        "cpu_usage": na.int64(),
        "page_pools": na.list_(na.struct(pages)),
        "physnets": na.list_(na.string()),
        "tunneled": na.bool_(),
    }
    pool = {
        "vendor_id": na.string(),
        "product_id": na.string(),
        "numa_node": na.int32(),
        "count": na.int32(),
        "tags": na.string(),
        "devices": na.list_(na.string()),
    }
    return na.struct(
        {
            "name": na.string(),
            "cpu_allocation_ratio": na.float64(),
            "ram_allocation_ratio": na.float64(),
            "generation": na.uint64(),
            "distances": na.list_(na.list_(na.int32())),
            "cells": na.list_(na.struct(cell)),
            "pci_pools": na.list_(na.struct(pool)),
            "disabled": na.string(),
        }
    )


def stream(columns: Columns) -> Any:
    """A nanoarrow stream of record batches; ``columns`` must not change any more."""
    na = need("nanoarrow", "arrow")
    kind = schema()
    writer = _Writer(in_order(columns))
    batches = [
        writer.hosts(kind, first, min(first + BATCH, columns.n_hosts))
        for first in range(0, columns.n_hosts, BATCH)
    ]
    made = need("nanoarrow.c_array_stream", "arrow").CArrayStream
    return made.from_c_arrays(batches, na.c_schema(kind), move=True, validate=False)


class _Writer:
    """Columns -> arrays of one batch after the other."""

    def __init__(self, columns: Columns) -> None:
        self._na = need("nanoarrow", "arrow")
        self._c = columns
        self._cell_edges, self._pool_edges = edges_of(columns, "cell"), edges_of(columns, "pool")
        self._disabled = [_utf8(kind.disabled) for kind in columns.host_kinds]
        layouts = columns.cpu_layouts
        self._cpuset = [format_cpu_list(layout.shared).encode() for layout in layouts]
        self._pcpuset = [format_cpu_list(layout.dedicated).encode() for layout in layouts]
        self._siblings = [
            b" ".join(format_cpu_list(core).encode() for core in layout.siblings)
            for layout in layouts
        ]

    def _array(
        self,
        kind: Any,
        length: int,
        buffers: Sequence[Any] = (),
        children: Sequence[Any] = (),
        valid: Bits | None = None,
    ) -> Any:
        bitmap = None if valid is None or bool(valid.all()) else _bitmap(valid)
        return self._na.c_array_from_buffers(
            kind, length, [bitmap, *buffers], children=children, validation_level="none"
        )

    def _numbers(self, kind: Any, values: npt.NDArray[Any], valid: Bits | None = None) -> Any:
        return self._array(kind, len(values), [np.ascontiguousarray(values)], valid=valid)

    def _text(self, kind: Any, values: Iterable[bytes]) -> Any:
        parts = list(values)
        return self._array(kind, len(parts), [_offsets(list(map(len, parts))), b"".join(parts)])

    def _lists(self, kind: Any, lengths: Any, values: Any) -> Any:
        return self._array(kind, len(lengths), [_offsets(lengths)], [values])

    def _struct(self, kind: Any, length: int, children: Sequence[Any]) -> Any:
        return self._array(kind, length, children=children)

    def hosts(self, kind: Any, h0: int, h1: int) -> Any:
        c = self._c
        t = _types(kind)
        first = self._cell_edges[h0 : h1 + 1]
        cells = self._cells(t["cells"].value_type, int(first[0]), int(first[-1]))
        return self._struct(
            kind,
            h1 - h0,
            [
                self._text(t["name"], (_utf8(c.names[h]) for h in range(h0, h1))),
                *(
                    self._numbers(t[name], ratio[h0:h1], ~np.isnan(ratio[h0:h1]))
                    for name, ratio in (
                        ("cpu_allocation_ratio", c.host_cpu_ratio),
                        ("ram_allocation_ratio", c.host_ram_ratio),
                    )
                ),
                self._numbers(t["generation"], c.host_generation[h0:h1]),
                self._distances(t["distances"], h0, h1, np.diff(first)),
                self._lists(t["cells"], np.diff(first), cells),
                self._pools(t["pci_pools"], h0, h1),
                self._text(t["disabled"], (self._disabled[n] for n in c.host_class[h0:h1])),
            ],
        )

    def _distances(self, kind: Any, h0: int, h1: int, cells: npt.NDArray[Any]) -> Any:
        at = self._c.host_distance_at[h0:h1]
        known = at != NO_DISTANCES
        rows = np.where(known, cells, 0)
        starts = [
            int(start) + row * n
            for start, n, has in zip(at, cells.tolist(), known, strict=True)
            if has
            for row in range(n)
        ]
        widths = np.repeat(cells[known], cells[known])
        values = self._c.distances[ranges.rows(np.array(starts, np.int64), widths)]
        inner = kind.value_type
        numbers = self._numbers(inner.value_type, values)
        return self._lists(kind, rows, self._lists(inner, widths, numbers))

    def _cells(self, kind: Any, c0: int, c1: int) -> Any:
        c = self._c
        t = _types(kind)
        layouts = c.cell_layout[c0:c1].tolist()
        socket = c.cell_socket[c0:c1]
        near = np.unpackbits(
            np.ascontiguousarray(c.cell_nets[c0:c1]).astype("<u8").view(np.uint8),
            axis=1,
            bitorder="little",
            count=FIRST_PHYSNET + len(c.nets),
        ).astype(bool)
        return self._struct(
            kind,
            c1 - c0,
            [
                self._numbers(t["id"], c.cell_id[c0:c1]),
                self._numbers(t["socket"], socket, socket >= 0),
                self._text(t["cpuset"], map(self._cpuset.__getitem__, layouts)),
                self._text(t["pcpuset"], map(self._pcpuset.__getitem__, layouts)),
                self._text(t["siblings"], map(self._siblings.__getitem__, layouts)),
                self._pinned(t["pinned_cpus"], c0, c1),
                self._numbers(t["free_cpus"], c.cell_free[c0:c1]),
                self._numbers(t["memory_mb"], c.cell_memory[c0:c1]),
                self._numbers(t["memory_usage"], c.cell_memory_used[c0:c1]),
                self._numbers(t["cpu_usage"], c.cell_cpu_used[c0:c1]),
                self._pages(t["page_pools"], c0, c1),
                self._physnets(t["physnets"], near[:, [*c.nets.values()]]),
                self._array(t["tunneled"], c1 - c0, [_bitmap(near[:, TUNNEL_NET])]),
            ],
        )

    def _pinned(self, kind: Any, c0: int, c1: int) -> Any:
        c = self._c
        layout_of = c.cell_layout[c0:c1]
        found = [(np.zeros(0, np.int64), np.zeros(0, np.int32))]
        for number in np.unique(layout_of).tolist():
            layout = c.cpu_layouts[number]
            cells = np.flatnonzero(layout_of == number)
            at = c.cell_mask_at[c0:c1][cells].astype(np.int64)
            words = c.pinned[at[:, None] + np.arange(layout.n_words)]
            bits = np.unpackbits(words.astype("<u8").view(np.uint8), axis=1, bitorder="little")
            rows, slots = np.nonzero(bits[:, : len(layout.cpus)])
            found.append((cells[rows], np.array(layout.cpus, np.int32)[slots]))
        cells = np.concatenate([cell for cell, _cpu in found])
        cpus = np.concatenate([cpu for _cell, cpu in found])
        lengths = np.bincount(cells, minlength=c1 - c0)
        values = self._numbers(kind.value_type, cpus[np.lexsort((cpus, cells))])
        return self._lists(kind, lengths, values)

    def _pages(self, kind: Any, c0: int, c1: int) -> Any:
        c = self._c
        sizes = np.arange(len(c.page_kib), dtype=np.uint32)
        there = (c.cell_page_sizes[c0:c1, None] >> sizes & 1).astype(bool)
        cells, size = np.nonzero(there)
        total, used, free = (
            column[size, c0 + cells].astype(np.int64)
            for column in (c.pages_total, c.pages_used, c.pages_free)
        )
        t = _types(kind.value_type)
        values = {
            "size_kib": c.page_kib[size].astype(np.int64),
            "total": total,
            "used": used,
            "reserved": total - used - free,
        }
        children = [self._numbers(t[name], column) for name, column in values.items()]
        return self._lists(
            kind, there.sum(axis=1), self._struct(kind.value_type, len(cells), children)
        )

    def _physnets(self, kind: Any, near: Bits) -> Any:
        names = list(map(_utf8, self._c.nets))
        values = self._text(kind.value_type, (names[n] for n in np.nonzero(near)[1].tolist()))
        return self._lists(kind, near.sum(axis=1), values)

    def _pools(self, kind: Any, h0: int, h1: int) -> Any:
        c = self._c
        edges = self._pool_edges[h0 : h1 + 1]
        first, last = int(edges[0]), int(edges[-1])
        there = c.pool_count[first:last] != POOL_GONE
        lengths = np.diff(np.concatenate([[0], np.cumsum(there)])[edges - first])
        numbers = (np.flatnonzero(there) + first).tolist()
        infos = [c.pools[n] for n in numbers]
        t = _types(kind.value_type)
        nodes = [info.numa_node for info in infos]
        counts = c.pool_count[numbers]
        left = map(c.devices_left, numbers, counts.tolist())
        devices = [[_utf8(one) for one in names] for names in left]
        children = [
            self._text(t["vendor_id"], (_utf8(info.vendor_id) for info in infos)),
            self._text(t["product_id"], (_utf8(info.product_id) for info in infos)),
            self._numbers(
                t["numa_node"],
                np.array([0 if node is None else node for node in nodes], np.int32),
                np.array([node is not None for node in nodes], bool),
            ),
            self._numbers(t["count"], counts),
            self._text(t["tags"], (json.dumps(info.tags).encode() for info in infos)),
            self._lists(
                t["devices"],
                list(map(len, devices)),
                self._text(t["devices"].value_type, (one for some in devices for one in some)),
            ),
        ]
        return self._lists(kind, lengths, self._struct(kind.value_type, len(infos), children))


def _types(kind: Any) -> dict[str, Any]:
    return {field.name: field for field in kind.fields}


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _bitmap(bits: Bits) -> npt.NDArray[np.uint8]:
    return np.packbits(bits, bitorder="little")


def _offsets(lengths: Any) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)
