"""Aggregates' metadata and hypervisors: where they are read, whom nova's filters drop by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, HostInfo, Image, Placement, Refusal, Request
from numafit.errors import InputError, InvalidValue
from numafit.model.host_state import HostState
from numafit.readers.aggregates_json import read_aggregates
from numafit.readers.hostfile import host_from_mapping, host_to_mapping
from numafit.readers.nova_rows import host_from_nova
from numafit.rules.aggregates import Aggregate, Aggregates
from numafit.rules.filters import AGGREGATES, DEFAULT_FILTERS, Filters
from numafit.rules.versions import satisfies

Run = Callable[..., Any]
CELL = {"id": 0, "cpus": "0-7", "memory_mb": 8192}
RESOURCES = {"VCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 100}
HYPERVISOR = {
    "type": "QEMU",
    "version": "8.2.0",
    "instances": ["x86_64 kvm hvm", ["i686", "kvm", "hvm"]],
    "cpu_info": {"vendor": "Intel", "maxphysaddr": {"bits": 46}},
}
WITH_AGGREGATES = Filters((*DEFAULT_FILTERS, AGGREGATES))
SSD = Flavor("ssd", 1, 512, {"aggregate_instance_extra_specs:ssd": "true"})


def host(name: str = "h", **more: Any) -> HostInfo:
    told = {"resources": RESOURCES, "traits": [], "aggregates": [], "zone": "nova"}
    return host_from_mapping({"version": 1, "name": name, "cells": [CELL], **told, **more})


def answer(info: HostInfo, flavor: Flavor = SSD, image: Image | None = None) -> Placement | Refusal:
    return Host(info).fit(Request.for_server(flavor, image, filters=WITH_AGGREGATES))


def why(info: HostInfo, flavor: Flavor = SSD, image: Image | None = None) -> str:
    found = answer(info, flavor, image)
    assert isinstance(found, Refusal), found
    assert found.reason == "host_class"
    return found.message


# --- what a host file says


def test_a_host_file_tells_metadata_and_hypervisor_and_is_written_back() -> None:
    metadata = {"ssd": "true", "gpu": ["a100", "h100, l40"]}
    info = host(aggregate_metadata=metadata, hypervisor=HYPERVISOR)
    assert info.state == HostState(
        {"ssd": frozenset(("true",)), "gpu": frozenset(("a100", "h100", "l40"))},
        (("x86_64", "kvm", "hvm"), ("i686", "kvm", "hvm")),
        "QEMU",
        8002000,
        json.dumps(HYPERVISOR["cpu_info"]),
    )
    assert host_from_mapping(host_to_mapping(info)) == info
    assert host().state == HostState()
    empty = host(aggregate_metadata={})
    assert host_from_mapping(host_to_mapping(empty)) == empty != host()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"aggregate_metadata": ["ssd"]}, "aggregate_metadata"),
        ({"aggregate_metadata": {"ssd": True}}, "aggregate_metadata.ssd"),
        ({"hypervisor": "QEMU"}, "hypervisor"),
        ({"hypervisor": {"typ": "QEMU"}}, "Did you mean 'type'"),
        ({"hypervisor": {"version": "8.2rc1"}}, "hypervisor.version"),
        ({"hypervisor": {"version": 8.2}}, "hypervisor.version"),
        ({"hypervisor": {"instances": ["x86_64 kvm"]}}, "hypervisor.instances[0]"),
        ({"hypervisor": {"instances": ["x86 kvm hvm"]}}, "nova's words"),
        ({"hypervisor": {"cpu_info": "text"}}, "hypervisor.cpu_info"),
    ],
)
def test_what_a_host_file_cannot_say_is_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        host(**more)
    assert words in str(error.value)


# --- whom filters drop


def test_a_host_without_the_metadata_is_dropped_with_filter_and_key() -> None:
    assert why(host(aggregate_metadata={})) == (
        "AggregateInstanceExtraSpecsFilter: aggregate metadata ssd: 'true' wanted, none of the "
        "host's aggregates has this key"
    )
    assert why(host(aggregate_metadata={"ssd": "false, no"})).endswith(
        "aggregate metadata ssd: 'true' wanted, the host's aggregates have 'false', 'no'"
    )
    assert answer(host(aggregate_metadata={"ssd": "false, true"}))


def test_a_number_that_is_none_is_said_where_novas_filter_fails() -> None:
    flavor = Flavor("f", 1, 512, {"rack": ">= 3"})
    assert answer(host(aggregate_metadata={"rack": "3"}), flavor)
    said = why(host(aggregate_metadata={"rack": "three"}), flavor)
    assert "nova's filter fails: could not convert string to float: 'three'" in said


def test_a_filter_that_is_not_switched_on_asks_nothing() -> None:
    info = host(aggregate_metadata={}, hypervisor=HYPERVISOR)
    found = Host(info).fit(Request.for_server(SSD))
    assert isinstance(found, Placement)
    assert found.not_judged == ()
    arm = Request.for_server(
        Flavor("f", 1, 512), Image("i", {"hw_architecture": "aarch64"}), filters=Filters(())
    )
    assert Host(info).fit(arm)


def test_images_ask_for_what_one_kind_of_guest_has_all_of() -> None:
    plain = Flavor("f", 1, 512)
    info = host(hypervisor={**HYPERVISOR, "instances": ["x86_64 kvm hvm", "aarch64 qemu hvm"]})
    assert answer(info, plain, Image("i", {"hw_architecture": "AMD64", "img_hv_type": "kvm"}))
    arm = Image("i", {"hw_architecture": "aarch64", "img_hv_type": "kvm"})
    assert why(info, plain, arm) == (
        "ImagePropertiesFilter: hw_architecture aarch64, img_hv_type kvm wanted, guests that the "
        "host runs: x86_64 kvm hvm; aarch64 qemu hvm"
    )
    new = {"hw_vm_mode": "hvm", "img_hv_requested_version": ">=8.3"}
    assert why(info, plain, Image("i", new)) == (
        "ImagePropertiesFilter: img_hv_requested_version >=8.3 wanted, the host has 8.2.0"
    )
    # nova looks at the version beside one of the others alone
    assert answer(info, plain, Image("i", {"img_hv_requested_version": ">=8.3"}))


def test_capabilities_are_compared_with_what_the_hypervisor_says() -> None:
    info = host(hypervisor=HYPERVISOR)

    def asks(key: str, value: str) -> Flavor:
        return Flavor("f", 1, 512, {key: value})

    assert answer(info, asks("capabilities:cpu_info:maxphysaddr:bits", ">= 46"))
    assert why(info, asks("capabilities:cpu_info:vendor", "AMD")) == (
        "ComputeCapabilitiesFilter: capabilities:cpu_info:vendor 'AMD' wanted, the host has 'Intel'"
    )
    assert "no such fact" in why(info, asks("capabilities:cpu_info:sockets", "2"))
    # hw:maxphysaddr_bits is the same question
    bits = Flavor("f", 1, 512, {"hw:maxphysaddr_mode": "emulate", "hw:maxphysaddr_bits": "48"})
    info = host(hypervisor=HYPERVISOR, traits=["COMPUTE_ADDRESS_SPACE_EMULATED"])
    assert "hw:maxphysaddr_bits '>= 48' wanted, the host has '46'" in why(info, bits)


def test_many_hosts_keep_the_filters_in_scan_capacity_and_claims() -> None:
    states = [{"ssd": "true"}, {"ssd": "false"}, {}, {"ssd": "true"}]
    hosts = [host(f"h{n}", aggregate_metadata=one) for n, one in enumerate(states)]
    fleet = Fleet([*hosts, host("unknown")])
    request = Request.for_server(SSD, filters=WITH_AGGREGATES)
    assert fleet.scan(request).tolist() == [True, False, False, True, True]
    assert fleet.capacity(request).tolist() == [8, 0, 0, 8, 8]
    unknown = "looks at it, and the host's aggregates are not known"
    assert fleet.not_judged(request) == {f"ssd: {AGGREGATES} {unknown}": 1}
    assert {placement.host for placement in fleet.schedule([request] * 8)} <= {0, 3, 4}
    assert {info.name: info.state for info in fleet.hostinfos()} == {
        info.name: info.state for info in [*hosts, host("unknown")]
    }


def test_a_saved_fleet_keeps_what_filters_look_at(tmp_path: Path) -> None:
    infos = [
        host("a", aggregate_metadata={"ssd": "true"}, hypervisor=HYPERVISOR),
        host("b", aggregate_metadata={}),
        host("c"),
    ]
    Fleet(infos).save(tmp_path / "fleet.npz")
    loaded = Fleet.load(tmp_path / "fleet.npz")
    assert [info.state for info in loaded.hostinfos()] == [info.state for info in infos]
    request = Request.for_server(SSD, filters=WITH_AGGREGATES)
    assert loaded.scan(request).tolist() == [True, False, True]


def test_states_are_values_that_are_checked() -> None:
    assert hash(HostState({"a": {"b"}})) == hash(HostState({"a": frozenset("b")}))
    for wrong in (
        {"aggregate_metadata": {"a": "b"}},
        {"instances": [("x86_64", "kvm")]},
        {"instances": "x86_64"},
        {"hypervisor_version": -1},
        {"cpu_info": 3},
    ):
        with pytest.raises(InvalidValue):
            HostState(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("predicate", "good"),
    [
        (">=8.2", True),
        ("==8.2.0.0", True),
        (">8.2rc1", True),
        ("<8.2.post1", True),
        (">8.2.dev1", True),
        ("==8.2+local", False),
        ("<1!0", True),
        (">=6,<8.2", False),
        ("!=8.2", False),
    ],
)
def test_versions_are_in_the_order_of_pep_440(predicate: str, good: bool) -> None:
    assert satisfies(8002000, predicate) is good


# --- rows, and what the client prints


def test_a_row_tells_of_its_hypervisor() -> None:
    row = {
        "supported_instances": '[["AMD64", "kvm", "HVM"]]',
        "hypervisor_type": "QEMU",
        "hypervisor_version": 6002000,
        "cpu_info": '{"vendor": "AMD"}',
        "host": "c1",
    }
    info = host_from_nova(None, name="c1.example.org", node=row)
    assert info.state.instances == (("x86_64", "kvm", "hvm"),)
    assert (info.state.hypervisor_type, info.state.hypervisor_version) == ("QEMU", 6002000)
    assert info.service == "c1"
    decoded = {**row, "supported_instances": [["x86_64", "kvm", "hvm"]]}
    assert host_from_nova(None, name="c1.example.org", node=decoded).state == info.state
    assert host_from_nova(None, node={"cpu_info": "", "hypervisor_version": 0}).state == HostState()
    with pytest.raises(InputError, match="supported_instances"):
        host_from_nova(None, node={**row, "supported_instances": "[[1]]"})


def test_hosts_are_in_aggregates_by_the_name_of_their_service() -> None:
    known = Aggregates([Aggregate("a", frozenset(("c1", "c2.x.org")), {"ssd": "true"})])

    def metadata(name: str, service: str = "") -> Any:
        return known.applied(HostInfo((), name=name, service=service)).state.aggregate_metadata

    has = {"ssd": frozenset(("true",))}
    assert metadata("c1") == metadata("c1.x.org") == metadata("node", "c1") == has
    assert metadata("c1", "c9") == metadata("c3") == {}
    # of two that begin alike it cannot be said which
    both = Aggregates([Aggregate("a", frozenset(("c1.x", "c1.y")), {"ssd": "true"})])
    assert both.applied(HostInfo((), name="c1")).state.aggregate_metadata == {}


LISTED = [
    {
        "ID": 1,
        "Name": "fast",
        "Availability Zone": "az1",
        "Properties": {"ssd": "true"},
        "Hosts": ["c1", "c2"],
    },
    {"ID": 2, "Name": "empty", "Availability Zone": None, "Properties": {}, "Hosts": []},
]
SHOWN = {
    "availability_zone": "az1",
    "hosts": "c1, c2",
    "id": 1,
    "name": "fast",
    "properties": "ssd='true', gpu='a, b'",
}


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_the_client_prints_of_aggregates(tmp_path: Path) -> None:
    fast = Aggregate("fast", frozenset(("c1", "c2")), {"ssd": "true", "availability_zone": "az1"})
    listed = write(tmp_path / "list.json", LISTED)
    assert read_aggregates([listed]) == [fast, Aggregate("empty")]
    # older clients: no hosts in the list, properties as text
    old = [{key: row[key] for key in row if key != "Hosts"} for row in LISTED[:1]]
    write(tmp_path / "list.json", old)
    write(tmp_path / "show.json", SHOWN)
    (found,) = read_aggregates([tmp_path])
    assert found.hosts == fast.hosts
    assert found.metadata == {**(fast.metadata or {}), "gpu": "a, b"}
    with pytest.raises(InputError, match="openstack aggregate show fast"):
        read_aggregates([listed])


@pytest.mark.parametrize(
    "content",
    ["[]x", [3], [{"Name": "a"}], {"hosts": []}, {**SHOWN, "properties": "ssd=true"}, "{}", "3"],
)
def test_what_is_no_list_of_aggregates_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError) as error:
        read_aggregates([write(tmp_path / "a.json", content)])
    assert "a.json" in str(error.value)


# --- on the command line


def test_the_command_line_judges_by_aggregates_and_the_schedulers_filters(
    numafit: Run, tmp_path: Path
) -> None:
    pytest.importorskip("oslo_config")
    hosts = [
        write(tmp_path / f"{name}.json", {"version": 1, "name": name, "cells": [CELL]})
        for name in ("c1", "c2", "c3")
    ]
    flavors = write(
        tmp_path / "flavors.json",
        [{"name": "ssd", "vcpus": 1, "memory_mb": 512, "extra_specs": {"ssd": "true"}}],
    )
    aggregates = write(tmp_path / "aggregates.json", LISTED)
    filters = ",".join((*DEFAULT_FILTERS, AGGREGATES))
    config = write(tmp_path / "nova.conf", f"[filter_scheduler]\nenabled_filters = {filters}\n")
    given = (flavors, *hosts, "--config", config)
    out = numafit("fit", *given, "--aggregates", aggregates).out
    assert "ssd on c1: fits" in out
    refused = "does not fit: AggregateInstanceExtraSpecsFilter: aggregate metadata ssd: 'true'"
    assert f"ssd on c3: {refused}" in out
    assert "not judged" not in out
    assert "ssd on c3: fits" in numafit("fit", *given).out
    # the zone comes along
    out = numafit("fit", *given, "--aggregates", aggregates, "--zone", "az1").out
    assert "ssd on c3: does not fit: availability zone az1 wanted, the host is in nova" in out
    asked = numafit("fit", flavors, *hosts[2:], "--aggregates", aggregates)
    assert "none of the hosts is in one; they have hosts such as c1, and here is c3" in asked.err
