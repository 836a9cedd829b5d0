"""Real nova's answers about PCI: addresses, device specs, aliases, pools. ``support`` is in
test_fit.py. Through the public names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    DeviceSpec,
    Flavor,
    Image,
    InvalidRequest,
    PciAddress,
    parse_aliases,
    parse_device_specs,
    pci_numa_policy,
    pci_requests,
    pools_from_devices,
)

DATA = Path(__file__).parent / "data" / "pci.jsonl.gz"
Case = dict[str, Any]


def cases(kind: str) -> list[Case]:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        return [case for case in map(json.loads, lines) if case["kind"] == kind]


def parse_address(case: Case) -> Any:
    return {"fields": list(PciAddress.parse(case["address"]).fields)}


def address(case: Case) -> Any:
    text = json.dumps({"address": case["spec_address"]})
    spec = DeviceSpec.parse(text, **case["sysfs"])
    return {"match": spec.match(case["device"]) is not None}


def device_spec(case: Case) -> Any:
    conf = case["conf"]
    specs = [
        DeviceSpec.parse(text, **case["sysfs"], report_in_placement=conf["report_in_placement"])
        for text in conf["device_spec"]
    ]
    return {"matches": [first_match(specs, device) for device in case["devices"]]}


def first_match(specs: list[DeviceSpec], device: Case) -> Any:
    try:
        for spec in specs:
            tags = spec.match(device)
            if tags is not None:
                return {"tags": tags}
    except InvalidRequest as error:
        return {"error": error.nova_exception}
    return None


def alias(case: Case) -> Any:
    flavor, image = Flavor(**case["flavor"]), Image(**case["image"])
    requests = pci_requests(
        flavor,
        parse_aliases(case["conf"]["pci_alias"]),
        numa_policy=pci_numa_policy(flavor, image),
    )
    return {
        "requests": [
            {
                "count": request.count,
                "spec": list(request.spec),
                "alias_name": request.alias_name,
                "numa_policy": request.numa_policy,
            }
            for request in requests
        ]
    }


def pools(case: Case) -> Any:
    specs = parse_device_specs(case["conf"]["device_spec"])
    return {"pools": [pool.as_dict() for pool in pools_from_devices(case["devices"], specs)]}


ANSWERS = {
    "parse_address": (parse_address, 96),
    "address": (address, 164),
    "device_spec": (device_spec, 400),
    "alias": (alias, 360),
    "pools": (pools, 80),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_pci_agrees_with_nova(kind: str) -> None:
    answer, count = ANSWERS[kind]
    wrong = []
    found = cases(kind)
    for case in found:
        try:
            got = answer(case)
        except InvalidRequest as error:
            got = {"error": error.nova_exception}
        if got != case["expect"]:
            wrong.append((case["id"], got, case["expect"]))
    assert len(found) == count
    assert not wrong, f"{len(wrong)} of {count}; the first: {wrong[:3]}"
