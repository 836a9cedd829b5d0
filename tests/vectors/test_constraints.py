"""Real nova's answers: flavors and images to guest topologies, CPU topologies and multiqueue."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    Flavor,
    GuestTopology,
    Image,
    InvalidRequest,
    cpu_topology,
    guest_topology,
    multiqueue,
    pci_numa_policy,
)

DATA = Path(__file__).parent / "data"
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def in_their_words(guest: GuestTopology | None) -> Case | None:
    if guest is None:
        return None
    return {
        "cells": [
            {
                "id": n,
                "cpuset": sorted(cell.cpuset),
                "pcpuset": sorted(cell.pcpuset),
                "memory_mb": cell.memory_mb,
                "pagesize": cell.pagesize,
                "cpu_policy": cell.cpu_policy,
                "cpu_thread_policy": cell.cpu_thread_policy,
            }
            for n, cell in enumerate(guest.cells)
        ],
        "emulator_threads_policy": guest.emulator_threads_policy,
    }


def topology(flavor: Flavor, image: Image, case: Case) -> Case:
    return {"topology": in_their_words(guest_topology(flavor, image))}


def sockets_cores_threads(flavor: Flavor, image: Image, case: Case) -> Case:
    return cpu_topology(flavor, image, allow_threads=case["allow_threads"])._asdict()


def queues_or_policy(flavor: Flavor, image: Image, case: Case) -> Case:
    if case["kind"] == "multiqueue":
        return {"value": multiqueue(flavor, image).enabled}
    assert case["kind"] == "pci_numa_policy"
    return {"value": pci_numa_policy(flavor, image)}


@pytest.mark.parametrize(
    ("name", "count", "ask"),
    [
        ("constraints", 3000, topology),
        ("cpu_topology", 800, sockets_cores_threads),
        ("multiqueue", 300, queues_or_policy),
    ],
)
def test_agrees_with_nova(name: str, count: int, ask: Callable[..., Case]) -> None:
    """The value, or the name of nova's error and the stage at which it is raised."""
    wrong = []
    kinds: Counter[str] = Counter()
    for case in cases(name):
        flavor, image = Flavor(**case["flavor"]), Image(**case["image"])
        try:
            found = ask(flavor, image, case)
        except InvalidRequest as refusal:
            found = {"error": refusal.nova_exception, "stage": refusal.stage}
        kinds["error" if "error" in case["expect"] else "value"] += 1
        if found != case["expect"]:
            wrong.append((case["id"], found, case["expect"]))
    assert kinds.total() == count
    assert min(kinds["error"], kinds["value"]) > count // 20  # the file tries both
    assert not wrong, f"{len(wrong)} of {count}; the first: {wrong[:3]}"


ASKERS = {
    "constraints": topology,
    "cpu_topology": sockets_cores_threads,
    "multiqueue": queues_or_policy,
}


def numberless(key: str) -> str:
    """``hw:numa_cpus.1`` and its like are named as one."""
    return re.sub(r"\.(\d+|N)$", "", key)


def refused(ask: Callable[..., Case], case: Case) -> InvalidRequest | None:
    try:
        ask(Flavor(**case["flavor"]), Image(**case["image"]), case)
    except InvalidRequest as error:
        return error
    return None


def test_errors_name_keys_that_nova_has_and_the_value_that_was_given() -> None:
    everything = [(ask, case) for name, ask in ASKERS.items() for case in cases(name)]
    known = {
        numberless(key)
        for _, case in everything
        for key in (*case["flavor"]["extra_specs"], *case["image"]["properties"])
    }
    assert len(known) > 40
    errors = 0
    for ask, case in everything:
        if (error := refused(ask, case)) is None:
            continue
        errors += 1
        asked = case["flavor"]["extra_specs"], case["image"]["properties"]
        given = [str(one[error.key]) for one in asked if error.key in one]
        said = re.findall(r"\bhw[:_]\w+", str(error))
        assert {numberless(error.key), *said} <= known, (case["id"], str(error))
        assert error.key in str(error), case["id"]
        if error.value is None:
            assert "is not set" in str(error), case["id"]
            assert not given, case["id"]
        elif given and isinstance(error.value, str):
            assert error.value in given, (case["id"], str(error))
    assert errors > 1500
