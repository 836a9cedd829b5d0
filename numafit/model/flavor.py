"""Flavors and images, and the guest topology that they ask for together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from numafit.errors import MisuseError, shorten
from numafit.model.cpu_policy import CpuDemand, cpu_demand
from numafit.model.cpurules import cpus_of
from numafit.model.extra_specs import Asked
from numafit.model.guest import MAX_MEMORY_MB, GuestCell, GuestTopology
from numafit.model.guest_cells import check_memory, node_count, shares
from numafit.model.image_properties import ImageProperties
from numafit.model.memory_encryption import check_locked_memory
from numafit.model.pages import cell_page_size, page_size
from numafit.model.values import refuse

MAX_VCPUS = 65536
"""More than any hypervisor starts; keeps a text of ten digits from asking for billions."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """A nova flavor. ``memory_mb``: MiB. ``extra_specs``: text to text, in the order of the
    flavor; nova looks at the first of several hyperthreading traits, so the order is kept.

    Raises ``MisuseError`` for wrong types and numbers out of bounds. What the extra specs say
    is read when it is needed.
    """

    name: str = ""
    vcpus: int = 1
    memory_mb: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_number("vcpus", self.vcpus, 1, MAX_VCPUS, "vCPUs")
        _check_number("memory_mb", self.memory_mb, 0, MAX_MEMORY_MB, "MiB")
        specs = _copy_of("extra_specs", self.extra_specs)
        for key, value in specs.items():
            if not isinstance(value, str):
                raise MisuseError(
                    f"extra_specs[{key!r}]={shorten(value)}: expected text. "
                    "Extra specs are text; write numbers in quotes"
                )
        object.__setattr__(self, "extra_specs", specs)


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the image service. ``properties``: text to text, numbers or booleans.

    Raises ``MisuseError`` for values of other types. What the properties say is read when a
    flavor and the image are put together, as nova does it.
    """

    name: str = ""
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name)
        properties = _copy_of("properties", self.properties)
        for key, value in properties.items():
            if not isinstance(value, str | int | float):
                raise MisuseError(
                    f"properties[{key!r}]={shorten(value)}: expected text, a number or a "
                    "boolean. Leave out properties of the image that hold other things"
                )
        object.__setattr__(self, "properties", properties)


def asked_for(flavor: Flavor, image: Image | None) -> Asked:
    """Flavor and image side by side; raises ``InvalidRequest`` for the image's properties."""
    properties = ImageProperties(image.properties if image is not None else {})
    return Asked(flavor.vcpus, flavor.memory_mb, flavor.extra_specs, properties)


def guest_topology(flavor: Flavor, image: Image | None = None) -> GuestTopology | None:
    """The guest's NUMA topology, or ``None`` where nothing asks for one.

    Asking are a number of NUMA nodes, a page size, dedicated vCPUs and persistent memory. The
    rules are those of nova's ``numa_get_constraints``, in its order.

    Raises ``InvalidRequest`` for what nova refuses; its ``nova_exception`` names nova's error.
    """
    asked = asked_for(flavor, image)
    cpus = cpu_demand(asked)
    nodes = node_count(asked)
    pages = page_size(asked)
    check_locked_memory(asked)
    pinned = cpus.policy in ("dedicated", "mixed")
    if not (nodes or pages or pinned or _wants_persistent_memory(asked)):
        return None
    return _topology(asked, cpus, nodes or 1, pages)


def _topology(asked: Asked, cpus: CpuDemand, nodes: int, pages: float | None) -> GuestTopology:
    parts = shares(asked, nodes)
    if cpus.thread_policy == "":
        # nova fails where it writes the empty policy into a cell
        raise refuse(
            "ValueError",
            "hw:cpu_thread_policy",
            "",
            "a policy, or no such key",
            "Remove the key from the flavor.",
        )
    # what follows nova accepts, though no host can have it: every error of nova comes before
    pagesize = cell_page_size(asked, pages)
    check_memory(parts)
    dedicated = cpus_of(cpus.dedicated)
    cells = tuple(
        GuestCell(
            cpuset=part.vcpus - dedicated,
            pcpuset=part.vcpus & dedicated,
            memory_mb=part.memory_mb,
            pagesize=pagesize,
            cpu_policy=cpus.policy,
            cpu_thread_policy=cpus.thread_policy,
        )
        for part in parts
    )
    return GuestTopology(cells, cpus.emulator_threads)


def _wants_persistent_memory(asked: Asked) -> bool:
    """Whether ``hw:pmem`` names anything: nova then makes a topology of one cell at least."""
    return any(label.strip() for label in asked.specs.get("hw:pmem", "").split(","))


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise MisuseError(f"name={shorten(name)}: expected text")


def _check_number(key: str, value: object, low: int, high: int, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise MisuseError(
            f"{key}={shorten(value)}: expected a whole number from {low} to {high} {unit}"
        )


def _copy_of(key: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise MisuseError(f"{key}={shorten(value)}: expected a mapping")
    for name in value:
        if not isinstance(name, str):
            raise MisuseError(f"{key}: the key {shorten(name)} is not text")
    return dict(value)
