"""Nova judges the oracle of tests/oracle: the same odd worlds, asked of both.

Runs nova in an environment of its own: NUMAFIT_NOVA_PYTHON is the path of a Python that has nova
34. NUMAFIT_FUZZ_CASES and NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import FitOptions, HostInfo, Limits, Request
from tests.oracle.dials import KINDS
from tests.oracle.fit import fit
from tests.oracle.state import Cell, Fit, HostState
from tests.oracle.worlds import world

pytestmark = pytest.mark.nova

HERE = Path(__file__).parent
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "3000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
ASKED = ("unlike", "pci", "siblings", "wide", "everything")


def pairs() -> Iterator[tuple[HostInfo, Request, FitOptions]]:
    """Hosts and guests of the oracle's worlds."""
    number = 0
    while True:
        for kind in ASKED:
            made = world(kind, SEED, number)
            for host in made.hosts:
                for ask in made.asks:
                    if ask.requests[0].guest is not None:
                        yield host, ask.requests[0], ask.options
        number += 1


def plain(host: HostInfo, request: Request, options: FitOptions) -> Any:
    """As nova's scheduler can be asked: no device lists, no modes of our own, both ratios or none,
    properties of devices that are text."""
    pools = host.pci_pools and tuple(replace(pool, devices=()) for pool in host.pci_pools)
    limits = options.limits
    if limits == "host":
        ratios = host.cpu_allocation_ratio, host.ram_allocation_ratio
        limits = None if None in ratios else Limits(*ratios)  # type: ignore[arg-type]
    strategy = "pack" if options.strategy == "pack" else "spread"
    pci, mapping = [one for one in request.pci if one.count >= 0], request.provider_mapping
    ids = [one.request_id or "" for one in pci]
    if any(one != other and one.startswith(other) for one in ids for other in ids):
        mapping = None  # nova takes the groups of the longer id for the shorter one too
    if pools is None or any("numa_node" in spec for one in pci for spec in one.spec):
        pci = []
    return (
        replace(host, pci_pools=pools),
        Request(request.guest, request.networks if limits else None, pci, mapping),
        FitOptions(strategy=strategy, limits=limits),
    )


def question(host: HostInfo, request: Request, options: FitOptions) -> dict[str, Any]:
    assert request.guest is not None
    limits = options.limits
    return {
        "cells": [cell_of(Cell(cell)) for cell in host.cells],
        "guest": [
            {
                "cpuset": sorted(cell.cpuset),
                "pcpuset": sorted(cell.pcpuset),
                "memory_mb": cell.memory_mb,
                "pagesize": cell.pagesize,
                "cpu_policy": cell.cpu_policy,
                "cpu_thread_policy": cell.cpu_thread_policy,
            }
            for cell in request.guest.cells
        ],
        "emulator_threads_policy": request.guest.emulator_threads_policy,
        "limits": isinstance(limits, Limits)
        and {
            "cpu_allocation_ratio": limits.cpu_allocation_ratio,
            "ram_allocation_ratio": limits.ram_allocation_ratio,
        },
        "networks": request.networks
        and {"physnets": sorted(request.networks.physnets), "tunneled": request.networks.tunneled},
        "pools": None if host.pci_pools is None else [pool.as_dict() for pool in host.pci_pools],
        "pci": [
            {
                "count": one.count,
                "spec": list(one.spec),
                "numa_policy": one.numa_policy,
                "alias_name": one.alias_name,
                "request_id": one.request_id,
            }
            for one in request.pci
        ],
        "mapping": request.provider_mapping,
        "pack": options.strategy == "pack",
    }


def cell_of(cell: Cell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "cpuset": sorted(cell.shared),
        "pcpuset": sorted(cell.dedicated),
        "memory_mb": cell.memory,
        "cpu_usage": cell.shared_used,
        "memory_usage": cell.memory_used,
        "pinned_cpus": sorted(cell.pinned),
        "cores": cell.cores,
        "pages": [
            {"size_kb": size, "total": p.total, "used": p.used, "reserved": p.reserved}
            for size, p in cell.pages.items()
        ],
        "physnets": sorted(cell.physnets),
        "tunneled": cell.tunneled,
        "socket": cell.socket,
    }


def cores(state: HostState, cell: int, cpus: list[int]) -> list[list[int]]:
    """Nova takes the threads of a core in the order of a Python set: cores are compared."""
    found = state.cells[state.place[cell]].cores
    return [next(core for core in found if cpu in core) for cpu in cpus]


def differs(state: HostState, request: Request, oracle: Fit | None, nova: Any) -> str | None:
    if oracle is None or nova is None:
        return None if oracle is nova else "one of them refuses"
    for one, (cell, pagesize, pinning, reserved) in zip(oracle.placed, nova["cells"], strict=True):
        pins = sorted((int(vcpu), cpu) for vcpu, cpu in pinning.items())
        mine = sorted(one.pins.items())
        same = (
            (one.cell.id, one.size) == (cell, pagesize or None)
            and [vcpu for vcpu, _cpu in mine] == [vcpu for vcpu, _cpu in pins]
            and cores(state, cell, [cpu for _vcpu, cpu in mine])
            == cores(state, cell, [cpu for _vcpu, cpu in pins])
            and cores(state, cell, sorted(one.reserved)) == cores(state, cell, reserved)
        )
        if not same:
            return "another placement"
    if nova["usage"] == "IndexError":
        return None  # a host without page pools
    taken = state.claim(request, oracle)
    if isinstance(nova["usage"], str):
        return "the oracle takes what nova cannot" if taken else None
    if not taken:
        return "nova takes what the oracle cannot"
    usage = [
        [
            cell["cpu_usage"],
            cell["memory_usage"],
            len(cell["pinned_cpus"]),
            [[page["size_kb"], page["used"]] for page in cell["mempages"]],
        ]
        for cell in state.usage()
    ]
    return None if usage == nova["usage"] else f"another usage: {usage}"


def test_the_oracle_decides_as_real_nova_does_on_odd_worlds() -> None:
    nova = os.environ.get("NUMAFIT_NOVA_PYTHON")
    assert nova, "NUMAFIT_NOVA_PYTHON: expected the path of a Python that has nova"
    assert set(ASKED) <= set(KINDS)
    asked = [plain(*one) for one, _n in zip(pairs(), range(CASES), strict=False)]
    lines = [json.dumps(question(*one)) for one in asked]
    run = subprocess.run(
        [nova, "-W", "ignore", str(HERE / "worlds_oracle.py")],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    outcomes: Counter[bool] = Counter()
    for one, line, text in zip(asked, lines, run.stdout.splitlines(), strict=True):
        host, request, options = one
        state = HostState(host)
        found = fit(state, request, options)
        answer = json.loads(text)
        wrong = differs(state, request, found, answer)
        assert wrong is None, f"{wrong}\n{line}\noracle {found}\nnova {text}"
        outcomes[found is not None] += 1
    assert min(outcomes[True], outcomes[False]) > CASES / 10
