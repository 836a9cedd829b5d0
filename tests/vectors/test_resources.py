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
        [
            group.suffix,
            dict(sorted(group.resources.items())),
            sorted(group.required),
            sorted(group.forbidden),
        ]
        for group in found.groups
    ]
    return {"groups": sorted(groups), "policy": found.group_policy}


def test_placement_is_asked_for_what_nova_asked_it_for() -> None:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases:
        assert asked(case) == case["nova"], case
    assert len(cases) == 5_000
    assert sum("groups" in case["nova"] for case in cases) > 1_250
