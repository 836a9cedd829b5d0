"""What nova's scheduler filters compare: facts of a host, and what a server asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numafit.errors import InvalidValue
from numafit.model import fields

MAX_VERSION = (1 << 63) - 1
_TRIPLE = "(architecture, hypervisor, vm mode)"


@dataclass(frozen=True, slots=True)
class HostState:
    """Facts of a host that filters look at beside its cells and devices. ``None``: not known.

    ``aggregate_metadata``: key -> the values that the host's aggregates have for it, each of those
    behind commas for itself; empty where it is in no aggregate, or they have no metadata.
    ``instances``: (architecture, hypervisor, vm mode) of guests that it runs, in nova's words.
    ``hypervisor_version``: a thousandfold for each part, so that 8.2.0 is 8002000. ``cpu_info``:
    the JSON text of ``compute_nodes.cpu_info``.
    """

    aggregate_metadata: Mapping[str, frozenset[str]] | None = None
    instances: tuple[tuple[str, str, str], ...] | None = None
    hypervisor_type: str | None = None
    hypervisor_version: int | None = None
    cpu_info: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.aggregate_metadata is not None:
            found = fields.mapping("aggregate_metadata", self.aggregate_metadata)
            kept = {
                key: fields.names(f"aggregate_metadata[{key!r}]", values)
                for key, values in found.items()
            }
            put(self, "aggregate_metadata", kept)
        if self.instances is not None:
            put(
                self,
                "instances",
                tuple(map(_triple, fields.listed("instances", self.instances, "a list"))),
            )
        fields.text("hypervisor_type", self.hypervisor_type, none=True)
        fields.text("cpu_info", self.cpu_info, none=True)
        if self.hypervisor_version is not None:
            fields.keep_number(self, "hypervisor_version", 0, MAX_VERSION)

    def __hash__(self) -> int:
        metadata = self.aggregate_metadata
        return hash(
            (
                None if metadata is None else frozenset(metadata.items()),
                self.instances,
                self.hypervisor_type,
                self.hypervisor_version,
                self.cpu_info,
            )
        )


def _triple(value: object) -> tuple[str, str, str]:
    words = fields.many("instances", value, str, "text", _TRIPLE)
    if len(words) != 3:
        raise InvalidValue("instances", words, _TRIPLE)
    return words[0], words[1], words[2]


NOTHING_KNOWN = HostState()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a server asks of a HostState, by the filters that are switched on.

    ``aggregate_specs``: (key of metadata, what its value must be) of
    AggregateInstanceExtraSpecsFilter; ``capabilities``: (key of the flavor, the way to the fact,
    what it must be) of ComputeCapabilitiesFilter; ``image``: (property, value) of
    ImagePropertiesFilter, all of which one of the host's ``instances`` must have, and ``versions``
    of the hypervisor, such as ``>=6.0,<8``.
    """

    aggregate_specs: tuple[tuple[str, str], ...] = ()
    capabilities: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    image: tuple[tuple[str, str], ...] = ()
    versions: str | None = None


NO_CONDITIONS = Conditions()
