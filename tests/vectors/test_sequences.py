"""Real nova over time: guests come and go on one host, each step answered as nova did."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from numafit import (
    Claim,
    Flavor,
    Host,
    Image,
    Limits,
    Networks,
    Placement,
    PlacementCell,
    Request,
    guest_topology,
    parse_aliases,
    pci_numa_policy,
    pci_requests,
)

DATA = Path(__file__).parent / "data" / "sequences.jsonl.gz"
Case = dict[str, Any]


def cases() -> list[Case]:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def request_of(case: Case, wanted: Case) -> Request:
    flavor, image = Flavor(**wanted["flavor"]), Image(**wanted["image"])
    return Request(
        guest_topology(flavor, image),
        networks=Networks(**wanted["networks"]) if wanted["networks"] and case["limits"] else None,
        pci=pci_requests(
            flavor,
            parse_aliases(case["conf"]["pci_alias"]),
            numa_policy=pci_numa_policy(flavor, image),
        ),
    )


def recorded(expect: Case, request: Request) -> Placement:
    """Nova's own placement, built from its parts."""
    assert request.guest is not None
    return Placement(
        [
            PlacementCell(
                host_cell=cell["host_cell"],
                cpuset=frozenset(cell["cpuset"]),
                pcpuset=frozenset(cell["pcpuset"]),
                pinning={int(vcpu): cpu for vcpu, cpu in (cell["pinning"] or {}).items()},
                pagesize=cell["pagesize"],
                reserved=frozenset(cell["cpuset_reserved"] or ()),
                memory_mb=guest.memory_mb,
                cpu_policy=guest.cpu_policy,
                cpu_thread_policy=guest.cpu_thread_policy,
            )
            for cell, guest in zip(expect["cells"], request.guest.cells, strict=True)
        ],
        pci_requests=request.pci,
    )


def replay(case: Case) -> list[str]:
    """What went differently."""
    host = Host.from_nova(case["host"], case["pci_stats"])
    requests = [request_of(case, wanted) for wanted in case["requests"]]
    limits = Limits(**case["limits"]) if case["limits"] else None
    strategy = "pack" if case["conf"]["pack"] else "spread"
    held: dict[str, Claim] = {}
    wrong = []
    for number, step in enumerate(case["steps"]):
        if step["op"] == "delete":
            host.release(held.pop(step["instance"]))
            continue
        request = requests[step["request"]]
        found = host.fit(request, strategy=strategy, limits=limits)
        expect = step["expect"]
        cells = [cell["host_cell"] for cell in expect["cells"]] if expect else None
        mine = [cell.host_cell for cell in found.cells] if isinstance(found, Placement) else None
        if mine != cells:
            wrong.append(f"step {number}: {mine}, nova {cells}")
        if expect and "claim_error" not in step:
            held[step["instance"]] = host.claim(recorded(expect, request))
        assert host.check() is None
    final = case["expect_final"]
    usage = [{**cell, "pinned_cpus": sorted(cell["pinned_cpus"])} for cell in host.usage()]
    theirs = [
        {
            **cell,
            "pinned_cpus": sorted(cell["pinned_cpus"]),
            "mempages": sorted(cell["mempages"], key=lambda pages: pages["size_kb"]),
        }
        for cell in final["usage"]
    ]
    if usage != theirs:
        wrong.append(f"usage {usage}, nova {theirs}")
    if "pools" in final and [pool.as_dict() for pool in host.pools()] != final["pools"]:
        wrong.append("pools")
    return wrong


def test_sequences_replay_exactly() -> None:
    found = cases()
    wrong = {case["id"]: differences for case in found if (differences := replay(case))}
    assert len(found) == 150
    assert not wrong, f"{len(wrong)}: {list(wrong.items())[:3]}"
