"""Questions about hosts: one fit, guests that come and go, how many fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numafit.claims import Claim
from numafit.errors import StalePlacement
from numafit.fleet import Fleet
from numafit.host import Host
from numafit.model.placement import Placement, PlacementCell
from numafit.model.request import Request
from numafit.replaying.cases import Case
from numafit.replaying.requests import options_of, request_of

Cores = Mapping[int, tuple[int, ...]]


THREADS = "threads"
"""Which thread of each core is taken: beside the answer, for it is left open."""


def fit(case: Case) -> Any:
    """The placement, and the usage of the host after it where the case tells it."""
    host = _host(case)
    found = host.fit(request_of(case), **options_of(case))
    if not isinstance(found, Placement):
        return None
    answer: Case = {"cells": placed(found, cores_of(host))}
    answer[THREADS] = [
        [{str(vcpu): cpu for vcpu, cpu in cell.pinning.items()}, sorted(cell.reserved)]
        for cell in found.cells
    ]
    if "usage" in (case.get("expect_claim") or {}):
        host.claim(found)
        answer["usage"] = used(host.usage())
    return answer


def expected_fit(case: Case, expect: Any) -> Any:
    """Nova's answer in the words of ``fit``: cores in place of threads."""
    if expect is None:
        return None
    cores = cores_of(_host(case))
    answer: Case = {
        "cells": [
            {
                "host_cell": cell["host_cell"],
                "cpuset": sorted(cell["cpuset"]),
                "pcpuset": sorted(cell["pcpuset"]),
                "pagesize": cell["pagesize"],
                "cores": {
                    vcpu: cores[cpu] for vcpu, cpu in sorted((cell["pinning"] or {}).items())
                },
                "reserved": [cores[cpu] for cpu in cell["cpuset_reserved"] or ()],
            }
            for cell in expect["cells"]
        ],
        THREADS: [
            [dict(cell["pinning"] or {}), sorted(cell["cpuset_reserved"] or ())]
            for cell in expect["cells"]
        ],
    }
    if "usage" in (case.get("expect_claim") or {}):
        answer["usage"] = used(case["expect_claim"]["usage"])
    return answer


def placed(placement: Placement, cores: Cores) -> list[Case]:
    """Cells in the vectors' words. Which thread of a core is taken is left open, so that the
    core stands for it."""
    return [
        {
            "host_cell": cell.host_cell,
            "cpuset": sorted(cell.cpuset),
            "pcpuset": sorted(cell.pcpuset),
            "pagesize": cell.pagesize,
            "cores": {
                vcpu: cores[cpu]
                for vcpu, cpu in sorted((str(vcpu), cpu) for vcpu, cpu in cell.pinning.items())
            },
            "reserved": [cores[cpu] for cpu in cell.reserved],
        }
        for cell in placement.cells
    ]


def cores_of(host: Host) -> Cores:
    """CPU id -> its core, as the ids of its threads."""
    found: dict[int, tuple[int, ...]] = {}
    for cell in host.hostinfo.cells:
        for cpu in cell.cpuset | cell.pcpuset | cell.pinned_cpus:
            found[cpu] = (cpu,)
        for core in cell.siblings:
            found.update(dict.fromkeys(core, tuple(sorted(core))))
    return found


def used(usage: list[Case]) -> list[Case]:
    """How many CPUs are pinned, not which: another thread of the same core is as right."""
    return [
        {
            **cell,
            "pinned_cpus": len(cell["pinned_cpus"]),
            "mempages": sorted(cell["mempages"], key=lambda page: int(page["size_kb"])),
        }
        for cell in usage
    ]


def sequence(case: Case) -> Any:
    """The host cells of each boot, and what is in use at the end. Nova's own placements are the
    ones that are taken, so that another thread of a core changes nothing later."""
    host = _host(case)
    requests = [request_of(case, wanted) for wanted in case["requests"]]
    held: dict[str, Claim] = {}
    boots = []
    for step in case["steps"]:
        if step["op"] == "delete":
            host.release(held.pop(step["instance"]))
            continue
        request = requests[step["request"]]
        found = host.fit(request, **options_of(case))
        boots.append(_cells(found))
        if step["expect"] and "claim_error" not in step:
            held[step["instance"]] = host.claim(recorded(step["expect"], request))
    answer: Case = {"boots": boots, "usage": used(host.usage())}
    if "pools" in case["expect_final"]:
        answer["pools"] = [pool.as_dict() for pool in host.pools()]
    return answer


def expected_sequence(case: Case) -> Any:
    boots = [
        [cell["host_cell"] for cell in step["expect"]["cells"]] if step["expect"] else None
        for step in case["steps"]
        if step["op"] == "boot"
    ]
    final = case["expect_final"]
    return {"boots": boots, **final, "usage": used(final["usage"])}


def recorded(expect: Case, request: Request) -> Placement:
    """Nova's own placement, from its parts."""
    guest = request.guest
    return Placement(
        [
            PlacementCell(
                host_cell=cell["host_cell"],
                cpuset=frozenset(cell["cpuset"]),
                pcpuset=frozenset(cell["pcpuset"]),
                pinning={int(vcpu): cpu for vcpu, cpu in (cell["pinning"] or {}).items()},
                pagesize=cell["pagesize"],
                reserved=frozenset(cell["cpuset_reserved"] or ()),
                memory_mb=asked.memory_mb,
                cpu_policy=asked.cpu_policy,
                cpu_thread_policy=asked.cpu_thread_policy,
            )
            for cell, asked in zip(expect["cells"], guest.cells if guest else (), strict=True)
        ],
        pci_requests=request.pci,
    )


def capacity(case: Case) -> Any:
    """How many fit, where each lands, and the usage after the last."""
    host, request, options = _host(case), request_of(case), options_of(case)
    count = Fleet([host]).capacity(request, cap=case["cap"], **options)
    placements: list[list[int] | None] = []
    while len(placements) < case["cap"]:
        found = host.fit(request, **options)
        if not isinstance(found, Placement):
            break
        try:
            host.claim(found)
        except StalePlacement:
            break
        placements.append(_cells(found))
    return {"count": int(count[0]), "placements": placements, "usage": used(host.usage())}


def expected_capacity(case: Case) -> Any:
    return {**case["expect"], "usage": used(case["expect"]["usage"])}


def _cells(found: Any) -> list[int] | None:
    return [cell.host_cell for cell in found.cells] if isinstance(found, Placement) else None


def _host(case: Case) -> Host:
    return Host.from_nova(case["host"], case.get("pci_stats"))
