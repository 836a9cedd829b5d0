"""Each reason of a refusal: the verdict and the smallest changes, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit._engine import reasons
from numafit.model.host_state import Conditions, HostState
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.planning.explain import explain

NOT_EXPLAINED = {"ok", "undecided", "stale", "removed"}
"""No refusals of a guest by a host that is there and that the search judged."""
CORES = ({0, 1}, {2, 3})


def cell(number: int = 0, **fields: Any) -> HostCell:
    """Two cores of two threads, all dedicated, 8 MiB, nothing in use."""
    first = 8 * number
    cpus = [first + n for n in range(4)]
    given: dict[str, Any] = {
        "cpuset": (),
        "pcpuset": cpus,
        "memory_mb": 8,
        "siblings": [{first, first + 1}, {first + 2, first + 3}],
    }
    return HostCell(number, **(given | fields))


def host(*cells: HostCell, **fields: Any) -> HostInfo:
    return HostInfo(cells or (cell(),), "h", **fields)


def pinned(vcpus: int = 1, memory: int = 1, first: int = 0, **fields: Any) -> GuestCell:
    ids = range(first, first + vcpus)
    return GuestCell((), ids, memory, **{"cpu_policy": "dedicated", **fields})


def shared(vcpus: int = 1, memory: int = 1, **fields: Any) -> GuestCell:
    return GuestCell(range(vcpus), (), memory, **{"cpu_policy": "shared", **fields})


def guest(*cells: GuestCell, emulator: str | None = None, **asked: Any) -> Request:
    return Request(GuestTopology(cells, emulator), **asked)


def devices(product: str, node: int, count: int = 1) -> PciPool:
    return PciPool("8086", product, node, count, {"dev_type": "type-VF"})


def wanted(product: str, count: int = 1, policy: str = "required") -> PciRequest:
    return PciRequest(count, [{"vendor_id": "8086", "product_id": product}], policy)


def units(amount: int) -> Resources:
    return Resources((ResourceGroup("", {"CUSTOM_X": amount}),))


class Case(NamedTuple):
    """``host_change`` and ``request_change``: the smallest in words, None where there is none."""

    reason: str
    host: HostInfo
    request: Request
    verdict: str
    host_change: str | None
    request_change: str | None


FULL = cell(1, pinned_cpus=range(8, 12))
TWO_MIB = 2048
MIXED_WITHOUT = GuestCell({0}, (), 1, cpu_policy="mixed")
SAME = cell(cpuset=range(4))

CASES = [
    Case("no_topology", HostInfo((), "h"), guest(pinned()), "never", None, None),
    Case(
        "too_few_cells",
        host(),
        guest(pinned(), pinned(first=1)),
        "never",
        None,
        "1 guest cell instead of 2",
    ),
    Case(
        "host_class",
        host(provider=Provider({}, traits=frozenset())),
        guest(pinned(), resources=Resources((ResourceGroup("", {}, frozenset({"CUSTOM_A"})),))),
        "never",
        "trait CUSTOM_A on the host",
        "trait CUSTOM_A not required",
    ),
    Case(
        "host_class",
        host(disabled="maintenance"),
        guest(pinned(), resources=Resources()),
        "not now",
        "the host's compute service takes guests",
        None,
    ),
    Case(
        "host_class",
        host(state=HostState(aggregate_metadata={"ssd": frozenset({"no"})})),
        guest(pinned(), resources=Resources(conditions=Conditions((("ssd", "yes"),)))),
        "never",
        "aggregate metadata ssd=yes for the host",
        "without aggregate_instance_extra_specs:ssd",
    ),
    Case(
        "host_class",
        host(provider=Provider({}, aggregates=frozenset({"a"})), zone="one"),
        guest(
            pinned(),
            resources=Resources(
                member_of=(frozenset({"b"}),), forbidden_aggregates={"a"}, zone="two"
            ),
        ),
        "never",
        "the host in availability zone two; the host in aggregate b; the host not in aggregate a",
        "any availability zone; aggregate b not required; aggregate a not forbidden",
    ),
    Case(
        "resource",
        host(provider=Provider({"CUSTOM_X": Inventory(4, used=3)})),
        guest(pinned(), resources=units(2)),
        "not now",
        "free 1 CUSTOM_X",
        "1 CUSTOM_X fewer",
    ),
    # 4 of the units are there in all, so one more than that is needed, beside the 3 in use
    Case(
        "host_class",
        host(provider=Provider({"CUSTOM_X": Inventory(4, max_unit=4, used=3)})),
        guest(pinned(), resources=units(5)),
        "never",
        "4 more CUSTOM_X (3 of them in use)",
        "4 CUSTOM_X fewer",
    ),
    # 4 MiB are two pages of 2 MiB
    Case(
        "page_size",
        host(cell(page_pools=[PagePool(4, 2048)])),
        guest(pinned(memory=4, pagesize=TWO_MIB)),
        "never",
        "2 more pages of 2 MiB on cell 0",
        "pages of 4 KiB",
    ),
    Case(
        "page_multiple",
        host(cell(page_pools=[PagePool(TWO_MIB, 4)])),
        guest(pinned(memory=3, pagesize=TWO_MIB)),
        "never",
        None,
        "1 MiB less memory",
    ),
    Case(
        "pages",
        host(cell(page_pools=[PagePool(TWO_MIB, 4, used=3)])),
        guest(pinned(memory=4, pagesize=TWO_MIB)),
        "not now",
        "free 1 page of 2 MiB on cell 0",
        "2 MiB less memory",
    ),
    Case(
        "pages_total",
        host(cell(cpuset=range(4), pcpuset=(), page_pools=[PagePool(TWO_MIB, 2)])),
        guest(shared(memory=6)),
        "never",
        None,
        "2 MiB less memory",
    ),
    Case(
        "memory",
        host(cell(memory_usage=6)),
        guest(pinned(memory=4)),
        "not now",
        "free 2 MiB on cell 0",
        "2 MiB less memory",
    ),
    Case(
        "memory_total",
        host(cell(cpuset=range(4), pcpuset=())),
        guest(shared(memory=10)),
        "never",
        None,
        "2 MiB less memory",
    ),
    Case(
        "dedicated_total",
        host(cell(pcpuset={0, 1})),
        guest(pinned(3)),
        "never",
        "1 more CPU in the dedicated set of cell 0 (CPU 2)",
        "1 dedicated vCPU fewer",
    ),
    Case(
        "shared_total",
        host(cell(cpuset={0}, pcpuset=())),
        guest(shared(2)),
        "never",
        "1 more CPU in the shared set of cell 0 (CPU 1)",
        "1 shared vCPU fewer",
    ),
    # the core of CPU 2 is the one that is freed with one CPU
    Case(
        "free_cpus",
        host(cell(pinned_cpus={0, 1, 2})),
        guest(pinned(2)),
        "not now",
        "free 1 dedicated CPU on cell 0 (CPU 2)",
        "1 dedicated vCPU fewer",
    ),
    # CPU 9 is free and stands in no core, so nova gives it to nobody
    Case(
        "unlisted_cpus",
        host(cell(pcpuset={0, 1, 9}, siblings=[{0, 1}], pinned_cpus={0})),
        guest(pinned(2)),
        "not now",
        "free 1 dedicated CPU on cell 0 (CPU 0)",
        "1 dedicated vCPU fewer",
    ),
    Case("pinned_empty", host(), guest(pinned(0)), "never", None, None),
    Case(
        "isolate_shared",
        host(cell(cpuset={0, 1}, pcpuset={2, 3})),
        guest(pinned(cpu_thread_policy="isolate")),
        "never",
        None,
        "no CPU thread policy",
    ),
    Case(
        "isolate_cores",
        host(replace(SAME, pinned_cpus={0})),
        guest(pinned(2, cpu_thread_policy="isolate")),
        "not now",
        "free 1 dedicated CPU on cell 0 (CPU 0)",
        "no CPU thread policy",
    ),
    Case(
        "isolate_empty",
        host(SAME),
        guest(replace(MIXED_WITHOUT, cpu_thread_policy="isolate")),
        "never",
        None,
        "CPU policy dedicated",
    ),
    Case(
        "require_no_smt",
        host(cell(siblings=[{n} for n in range(4)])),
        guest(pinned(cpu_thread_policy="require")),
        "never",
        None,
        "no CPU thread policy",
    ),
    Case(
        "require_cores",
        host(cell(pinned_cpus={0, 2})),
        guest(pinned(2, cpu_thread_policy="require")),
        "not now",
        "free 1 dedicated CPU on cell 0 (CPU 0)",
        "no CPU thread policy",
    ),
    # two whole cores are free for two vCPUs, and of a third no thread for the emulator's
    Case(
        "emulator_cpu",
        host(
            cell(
                cpuset=range(6),
                pcpuset=range(6),
                siblings=[{0, 1}, {2, 3}, {4, 5}],
                pinned_cpus={4, 5},
            )
        ),
        guest(pinned(2, cpu_thread_policy="isolate"), emulator="isolate"),
        "not now",
        "free 1 dedicated CPU on cell 0 (CPU 4)",
        "no CPU thread policy",
    ),
    Case(
        "emulator_empty",
        host(SAME),
        guest(MIXED_WITHOUT, emulator="isolate"),
        "never",
        None,
        "CPU policy dedicated",
    ),
    # two shared CPUs, ratio 1: with the one that floats there three vCPUs are one too many
    Case(
        "cpu_limit",
        host(
            cell(cpuset={0, 1}, pcpuset=(), siblings=[{0, 1}], cpu_usage=1),
            cpu_allocation_ratio=1.0,
        ),
        guest(shared(2)),
        "not now",
        "1 shared vCPU fewer on cell 0",
        "1 shared vCPU fewer",
    ),
    Case(
        "memory_limit",
        host(cell(cpuset=range(4), pcpuset=(), memory_usage=6), ram_allocation_ratio=1.0),
        guest(shared(memory=4)),
        "not now",
        "free 2 MiB on cell 0",
        "2 MiB less memory",
    ),
    Case(
        "assignment",
        host(cell(), FULL),
        guest(pinned(), pinned(first=1)),
        "not now",
        "free 1 dedicated CPU on cell 1 (CPU 8)",
        "1 guest cell instead of 2",
    ),
    Case(
        "physnet",
        host(cell(), replace(FULL, physnets={"foo"})),
        guest(pinned(), networks=Networks(frozenset({"foo"}))),
        "not now",
        "physical network foo near cell 0",
        "without physical network foo",
    ),
    Case(
        "tunnel",
        host(cell(), replace(FULL, tunneled=True)),
        guest(pinned(), networks=Networks(tunneled=True)),
        "not now",
        "the tunnel endpoint near cell 0",
        "without tunnel networks",
    ),
    Case(
        "networks",
        host(cell(physnets={"foo"}), cell(1, physnets={"bar"})),
        guest(pinned(), networks=Networks(frozenset({"foo", "bar"}))),
        "never",
        "physical network bar near cell 0",
        "without physical network bar",
    ),
    Case(
        "pci_devices",
        host(pci_pools=(devices("1", 0),)),
        guest(pinned(), pci=[wanted("1", 2)]),
        "open",
        "1 more free device (8086:1 type-VF) on node 0",
        "1 device fewer in PCI request 0",
    ),
    Case(
        "pci_numa",
        host(cell(), FULL, pci_pools=(devices("1", 1),)),
        guest(pinned(), pci=[wanted("1")]),
        "not now",
        "1 more free device (8086:1 type-VF) on node 0",
        "without PCI request 0",
    ),
    Case(
        "pci_together",
        host(cell(), cell(1), pci_pools=(devices("1", 0), devices("2", 1))),
        guest(pinned(), pci=[wanted("1"), wanted("2")]),
        "open",
        "1 more free device (8086:1 type-VF) on node 1",
        "without PCI request 0",
    ),
    Case(
        "together",
        host(cell(physnets={"foo"}), cell(1), pci_pools=(devices("1", 1),)),
        guest(pinned(), networks=Networks(frozenset({"foo"})), pci=[wanted("1")]),
        "open",
        "1 more free device (8086:1 type-VF) on node 0",
        "without PCI request 0",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case.reason}" for n, case in enumerate(CASES)])
def test_the_smallest_changes_for(case: Case) -> None:
    told = explain(Fleet([case.host]), case.request)
    assert getattr(told.answer, "reason", "") == case.reason
    assert told.verdict == case.verdict
    assert told.smallest_words("host") == case.host_change
    assert told.smallest_words("request") == case.request_change
    assert told.ended == {"host", "request"}


def test_every_reason_is_explained() -> None:
    assert {case.reason for case in CASES} == set(reasons()) - NOT_EXPLAINED
