"""What a claim holds, in names: it can be written down, and taken again elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from numafit.columns.pools import class_key
from numafit.errors import InputError, InvalidValue, shorten
from numafit.model.guest import PciRequest
from numafit.model.hostinfo import PciPool
from numafit.model.placement import PciAllocation, PlacementCell
from numafit.model.resources import MAX_UNITS
from numafit.readers import checks

_CELL = tuple(one.name for one in fields(PlacementCell))
_REQUEST = tuple(one.name for one in fields(PciRequest))
_POOL = ("vendor_id", "product_id", "numa_node", "tags")
_SETS = ("cpuset", "pcpuset", "reserved")
WRITTEN = "what Claim.to_json() writes"


@dataclass(frozen=True, slots=True)
class Draw:
    """``count`` devices of a pool for PCI request number ``request`` of the guest. ``pool``: what
    it is like, its devices and their number aside; ``devices``: addresses, where known."""

    request: int
    count: int
    pool: PciPool
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """A claim in names: ``host_name``, the guest's cells with the CPU ids of their pins, what its
    PCI requests draw, and units by resource class."""

    host_name: str
    cells: tuple[PlacementCell, ...]
    pci_requests: tuple[PciRequest, ...] = ()
    draws: tuple[Draw, ...] = ()
    resources: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON has; sets of ids are sorted lists."""
        return {
            "host": self.host_name,
            "cells": [_cell_dict(cell) for cell in self.cells],
            "pci_requests": [_request_dict(request) for request in self.pci_requests],
            "pci": [_draw_dict(draw) for draw in self.draws],
            "resources": dict(sorted(self.resources.items())),
        }

    def to_json(self) -> str:
        """One line of JSON, the same for equal holdings."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Holding:
        """Of what ``to_json`` wrote. Raises InputError that names the key and the value."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError, TypeError) as error:
            raise InputError(None, None, text, WRITTEN, f"{error}.") from None
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: object) -> Holding:
        """Raises InputError that names the key and the value."""
        found = checks.mapping(None, data, WRITTEN)
        checks.known_keys(found, ("host", "cells", "pci_requests", "pci", "resources"))

        def listed(key: str) -> Any:
            return checks.sequence(key, checks.required(found, key, WRITTEN))

        requests = tuple(checks.each("pci_requests", listed("pci_requests"), _request))
        draws = tuple(checks.each("pci", listed("pci"), _draw))
        for n, draw in enumerate(draws):
            if draw.request >= len(requests):
                expected = f"the number of one of {len(requests)} PCI requests"
                raise InputError(None, f"pci[{n}].request", draw.request, expected)
        units = checks.mapping("resources", checks.required(found, "resources", WRITTEN))
        return cls(
            checks.text("host", checks.required(found, "host", WRITTEN)),
            tuple(checks.each("cells", listed("cells"), _cell)),
            requests,
            draws,
            {
                name: checks.whole(f"resources.{name}", amount, 1, MAX_UNITS)
                for name, amount in units.items()
            },
        )

    def allocations(self, pools: Mapping[int, PciPool]) -> tuple[PciAllocation, ...] | str:
        """What it draws from the pools of a host (by their numbers in the fleet); where one is
        not there, which, in words."""
        found = []
        for draw in self.draws:
            for number, pool in pools.items():
                devices = draw.devices if pool.devices else ()
                if same_pool(pool, draw.pool) and set(devices) <= set(pool.devices):
                    parts = (draw.request, number, draw.count, pool.numa_node, pool, devices)
                    found.append(PciAllocation(*parts))
                    break
            else:
                those = f" with {', '.join(draw.devices)}" if draw.devices else ""
                return f"the host has no PCI pool {shorten(draw.pool.as_dict())}{those}"
        return tuple(found)


def same_pool(one: PciPool, other: PciPool) -> bool:
    """Are they alike in all but what is free?"""
    a, b = one.as_dict(), other.as_dict()
    del a["count"], b["count"]
    return class_key(a) == class_key(b)


def bare(pool: PciPool) -> PciPool:
    """The pool, its devices and their number aside."""
    return replace(pool, count=0, devices=())


def _cell_dict(cell: PlacementCell) -> dict[str, Any]:
    said = {name: getattr(cell, name) for name in _CELL}
    said.update((name, sorted(said[name])) for name in _SETS)
    said["pinning"] = {str(vcpu): cpu for vcpu, cpu in sorted(cell.pinning.items())}
    return said


def _cell(value: object) -> PlacementCell:
    data = checks.mapping(None, value, WRITTEN)
    checks.known_keys(data, _CELL)
    said = {name: checks.required(data, name, WRITTEN) for name in _CELL}
    for name in _SETS:
        checks.sequence(name, said[name])
    pins = checks.mapping("pinning", said["pinning"])
    for vcpu in pins:
        if not vcpu.isascii() or not vcpu.isdigit() or len(vcpu) > 10 or str(int(vcpu)) != vcpu:
            raise InputError(None, "pinning", vcpu, "the number of a vCPU")
    said["pinning"] = {int(vcpu): cpu for vcpu, cpu in pins.items()}
    cell = PlacementCell(**said)
    if set(cell.pinning) != cell.pcpuset:
        raise InputError(None, "pinning", dict(cell.pinning), "a CPU for each vCPU of pcpuset")
    return cell


def _request_dict(request: PciRequest) -> dict[str, Any]:
    said = {name: getattr(request, name) for name in _REQUEST}
    said["spec"] = [dict(entry) for entry in request.spec]
    return said


def _request(value: object) -> PciRequest:
    data = checks.mapping(None, value, WRITTEN)
    checks.known_keys(data, _REQUEST)
    return PciRequest(**{name: checks.required(data, name, WRITTEN) for name in _REQUEST})


def _draw_dict(draw: Draw) -> dict[str, Any]:
    pool = {name: getattr(draw.pool, name) for name in _POOL}
    pool["tags"] = dict(draw.pool.tags)
    return {
        "request": draw.request,
        "count": draw.count,
        "pool": pool,
        "devices": list(draw.devices),
    }


def _draw(value: object) -> Draw:
    data = checks.mapping(None, value, WRITTEN)
    checks.known_keys(data, ("request", "count", "pool", "devices"))
    said = {
        name: checks.required(data, name, WRITTEN)
        for name in ("request", "count", "pool", "devices")
    }
    pool = checks.mapping("pool", said["pool"])
    checks.known_keys(pool, _POOL)
    parts = {name: checks.required(pool, name, WRITTEN) for name in _POOL}
    devices = tuple(
        checks.text(f"devices[{n}]", one)
        for n, one in enumerate(checks.sequence("devices", said["devices"]))
    )
    count = checks.whole("count", said["count"], 1, MAX_UNITS)
    if devices and (len(devices) != count or len(set(devices)) != count):
        raise InputError(None, "devices", devices, f"{count} addresses, each once")
    try:
        kind = PciPool(**parts, count=0)
    except InvalidValue as error:
        raise error.within(key="pool") from None
    return Draw(checks.whole("request", said["request"], 0, MAX_UNITS), count, kind, devices)
