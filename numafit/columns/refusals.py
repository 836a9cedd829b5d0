"""What a refusal says of what stands behind the engine's numbers: kinds, units, devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy.typing as npt

from numafit.model.guest import PciRequest
from numafit.model.hostinfo import PciPool
from numafit.model.resources import Resources
from numafit.rules import pci_words
from numafit.rules.candidates import HostKind, short_of, why_neither, why_not


class OneHost(Protocol):
    """The columns of a host as it was at that moment."""

    def __getitem__(self, name: str, /) -> npt.NDArray[Any]: ...


def ruled_out(kind: HostKind, asked: Resources) -> tuple[str, str]:
    """The resource class that rules hosts of this kind out (``""``: something else does), and all
    of it in words."""
    short = short_of(kind, asked)
    return "" if short is None else short.name, why_neither(kind, asked)


def most_at_once(kind: HostKind, asked: Resources) -> tuple[int, int]:
    """Units that are wanted of a class, and the most that hosts of this kind give a guest, where
    that rules them out; else one condition that is not met."""
    short = short_of(kind, asked)
    return (1, 0) if short is None else (short.wanted, short.available)


def too_few_units(
    host: OneHost,
    classes: Mapping[str, int],
    kinds: Sequence[HostKind],
    number: int,
    wanted: int,
    available: int,
    asked: Resources,
) -> tuple[str, str]:
    """The resource class that the host has too little of, and all of it in words."""
    name = next(name for name, n in classes.items() if n == number)
    limit, free = int(host["resource_limit"][number, 0]), max(available, 0)
    words = f"{name}: {wanted} wanted, {free} free of {limit}"
    return name, words + (_held(host, classes, kinds, free, asked) if name == "PCPU" else "")


def _held(
    host: OneHost,
    classes: Mapping[str, int],
    kinds: Sequence[HostKind],
    free: int,
    asked: Resources,
) -> str:
    """nova's second query asks for VCPU of a host with PCPU too, and its cells decide: they say yes
    where placement has more in use than they have."""
    there, second = int(host["cell_free"].sum()), asked.second
    if second is None or there <= free or why_not(kinds[int(host["host_class"][0])], second):
        return ""
    left = (host["resource_limit"] - host["resource_used"])[:, 0].tolist()
    if any(left[classes[name]] < n for name, n in second.amounts.items() if name in classes):
        return ""
    return (
        f", {there} in the cells: allocations hold CPUs that no guest there has, and nova may "
        "start it for VCPU"
    )


def devices(
    reason: str,
    wanted: int,
    available: int,
    number: int,
    requests: Sequence[PciRequest],
    pools: Sequence[PciPool],
    free: Sequence[int],
) -> tuple[str, str]:
    """The PCI request that the host cannot serve, and why in words. ``free``: devices that its
    pools had then."""
    there = [
        replace(pool, count=count, devices=())
        for pool, count in zip(pools, free, strict=True)
        if count > 0
    ]
    one = reason in ("pci_devices", "pci_numa")
    return (
        pci_words.asked(requests[number], number) if one else "",
        pci_words.refused(reason, wanted, available, number, requests, there),
    )
