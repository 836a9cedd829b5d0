"""PCI requests and pools in words: what a guest asks for, and what a host has of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit.model.guest import PciRequest
from numafit.model.hostinfo import PciPool
from numafit.model.values import flag
from numafit.rules.pci_filter import matches, usable

MOST_POOLS = 6
"""Kinds of pools that a message lists; a host with more is looked at with 'numafit show'."""
MOST_SPECS = 3
_TAGS = ("physical_network", "trusted", "remote_managed")
"""What ports ask for, and nova gives to devices by device_spec alone."""
_KINDS = {"type-PF": "PF", "type-VF": "VF", "vdpa": "vDPA"}


def asked(request: PciRequest, number: int) -> str:
    """``alias gpu (10de:1eb8)``, ``port on physnet foo (VF, policy required)``: the request by
    the name that whoever made it knows."""
    if request.alias_name is not None:
        name = f"alias {request.alias_name}"
    elif physnets := sorted({str(one["physical_network"]) for one in _on_physnets(request)}):
        name = f"port on physnet {', '.join(physnets)}"
    elif any("remote_managed" in spec for spec in request.spec):
        name = "port without a physnet"
    else:
        name = f"request {number}"
    kinds = list(dict.fromkeys(filter(None, map(_kind, request.spec))))
    more = ["..."] if len(kinds) > MOST_SPECS else []
    words = [" or ".join(kinds[:MOST_SPECS] + more)] if kinds else []
    if request.alias_name is not None and _on_physnets(request):
        words.append("physnet " + _on_physnets(request)[0]["physical_network"])
    if request.numa_policy in ("required", "socket"):
        words.append(f"NUMA policy {request.numa_policy}")
    return f"{name} ({', '.join(words)})" if words else name


def _on_physnets(request: PciRequest) -> list[Mapping[str, Any]]:
    return [spec for spec in request.spec if spec.get("physical_network")]


def _kind(properties: Mapping[str, Any]) -> str:
    ids = [str(properties[key]) for key in ("vendor_id", "product_id") if properties.get(key)]
    words = [":".join(ids)] if ids else []
    if properties.get("resource_class"):
        words.append(str(properties["resource_class"]))
    if properties.get("dev_type") in _KINDS:
        words.append(_KINDS[properties["dev_type"]])
    if flag(properties.get("remote_managed")):
        words.append("remote-managed")
    return " ".join(words)


def there(pools: Iterable[PciPool]) -> str:
    """``8 of 8086:1889 VF, physnet foo, on node 1; 1 of 10de:1eb8 on node 0``: what is free;
    empty: nothing."""
    free: dict[str, int] = {}
    for pool in pools:
        place = "no known node" if pool.numa_node is None else f"node {pool.numa_node}"
        words = _kind(pool.as_dict())
        if pool.tags.get("physical_network"):
            words += f", physnet {pool.tags['physical_network']},"
        words += f" on {place}"
        free[words] = free.get(words, 0) + max(pool.count, 0)
    listed = [f"{count} of {words}" for words, count in free.items()]
    more = len(listed) - MOST_POOLS
    if more > 0:
        listed[MOST_POOLS:] = [f"{more} more {'kind' if more == 1 else 'kinds'}"]
    return "; ".join(listed)


def refused(
    reason: str,
    wanted: int,
    available: int,
    number: int,
    requests: Sequence[PciRequest],
    pools: Iterable[PciPool],
) -> str:
    """The refusal of a host that has these pools, by the engine's ``reason`` and quantities."""
    pools = list(pools)
    devices = "device" if wanted == 1 else "devices"
    if reason == "pci_devices":
        match = "matches" if available == 1 else "match"
        text = f"{asked(requests[number], number)}: {wanted} {devices} wanted, {available} {match}"
    elif reason == "pci_numa":
        text = (
            f"{asked(requests[number], number)}: {wanted} {devices} wanted near the guest, "
            f"{available} there"
        )
    else:
        names = [
            f"{request.count} of {asked(request, n)}"
            for n, request in enumerate(requests)
            if request.count > 0
        ]
        beside = " and the networks" if reason == "together" else ""
        text = f"no choice of cells serves {', '.join(names)}{beside} at once"
    # a host of which no pools are known looks the same as one that has none
    free = there(pools)
    has = f"the host has {free}" if free else "no free device of the host is known"
    lacking = _untagged(requests[number], pools) if reason == "pci_devices" else ()
    return "; ".join((text, has, *lacking))


def _untagged(request: PciRequest, pools: Sequence[PciPool]) -> Iterator[str]:
    """Tags that are all that free devices of the host lack."""
    asked_for = {
        tag: sorted({_as_written(spec[tag]) for spec in request.spec if tag in spec})
        for tag in _TAGS
    }
    free: dict[tuple[str, ...], int] = {}
    for pool in pools:
        lacking = tuple(tag for tag in _TAGS if asked_for[tag] and tag not in pool.tags)
        bare = tuple(
            {key: spec[key] for key in spec if key not in lacking} for spec in request.spec
        )
        if lacking and pool.count > 0 and _takes(replace(request, spec=bare), pool.as_dict()):
            free[lacking] = free.get(lacking, 0) + pool.count
    for lacking, count in free.items():
        tags = " and ".join(f"{tag} ({' or '.join(asked_for[tag])})" for tag in lacking)
        tag_s, lack = "tag" if len(lacking) == 1 else "tags", "lacks" if count == 1 else "lack"
        yield f"{count} of them {lack} only the {tag_s} {tags} of [pci] device_spec"


def _as_written(value: object) -> str:
    """Nova's ``True`` as device_spec has it."""
    return {"True": "true", "False": "false"}.get(str(value), str(value))


def _takes(request: PciRequest, properties: Mapping[str, Any]) -> bool:
    return matches(request, properties) and usable(request, properties)
