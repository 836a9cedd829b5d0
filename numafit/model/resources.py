"""What placement knows of a host and is asked for by a guest: inventories, resources, traits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from numafit._header import MAX_AMOUNT
from numafit.model import fields
from numafit.model.host_state import NO_CONDITIONS, Conditions

MAX_UNITS = (1 << 31) - 1
"""Placement keeps totals and amounts in columns of 32 bits."""
MAX_USED = MAX_AMOUNT
"""What is in use is a sum of allocations, and with an allocation ratio may be more than that."""

STANDARD_CLASSES = frozenset(
    (
        "VCPU",
        "PCPU",
        "MEMORY_MB",
        "DISK_GB",
        "VGPU",
        "VGPU_DISPLAY_HEAD",
        "PGPU",
        "FPGA",
        "PCI_DEVICE",
        "SRIOV_NET_VF",
        "MEM_ENCRYPTION_CONTEXT",
        "IPV4_ADDRESS",
        "NUMA_SOCKET",
        "NUMA_CORE",
        "NUMA_THREAD",
        "NUMA_MEMORY_MB",
        "NET_BW_EGR_KILOBIT_PER_SEC",
        "NET_BW_IGR_KILOBIT_PER_SEC",
        "NET_PACKET_RATE_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    )
)
"""Resource classes that every placement knows (``os_resource_classes`` 1.1)."""


def is_resource_class(name: str) -> bool:
    """A class that nova asks placement for: a standard one, or one that a site made up."""
    return name in STANDARD_CLASSES or name.startswith("CUSTOM_")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Units of one resource class that a host has. A guest gets ``min_unit`` to ``max_unit`` of
    them at once, in multiples of ``step_size``. ``used``: in allocations, those of guests that
    are moving included. ``derived``: worked out from the host, not told by placement.
    ``split_known``: whether it is known how much of what the source has in use is reserved.
    """

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    min_unit: int = 1
    max_unit: int = MAX_UNITS
    step_size: int = 1
    used: int = 0
    derived: bool = field(default=False, compare=False)
    split_known: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        for name in ("total", "reserved"):
            fields.keep_number(self, name, 0, MAX_UNITS)
        fields.keep_number(self, "used", 0, MAX_USED)
        for name in ("min_unit", "max_unit", "step_size"):
            fields.keep_number(self, name, 1, MAX_UNITS)
        ratio = fields.real("allocation_ratio", self.allocation_ratio)
        object.__setattr__(self, "allocation_ratio", ratio)

    @property
    def limit(self) -> int:
        """Units that may be in use: (total - reserved) x allocation ratio, rounded down; 0 where
        more is reserved than there is."""
        units = (self.total - self.reserved) * self.allocation_ratio
        return math.floor(min(max(units, 0.0), MAX_AMOUNT))

    def takes(self, amount: int) -> bool:
        """Can one guest get so many units, whatever is in use?"""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0


@dataclass(frozen=True, slots=True)
class Provider:
    """A host's own resource provider. ``traits`` and ``aggregates`` (uuids or names) are ``None``
    where the source does not tell; ``elsewhere``: classes that other providers of the host have
    (nested ones, or those that share with it), ``None``: not known. ``absent``: classes that no
    provider of the host has, for those who know that and not what others may have.
    ``traits_elsewhere``: those of the host's other providers.
    """

    inventories: Mapping[str, Inventory]
    traits: frozenset[str] | None = None
    aggregates: frozenset[str] | None = None
    elsewhere: frozenset[str] | None = None
    absent: frozenset[str] = frozenset()
    traits_elsewhere: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        inventories = fields.mapping("inventories", self.inventories)
        for name, inventory in inventories.items():
            fields.instance(f"inventories.{name}", inventory, Inventory)
        object.__setattr__(self, "inventories", inventories)
        for name in ("traits", "aggregates", "elsewhere", "absent", "traits_elsewhere"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, fields.names(name, value))


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """What one resource provider has to serve: amounts by class, traits it must and must not
    have. ``suffix``: the group's, ``""`` for the one without."""

    suffix: str = ""
    resources: Mapping[str, int] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that a guest asks of placement. ``group_policy``: ``"none"``, ``"isolate"`` or
    ``None``; ``ignored``: extra specs that nova passes over with a warning in its log, each with
    the reason. ``member_of``: sets of aggregates, the host is in one of each; ``zone``: the
    availability zone, ``None`` for any; ``fallback``: groups that a host may serve in the place of
    ``groups`` where these rule it out whatever is free on it: with nova ``VCPU`` for ``PCPU``, for
    hosts of before Train. ``conditions``: of the scheduler's filters, of which placement knows
    nothing. ``left_open``: what the server asks for besides and no host is judged by, in
    sentences."""

    groups: tuple[ResourceGroup, ...] = ()
    group_policy: str | None = None
    ignored: tuple[tuple[str, str], ...] = ()
    member_of: tuple[frozenset[str], ...] = ()
    forbidden_aggregates: frozenset[str] = frozenset()
    zone: str | None = None
    fallback: tuple[ResourceGroup, ...] | None = None
    conditions: Conditions = NO_CONDITIONS
    left_open: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.fallback is not None:
            object.__setattr__(self, "fallback", tuple(self.fallback))
        object.__setattr__(self, "member_of", tuple(map(frozenset, self.member_of)))
        object.__setattr__(self, "forbidden_aggregates", frozenset(self.forbidden_aggregates))
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "ignored", tuple(self.ignored))
        object.__setattr__(self, "left_open", tuple(self.left_open))

    @property
    def second(self) -> Resources | None:
        """What is asked of hosts that the first query rules out: nova's second query."""
        if self.fallback is None:
            return None
        return replace(self, groups=self.fallback, fallback=None)

    @property
    def amounts(self) -> dict[str, int]:
        """Units by class, of all groups together."""
        return _sums(group.resources for group in self.groups)

    @property
    def required(self) -> frozenset[str]:
        return frozenset().union(*(group.required for group in self.groups))

    @property
    def forbidden(self) -> frozenset[str]:
        return frozenset().union(*(group.forbidden for group in self.groups))

    @property
    def numbered(self) -> tuple[ResourceGroup, ...]:
        """The groups with a suffix: each is served by one provider."""
        return tuple(group for group in self.groups if group.suffix)


def _sums(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        for name, amount in part.items():
            sums[name] = sums.get(name, 0) + amount
    return sums
