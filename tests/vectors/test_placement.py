"""Which hosts real placement took for candidates, recorded; tests/nova asks it anew."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from numafit import Flavor, Fleet, Image, Request
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Inventory, Provider
from numafit.rules.resources import resources_of

DATA = Path(__file__).parent / "data" / "placement.jsonl.gz"


def fleet_of(world: dict[str, Any]) -> Fleet:
    return Fleet(
        HostInfo(
            (),
            host["name"],
            provider=Provider(
                {name: Inventory(**one) for name, one in host["inventories"].items()},
                frozenset(host["traits"]),
                frozenset(host["aggregates"]),
                frozenset(),
            ),
        )
        for host in world["hosts"]
    )


def request_of(question: dict[str, Any]) -> Request:
    flavor = question["flavor"]
    resources = resources_of(
        Flavor(
            "f",
            flavor["vcpus"],
            flavor["memory_mb"],
            flavor["extra_specs"],
            disk_gb=flavor["root_gb"],
            ephemeral_gb=flavor["ephemeral_gb"],
            swap_mb=flavor["swap"],
        ),
        Image(),
        volume_backed=question["volume_backed"],
    )
    return Request(
        None,
        resources=replace(
            resources,
            member_of=tuple(map(frozenset, question["member_of"])),
            forbidden_aggregates=frozenset(question["forbidden_aggregates"]),
        ),
    )


def candidates(world: dict[str, Any]) -> list[list[str]]:
    """The names of the hosts that fit, question by question."""
    fleet = fleet_of(world)
    answers = []
    for question in world["questions"]:
        fits = fleet.scan(request_of(question))
        answers.append(sorted(name for name, fit in zip(fleet.names, fits, strict=True) if fit))
    return answers


def test_the_candidates_are_those_that_placement_found() -> None:
    judged, taken = 0, 0
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        for line in lines:
            world = json.loads(line)
            found = candidates(world)
            for question, placement, ours in zip(
                world["questions"], world["candidates"], found, strict=True
            ):
                assert ours == (placement or []), question
                judged += len(world["hosts"])
                taken += len(ours)
    assert judged == 20_000
    assert 2_000 < taken < 18_000
