"""``/sys/bus/pci/devices`` -> PCI functions, with what nova's driver says of each."""

from __future__ import annotations

import re

from numafit.errors import InputError
from numafit.model.pci_device import PciDevice
from numafit.readers.tree import Tree

_DEVICES = "bus/pci/devices"
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_ID = re.compile(r"0x([0-9a-f]{4})")
_VDPA = re.compile(r"vdpa[0-9]+")
# PCI 3.0, appendix I: tags of the resources of Vital Product Data
_READ_ONLY, _END = 0x90, 0x78


def read_devices(tree: Tree) -> tuple[PciDevice, ...]:
    """The PCI functions of a tree of sysfs, by address.

    Raises ``InputError`` where a file does not hold what the kernel writes there.
    """
    names = [name for name in tree.names(_DEVICES) if _ADDRESS.fullmatch(name)]
    return tuple(device for name in names if (device := _device(tree, name)) is not None)


def _device(tree: Tree, address: str) -> PciDevice | None:
    base = f"{_DEVICES}/{address}"
    vendor, product = _id(tree, f"{base}/vendor"), _id(tree, f"{base}/device")
    if vendor is None or product is None:
        return None
    parent = _parent(tree, base)
    node = tree.whole(f"{base}/numa_node")
    names = tree.names(f"{_DEVICES}/{parent}/net") if parent is not None else []
    return PciDevice(
        address,
        vendor,
        product,
        _type(tree, base, parent),
        node if node is not None and node >= 0 else None,
        parent,
        serial_number(tree.data(f"{base}/vpd") or b""),
        names[0] if names else None,
    )


def _id(tree: Tree, path: str) -> str | None:
    text = tree.text(path)
    if text is None:
        return None
    found = _ID.fullmatch(text)
    if found is None:
        raise InputError(None, path, text, "a PCI id such as 0x8086")
    return found[1]


def _parent(tree: Tree, base: str) -> str | None:
    """The PF of a VF."""
    found = tree.resolve(f"{base}/physfn")
    name = found.rpartition("/")[2] if found is not None else ""
    return name if _ADDRESS.fullmatch(name) else None


def _type(tree: Tree, base: str, parent: str | None) -> str:
    if parent is not None:
        vdpa = any(_VDPA.fullmatch(name) for name in tree.names(base))
        return "vdpa" if vdpa else "type-VF"
    return "type-PF" if tree.whole(f"{base}/sriov_totalvfs") else "type-PCI"


def serial_number(vpd: bytes) -> str | None:
    """The keyword ``SN`` of Vital Product Data; ``None`` where there is none, or it is damaged."""
    at = 0
    while at < len(vpd):
        tag = vpd[at]
        if not tag & 0x80:
            if tag == _END:
                return None
            at += 1 + (tag & 7)
            continue
        if at + 3 > len(vpd):
            return None
        length = vpd[at + 1] | vpd[at + 2] << 8
        if tag == _READ_ONLY:
            return _keyword(vpd[at + 3 : at + 3 + length])
        at += 3 + length
    return None


def _keyword(fields: bytes) -> str | None:
    at = 0
    while at + 3 <= len(fields):
        name, length = fields[at : at + 2], fields[at + 2]
        if name == b"SN":
            text = fields[at + 3 : at + 3 + length].decode("ascii", "replace").strip(" \0")
            return text if text and text.isprintable() else None
        at += 3 + length
    return None
