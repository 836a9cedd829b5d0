"""A refusal is put in words when somebody reads it, and says what was so when it was made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from numafit import (
    CellRefusal,
    Flavor,
    Fleet,
    Networks,
    PciRequest,
    Refusal,
    Request,
    guest_topology,
)
from numafit.model.hostinfo import HostCell, HostInfo, PciPool
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources


def pinned(cpus: int, **more: Any) -> Request:
    specs = {"hw:cpu_policy": "dedicated"}
    return Request(guest_topology(Flavor("p", cpus, 1024, extra_specs=specs)), **more)


def asking(**units: int) -> Request:
    return Request(None, resources=Resources((ResourceGroup("", units),)))


def cell(number: int, **more: Any) -> HostCell:
    cpus = frozenset(range(8 * number, 8 * number + 8))
    return HostCell(number, frozenset(), cpus, 65536, **more)


HOST = HostInfo(
    (
        cell(0),
        cell(1, pinned_cpus=frozenset(range(8, 16)), physnets=frozenset({"left"})),
    ),
    name="old",
    pci_pools=(PciPool("10de", "1eb8", 0, 1), PciPool("8086", "1889", 1, 8)),
    provider=Provider(
        {"DISK_GB": Inventory(100, used=40), "MEMORY_MB": Inventory(65536)},
        traits=frozenset(),
        aggregates=frozenset(),
        elsewhere=frozenset(),
    ),
)
OTHER = HostInfo(
    (
        HostCell(7, frozenset(), frozenset({0, 1}), 2048),
        HostCell(9, frozenset(), frozenset(), 2048),
    ),
    name="new",
    pci_pools=(PciPool("10de", "1eb8", 0, 40),),
    provider=Provider({"DISK_GB": Inventory(7), "VGPU": Inventory(4)}, elsewhere=frozenset()),
)
GPUS = (PciRequest(2, [{"vendor_id": "10de", "product_id": "1eb8"}], "legacy", "gpu"),)
REFUSED = {
    "dedicated_total": (pinned(9), "", "9 dedicated CPUs wanted, the cell has 8 in all"),
    "physnet": (
        pinned(2, networks=Networks(frozenset({"left"}))),
        "left",
        "no choice of cells is near physical network left",
    ),
    "pci_devices": (
        Request(None, pci=GPUS),
        "alias gpu (10de:1eb8)",
        "alias gpu (10de:1eb8): 2 devices wanted, 1 matches; the host has 1 of 10de:1eb8 "
        "on node 0; 8 of 8086:1889 on node 1",
    ),
    "resource": (asking(DISK_GB=80), "DISK_GB", "DISK_GB: 80 wanted, 60 free of 100"),
    "host_class": (asking(VGPU=1), "VGPU", "VGPU: 1 wanted, the host has no inventory of it"),
}


def make_fleet() -> Fleet:
    return Fleet([HostInfo((), name="first"), HOST, HostInfo((), name="last")])


def parts(refusal: Refusal) -> dict[str, Any]:
    names = ("reason", "wanted", "available", "detail", "host", "host_name", "subject", "message")
    return {name: getattr(refusal, name) for name in (*names, "missing", "cells")}


def replace_it(fleet: Fleet) -> None:
    fleet.replace(1, OTHER)


def claim_what_is_left(fleet: Fleet) -> None:
    fleet.claim(pinned(8), 1)
    fleet.claim(Request(None, pci=(PciRequest(8, [{"vendor_id": "8086"}]),)), 1)


def remove_and_compact(fleet: Fleet) -> None:
    fleet.remove(0)
    fleet.remove(1)
    fleet.compact()
    fleet.add([OTHER, OTHER])


def replace_twice(fleet: Fleet) -> None:
    fleet.replace(1, OTHER)
    fleet.replace(1, HOST)
    fleet.replace(1, OTHER)


CHANGES = [replace_it, claim_what_is_left, remove_and_compact, replace_twice]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("reason", REFUSED)
def test_what_changes_before_it_is_read_is_not_seen(
    reason: str, change: Callable[[Fleet], None]
) -> None:
    request, subject, message = REFUSED[reason]
    fleet = make_fleet()
    read_at_once, read_later = fleet.fit_on(request, 1), fleet.fit_on(request, 1)
    assert isinstance(read_at_once, Refusal)
    assert isinstance(read_later, Refusal)
    before = parts(read_at_once)
    assert (before["reason"], before["host"], before["host_name"]) == (reason, 1, "old")
    assert (before["subject"], before["message"]) == (subject, message)
    change(fleet)
    assert parts(read_later) == before
    assert parts(read_at_once) == before


def test_a_host_that_was_renamed_is_called_so_from_then_on() -> None:
    fleet = make_fleet()
    fleet.replace(1, OTHER)
    found = fleet.fit_on(pinned(9), 1)
    assert isinstance(found, Refusal)
    fleet.replace(1, HOST)
    assert found.host_name == "new"
    assert [(one.host_cell, one.available) for one in found.cells] == [(7, 2), (9, 0)]


def test_it_outlives_its_fleet() -> None:
    for request, _subject, message in REFUSED.values():
        found = make_fleet().explain(request, 1)
        assert found is not None
        assert found.message == message


@pytest.mark.parametrize("reason", REFUSED)
def test_it_goes_through_pickles_and_copies(reason: str) -> None:
    found = make_fleet().fit_on(REFUSED[reason][0], 1)
    assert isinstance(found, Refusal)
    for again in (
        *(pickle.loads(pickle.dumps(found, protocol)) for protocol in (2, 5)),
        copy.copy(found),
        copy.deepcopy(found),
    ):
        assert type(again) is Refusal
        assert parts(again) == parts(found)
        assert (repr(again), bool(again)) == (repr(found), False)


def test_what_is_missing_is_asked_of_guest_cells_alone_that_no_host_cell_takes() -> None:
    cells = [
        CellRefusal(0, 0, "free_cpus", 4, 3, 0, ""),
        CellRefusal(0, 1, "fits", 0, 0, 0, ""),
        CellRefusal(1, 0, "free_cpus", 4, 1, 0, ""),
        CellRefusal(1, 1, "free_cpus", 4, 2, 0, ""),
    ]
    assert Refusal("free_cpus", 4, 0, cells=cells).missing == 2
