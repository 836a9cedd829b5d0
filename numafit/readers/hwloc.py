"""Machines that hwloc describes: ``lstopo --of xml`` (versions 1, 2 and 3), and synthetic strings.

Formats: the DTDs ``hwloc.dtd`` and ``hwloc2.dtd`` of hwloc; "Synthetic topologies" of its manual.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from numafit.cpuset import cpu_words
from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import (
    MAX_CELLS,
    MAX_ID,
    MAX_PAGE_KIB,
    MAX_PAGES,
    HostCell,
    HostInfo,
    PagePool,
)
from numafit.model.interface import NetInterface
from numafit.model.pci_device import PciDevice
from numafit.readers import bounds
from numafit.readers.naming import host_name
from numafit.readers.xmltext import attribute, attribute_number, read_xml, whole

_PCI_TYPE = re.compile(r"[0-9a-f]{4} \[([0-9a-f]{4}):([0-9a-f]{4})\]", re.IGNORECASE)
_GROUP = re.compile(r"(?:0x)?[0-9a-fA-F]{0,8}")
_NETWORK = ("2", "Network", "Net")


@dataclass(frozen=True, slots=True)
class HwlocMachine:
    """``devices``: the PCI devices, all as plain ones, for of SR-IOV hwloc says nothing."""

    host: HostInfo
    devices: tuple[PciDevice, ...]
    interfaces: tuple[NetInterface, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """An object with what stands around it: the ``n``-th object ``inside`` another."""

    element: Element
    inside: _Found | None
    n: int
    package: int | None
    core: int | None
    nodes: frozenset[int]

    @property
    def way(self) -> str:
        """XPath, for messages."""
        return f"{self.inside.way if self.inside else 'topology'}/object[{self.n}]"


def read_hwloc(path: str | os.PathLike[str]) -> HwlocMachine:
    """The machine of an XML file of hwloc. Each CPU is for shared and for dedicated vCPUs.

    Raises ``InputError`` with file, XPath, value and what was expected.
    """
    file = os.fspath(path)
    try:
        root = read_xml(path, doctype=True)
        if root.tag != "topology" or root.find("object") is None:
            hint = "Save what 'lstopo --of xml' prints."
            raise InputError(None, root.tag, None, "<topology> with objects", hint)
        with bounds.document():
            found = list(_walk(root))
            cells = _cells(found)
        ids = [cell.id for cell in cells]
        host = HostInfo(
            cells,
            host_name(path),
            distances=_distances(root, found, ids),
            remarks=tuple(_remarks(found, cells)),
        )
        devices = tuple(_devices(found))
        return HwlocMachine(host, devices, tuple(_interfaces(found, devices)))
    except InputError as error:
        raise error.within(file) from None


def _walk(root: Element) -> Iterator[_Found]:
    """Every object, depth first."""
    nothing: frozenset[int] = frozenset()
    todo = [
        _Found(element, None, n, None, None, nothing)
        for n, element in enumerate(root.findall("object"), 1)
    ]
    todo.reverse()
    while todo:
        found = _placed(todo.pop())
        yield found
        inner = [
            _Found(element, found, n, found.package, found.core, found.nodes)
            for n, element in enumerate(found.element.findall("object"), 1)
        ]
        todo += reversed(inner)


def _placed(one: _Found) -> _Found:
    """With what the object itself says of package, core and nodes. ``core`` numbers the Core
    objects, for hwloc numbers them anew in each package."""
    element, package, core, nodes = one.element, one.package, one.core, one.nodes
    kind = element.get("type")
    if kind is None:
        attribute(element, "type", one.way)
    if kind in ("Package", "Socket"):
        # a package without a number is one of its own
        package = _count(element.get("os_index"), -1)
    if kind == "Core":
        core = id(element)
    if element.get("nodeset"):
        nodes = _set(element.get("nodeset", ""), f"{one.way}/@nodeset")
    return _Found(element, one.inside, one.n, package, core, nodes)


def _count(text: str | None, missing: int = 0) -> int:
    """A number that only sorts and selects: what is none counts as missing."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else missing


def _set(text: str, way: str) -> frozenset[int]:
    """``0x00000001,0x00000003``: words of 32 bits, the highest first. ``0xf...f`` is not a set of
    CPUs that could be listed, and is refused."""
    words = text.split(",")
    if len(words) > bounds.CPU_IDS // 32 or not all(_GROUP.fullmatch(word) for word in words):
        raise InputError(None, way, text, "a bitmap such as 0x00000003,0x00000001")
    digits = "".join(word.removeprefix("0x").zfill(8) for word in words)
    bits = bin(int(digits, 16))[:1:-1]
    members = frozenset(n for n, bit in enumerate(bits) if bit == "1")
    bounds.name_cpus(way, len(members), text)
    return members


def _of(found: list[_Found], *kinds: str) -> list[_Found]:
    return [one for one in found if one.element.get("type") in kinds]


def _cells(found: list[_Found]) -> tuple[HostCell, ...]:
    pus = [
        (attribute_number(one.element, "os_index", one.way, 0, bounds.CPU_IDS), one)
        for one in _of(found, "PU")
    ]
    if not pus:
        raise InputError(None, "topology", None, "objects of type PU (CPUs)")
    if len({cpu for cpu, _one in pus}) != len(pus):
        raise InputError(None, "topology", len(pus), "each PU with an os_index of its own")
    nodes = _of(found, "NUMANode", "Node")
    if len(nodes) > MAX_CELLS:
        raise InputError(None, "topology", len(nodes), f"at most {MAX_CELLS} NUMA nodes")
    # CPUs that stand in no cell yet
    left = dict(pus)
    cells = []
    ordered = sorted(nodes, key=lambda one: _count(one.element.get("os_index")))
    # a node that has none says nothing of its memory; where none of them does, it is not known
    known = any(node.element.get("local_memory") for node in ordered or found[:1])
    for node in ordered or found[:1]:
        listed = node.element.get("cpuset")
        if ordered and listed is None:
            expected = "the CPUs of the node, which hwloc itself wants too"
            raise InputError(None, f"{node.way}/@cpuset", None, expected)
        inside = _set(listed, f"{node.way}/@cpuset") if listed and ordered else None
        mine = list(left) if inside is None else sorted(inside & left.keys())
        own = [(cpu, left.pop(cpu)) for cpu in mine]
        cell = _cell(node, own, 0 if not ordered else None)
        cells.append(cell if known else replace(cell, memory_mb=None))
    return tuple(cells)


def _remarks(found: list[_Found], cells: tuple[HostCell, ...]) -> Iterator[str]:
    there = frozenset[int]().union(*(cell.cpuset for cell in cells))
    lost: dict[int | None, list[int]] = {}
    for one in _of(found, "PU"):
        cpu = _count(one.element.get("os_index"))
        if cpu not in there:
            lost.setdefault(one.package, []).append(cpu)
    for package, cpus in lost.items():
        where = f" of package {package}" if package is not None and package >= 0 else ""
        yield (
            f"{cpu_words(cpus)}{where} {'stands' if len(cpus) == 1 else 'stand'} in no NUMA node "
            "of the file, which leaves out nodes without memory: no guest is placed there"
        )
    if any(cell.memory_mb is None for cell in cells):
        yield "the memory of the nodes is not known: no object of the file has local_memory"


def _cell(node: _Found, pus: list[tuple[int, _Found]], only: int | None) -> HostCell:
    cores: dict[int, set[int]] = {}
    for cpu, one in pus:
        cores.setdefault(one.core if one.core is not None else -1 - cpu, set()).add(cpu)
    cpus = frozenset(cpu for cpu, _one in pus)
    sockets = {one.package for _cpu, one in pus}
    socket = sockets.pop() if len(sockets) == 1 else None
    way, element = node.way, node.element
    number = attribute_number(element, "os_index", way, 0, MAX_ID) if only is None else only
    bytes_there = whole(
        element.get("local_memory", "0"), f"{way}/@local_memory", 0, MAX_MEMORY_MB << 20
    )
    return HostCell(
        id=number,
        cpuset=cpus,
        pcpuset=cpus,
        memory_mb=bytes_there >> 20,
        siblings=tuple(frozenset(core) for core in sorted(cores.values(), key=min)),
        page_pools=tuple(_pools(element, way)),
        socket=socket if socket is not None and socket >= 0 else None,
    )


def _pools(node: Element, way: str) -> Iterator[PagePool]:
    for n, page in enumerate(node.findall("page_type"), 1):
        here = f"{way}/page_type[{n}]"
        size = attribute_number(page, "size", here, 0, MAX_PAGE_KIB << 10) >> 10
        if size:  # hwloc writes 0 where it does not know the size
            yield PagePool(size, attribute_number(page, "count", here, 0, MAX_PAGES // size))


def _distances(root: Element, found: list[_Found], ids: list[int]) -> tuple[tuple[int, ...], ...]:
    """The matrix between NUMA nodes; empty where there is none that covers all of them."""
    for n, matrix in enumerate(root.findall("distances2"), 1):
        way = f"topology/distances2[{n}]"
        # bits of kind: 4 latency, 8 bandwidth
        kind = _count(matrix.get("kind"))
        if matrix.get("type") == "NUMANode" and not kind & 8:
            order = _numbers(matrix.findall("indexes"), f"{way}/indexes")
            values = _numbers(matrix.findall("u64values"), f"{way}/u64values")
            return _rows(order, values, ids)
    for matrix in root.iter("distances"):
        count = _count(matrix.get("nbobjs"))
        ratios = [_ratio(latency.get("value")) for latency in matrix.findall("latency")]
        base = _ratio(matrix.get("latency_base"))
        if count == len(ids) and len(ratios) == count * count:
            # version 1 writes ratios, which the base turns back, in the order of the document
            order = [_count(one.element.get("os_index")) for one in _of(found, "NUMANode", "Node")]
            return _rows(order, [round(ratio * base) for ratio in ratios], ids)
    return ()


def _ratio(text: str | None) -> float:
    """A finite number; -1 where it is not, which is not a distance."""
    try:
        value = float(text or "nan")
    except ValueError:
        return -1.0
    return value if 0 <= value <= 65535 else -1.0


def _numbers(elements: Iterable[Element], way: str) -> list[int]:
    text = " ".join(element.text or "" for element in elements)
    words = text.split()
    if len(words) > MAX_CELLS * MAX_CELLS or not all(w.isdigit() and len(w) < 20 for w in words):
        raise InputError(None, way, text, "numbers")
    return [int(word) for word in words]


def _rows(order: list[int], values: list[int], ids: list[int]) -> tuple[tuple[int, ...], ...]:
    size = len(order)
    if len(values) != size * size or not set(ids) <= set(order):
        return ()
    place = {node: n for n, node in enumerate(order)}
    rows = tuple(tuple(values[place[a] * size + place[b]] for b in ids) for a in ids)
    # what does not look like ACPI SLIT distances is another thing
    return rows if all(0 <= value <= 65535 for row in rows for value in row) else ()


def _devices(found: list[_Found]) -> Iterator[PciDevice]:
    for one in _of(found, "PCIDev"):
        address = attribute(one.element, "pci_busid", one.way)
        kind = attribute(one.element, "pci_type", one.way)
        ids = _PCI_TYPE.match(kind)
        if ids is None:
            raise InputError(None, f"{one.way}/@pci_type", kind, "class [vendor:product]")
        node = next(iter(one.nodes)) if len(one.nodes) == 1 else None
        yield PciDevice(address, ids[1].lower(), ids[2].lower(), numa_node=node)


def _interfaces(found: list[_Found], devices: tuple[PciDevice, ...]) -> Iterator[NetInterface]:
    nodes = {device.address: device.numa_node for device in devices}
    for one in _of(found, "PCIDev"):
        address = one.element.get("pci_busid", "")
        for inner in one.element.iter("object"):
            if inner.get("type") == "OSDev" and inner.get("osdev_type") in _NETWORK:
                name = inner.get("name")
                if name:
                    yield NetInterface(name, address, nodes.get(address))
