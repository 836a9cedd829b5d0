"""Real nova's counts: the same guest placed again and again until it no longer fits."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from numafit import (
    Flavor,
    Fleet,
    Host,
    Image,
    Limits,
    Networks,
    Placement,
    Request,
    StalePlacement,
    guest_topology,
    parse_aliases,
    pci_numa_policy,
    pci_requests,
)
from numafit.planning.headroom import headroom

DATA = Path(__file__).parent / "data" / "capacity.jsonl.gz"
Case = dict[str, Any]


def cases() -> list[Case]:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def request_of(case: Case) -> Request:
    flavor, image = Flavor(**case["flavor"]), Image(**case["image"])
    return Request(
        guest_topology(flavor, image),
        networks=Networks(**case["networks"]) if case["networks"] and case["limits"] else None,
        pci=pci_requests(
            flavor,
            parse_aliases(case["conf"]["pci_alias"]),
            numa_policy=pci_numa_policy(flavor, image),
        ),
    )


def options(case: Case) -> dict[str, Any]:
    return {
        "strategy": "pack" if case["conf"]["pack"] else "spread",
        "limits": Limits(**case["limits"]) if case["limits"] else None,
    }


def test_counts_are_those_of_nova() -> None:
    wrong = []
    found = cases()
    for case in found:
        host = Host.from_nova(case["host"], case["pci_stats"])
        count = Fleet([host]).capacity(request_of(case), cap=case["cap"], **options(case))
        if int(count[0]) != case["expect"]["count"]:
            wrong.append((case["id"], int(count[0]), case["expect"]["count"]))
    assert len(found) == 300
    assert not wrong, wrong[:5]


def test_headroom_reaches_what_nova_does() -> None:
    wrong = []
    for case in cases():
        fleet = Fleet([Host.from_nova(case["host"], case["pci_stats"])])
        found = headroom(fleet, {"it": request_of(case)}, cap=case["cap"], **options(case))
        reached, most = int(found.reached[0, 0]), int(found.most[0, 0])
        if reached != case["expect"]["count"] or most < reached:
            wrong.append((case["id"], reached, most, case["expect"]["count"]))
    assert not wrong, wrong[:5]


def test_placements_and_final_usage_are_those_of_nova() -> None:
    wrong = []
    for case in cases():
        host = Host.from_nova(case["host"], case["pci_stats"])
        request = request_of(case)
        placements = []
        while len(placements) < case["cap"]:
            placement = host.fit(request, **options(case))
            if not isinstance(placement, Placement):
                break
            try:
                host.claim(placement)
            except StalePlacement:
                break
            placements.append([cell.host_cell for cell in placement.cells])
        expect = case["expect"]
        usage = [{**cell, "pinned_cpus": len(cell["pinned_cpus"])} for cell in host.usage()]
        theirs = [
            {
                **cell,
                "pinned_cpus": len(cell["pinned_cpus"]),
                "mempages": sorted(cell["mempages"], key=lambda pages: pages["size_kb"]),
            }
            for cell in expect["usage"]
        ]
        if placements != expect["placements"] or usage != theirs:
            wrong.append(case["id"])
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"
