"""A field of the model that is given something else says its own name."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from numafit import (
    Flavor,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Image,
    Limits,
    Networks,
    NumafitError,
    PagePool,
    PciPool,
    PciRequest,
)
from numafit.model.host_state import HostState
from numafit.model.placement import PlacementCell
from numafit.model.resources import Inventory, Provider

CELL = HostCell(0, {0}, {1}, 1024)  # type: ignore[arg-type]
SOUND: list[Any] = [
    Flavor("f", 1, 1024),
    Image("i"),
    GuestCell(frozenset({0}), frozenset(), 512),
    GuestTopology((GuestCell(frozenset({0}), frozenset(), 512),)),
    Networks(frozenset({"net"})),
    PciRequest(1, ({"vendor_id": "8086"},)),
    Limits(1.0, 1.0),
    PagePool(4, 1024),
    CELL,
    PciPool("8086", "154c", 0, 1),
    HostInfo((CELL,), "h"),
    HostState(),
    Inventory(1),
    Provider({"VCPU": Inventory(1)}),
    PlacementCell(0),
]
# told by those who read, and by nobody else
DERIVED = {"derived", "split_known"}
FIELDS = [(one, field.name) for one in SOUND for field in fields(one) if field.name not in DERIVED]


@pytest.mark.parametrize(("sound", "name"), FIELDS, ids=lambda one: getattr(one, "__name__", None))
def test_it_is_named_in_the_error(sound: Any, name: str) -> None:
    with pytest.raises(NumafitError) as raised:
        replace(sound, **{name: object()})
    assert str(raised.value).startswith(f"{name}: got ")


@pytest.mark.parametrize(
    ("sound", "name", "value"),
    [
        (HostState(), "instances", [7]),
        (HostState(), "instances", [("one", "two")]),
        (HostInfo((CELL,), "h"), "distances", [[10, 20]]),
        (HostInfo((CELL,), "h"), "distances", [[10], [10]]),
        (PciPool("8086", "154c", 0, 1), "numa_node", -2),
        (PlacementCell(0), "pagesize", -1),
    ],
)
def test_it_is_named_for_what_lies_deeper(sound: Any, name: str, value: Any) -> None:
    with pytest.raises(NumafitError) as raised:
        replace(sound, **{name: value})
    assert str(raised.value).startswith(f"{name}: got ")
