"""numafit check --flavors: values that nova refuses or passes over, as 'fit' has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
ALIAS = (
    'alias = {"name": "gpu", "vendor_id": "10de", "product_id": "1db4", "device_type": "type-PCI"}'
)

SPECS: dict[str, Any] = {"extra_specs": {}}


@pytest.fixture
def check(numafit: Run, tmp_path: Path) -> Run:
    """``check`` of flavors of 4 vCPUs, by name; the findings and the exit status."""

    def run(specs: dict[str, dict[str, str]], *options: object) -> tuple[list[Any], int]:
        flavors = [
            {"name": name, "vcpus": 4, "ram": 2048, "extra_specs": each}
            for name, each in specs.items()
        ]
        (tmp_path / "flavors.json").write_text(json.dumps(flavors))
        done = numafit("check", "--flavors", tmp_path / "flavors.json", *options, "--format=json")
        return json.loads(done.out), done.status

    return run


@pytest.mark.parametrize(
    ("said", "specs"),
    [
        ("hw:cpu_policy", {"hw:cpu_policy": "dedicted"}),
        ("hw:numa_nodes", {"hw:numa_nodes": "two"}),
        ("hw:cpu_dedicated_mask", {"hw:cpu_policy": "mixed"}),
        (
            "hw:cpu_realtime_mask",
            {
                "hw:cpu_policy": "dedicated",
                "hw:cpu_realtime": "yes",
                "hw:cpu_realtime_mask": "0-9",
            },
        ),
        (
            "4 vCPUs",
            {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "2", "hw:cpu_max_threads": "1"},
        ),
    ],
)
def test_a_flavor_that_nova_refuses_is_an_error(
    check: Run, said: str, specs: dict[str, str]
) -> None:
    found, status = check({"sound": {}, "broken": specs})
    assert status == 1
    (one,) = found
    assert (one["severity"], one["rule"], one["where"]) == (
        "error",
        "flavor-refused",
        "flavor broken",
    )
    assert said in one["what"]


def test_a_value_that_nova_passes_over_is_a_warning_of_all_its_flavors(check: Run) -> None:
    found, status = check(
        {"a": {"trait:HW_CPU_X86_AVX2": "yes"}, "b": {"trait:HW_CPU_X86_AVX2": "yes"}}
    )
    assert status == 0
    (one,) = found
    assert (one["severity"], one["where"]) == ("warning", "flavors a, b")
    assert one["what"].startswith("nova passes over trait:HW_CPU_X86_AVX2: ")


def test_an_alias_is_an_error_where_the_configuration_is_known_and_lacks_it(
    check: Run, tmp_path: Path
) -> None:
    flavors = {"gpu": {"pci_passthrough:alias": "gpu:1"}}
    host = tmp_path / "host.json"
    cell = {"id": 0, "cpus": "0-5", "memory_mb": 8192}
    host.write_text(json.dumps({"version": 1, "name": "h", "cells": [cell]}))
    conf = tmp_path / "nova.conf"
    assert check(flavors) == ([], 0)
    conf.write_text(f"[pci]\n{ALIAS}\n")
    found, _status = check(flavors, host, "--config", conf)
    assert "flavor-refused" not in [one["rule"] for one in found]
    conf.write_text("[DEFAULT]\n")
    found, status = check(flavors, host, "--config", conf)
    assert status == 1
    assert "gpu" in next(one["what"] for one in found if one["rule"] == "flavor-refused")


def test_strict_says_that_it_made_the_status(numafit: Run, tmp_path: Path) -> None:
    flavor = {"name": "f", "vcpus": 4, "ram": 2048, "extra_specs": {"hw:cpu_polcy": "dedicated"}}
    (tmp_path / "flavors.json").write_text(json.dumps(flavor))
    arguments = ("check", "--flavors", tmp_path / "flavors.json")
    done = numafit(*arguments, "--strict")
    assert done.status == 2
    assert done.out.endswith("1 warning\n")
    assert done.err == "numafit: 1 name that nova does not know, and --strict was given\n"
    done = numafit(*arguments)
    assert (done.status, done.err) == (0, "")


def test_nothing_to_say_names_what_was_looked_at(numafit: Run, tmp_path: Path) -> None:
    flavors, image, host = (tmp_path / f"{name}.json" for name in ("flavors", "image", "host"))
    flavors.write_text(json.dumps([{"name": name, "vcpus": 1, "ram": 64} | SPECS for name in "ab"]))
    image.write_text(json.dumps({"name": "i", "properties": {}}))
    cell = {"id": 0, "cpus": "0-5", "memory_mb": 8192}
    host.write_text(json.dumps({"version": 1, "name": "h", "cells": [cell]}))
    for given, said in (
        (("--flavors", flavors), "2 flavors"),
        (("--flavors", flavors, "--image", image), "2 flavors and 1 image"),
        ((host, host), "2 hosts"),
        (("--flavors", flavors, "--image", image, host), "2 flavors, 1 image and 1 host"),
    ):
        assert numafit("check", *given).out == f"nothing to report for {said}\n"
