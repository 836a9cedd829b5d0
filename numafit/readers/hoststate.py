"""What a host file says of aggregates' metadata and of the hypervisor <-> HostState."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numafit.errors import InputError
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.readers import checks
from numafit.readers.hypervisor import read_hypervisor, write_hypervisor
from numafit.rules.aggregates import values_of

KEYS = ("aggregate_metadata", "hypervisor")


def read_state(data: Mapping[str, Any]) -> HostState:
    found = NOTHING_KNOWN
    if "hypervisor" in data:
        try:
            given = checks.mapping(None, data["hypervisor"], "a mapping with type, version, ...")
            found = read_hypervisor(given)
        except InputError as error:
            raise error.within(key="hypervisor") from None
    if "aggregate_metadata" in data:
        expected = "a mapping of keys to values"
        listed = checks.mapping("aggregate_metadata", data["aggregate_metadata"], expected)
        metadata = {key: _values(key, value) for key, value in listed.items()}
        found = replace(found, aggregate_metadata=metadata)
    return found


def _values(key: str, value: object) -> frozenset[str]:
    """One value, several behind commas, or a list of them."""
    way = f"aggregate_metadata.{checks.label('aggregate_metadata', key)}"
    expected = "a value in text, or a list of them"
    texts = value if isinstance(value, list | tuple) else [value]
    return frozenset().union(*(values_of(checks.text(way, text, expected)) for text in texts))


def write_state(state: HostState) -> dict[str, Any]:
    """The keys that ``read_state`` makes the same of."""
    data: dict[str, Any] = {}
    if state.aggregate_metadata is not None:
        data["aggregate_metadata"] = {
            key: sorted(values) for key, values in sorted(state.aggregate_metadata.items())
        }
    if hypervisor := write_hypervisor(state):
        data["hypervisor"] = hypervisor
    return data
