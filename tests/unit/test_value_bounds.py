"""The largest values that there can be, and the first beyond them; values that are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numafit import (
    DeviceSpec,
    Flavor,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Image,
    InputError,
    InvalidRequest,
    PagePool,
    PciAddress,
    PciPool,
    PciRequest,
    Placement,
    PlacementCell,
    Request,
)
from numafit.model.pci_device import PciDevice
from numafit.model.placement import PciSupport
from numafit.model.resources import Inventory
from numafit.model.values import flag, strict_flag

ID = 2**31 - 1


def cpus(n: int) -> frozenset[int]:
    return frozenset(range(n))


def cores(n: int, threads: int) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(range(c * threads, (c + 1) * threads)) for c in range(n))


def cell(**given: Any) -> HostCell:
    return HostCell(**{"id": 0, "cpuset": cpus(1), "pcpuset": (), "memory_mb": 1, **given})


def pages(size: int, total: int) -> PagePool:
    return PagePool(size, total)


CELL = cell()
# each: made of the largest value, and of the first beyond it
BOUNDS: dict[str, tuple[Callable[[int], object], int]] = {
    "cells of a host": (lambda n: HostInfo([cell(id=i) for i in range(n)]), 1024),
    "CPUs of a cell": (lambda n: cell(cpuset=cpus(n)), 8192),
    "dedicated CPUs of a cell": (lambda n: cell(cpuset=(), pcpuset=cpus(n)), 8192),
    "CPUs of a cell's cores": (lambda n: cell(siblings=cores(n // 2, 2) + ((n,),) * (n % 2)), 8192),
    "threads of a core": (lambda n: cell(siblings=cores(1, n)), 64),
    # 64 slots a core, and as many more as there may be CPUs: 57344 / 64
    "cores beside one of 64 threads": (
        lambda n: cell(siblings=[cpus(64), *((64 + c,) for c in range(n - 1))]),
        896,
    ),
    "memory of a cell": (lambda n: cell(memory_mb=n), 2**50),
    "memory in use": (lambda n: cell(memory_usage=n), 2**50),
    "vCPUs in use": (lambda n: cell(cpu_usage=n), ID),
    "id of a cell": (lambda n: cell(id=n), ID),
    "socket": (lambda n: cell(socket=n), ID),
    "id of a CPU": (lambda n: cell(cpuset={n}), ID),
    "pages of 4 KiB": (lambda n: pages(4, n), ID),
    "pages of 1 GiB": (lambda n: pages(2**20, n), 2**30),
    "units of an inventory": (lambda n: Inventory(n), ID),
    "units in use": (lambda n: Inventory(ID, used=n), 2**50),
    "vCPUs of a flavor": (lambda n: Flavor("f", n), 65536),
    "size of a page": (lambda n: pages(n, 1), 2**30),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_the_largest_value_is_taken_and_the_next_is_an_error(name: str) -> None:
    make, most = BOUNDS[name]
    make(most)
    with pytest.raises(InputError):
        make(most + 1)


def test_numbers_of_numpy_are_held_to_the_same_bounds() -> None:
    assert cell(id=np.int64(7)).id == 7
    for wrong in (np.int64(ID + 1), np.int64(-1)):
        with pytest.raises(InputError, match="from 0 to"):
            cell(id=wrong)


LOWEST: dict[str, Callable[[int], object]] = {
    "id": lambda n: cell(id=n),
    "memory_mb": lambda n: cell(memory_mb=n),
    "memory_usage": lambda n: cell(memory_usage=n),
    "cpu_usage": lambda n: cell(cpu_usage=n),
    "cpuset": lambda n: cell(cpuset={n}),
    "total": lambda n: pages(4, n),
    "used": lambda n: PagePool(4, 8, used=n),
    "reserved": lambda n: PagePool(4, 8, reserved=n),
    "count": lambda n: PciPool("8086", "1572", None, n),
}


@pytest.mark.parametrize("name", LOWEST)
def test_nothing_is_less_than_none(name: str) -> None:
    LOWEST[name](0)
    with pytest.raises(InputError, match=name):
        LOWEST[name](-1)


def test_arguments_of_a_server_are_named() -> None:
    with pytest.raises(InputError) as caught:
        Request.for_server(Flavor("f", 1, 64), pci_implies_topology="x")  # type: ignore[arg-type]
    assert caught.value.key == "pci_implies_topology"


def test_the_lowest_socket_is_that_of_an_unknown_one() -> None:
    assert cell(socket=-1).socket == -1
    with pytest.raises(InputError, match="socket"):
        cell(socket=-2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: cell(siblings=[(0, 1), (1, 2)]), "CPU 1 stands in two"),
        (lambda: cell(page_pools=[pages(4, 1), pages(4, 2)]), "each page size once"),
        (lambda: GuestTopology(()), "at least one cell"),
        (lambda: Image("i", {"p": ["list"]}), "p"),
        (lambda: PlacementCell(0, (), (0, 1), {0: 5, 1: 5}), "each host CPU once"),
        (lambda: PlacementCell(0, (), (0,), [5]), "a mapping of vCPU ids to host CPU ids"),
    ],
)
def test_what_contradicts_itself_is_an_error(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_requests_of_the_same_are_equal() -> None:
    def guest() -> GuestTopology:
        return GuestTopology((GuestCell({0}, (), 64),))

    def request(**given: Any) -> Request:
        return Request(guest(), pci=[PciRequest(1, [{"vendor_id": "8086"}], None, None)], **given)

    assert request() == request()
    assert hash(request()) == hash(request())
    assert request() != Request(guest())
    assert request() != Request(None, pci=request().pci)
    assert request() != "a request"
    assert repr(request()).startswith("Request(GuestTopology(")
    assert Placement() != "a placement"


def test_a_flavor_has_one_vcpu_unless_it_says_so() -> None:
    assert Flavor("f").vcpus == 1
    with pytest.raises(InputError, match=r"expected text\. Extra specs"):
        Flavor("f", extra_specs={"hw:numa_nodes": 1})  # type: ignore[dict-item]


def test_devices_by_name_are_a_mapping() -> None:
    for name in ("netdevs", "functions"):
        with pytest.raises(InputError) as caught:
            DeviceSpec.parse('{"vendor_id": "8086"}', **{name: 5})
        assert caught.value.key == name


def test_ids_of_a_spec_are_read_as_numbers() -> None:
    device = PciDevice("0000:01:00.0", "0086", "001c", "type-PCI")
    for spec in ('{"vendor_id": "86", "product_id": "1C"}', '{"vendor_id": "0086"}'):
        assert DeviceSpec.parse(spec).match(device) is not None
    assert DeviceSpec.parse('{"vendor_id": "86", "product_id": "1d"}').match(device) is None


def test_a_device_of_one_use_wants_placement() -> None:
    spec = '{"vendor_id": "8086", "one_time_use": "true"}'
    with pytest.raises(InvalidRequest, match="report_in_placement"):
        DeviceSpec.parse(spec)
    DeviceSpec.parse(spec, report_in_placement=True)


def test_reserved_cpus_are_ids() -> None:
    with pytest.raises(InputError) as caught:
        PlacementCell(0, (), (0,), {0: 5}, reserved="x")  # type: ignore[arg-type]
    assert caught.value.key == "reserved"


def test_support_of_devices_is_a_condition_and_says_why() -> None:
    yes, no = PciSupport(True, draws=((0, 1, 2),)), PciSupport(False, reason="pci_numa")
    assert (bool(yes), bool(no)) == (True, False)
    assert repr(yes) == "PciSupport(supported=True, draws=[(0, 1, 2)])"
    assert repr(no) == "PciSupport(supported=False, reason='pci_numa')"


def test_an_inventory_gives_from_min_to_max_in_steps() -> None:
    some = Inventory(100, reserved=4, allocation_ratio=1.5, min_unit=2, max_unit=8, step_size=2)
    assert some.limit == 144  # 96 x 1.5
    assert [n for n in range(12) if some.takes(n)] == [2, 4, 6, 8]
    assert Inventory(5, reserved=7).limit == 0
    assert Inventory(3, allocation_ratio=0.5).limit == 1


def test_what_is_not_yes_is_no_and_the_strict_want_one_of_both() -> None:
    for word in ("1", "t", "true", "on", "y", "yes", " YES ", "True", True):
        assert flag(word) is True
        assert strict_flag(word) is True
    for word in ("0", "f", "false", "off", "n", "no", " No ", False):
        assert flag(word) is False
        assert strict_flag(word) is False
    assert flag("maybe") is False
    with pytest.raises(ValueError, match="yes or no"):
        strict_flag("maybe")


def test_addresses_and_pools_are_told_apart() -> None:
    assert PciAddress(0, 1, 2, 3) != PciAddress(0, 1, 2, 4)
    assert PciPool("8086", "1572", 0, 1) != PciPool("8086", "1572", None, 1)


@pytest.mark.parametrize(
    ("policy", "pinned"), [("dedicated", 2), ("mixed", 2), ("shared", 0), (None, 0)]
)
def test_dedicated_vcpus_take_host_cpus_under_a_policy_that_pins(
    policy: str | None, pinned: int
) -> None:
    assert GuestCell({0}, {1, 2}, 64, cpu_policy=policy).pinned == pinned
