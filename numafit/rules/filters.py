"""What the scheduler's filters would look at and numafit does not, in words.

By the filters of nova 34 (``nova/scheduler/filters``) and their defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

from numafit.model.flavor import Flavor, Image

DEFAULT_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
"""``[filter_scheduler] enabled_filters`` where it is not set."""

_COVERED = {"AllHostsFilter", "ComputeFilter", "NUMATopologyFilter", "PciPassthroughFilter"}
# they ask for scheduler hints or groups of servers, which no flavor and no image names
_BY_HINTS = {
    "DifferentHostFilter",
    "JsonFilter",
    "SameHostFilter",
    "ServerGroupAffinityFilter",
    "ServerGroupAntiAffinityFilter",
    "SimpleCIDRAffinityFilter",
}
_IMAGE_KEYS = (
    "architecture",
    "hw_architecture",
    "hypervisor_type",
    "img_hv_type",
    "vm_mode",
    "hw_vm_mode",
)
_AGGREGATES = "aggregate_instance_extra_specs"


def filters_not_judged(
    flavor: Flavor, image: Image | None = None, enabled: tuple[str, ...] | None = None
) -> Iterator[str]:
    """One sentence a filter that could refuse a host for what flavor and image say; one for all
    those that look at the host alone. ``enabled``: ``[filter_scheduler] enabled_filters``."""
    others = []
    for name in dict.fromkeys(DEFAULT_FILTERS if enabled is None else enabled):
        # a site may name a filter by its module too
        short = name.rpartition(".")[2]
        if short in _COVERED or short in _BY_HINTS:
            continue
        looks_at = _LOOKS_AT.get(short)
        if looks_at is None:
            others.append(short)
        elif keys := looks_at(flavor, image):
            yield f"{', '.join(keys)}: {short} looks at it"
    if others:
        noun = "filter" if len(others) == 1 else "filters"
        yield f"{noun} {', '.join(others)}: switched on by [filter_scheduler] enabled_filters"


def cyborg_not_judged(flavor: Flavor) -> Iterator[str]:
    """Devices that Cyborg has, which are not in a host's pools."""
    profile = flavor.extra_specs.get("accel:device_profile")
    if profile:
        yield f"device profile {profile}: Cyborg's devices are not looked at"


def _capabilities(flavor: Flavor, image: Image | None) -> list[str]:
    # keys without a scope count only where a host happens to have an attribute of that name
    specs, bits = flavor.extra_specs, "hw:maxphysaddr_bits"
    return [key for key in specs if key.startswith("capabilities:") or key == bits]


def _aggregate_specs(flavor: Flavor, image: Image | None) -> list[str]:
    return [
        key for key in flavor.extra_specs if ":" not in key or key.partition(":")[0] == _AGGREGATES
    ]


def _image_properties(flavor: Flavor, image: Image | None) -> list[str]:
    properties = {} if image is None else image.properties
    return [key for key in _IMAGE_KEYS if properties.get(key)]


_LOOKS_AT = {
    "ComputeCapabilitiesFilter": _capabilities,
    "AggregateInstanceExtraSpecsFilter": _aggregate_specs,
    "ImagePropertiesFilter": _image_properties,
}
