"""Real nova's answers: does the guest fit, and where does it land? Through the public names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    Flavor,
    Host,
    Image,
    InvalidRequest,
    Limits,
    Networks,
    PciRequest,
    Placement,
    Request,
    StalePlacement,
    guest_topology,
    parse_aliases,
    pci_numa_policy,
    pci_requests,
)

DATA = Path(__file__).parent / "data"
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def request_of(case: Case) -> Request:
    flavor = Flavor(**case["flavor"])
    image = Image(**case["image"])
    aliases = parse_aliases(case["conf"]["pci_alias"])
    pci = pci_requests(flavor, aliases, numa_policy=pci_numa_policy(flavor, image))
    pci += [
        PciRequest(port["count"], port["spec"], port["numa_policy"])
        for port in case.get("port_requests", ())
    ]
    networks = case["networks"]
    return Request(
        guest_topology(flavor, image),
        networks=Networks(**networks) if networks and case["limits"] else None,
        pci=pci,
    )


def limits_of(case: Case) -> Limits | None:
    return Limits(**case["limits"]) if case["limits"] else None


def strategy_of(case: Case) -> str:
    return "pack" if case["conf"]["pack"] else "spread"


def cores_of(case: Case) -> dict[int, list[int]]:
    return {
        cpu: sorted(core)
        for cell in case["host"]["nova_object.data"]["cells"]
        for core in cell["nova_object.data"]["siblings"]
        for cpu in core
    }


def described(placement: Placement, cores: dict[int, list[int]]) -> Case:
    """A placement in the vectors' words, with cores in place of threads."""
    return {
        "cells": [
            {
                "host_cell": cell.host_cell,
                "cpuset": sorted(cell.cpuset),
                "pcpuset": sorted(cell.pcpuset),
                "pagesize": cell.pagesize,
                "pinned": sorted(cell.pinning),
                "reserved": len(cell.reserved),
            }
            for cell in placement.cells
        ],
        "core_of_vcpu": {
            str(vcpu): cores[cpu] for cell in placement.cells for vcpu, cpu in cell.pinning.items()
        },
        "core_of_reserved": [cores[cpu] for cell in placement.cells for cpu in cell.reserved],
    }


def expected(expect: Case) -> Case:
    return {
        "cells": [
            {
                "host_cell": cell["host_cell"],
                "cpuset": sorted(cell["cpuset"]),
                "pcpuset": sorted(cell["pcpuset"]),
                "pagesize": cell["pagesize"],
                "pinned": sorted(map(int, cell["pinning"] or {})),
                "reserved": len(cell["cpuset_reserved"] or ()),
            }
            for cell in expect["cells"]
        ],
        "core_of_vcpu": {vcpu: sorted(core) for vcpu, core in expect["core_of_vcpu"].items()},
        "core_of_reserved": [sorted(core) for core in expect["core_of_reserved"]],
    }


def usage_of(usage: list[Case]) -> list[Case]:
    """Usage per cell; which thread of a core is pinned is left open, how many are not."""
    return [
        {
            **cell,
            "pinned_cpus": len(cell["pinned_cpus"]),
            "mempages": sorted(cell["mempages"], key=lambda pages: pages["size_kb"]),
        }
        for cell in usage
    ]


SOUND = {"fit": "expect", "fit_wide": "expect"} | {
    "fit_fragile": "expect_afresh",  # nova's answer there is an artefact: docs/nova-differences.md
    "fit_wide_fragile": "expect_afresh",
}
COUNTS = {"fit": 4000, "fit_wide": 1200, "fit_fragile": 48, "fit_wide_fragile": 70}


@pytest.mark.parametrize("name", COUNTS)
def test_fit_agrees_with_nova(name: str) -> None:
    wrong = []
    tried = 0
    for case in cases(name):
        tried += 1
        expect = case[SOUND[name]]
        host = Host.from_nova(case["host"], case["pci_stats"])
        found = host.fit(request_of(case), strategy=strategy_of(case), limits=limits_of(case))
        if bool(found) != bool(expect):
            wrong.append((case["id"], found, expect))
        elif isinstance(found, Placement):
            got = described(found, cores_of(case))
            if got != expected(expect):
                wrong.append((case["id"], got, expected(expect)))
    assert tried == COUNTS[name]
    assert not wrong, f"{len(wrong)} of {tried}; the first: {wrong[:3]}"


@pytest.mark.parametrize("name", ["fit", "fit_wide"])
def test_guest_and_pci_requests_are_those_that_nova_derives(name: str) -> None:
    for case in cases(name):
        request = request_of(case)
        guest = case["instance_numa"]
        assert (request.guest is None) == (guest is None), case["id"]
        if request.guest is not None:
            assert request.guest.emulator_threads_policy == guest["emulator_threads_policy"]
            for mine, theirs in zip(request.guest.cells, guest["cells"], strict=True):
                assert sorted(mine.cpuset) == sorted(theirs["cpuset"]), case["id"]
                assert sorted(mine.pcpuset) == sorted(theirs["pcpuset"]), case["id"]
                assert mine.memory_mb == theirs["memory_mb"]
                assert mine.pagesize == theirs["pagesize"]
                assert mine.cpu_policy == theirs["cpu_policy"]
                assert mine.cpu_thread_policy == theirs["cpu_thread_policy"]
        for mine, theirs in zip(request.pci, case["pci_requests"], strict=True):
            assert mine.count == theirs["count"]
            assert [dict(spec) for spec in mine.spec] == theirs["spec"], case["id"]
            assert mine.numa_policy == theirs["numa_policy"], case["id"]


@pytest.mark.parametrize("name", ["fit", "fit_wide"])
def test_claims_use_what_nova_uses(name: str) -> None:
    """The usage after a claim; nova's two errors there are the next two tests'."""
    tried = 0
    for case in cases(name):
        claim = case.get("expect_claim")
        if claim is None or "error" in claim:
            continue
        tried += 1
        host = Host.from_nova(case["host"], case["pci_stats"])
        before = host.hostinfo
        placement = host.fit(request_of(case), strategy=strategy_of(case), limits=limits_of(case))
        assert isinstance(placement, Placement)
        taken = host.claim(placement)
        assert usage_of(host.usage()) == usage_of(claim["usage"]), case["id"]
        assert host.check() is None
        host.release(taken)
        assert host.hostinfo == before, case["id"]
    assert tried > 400


def _claims_that_fail(error: str) -> list[Case]:
    found = [
        case
        for name in ("fit", "fit_wide")
        for case in cases(name)
        if (case.get("expect_claim") or {}).get("error") == error
    ]
    assert found
    return found


def test_difference_claim_without_page_pools_works() -> None:
    """nova fails with IndexError when it consumes a placement on a host without page pools."""
    for case in _claims_that_fail("IndexError"):
        host = Host.from_nova(case["host"], case["pci_stats"])
        placement = host.fit(request_of(case), strategy=strategy_of(case), limits=limits_of(case))
        assert isinstance(placement, Placement)
        before = host.usage()
        taken = host.claim(placement)
        memory = sum(cell.memory_mb for cell in placement.cells)
        grown = sum(cell["memory_usage"] for cell in host.usage()) - sum(
            cell["memory_usage"] for cell in before
        )
        assert grown == memory, case["id"]
        host.release(taken)
        assert host.usage() == before


def test_isolated_emulator_thread_on_a_half_used_core_cannot_be_claimed() -> None:
    """nova finds this placement and then fails to take it (CPUPinningInvalid)."""
    for case in _claims_that_fail("CPUPinningInvalid"):
        host = Host.from_nova(case["host"], case["pci_stats"])
        placement = host.fit(request_of(case), strategy=strategy_of(case), limits=limits_of(case))
        assert isinstance(placement, Placement)
        before = host.hostinfo
        with pytest.raises(StalePlacement):
            host.claim(placement)
        assert host.hostinfo == before


def test_pci_support_and_the_pools_that_are_left() -> None:
    tried = wrong = 0
    for case in cases("pci"):
        if case["kind"] != "support":
            continue
        tried += 1
        expect = case["expect"]
        flavor = Flavor(**case["flavor"])
        image = Image(**case.get("image") or {})
        try:
            requests = pci_requests(
                flavor,
                parse_aliases(case["conf"]["pci_alias"]),
                numa_policy=pci_numa_policy(flavor, image),
            )
        except InvalidRequest as error:
            wrong += error.nova_exception != expect.get("error")
            continue
        requests += [
            PciRequest(port["count"], port["spec"], port["numa_policy"])
            for port in case["port_requests"]
        ]
        host = Host.from_nova(case["host"], case["pci_stats"])
        found = host.supports_pci(requests, case["numa_cells"])
        wrong += bool(found) != expect["supported"]
        if found and expect["supported"]:
            wrong += [pool.as_dict() for pool in found.pools_after] != expect["pools_after"]
    assert tried == 900
    assert not wrong
