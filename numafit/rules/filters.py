"""What the scheduler's filters ask of a host beside placement, its cells and its devices.

By the filters of nova 34 (``nova/scheduler/filters``) and their defaults. What a filter looks at
and nobody told is said, and so is a filter that is switched on and not judged here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numafit.model.flavor import Flavor, Image
from numafit.model.host_state import Conditions, HostState
from numafit.rules.extra_specs import asked_for
from numafit.rules.image_properties import ImageProperties
from numafit.rules.spec_match import matches
from numafit.rules.versions import dotted, satisfies

DEFAULT_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
"""``[filter_scheduler] enabled_filters`` where it is not set."""

AGGREGATES = "AggregateInstanceExtraSpecsFilter"
CAPABILITIES = "ComputeCapabilitiesFilter"
IMAGE = "ImagePropertiesFilter"
_COVERED = {
    "AllHostsFilter",
    "ComputeFilter",
    "NUMATopologyFilter",
    "PciPassthroughFilter",
    AGGREGATES,
    CAPABILITIES,
    IMAGE,
}
# they ask for scheduler hints or groups of servers, which no flavor and no image names
_BY_HINTS = {
    "DifferentHostFilter",
    "JsonFilter",
    "SameHostFilter",
    "ServerGroupAffinityFilter",
    "ServerGroupAntiAffinityFilter",
    "SimpleCIDRAffinityFilter",
}
_ARCHITECTURE = "hw_architecture"
_IMAGE_KEYS = (_ARCHITECTURE, "img_hv_type", "hw_vm_mode")
_VERSIONS, _IMAGE_BITS = "img_hv_requested_version", "hw_maxphysaddr_bits"
_AGGREGATE_SCOPE, _CAPABILITY_SCOPE = "aggregate_instance_extra_specs", "capabilities"
_BITS = "hw:maxphysaddr_bits"
_BITS_FACT = ("cpu_info", "maxphysaddr", "bits")
_FACTS = ("hypervisor_type", "hypervisor_version", "cpu_info")
"""What a HostState has of that at which ComputeCapabilitiesFilter may look."""
_OTHER_FACTS = (
    "host", "nodename", "uuid", "total_usable_ram_mb", "total_usable_disk_gb", "disk_mb_used",
    "free_ram_mb", "free_disk_mb", "vcpus_total", "vcpus_used", "pci_stats", "numa_topology",
    "num_instances", "num_io_ops", "failed_builds", "host_ip", "hypervisor_hostname",
    "supported_instances", "limits", "metrics", "aggregates", "instances",
    "ram_allocation_ratio", "cpu_allocation_ratio", "disk_allocation_ratio", "cell_uuid",
    "updated", "allocation_candidates", "stats", "service", "io_workload"
)  # fmt: skip
"""What else nova knows of a host by a name of its own: a key without a scope means it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Options of the scheduler's nova.conf: ``[filter_scheduler] enabled_filters``,
    ``image_properties_default_architecture`` for images that name none, and whether placement is
    asked for VCPU in place of PCPU (``[workarounds] disable_fallback_pcpu_query`` of false)."""

    enabled: tuple[str, ...] = DEFAULT_FILTERS
    default_architecture: str | None = None
    second_query: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of classes; a site may name a filter by its module too."""
        return tuple(dict.fromkeys(name.rpartition(".")[2] for name in self.enabled))


NOVAS_OWN = Filters()


def conditions_of(flavor: Flavor, image: Image | None, filters: Filters) -> Conditions:
    """What is asked of a host's state. Raises ``InvalidRequest``."""
    on = frozenset(filters.names)
    properties = asked_for(flavor, image).image
    asked = dict(_image_asks(properties, filters)) if IMAGE in on else {}
    return Conditions(
        tuple(_aggregate_specs(flavor)) if AGGREGATES in on else (),
        tuple(_capabilities(flavor)) if CAPABILITIES in on else (),
        tuple(asked.items()),
        # which nova looks at only beside one of the others
        properties.text(_VERSIONS) if asked else None,
    )


def _image_asks(properties: ImageProperties, filters: Filters) -> Iterator[tuple[str, str]]:
    for key in _IMAGE_KEYS:
        value = properties.text(key)
        if value is None and key == _ARCHITECTURE:
            value = filters.default_architecture
        if value:
            yield key, value


def _aggregate_specs(flavor: Flavor) -> Iterator[tuple[str, str]]:
    for key, wanted in flavor.extra_specs.items():
        scope, colon, rest = key.partition(":")
        if not colon:
            yield key, wanted
        elif scope == _AGGREGATE_SCOPE:
            yield rest, wanted


def _capabilities(flavor: Flavor) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for key, wanted in flavor.extra_specs.items():
        scope, *way = key.split(":")
        if scope == _CAPABILITY_SCOPE and way:
            yield key, tuple(way), wanted
        elif not way and (scope in _FACTS or scope in _OTHER_FACTS):
            yield key, (scope,), wanted
    if _BITS in flavor.extra_specs:
        yield _BITS, _BITS_FACT, f">= {flavor.extra_specs[_BITS]}"


def filters_not_judged(
    flavor: Flavor, image: Image | None = None, filters: Filters | None = None
) -> Iterator[str]:
    """What no host is judged by, in sentences: what a filter looks at and no source tells, and the
    filters that could refuse a host for what it is."""
    filters = filters or NOVAS_OWN
    others = [name for name in filters.names if name not in _COVERED and name not in _BY_HINTS]
    if CAPABILITIES in filters.names:
        keys = [key for key, way, _wanted in _capabilities(flavor) if way[0] not in _FACTS]
        if keys:
            yield f"{', '.join(keys)}: {CAPABILITIES} looks at it"
    if IMAGE in filters.names:
        properties = asked_for(flavor, image).image
        if properties.number(_IMAGE_BITS) and any(_image_asks(properties, filters)):
            yield f"{_IMAGE_BITS}: {IMAGE} looks at it"
    if others:
        noun = "filter" if len(others) == 1 else "filters"
        yield f"{noun} {', '.join(others)}: switched on by [filter_scheduler] enabled_filters"


def cyborg_not_judged(flavor: Flavor) -> Iterator[str]:
    """Devices that Cyborg has, which are not in a host's pools."""
    profile = flavor.extra_specs.get("accel:device_profile")
    if profile:
        yield f"device profile {profile}: Cyborg's devices are not looked at"


def not_known(state: HostState, asked: Conditions) -> Iterator[str]:
    """What is asked of the host and not known of it, in sentences."""
    if asked.aggregate_specs and state.aggregate_metadata is None:
        keys = [key for key, _wanted in asked.aggregate_specs]
        yield _unknown(AGGREGATES, keys, "aggregates are")
    keys = [
        key
        for key, way, _wanted in asked.capabilities
        if way[0] in _FACTS and getattr(state, way[0]) is None
    ]
    if keys:
        yield _unknown(CAPABILITIES, keys, "hypervisor is")
    if asked.image and state.instances is None:
        yield _unknown(IMAGE, [key for key, _value in asked.image], "hypervisor is")
    if asked.versions and state.hypervisor_version is None:
        yield _unknown(IMAGE, [_VERSIONS], "hypervisor is")


def _unknown(name: str, keys: list[str], what: str) -> str:
    return f"{', '.join(keys)}: {name} looks at it, and the host's {what} not known"


def why_filtered(state: HostState, asked: Conditions) -> str:
    """The first filter that drops the host, and for what, in words; empty: none does."""
    for key, way, wanted in asked.capabilities:
        if way[0] in _FACTS and (why := _why_not_capable(state, way, wanted)):
            return f"{CAPABILITIES}: {key} {wanted!r} wanted, {why}"
    if asked.image and (why := _why_not_image(state, asked)):
        return f"{IMAGE}: {why}"
    metadata = state.aggregate_metadata
    if metadata is not None:
        for key, wanted in asked.aggregate_specs:
            if why := _why_no_value(metadata.get(key, frozenset()), wanted):
                return f"{AGGREGATES}: aggregate metadata {key}: {wanted!r} wanted, {why}"
    return ""


def _why_no_value(values: frozenset[str], wanted: str) -> str:
    if not values:
        return "none of the host's aggregates has this key"
    fault = ""
    for value in sorted(values):
        try:
            if matches(value, wanted):
                return ""
        except ValueError as error:
            fault = f" (nova's filter fails: {error})"
    there = ", ".join(map(repr, sorted(values)))
    return f"the host's aggregates have {there}{fault}"


def _why_not_capable(state: HostState, way: tuple[str, ...], wanted: str) -> str:
    known = getattr(state, way[0])
    if known is None:
        return ""
    found = _fact(known, way[1:])
    if found is None:
        return "the host has no such fact"
    try:
        if matches(str(found), wanted):
            return ""
    except ValueError as error:
        return f"the host has {str(found)!r} (nova's filter fails: {error})"
    return f"the host has {str(found)!r}"


def _fact(found: Any, way: tuple[str, ...]) -> Any:
    """What stands at the end of the way; text on it is JSON."""
    for part in way:
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                return None
        found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            return None
    return found


def _why_not_image(state: HostState, asked: Conditions) -> str:
    if state.instances is None:
        return ""
    wanted = ", ".join(f"{key} {value}" for key, value in asked.image)
    if not any(all(value in one for _key, value in asked.image) for one in state.instances):
        kinds = "; ".join(" ".join(one) for one in dict.fromkeys(state.instances)) or "none"
        return f"{wanted} wanted, guests that the host runs: {kinds}"
    version = state.hypervisor_version
    # nova takes a version of 0 for one that it does not know
    if asked.versions and version and not satisfies(version, asked.versions):
        return f"{_VERSIONS} {asked.versions} wanted, the host has {dotted(version)}"
    return ""
