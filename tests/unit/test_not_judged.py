"""What answers leave open is said: on placements, for many hosts, and below the tables."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, Image, Placement, Request
from numafit.model.hostinfo import HostInfo
from numafit.readers.hostfile import host_from_mapping
from numafit.rules.filters import Filters, filters_not_judged

Run = Callable[..., Any]
CELL = {"id": 0, "cpus": "0-7", "memory_mb": 8192}
ALL = {"VCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 100}


def host(**more: Any) -> HostInfo:
    return host_from_mapping({"version": 1, "name": "h", "cells": [CELL], **more})


def left_open(info: HostInfo, specs: dict[str, str], image: Image | None = None) -> Any:
    found = Host(info).fit(Request.for_server(Flavor("f", 1, 512, specs, disk_gb=5), image))
    assert isinstance(found, Placement), found
    return found.not_judged


def test_nothing_is_left_open_where_everything_is_told() -> None:
    assert left_open(host(resources=ALL, traits=[], aggregates=[]), {}) == ()


@pytest.mark.parametrize(
    ("more", "specs", "said"),
    [
        ({}, {}, "VCPU: the host's inventories are not known"),
        (
            {"resources": ALL, "other_classes": ["VGPU"]},
            {"resources:VGPU": "1"},
            "VGPU: another provider of the host may have it",
        ),
        (
            {"resources": ALL},
            {"trait:CUSTOM_GOLD": "required"},
            "traits CUSTOM_GOLD: the host's are not known",
        ),
        (
            {"resources": ALL},
            {"accel:device_profile": "fpga"},
            "device profile fpga: Cyborg's devices are not looked at",
        ),
        (
            {"resources": ALL},
            {"capabilities:hypervisor_type": "QEMU"},
            "capabilities:hypervisor_type: ComputeCapabilitiesFilter looks at it, and the host's "
            "hypervisor is not known",
        ),
        (
            {"resources": ALL},
            {"capabilities:num_instances": "<= 20"},
            "capabilities:num_instances: ComputeCapabilitiesFilter looks at it",
        ),
        (
            {"resources": {**ALL, "CUSTOM_A": 4}},
            {"resources1:CUSTOM_A": "1", "resources2:CUSTOM_A": "1", "group_policy": "isolate"},
            "groups 1, 2: each wants a provider of its own, one was looked at",
        ),
    ],
)
def test_each_kind_is_said(more: dict[str, Any], specs: dict[str, str], said: str) -> None:
    assert said in left_open(host(**more), specs)


def test_what_an_image_asks_of_filters_is_said() -> None:
    image = Image(properties={"hw_architecture": "aarch64"})
    said = (
        "hw_architecture: ImagePropertiesFilter looks at it, and the host's hypervisor is not known"
    )
    assert left_open(host(resources=ALL), {}, image) == (said,)


def test_bits_of_an_image_are_named() -> None:
    properties = {"hw_architecture": "x86_64", "hw_maxphysaddr_bits": "42"}
    flavor, image = Flavor("f", 1, 512), Image(properties=properties)
    said = "hw_maxphysaddr_bits: ImagePropertiesFilter looks at it"
    assert list(filters_not_judged(flavor, image)) == [said]
    # nova looks at them beside one of the others alone
    alone = Image(properties={"hw_maxphysaddr_bits": "42"})
    assert list(filters_not_judged(flavor, alone)) == []


def test_a_request_that_does_not_speak_of_placement_says_so() -> None:
    placement = Host(host()).fit(Request(None, pci=[]))
    assert isinstance(placement, Placement)
    assert placement.not_judged == ("the request does not say what it asks of placement",)


def test_it_outlives_a_pickle_and_is_nothing_on_placements_of_parts() -> None:
    placement = Host(host()).fit(Request.for_server(Flavor("f", 1, 512)))
    assert placement.not_judged
    assert pickle.loads(pickle.dumps(placement)).not_judged == placement.not_judged
    assert Placement().not_judged == ()


def test_many_hosts_are_counted_and_those_ruled_out_are_not() -> None:
    told = host(resources=ALL)
    fleet = Fleet([told, host(), host(), host(disabled="maintenance")])
    request = Request.for_server(Flavor("f", 1, 512))
    assert fleet.not_judged(request) == {
        "VCPU: the host's inventories are not known": 2,
        "MEMORY_MB: the host's inventories are not known": 2,
    }
    assert fleet.not_judged(fleet.prepare(request), hosts=[0]) == {}
    assert Host(told).not_judged(request) == ()


def test_filters_of_an_operator_are_named() -> None:
    flavor = Flavor("f", 1, 512, {"ssd": "true", "hw:cpu_policy": "dedicated"})
    enabled = (
        "ComputeFilter",
        "NUMATopologyFilter",
        "ServerGroupAntiAffinityFilter",
        "AggregateInstanceExtraSpecsFilter",
        "IoOpsFilter",
        "ourcloud.filters.RackFilter",
    )
    others = "filters IoOpsFilter, RackFilter: switched on by [filter_scheduler] enabled_filters"
    assert list(filters_not_judged(flavor, None, Filters(enabled))) == [others]
    assert list(filters_not_judged(Flavor("f", 1, 512), None, Filters(enabled[:4]))) == []
    found = Host(host(resources=ALL)).fit(Request.for_server(flavor, filters=Filters(enabled)))
    assert isinstance(found, Placement)
    unknown = "looks at it, and the host's aggregates are not known"
    assert found.not_judged == (others, f"ssd: AggregateInstanceExtraSpecsFilter {unknown}")
    # nova's defaults look at what neither flavor nor image says
    assert list(filters_not_judged(flavor)) == []


# --- on the command line


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Flavors, a host and a nova.conf."""
    flavors = [
        {"name": "plain", "vcpus": 1, "memory_mb": 512},
        {"name": "disk", "vcpus": 1, "memory_mb": 512, "disk_gb": 5},
        {"name": "huge", "vcpus": 100, "memory_mb": 512, "disk_gb": 5},
    ]
    files = {
        "flavors.json": json.dumps(flavors),
        "h.json": json.dumps({"version": 1, "name": "h", "cells": [CELL]}),
        "nova.conf": "[filter_scheduler]\nenabled_filters = ComputeFilter,MetricsFilter\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    flavors_file, host_file, config = (tmp_path / name for name in files)
    return flavors_file, host_file, config


DERIVED = "derived from the hosts, as nova-compute reports them: MEMORY_MB, VCPU\n"


@pytest.mark.parametrize("command", ["fit", "capacity"])
def test_a_line_of_each_kind_stands_below_the_answers(
    numafit: Run, asked: tuple[Path, Path, Path], command: str
) -> None:
    flavors, path, config = asked
    out = numafit(command, flavors, path).out
    notes = f"not judged: DISK_GB: the source of the host does not say (disk)\n{DERIVED}"
    assert out.endswith(notes)
    # a flavor that fits nowhere leaves nothing open
    out = numafit(command, flavors, path, "--flavor", "huge").out
    assert "not judged" not in out
    pytest.importorskip("oslo_config")
    out = numafit(command, flavors, path, "--config", config, "--flavor", "plain").out
    said = "not judged: filter MetricsFilter: switched on by [filter_scheduler] enabled_filters\n"
    assert out.endswith(said + DERIVED)


def test_programs_are_told_too(numafit: Run, asked: tuple[Path, Path, Path]) -> None:
    flavors, path, _config = asked
    said = "DISK_GB: the source of the host does not say"
    plain, disk, huge = json.loads(numafit("fit", flavors, path, "--format", "json").out)
    assert (plain["not_judged"], disk["not_judged"]) == ([], [said])
    assert plain["derived"] == ["MEMORY_MB", "VCPU"]
    assert "not_judged" not in huge
    answer = json.loads(numafit("capacity", flavors, path, "--format", "json").out)
    assert answer["derived"] == ["MEMORY_MB", "VCPU"]
    assert [one["not_judged"] for one in answer["flavors"]][:2] == [
        [],
        [{"what": said, "hosts": 1}],
    ]
    done = numafit("capacity", flavors, path, "--format", "csv")
    assert "not judged" not in done.out
    assert said in done.err
