"""Arrow data, as ``numafit.columns.to_arrow`` writes them -> columns: whole columns at once, or row
by row where something is wrong or unusual."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import REMOVED_CLASS
from numafit.columns.arrow_bulk import Batches
from numafit.columns.arrow_cpus import Sets
from numafit.columns.arrow_parts import Part, Unlike
from numafit.columns.columns import Columns
from numafit.columns.gather import Gatherer
from numafit.columns.resources import REMOVED_KIND
from numafit.cpuset import parse_cpu_list
from numafit.errors import InputError
from numafit.extras import need
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import MAX_ID, HostCell, HostInfo, PagePool, PciPool
from numafit.readers import bounds, checks
from numafit.readers.textfile import parse_json

MAX_GENERATION = (1 << 64) - 1
_REMEMBERED = 4096
_TYPE = "Arrow data with the columns that a Fleet gives"


def gather(source: Any) -> tuple[Gatherer, npt.ArrayLike]:
    """All hosts, and the generation of each; an error names row, key and value."""
    batches = _batches(source)
    if batches:
        with _readable():
            _refuse_empty_structs(batches[0].schema)
    with bounds.document():
        try:
            return _in_columns(batches)
        except Unlike:
            pass
    with bounds.document():
        return _row_by_row(_rows(batches))


def leave_removed(columns: Columns) -> None:
    """Rows of hosts that were removed stand for hosts that are removed here."""
    gone = [n for n, kind in enumerate(columns.host_kinds) if kind == REMOVED_KIND]
    for host in np.flatnonzero(np.isin(columns.host_class[: columns.n_hosts], gone)).tolist():
        empty = columns.host_first_cell[host] == columns.host_end_cell[host]
        if empty and columns.host_first_pool[host] == columns.host_end_pool[host]:
            columns.own("names").put(host, "")
            columns.host_class[host] = REMOVED_CLASS
            columns.tidy = False


def _batches(source: Any) -> list[Any]:
    """The arrays of anything with ``__arrow_c_stream__``."""
    na = need("nanoarrow", "arrow")
    if not hasattr(source, "__arrow_c_stream__"):
        expected = "a table or frame with __arrow_c_stream__"
        raise InputError(None, None, type(source).__name__, expected)
    with _readable():
        return list(na.c_array_stream(source))


def _refuse_empty_structs(schema: Any) -> None:
    """nanoarrow reads no values of a struct without fields, as if there were no rows of it."""
    left = [("", schema)]
    while left:
        key, one = left.pop()
        children = list(one.children)
        if one.format == "+s" and not children and key:
            raise InputError(None, key, "structs without fields", _TYPE)
        for child in children:
            # a list's own child has no name that anybody gave it
            inside = [key, child.name] if one.format == "+s" else [key]
            left.append((".".join(filter(None, inside)), child))


def _rows(batches: list[Any]) -> Iterator[Any]:
    """Each row of them, as plain values. The arrays are gone then."""
    if not batches:
        return
    na = need("nanoarrow", "arrow")
    made = need("nanoarrow.c_array_stream", "arrow").CArrayStream
    with _readable():
        # copies of views of text would end the process
        stream = made.from_c_arrays(batches, batches[0].schema, move=True, validate=False)
        yield from na.ArrayStream(stream).iter_py()


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        if f"({errno.ENOMEM})" in str(error):  # nanoarrow raises what its C library returns
            raise MemoryError from None
        expected = "columns of numbers, text, lists and structs"
        raise InputError(None, None, str(error), expected) from None


def _in_columns(batches: Iterable[Any]) -> tuple[Gatherer, npt.ArrayLike]:
    reader = _Reader()
    gatherer = Gatherer()
    adding = Batches(gatherer, reader.sets, _pool)
    generations = []
    for batch in batches:
        with _readable():
            part = Part.of(batch)
        generations.append(adding.add(part))
    return gatherer, np.concatenate(generations) if generations else ()


def _row_by_row(rows: Iterable[Any]) -> tuple[Gatherer, list[int]]:
    gatherer = Gatherer()
    generations = []
    reader = _Reader()
    empty = 0
    for n, row in enumerate(rows):
        try:
            data = checks.mapping(None, row, _TYPE)
            host = reader.host(data)
            if not host.cells and not host.name:
                empty += 1
                if empty > bounds.ARROW_EMPTY_HOSTS:
                    expected = f"at most {bounds.ARROW_EMPTY_HOSTS} hosts without name and cells"
                    raise InputError(None, None, "one more", expected)
            gatherer.add_host(host)
            generation = data.get("generation", 0)
            generations.append(checks.whole("generation", generation, 0, MAX_GENERATION))
        except InputError as error:
            raise error.within(f"row {n}") from None
    return gatherer, generations


class _Reader:
    """Reads hosts one after the other: they share their CPU lists, each of which is read once."""

    def __init__(self) -> None:
        self._cores_by_text: dict[str, tuple[frozenset[int], ...]] = {}
        self._cpus_by_text: dict[str, frozenset[int]] = {}

    def host(self, data: Mapping[str, Any]) -> HostInfo:
        cells = checks.sequence("cells", checks.required(data, "cells", _TYPE), "a list of cells")
        pools = checks.sequence("pci_pools", data.get("pci_pools") or (), "a list of PCI pools")
        return HostInfo(
            cells=tuple(checks.each("cells", cells, self._cell)),
            name=checks.label("name", data.get("name") or ""),
            pci_pools=tuple(checks.each("pci_pools", pools, _pool)),
            cpu_allocation_ratio=_ratio(data, "cpu_allocation_ratio"),
            ram_allocation_ratio=_ratio(data, "ram_allocation_ratio"),
            distances=_distances(data.get("distances") or ()),
            disabled=checks.text("disabled", data.get("disabled") or ""),
        )

    def _cell(self, value: object) -> HostCell:
        data = checks.mapping(None, value, "a cell")
        bounds.grant_cpus(bounds.CPUS_A_CELL)

        def whole(key: str, high: int = MAX_MEMORY_MB) -> int:
            return checks.whole(key, checks.required(data, key, _TYPE), 0, high)

        def listed(key: str) -> Any:
            return checks.sequence(key, checks.required(data, key, _TYPE))

        names = listed("physnets")
        return HostCell(
            id=whole("id", MAX_ID),
            cpuset=self._cpus("cpuset", data.get("cpuset")),
            pcpuset=self._cpus("pcpuset", data.get("pcpuset")),
            memory_mb=whole("memory_mb"),
            cpu_usage=whole("cpu_usage", MAX_ID),
            memory_usage=whole("memory_usage"),
            pinned_cpus=checks.cpu_list("pinned_cpus", listed("pinned_cpus")),
            siblings=self._cores(checks.text("siblings", data.get("siblings"), "CPU lists")),
            page_pools=tuple(checks.each("page_pools", listed("page_pools"), _page_pool)),
            physnets=frozenset(checks.text(f"physnets[{n}]", name) for n, name in enumerate(names)),
            tunneled=checks.flag("tunneled", data.get("tunneled")),
            socket=data.get("socket"),
        )

    def sets(self, cpuset: str, pcpuset: str, siblings: str) -> Sets:
        """A cell's three CPU sets."""
        return self._cpus("cpuset", cpuset), self._cpus("pcpuset", pcpuset), self._cores(siblings)

    def _cores(self, text: str) -> tuple[frozenset[int], ...]:
        found = self._cores_by_text.get(text)
        if found is None:
            if len(self._cores_by_text) >= _REMEMBERED:
                self._cores_by_text.clear()
            found = tuple(_read_cpus("siblings", core) for core in text.split())
            self._cores_by_text[text] = found
        return found

    def _cpus(self, key: str, value: object) -> frozenset[int]:
        text = checks.text(key, value, "a CPU list")
        found = self._cpus_by_text.get(text)
        if found is None:
            if len(self._cpus_by_text) >= _REMEMBERED:
                self._cpus_by_text.clear()
            found = self._cpus_by_text[text] = _read_cpus(key, text)
        return found


def _read_cpus(key: str, text: str) -> frozenset[int]:
    if len(text) > bounds.ARROW_CPU_LIST:
        raise InputError(None, key, text, f"at most {bounds.ARROW_CPU_LIST} characters")
    try:
        cpus = parse_cpu_list(text)
    except ValueError as error:
        raise InputError(None, key, text, "a CPU list such as 0-3,8", f"{error}.") from None
    bounds.name_cpus(key, len(cpus), text)
    return cpus


def _distances(value: object) -> tuple[tuple[Any, ...], ...]:
    rows = checks.sequence("distances", value, "a row of distances for each cell")
    return tuple(
        tuple(checks.sequence(f"distances[{n}]", row, "a list of distances"))
        for n, row in enumerate(rows)
    )


def _ratio(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    return None if value is None else checks.number(key, value)


def _page_pool(value: object) -> PagePool:
    data = checks.mapping(None, value, "a page pool")
    return PagePool(
        *(checks.required(data, key, _TYPE) for key in ("size_kib", "total", "used", "reserved"))
    )


def _pool(value: object) -> PciPool:
    data = checks.mapping(None, value, "a PCI pool")
    text = checks.text("tags", data.get("tags") or "{}")
    try:
        tags = checks.mapping(None, parse_json(text), "a JSON object")
        for key in ("rp_uuid", "address"):
            if tags.get(key) is not None:
                checks.text(key, tags[key], "text or null")
    except InputError as error:
        raise error.within(key="tags") from None
    devices = checks.sequence("devices", data.get("devices") or (), "a list of PCI addresses")
    return PciPool(
        vendor_id=checks.text("vendor_id", data.get("vendor_id")),
        product_id=checks.text("product_id", data.get("product_id")),
        numa_node=data.get("numa_node"),
        count=checks.required(data, "count", _TYPE),
        tags=tags,
        devices=tuple(checks.text(f"devices[{n}]", one) for n, one in enumerate(devices)),
    )
