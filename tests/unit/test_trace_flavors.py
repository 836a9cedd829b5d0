"""Sizes of published traces as flavors: which, and what none stands for."""

from __future__ import annotations

import math

import pytest

from numafit import Flavor, MisuseError, Request
from numafit.planning.trace_flavors import StandIn, in_flavors, smallest
from numafit.readers.vm_traces import Size, VmTrace

GPU = '{"name": "gpu", "vendor_id": "10de", "product_id": "20b0"}'


def flavor(name: str, vcpus: int, memory_mb: int, gpus: int = 0) -> tuple[Flavor, Request]:
    specs = {"hw:cpu_policy": "dedicated"}
    if gpus:
        specs["pci_passthrough:alias"] = f"gpu:{gpus}"
    made = Flavor(name, vcpus, memory_mb, specs)
    return made, Request.for_server(made, aliases=[GPU])


CATALOGUE = [
    flavor("large", 8, 16384),
    flavor("small", 2, 4096),
    flavor("fat", 2, 8192),
    flavor("again", 2, 4096),
    flavor("gpu2", 4, 8192, 2),
    flavor("gpu1", 8, 8192, 1),
]


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (Size(2, 4096), "small"),
        (Size(1, 1024), "small"),
        (Size(2, 4097), "fat"),
        (Size(3, 1024), "large"),
        (Size(8, 16384), "large"),
        (Size(9, 1024), None),
        (Size(2, 16385), None),
        # fewest vCPUs first, GPUs to spare or not
        (Size(4, 1024, 1), "gpu2"),
        (Size(5, 1024, 1), "gpu1"),
        (Size(4, 1024, 2), "gpu2"),
        (Size(4, 1024, 3), None),
        (Size(0, 0, flavor="fat"), "fat"),
        (Size(0, 0, flavor="thin"), None),
    ],
)
def test_the_smallest_flavor_that_holds_a_size_stands_for_it(size: Size, name: str | None) -> None:
    assert smallest(size, CATALOGUE) == name


def trace() -> VmTrace:
    vms = VmTrace()
    for size, start in (
        (Size(9, 1024), 3),
        (Size(2, 2048), 2),
        (Size(2, 4096), 1),
        (Size(9, 1024), 0),
        (Size(2, 4096), 5),
        (Size(2, 4096), 4),
    ):
        vms.add(size, start, math.inf)
    vms.pass_over("it is deleted and was never created")
    return vms


def test_what_no_flavor_stands_for_is_counted() -> None:
    found = in_flavors(trace(), CATALOGUE)
    assert found.stand_ins == (
        StandIn(Size(2, 4096), "small", 3),
        StandIn(Size(9, 1024), None, 2),
        StandIn(Size(2, 2048), "small", 1),
    )
    assert found.left_out == 2
    assert found.passed_over == {"it is deleted and was never created": 1}
    assert found.trace.starts.tolist() == [1, 2, 4, 5]
    assert {found.trace.names[kind] for kind in found.trace.kinds.tolist()} == {"small"}


def test_the_first_guests_are_those_that_came_first() -> None:
    found = in_flavors(trace(), CATALOGUE, most=3)
    assert found.trace.starts.tolist() == [1, 2]
    assert found.left_out == 1
    assert sum(one.guests for one in found.stand_ins) == 3


def test_a_size_may_be_said_to_be_another_flavor() -> None:
    found = in_flavors(trace(), CATALOGUE, {Size(9, 1024): "large", Size(2, 4096): "again"})
    assert [one.flavor for one in found.stand_ins] == ["again", "large", "small"]
    assert found.left_out == 0
    with pytest.raises(MisuseError, match="2 vCPUs, 4096 MiB: the catalogue has no flavor 'none'"):
        in_flavors(trace(), CATALOGUE, {Size(2, 4096): "none"})


def test_a_trace_of_nobody_is_one() -> None:
    assert len(in_flavors(VmTrace(), CATALOGUE).trace) == 0
