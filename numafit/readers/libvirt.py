"""What libvirt says of a host: ``virsh capabilities`` -> HostInfo, ``virsh nodedev-dumpxml`` ->
PCI devices and network interfaces.

The formats: https://libvirt.org/formatcaps.html and https://libvirt.org/formatnode.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from numafit.errors import InputError
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import (
    MAX_CELLS,
    MAX_ID,
    MAX_PAGE_KIB,
    MAX_PAGES,
    HostCell,
    HostInfo,
    OfflineCpus,
    PagePool,
)
from numafit.model.interface import NetInterface
from numafit.model.pci_device import PciDevice
from numafit.readers import bounds, checks
from numafit.readers.naming import host_name
from numafit.readers.xmltext import attribute, attribute_number, child, read_many, read_xml, whole

_UNITS_KIB = {"KiB": 1, "k": 1, "MiB": 1 << 10, "M": 1 << 10, "GiB": 1 << 20, "G": 1 << 20}
_NAME = re.compile(r"pci_([0-9a-f]{4,8})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])")
_ID = re.compile(r"0x([0-9a-f]{4})", re.IGNORECASE)
_CELLS = "host/topology/cells"


@dataclass(frozen=True, slots=True)
class NodeDevices:
    """What ``virsh nodedev-dumpxml`` says of devices: PCI functions and network interfaces."""

    devices: tuple[PciDevice, ...]
    interfaces: tuple[NetInterface, ...]


def read_capabilities(path: str | os.PathLike[str]) -> HostInfo:
    """The host of ``virsh capabilities``. Each CPU is for shared and for dedicated vCPUs; nothing
    is in use. Raises ``InputError`` with file, XPath, value and what was expected.
    """
    file = os.fspath(path)
    try:
        root = read_xml(path)
        if root.tag != "capabilities":
            raise InputError(
                None, root.tag, None, "<capabilities>", "Save what 'virsh capabilities' prints."
            )
        found = root.findall(f"{_CELLS}/cell")
        if len(found) > MAX_CELLS:
            raise InputError(None, _CELLS, len(found), f"at most {MAX_CELLS} cells")
        looks_off = _looks_off(root)
        told = any("socket_id" in cpu.attrib for cpu in root.findall(f"{_CELLS}/cell/cpus/cpu"))
        with bounds.document():
            both = [
                _cell(cell, f"{_CELLS}/cell[{n}]", looks_off, told)
                for n, cell in enumerate(found, 1)
            ]
        cells = tuple(cell for cell, _off in both)
        _once([cell.id for cell in cells])
        return HostInfo(
            cells,
            host_name(path),
            distances=_distances(found, [cell.id for cell in cells]),
            offline=tuple(off for _cell, off in both if off.cpus),
            remarks=_remarks(cells, told),
        )
    except InputError as error:
        raise error.within(file) from None


def _once(ids: list[int]) -> None:
    for n, cell in enumerate(ids):
        if cell in ids[:n]:
            raise InputError(None, f"{_CELLS}/cell[{n + 1}]/@id", cell, "an id of its own")


def _remarks(cells: tuple[HostCell, ...], told: bool) -> tuple[str, ...]:
    if cells and not any(cell.cpuset for cell in cells):
        return ("no node has a CPU that is on: no guest fits",)
    if cells and not told:
        return ("the file tells no sockets and cores: each CPU counts as a core of its own",)
    return ()


def _looks_off(root: Element) -> frozenset[str]:
    """Ids of CPUs that are shown as libvirt shows those that are off: with socket 0, core 0 and no
    sibling, although another CPU is there already."""
    cpus = root.findall(f"{_CELLS}/cell/cpus/cpu")
    alone = [
        cpu
        for cpu in cpus
        if _place(cpu) == _NOWHERE and cpu.get("siblings", "").strip() == cpu.get("id")
    ]
    known = set(map(id, alone))
    if not any(_place(cpu) == _NOWHERE for cpu in cpus if id(cpu) not in known):
        alone = alone[1:]  # the first may be where it says
    return frozenset(cpu.get("id", "") for cpu in alone)


def _place(cpu: Element) -> tuple[str | None, ...]:
    return (
        cpu.get("socket_id"),
        cpu.get("die_id", "0"),
        cpu.get("cluster_id", "0"),
        cpu.get("core_id"),
    )


_NOWHERE = ("0", "0", "0", "0")


def _cell(
    cell: Element, way: str, looks_off: frozenset[str], told: bool
) -> tuple[HostCell, OfflineCpus]:
    """The cell with the CPUs that are on, and those that are off or look so. ``told``: whether
    the file tells sockets at all; then a CPU without one is off."""
    listed = [
        (attribute_number(cpu, "id", f"{way}/cpus/cpu[{n}]", 0, MAX_ID), cpu)
        for n, cpu in enumerate(cell.findall("cpus/cpu"), 1)
    ]
    on = [(own, cpu) for own, cpu in listed if not told or cpu.get("socket_id") is not None]
    cpus, online = [cpu for _own, cpu in on], frozenset(own for own, _cpu in on)
    sure = [cpu for cpu in cpus if told and cpu.get("id") not in looks_off]
    sockets = {
        attribute_number(cpu, "socket_id", f"{way}/cpus/cpu[{n}]", -1, MAX_ID)
        for n, cpu in enumerate(sure, 1)
    }
    # libvirt leaves out the memory of a node that has none
    memory = cell.find("memory")
    number = attribute_number(cell, "id", way, 0, MAX_ID)
    off = frozenset(own for own, cpu in listed if own not in online or cpu.get("id") in looks_off)
    try:
        made = HostCell(
            id=number,
            cpuset=online,
            pcpuset=online,
            memory_mb=0 if memory is None else _kib(memory, f"{way}/memory") // 1024,
            siblings=_siblings(cpus, online, way),
            page_pools=tuple(_pools(cell.findall("pages"), way)),
            socket=sockets.pop() if len(sockets) == 1 else None,
        )
        return made, OfflineCpus(number, off)
    except InputError as error:
        if error.key and error.key.startswith(_CELLS):
            raise
        raise error.within(key=way) from None


def _kib(element: Element, way: str) -> int:
    unit = _unit(element.get("unit", "KiB"), f"{way}/@unit")
    return whole(element.text, way, 0, (MAX_MEMORY_MB << 10) // unit) * unit


def _unit(name: str, way: str) -> int:
    if name not in _UNITS_KIB:
        raise InputError(None, way, name, f"one of {', '.join(_UNITS_KIB)}")
    return _UNITS_KIB[name]


def _pools(found: Iterable[Element], way: str) -> Iterator[PagePool]:
    for n, pages in enumerate(found, 1):
        here = f"{way}/pages[{n}]"
        size = attribute_number(pages, "size", here, 1, MAX_PAGE_KIB)
        size *= _unit(pages.get("unit", "KiB"), f"{here}/@unit")
        yield PagePool(size, whole(pages.text, here, 0, MAX_PAGES // size))


def _siblings(cpus: list[Element], online: frozenset[int], way: str) -> tuple[frozenset[int], ...]:
    """A core for each distinct set of siblings, in the order of first threads."""
    cores: dict[frozenset[int], None] = {}
    seen: set[int] = set()
    for n, cpu in enumerate(cpus, 1):
        here = f"{way}/cpus/cpu[{n}]"
        own = attribute_number(cpu, "id", here, 0, MAX_ID)
        text = cpu.get("siblings")
        core = checks.cpu_list(f"{here}/@siblings", text) if text else frozenset([own])
        core = (core & online) | {own}
        if own in seen and core in cores:
            continue
        if core & seen:
            raise InputError(None, f"{here}/@siblings", text, "the same siblings for each of them")
        seen |= core
        cores[core] = None
    return tuple(cores)


def _distances(cells: list[Element], ids: list[int]) -> tuple[tuple[int, ...], ...]:
    """Empty unless each cell knows its distance to each."""
    rows = []
    for n, cell in enumerate(cells, 1):
        way = f"{_CELLS}/cell[{n}]/distances/sibling"
        known = {
            attribute_number(sibling, "id", f"{way}[{m}]", 0, MAX_ID): attribute_number(
                sibling, "value", f"{way}[{m}]", 0, 65535
            )
            for m, sibling in enumerate(cell.findall("distances/sibling"), 1)
        }
        if not set(ids) <= known.keys():
            return ()
        rows.append(tuple(known[other] for other in ids))
    return tuple(rows)


def read_nodedevs(path: str | os.PathLike[str]) -> NodeDevices:
    """The devices of a file of ``virsh nodedev-dumpxml``, one after the other or inside one
    element. Raises ``InputError`` with file, device, XPath and value.
    """
    file = os.fspath(path)
    try:
        roots = read_many(path)
        if len(roots) == 1 and roots[0].tag != "device":
            roots = list(roots[0])
        return _node_devices([root for root in roots if root.tag == "device"])
    except InputError as error:
        raise error.within(file) from None


def _node_devices(found: list[Element]) -> NodeDevices:
    if not found:
        hint = "Save what 'virsh nodedev-dumpxml' prints for the devices of 'virsh nodedev-list'."
        raise InputError(None, "device", None, "at least one <device>", hint)
    by_type: dict[str, list[tuple[str, str, Element]]] = {}
    for n, device in enumerate(found, 1):
        name = (device.findtext("name") or f"device[{n}]").strip()
        parent = (device.findtext("parent") or "").strip()
        for capability in device.findall("capability"):
            kind = attribute(capability, "type", f"{name}/capability")
            by_type.setdefault(kind, []).append((name, parent, capability))
    interfaces_of: dict[str, list[str]] = {}
    for _name, parent, capability in by_type.get("net", ()):
        interface = (capability.findtext("interface") or "").strip()
        address = _address_of_name(parent)
        if interface and address:
            interfaces_of.setdefault(address, []).append(interface)
    vdpa = {_address_of_name(parent) for _name, parent, _cap in by_type.get("vdpa", ())}
    devices = [
        _pci(name, capability, vdpa, interfaces_of)
        for name, _parent, capability in by_type.get("pci", ())
    ]
    by_address = {device.address: device for device in devices}
    interfaces = [
        NetInterface(
            name,
            address,
            by_address[address].numa_node if address in by_address else None,
            physical_function=address in by_address and by_address[address].dev_type == "type-PF",
        )
        for address, names in interfaces_of.items()
        for name in names
    ]
    return NodeDevices(tuple(devices), tuple(interfaces))


def _address_of_name(name: str) -> str | None:
    found = _NAME.fullmatch(name)
    return f"{found[1]}:{found[2]}:{found[3]}.{found[4]}" if found else None


def _pci(
    name: str, capability: Element, vdpa: set[str | None], interfaces: dict[str, list[str]]
) -> PciDevice:
    way = f"{name}/capability"
    address = _address(capability, way)
    parent = None
    kind = "type-PCI"
    # a VF may list functions of its own: the first of the two counts, as in nova's driver
    for function in capability.findall("capability"):
        found = function.find("address")
        if function.get("type") == "virt_functions":
            kind = "type-PF"
            break
        if function.get("type") == "phys_function" and found is not None:
            kind = "vdpa" if address in vdpa else "type-VF"
            parent = _address_attributes(found, f"{way}/capability/address")
            break
    node = capability.find("numa")
    serial = capability.findtext("capability[@type='vpd']/fields[@access='readonly']/serial_number")
    return PciDevice(
        address,
        _id(capability, "vendor", way),
        _id(capability, "product", way),
        kind,
        None if node is None else attribute_number(node, "node", f"{way}/numa", 0, MAX_ID),
        parent,
        serial.strip() or None if serial else None,
        interfaces.get(parent or "", [None])[0],
    )


def _id(capability: Element, name: str, way: str) -> str:
    text = attribute(child(capability, name, way), "id", f"{way}/{name}")
    found = _ID.fullmatch(text)
    if found is None:
        raise InputError(None, f"{way}/{name}/@id", text, "a PCI id such as 0x8086")
    return found[1].lower()


def _address(capability: Element, way: str) -> str:
    domain, bus, slot, function = (
        whole(child(capability, part, way).text, f"{way}/{part}", 0, most)
        for part, most in (("domain", MAX_ID), ("bus", 0xFF), ("slot", 0x1F), ("function", 7))
    )
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _address_attributes(element: Element, way: str) -> str:
    domain, bus, slot, function = (
        attribute_number(element, part, way, 0, most)
        for part, most in (("domain", MAX_ID), ("bus", 0xFF), ("slot", 0x1F), ("function", 7))
    )
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"
