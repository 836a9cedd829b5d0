"""Faults of the engine that are known and not mended yet. To be emptied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
)

from . import devices
from .worlds import Ask


@dataclass(frozen=True)
class Known:
    """``touches``: may this host and question show it? ``shows``: how the difference may begin. Only
    where both hold is a difference put down to it. ``example``: a host and a question that do; a test fails once they do no more."""

    reason: str
    touches: Callable[[HostInfo, Ask], bool]
    example: tuple[HostInfo, Ask]
    shows: tuple[str, ...] = ("",)


def _one_ratio(host: HostInfo, ask: Ask) -> bool:
    ratios = (host.cpu_allocation_ratio, host.ram_allocation_ratio)
    return ask.options.limits == "host" and (ratios[0] is None) != (ratios[1] is None)


def _nothing_of_a_provider(host: HostInfo, ask: Ask) -> bool:
    uuids = [pool.tags["rp_uuid"] for pool in host.pci_pools or () if "rp_uuid" in pool.tags]
    return (
        ask.options.pci_matching == "exact"
        and len(uuids) > len(set(uuids))
        and any(
            one.count <= 0 and devices.providers(one, request.provider_mapping)
            for request in ask.requests
            for one in request.pci
        )
    )


def _isolates_nothing(host: HostInfo, ask: Ask) -> bool:
    return any(
        cell.cpu_thread_policy == "isolate" and not cell.pcpuset
        for request in ask.requests
        for cell in (request.guest.cells if request.guest else ())
    )


_SHARED = Request(GuestTopology((GuestCell(frozenset({0}), frozenset(), 1),)))
_SMALL = HostCell(0, frozenset({0, 1}), frozenset(), 4)
_NOTHING = PciRequest(0, [{"rp_uuids": "u1"}], alias_name="a", request_id="r")
_SPLIT = tuple(PciPool("8086", product, None, 1, {"rp_uuid": "u1"}) for product in ("1", "2"))

_ISOLATED = Request(
    GuestTopology((GuestCell(frozenset({0}), frozenset(), 0, None, "mixed", "isolate"),))
)

KNOWN: dict[str, Known] = {
    "one ratio": Known(
        "A host of which one allocation ratio is known and the other is not is held to neither.",
        _one_ratio,
        (HostInfo((_SMALL,), cpu_allocation_ratio=0.0), Ask("fit", [_SHARED], FitOptions())),
    ),
    "nothing of a provider": Known(
        "With exact a request for no devices wants nothing, but is refused where placement has"
        " allocated some and a provider stands in two pools of the host.",
        _nothing_of_a_provider,
        (
            HostInfo((), pci_pools=_SPLIT),
            Ask("fit", [Request(None, pci=[_NOTHING])], FitOptions(pci_matching="exact")),
        ),
    ),
    "isolates nothing": Known(
        "Thread policy isolate without a dedicated vCPU: the refusal speaks of 0 cores wanted.",
        _isolates_nothing,
        (HostInfo((_SMALL,)), Ask("fit", [_ISOLATED], FitOptions())),
        ("reason: not true: guest cell",),
    ),
}


def known(host: HostInfo, ask: Ask, words: str) -> str | None:
    return next(
        (
            name
            for name, one in KNOWN.items()
            if words.startswith(one.shows) and one.touches(host, ask)
        ),
        None,
    )
