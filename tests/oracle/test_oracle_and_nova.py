"""The oracle against recorded answers of real nova: before it judges the engine, nova judges it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from numafit import FitOptions, GuestCell, GuestTopology, Limits, Networks, PciRequest, Request
from numafit.readers.nova_rows import host_from_nova

from .devices import serve
from .fit import fit
from .state import Fit, HostState

DATA = Path(__file__).parent.parent / "vectors" / "data"


def cases(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def guest_of(found: dict[str, Any]) -> GuestTopology:
    cells = [{key: cell[key] for key in cell if key != "id"} for cell in found["cells"]]
    return GuestTopology(
        tuple(GuestCell(**cell) for cell in cells), found["emulator_threads_policy"]
    )


def request_of(case: dict[str, Any]) -> Request:
    networks = Networks(**case["networks"]) if case["limits"] and case["networks"] else None
    pci = [PciRequest(**one) for one in case["pci_requests"]]
    return Request(guest_of(case["instance_numa"]), networks, pci)


def options_of(case: dict[str, Any]) -> FitOptions:
    return FitOptions(
        strategy="pack" if case["conf"]["pack"] else "spread",
        limits=Limits(**case["limits"]) if case["limits"] else None,
    )


def core_of(state: HostState, host_cell: int, cpu: int) -> list[int]:
    cores = state.cells[state.place[host_cell]].cores
    return next(core for core in cores if cpu in core)


def described(state: HostState, found: Fit | None) -> Any:
    """Nova takes threads of a core in the order of a Python set: cores are compared."""
    if found is None:
        return None
    return [
        (
            one.cell.id,
            one.size,
            {vcpu: core_of(state, one.cell.id, cpu) for vcpu, cpu in one.pins.items()},
            [core_of(state, one.cell.id, cpu) for cpu in one.reserved],
        )
        for one in found.placed
    ]


def recorded(state: HostState, expected: Any) -> Any:
    if expected is None:
        return None
    return [
        (
            one["host_cell"],
            one["pagesize"],
            {
                int(vcpu): core_of(state, one["host_cell"], cpu)
                for vcpu, cpu in one["pinning"].items()
            },
            [core_of(state, one["host_cell"], cpu) for cpu in one["cpuset_reserved"] or ()],
        )
        for one in expected["cells"]
    ]


@pytest.mark.parametrize(
    ("name", "key", "at_least"),
    [
        ("fit", "expect", 1000),
        ("fit_fragile", "expect_afresh", 10),
        ("fit_wide", "expect", 500),
        ("fit_wide_fragile", "expect_afresh", 10),
    ],
)
def test_oracle_places_guests_where_nova_does(name: str, key: str, at_least: int) -> None:
    placed = 0
    for case in cases(name):
        state = HostState(host_from_nova(case["host"], case["pci_stats"]))
        request = request_of(case)
        found = fit(state, request, options_of(case))
        assert described(state, found) == recorded(state, case[key]), case["id"]
        if found is None:
            continue
        placed += 1
        claim = case.get("expect_claim")
        if claim and "usage" in claim:
            assert state.claim(request, found), case["id"]
            usage = [{**cell, "pinned_cpus": len(cell["pinned_cpus"])} for cell in state.usage()]
            for cell in claim["usage"]:
                cell["pinned_cpus"] = len(cell["pinned_cpus"])
                cell["mempages"].sort(key=lambda page: page["size_kb"])
            assert usage == claim["usage"], case["id"]
        elif claim:
            assert claim["error"] == "IndexError" or not state.claim(request, found), case["id"]
    assert placed >= at_least


def test_oracle_serves_devices_as_nova_does() -> None:
    served = refused = 0
    for case in cases("pci"):
        if case["kind"] != "support" or "requests" not in case["expect"]:
            continue
        state = HostState(host_from_nova(case["host"], case["pci_stats"]))
        pci = [PciRequest(**one) for one in case["expect"]["requests"]]
        draws = serve(state, pci, None, case["numa_cells"])
        assert (draws is not None) == case["expect"]["supported"], case["id"]
        if draws is None:
            refused += 1
            continue
        served += 1
        for _request, at, count in draws:
            state._draw(at, count)
        left = [{**pool.props, "count": pool.count} for pool in state.open_pools()]
        assert left == case["expect"]["pools_after"], case["id"]
    assert served > 100
    assert refused > 100
