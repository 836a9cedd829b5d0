"""What nova 34's ``ResourceRequest`` made of flavors and images, recorded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from numafit import Flavor, Image
from numafit.errors import InvalidRequest
from numafit.rules.resources import resources_of

DATA = Path(__file__).parent / "data" / "resources.jsonl.gz"


def asked(case: dict[str, Any]) -> dict[str, Any]:
    flavor, image = case["flavor"], case["image"]
    try:
        found = resources_of(
            Flavor(
                flavor["name"],
                flavor["vcpus"],
                flavor["memory_mb"],
                flavor["extra_specs"],
                disk_gb=flavor["root_gb"],
                ephemeral_gb=flavor["ephemeral_gb"],
                swap_mb=flavor["swap"],
            ),
            Image(image["name"], image["properties"]),
            volume_backed=case["volume_backed"],
        )
    except InvalidRequest as error:
        return {"error": error.nova_exception, "stage": error.stage}
    groups = [
        [group.suffix, dict(group.resources), sorted(group.required), sorted(group.forbidden)]
        for group in found.groups
    ]
    return {"groups": sorted(groups, key=str), "policy": found.group_policy}


def test_placement_is_asked_for_what_nova_asked_it_for() -> None:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases:
        nova = dict(case["nova"])
        if "groups" in nova:
            nova["groups"] = sorted(nova["groups"], key=str)
            found = asked(case)
            by_suffix = {group[0]: group[1:] for group in found["groups"]}
            assert by_suffix == {group[0]: group[1:] for group in nova["groups"]}, case
            assert found["policy"] == nova["policy"]
        else:
            assert asked(case) == nova, case
    assert len(cases) > 1000
