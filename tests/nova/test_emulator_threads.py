"""Random guests where they land: the host CPUs of their vCPUs and emulator threads are those that
nova's libvirt driver writes into the domain. ``test_nova_conf.py`` says how to run it.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Host, Placement, Request
from numafit.cpuset import format_cpu_list
from numafit.model.hostinfo import HostInfo
from numafit.readers.libvirt import read_capabilities
from numafit.readers.nova_conf import read_nova_conf
from numafit.rules.cpu_policy import realtime_vcpus
from numafit.rules.emulator_threads import emulator_threads, vcpu_cpus
from numafit.rules.extra_specs import asked_for
from numafit.rules.nova_config import apply_config
from tests.nova.test_nova_conf import CASES, SEED, ask_nova, capabilities, host

pytestmark = pytest.mark.nova


def flavor(chance: random.Random) -> Flavor:
    vcpus = chance.choice([2, 4, 6])
    specs = {"hw:numa_nodes": str(chance.choice([1, 1, 2]))}
    policy = chance.choice(["shared", "dedicated", "dedicated", "mixed"])
    specs["hw:cpu_policy"] = policy
    if policy == "mixed":
        specs["hw:cpu_dedicated_mask"] = "^0"
    if policy != "shared" and chance.random() < 0.7:
        specs["hw:emulator_threads_policy"] = chance.choice(["share", "share", "isolate"])
    elif policy == "shared" and chance.random() < 0.3:
        specs["hw:emulator_threads_policy"] = "share"
    if policy == "dedicated" and chance.random() < 0.4:
        specs |= {"hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0-1"}
    if specs.get("hw:cpu_realtime") and vcpus == 2:
        specs["hw:cpu_realtime_mask"] = "^0"
    return Flavor("f", vcpus, 256, specs)


def sets(chance: random.Random, made: HostInfo) -> str:
    """No CPU sets, those of ``[compute]``, one of them, or the old ``vcpu_pin_set``."""
    cpus = sorted(frozenset().union(*(cell.cpuset for cell in made.cells)))
    some = frozenset(cpu for cpu in cpus if chance.random() < 0.3) or frozenset(cpus[:1])
    rest = frozenset(cpus) - some or some
    kind = chance.choice(["none", "both", "both", "dedicated", "old", "old and shared"])
    pin_set = f"[DEFAULT]\nvcpu_pin_set = {format_cpu_list(rest)}\n"
    shared = f"[compute]\ncpu_shared_set = {format_cpu_list(some)}\n"
    return {
        "none": "",
        "both": f"{shared}cpu_dedicated_set = {format_cpu_list(rest)}\n" if rest - some else "",
        "dedicated": f"[compute]\ncpu_dedicated_set = {format_cpu_list(rest)}\n",
        "old": pin_set,
        "old and shared": pin_set + shared,
    }[kind]


def question(text: str, config: str, asked: Flavor, found: Placement) -> dict[str, Any]:
    cells = [
        {
            "host_cell": cell.host_cell,
            "cpuset": sorted(cell.cpuset),
            "pcpuset": sorted(cell.pcpuset),
            "memory_mb": cell.memory_mb,
            "pinning": dict(cell.pinning),
            "reserved": sorted(cell.reserved),
        }
        for cell in found.cells
    ]
    guest = {
        "vcpus": asked.vcpus,
        "memory_mb": asked.memory_mb,
        "extra_specs": dict(asked.extra_specs),
        "cells": cells,
    }
    return {"config": config, "capabilities": text, "guest": guest}


def test_cpus_of_vcpus_and_emulator_threads_are_novas(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    questions, mine = [], []
    while len(questions) < CASES:
        made, asked = host(chance), flavor(chance)
        text, config = capabilities(made), sets(chance, made)
        (tmp_path / "caps.xml").write_text(text)
        (tmp_path / "nova.conf").write_text(config)
        read = read_nova_conf(tmp_path / "nova.conf")
        info = apply_config(read_capabilities(tmp_path / "caps.xml"), read)
        request = Request.for_server(asked)
        found = Host(info).fit(request)
        if not isinstance(found, Placement) or request.guest is None:
            continue
        realtime = realtime_vcpus(asked_for(asked, None))
        shared = read.cpu_shared_set
        questions.append(question(text, config, asked, found))
        mine.append(
            (
                emulator_threads(request.guest, realtime, found, info, shared),
                {str(vcpu): sorted(on) for vcpu, on in vcpu_cpus(found, info).items()},
            )
        )
    answers = ask_nova("".join(json.dumps(one) + "\n" for one in questions))
    seen = Counter[str]()
    for asked_of, (emulator, vcpus), nova in zip(questions, mine, answers, strict=True):
        assert (sorted(emulator.cpus), vcpus) == (nova["emulator"], nova["vcpus"]), asked_of
        seen[emulator.whose] += 1
    assert set(seen) == {"reserved", "shared", "vcpus", "not_realtime"}
    assert min(seen.values()) > CASES // 40
