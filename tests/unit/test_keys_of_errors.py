"""Where flavor or image may say it, an error names the one that did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from numafit import (
    Flavor,
    HostCell,
    HostInfo,
    Image,
    InvalidRequest,
    PagePool,
    Port,
    Request,
    cpu_topology,
    guest_topology,
)
from numafit.errors import InvalidValue
from numafit.rules.pci_alias import Aliases

TOO_LARGE = str(1 << 64)


@pytest.mark.parametrize(
    ("specs", "properties", "key"),
    [
        ({"hw:numa_nodes": "0"}, {}, "hw:numa_nodes"),
        ({}, {"hw_numa_nodes": "0"}, "hw_numa_nodes"),
        ({"hw:mem_page_size": TOO_LARGE}, {}, "hw:mem_page_size"),
        ({"hw:mem_page_size": "any"}, {"hw_mem_page_size": TOO_LARGE}, "hw_mem_page_size"),
    ],
)
def test_the_key_is_that_of_the_value(
    specs: dict[str, str], properties: dict[str, str], key: str
) -> None:
    with pytest.raises(InvalidRequest) as fault:
        guest_topology(Flavor("f", 1, 512, specs), Image("i", properties))
    assert fault.value.key == key
    assert str(fault.value.value) == ({**specs, **properties})[key]


CELL: Any = HostCell(0, frozenset({0}), frozenset({0}), 1)
PINNED = {"hw:cpu_policy": "dedicated"}
ENCRYPTED = {"hw:mem_encryption": "true"}
TDX = {**ENCRYPTED, "hw:mem_encryption_model": "intel-tdx"}
UEFI = {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}


@pytest.mark.parametrize(
    ("specs", "properties", "key"),
    [
        ({"hw:cpu_policy": "some"}, {}, "hw:cpu_policy"),
        ({"hw:cpu_policy": "mixed"}, {}, "hw:cpu_dedicated_mask"),
        ({**PINNED, "hw:cpu_thread_policy": "some"}, {}, "hw:cpu_thread_policy"),
        ({"hw:cpu_thread_policy": "isolate"}, {}, "hw:cpu_thread_policy"),
        ({**PINNED, "hw:cpu_thread_policy": ""}, {}, "hw:cpu_thread_policy"),
        ({"hw:emulator_threads_policy": "some"}, {}, "hw:emulator_threads_policy"),
        ({"hw:emulator_threads_policy": "isolate"}, {}, "hw:emulator_threads_policy"),
        ({"hw:cpu_realtime": "true", "hw:cpu_realtime_mask": "^0"}, {}, "hw:cpu_realtime"),
        ({"hw:numa_nodes": "3"}, {}, "hw:numa_nodes"),
        (
            {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0", "hw:numa_mem.0": "256"},
            {},
            "hw:numa_nodes",
        ),
        ({**PINNED, "resources:VCPU": "1"}, {}, "resources:VCPU"),
        ({**PINNED, "resources:PCPU": "1"}, {}, "resources:PCPU"),
        ({"resources:PCPU": "1", "resources:VCPU": "1"}, {}, "resources:VCPU"),
        ({"hw:tpm_version": "3"}, {}, "hw:tpm_version"),
        ({"hw:tpm_version": "2.0", "hw:tpm_model": "some"}, {}, "hw:tpm_model"),
        ({"hw:tpm_version": "1.2", "hw:tpm_model": "tpm-crb"}, {}, "hw:tpm_model"),
        ({"hw:tpm_version": "2.0", "hw:tpm_secret_security": "x"}, {}, "hw:tpm_secret_security"),
        ({"os:secure_boot": "some"}, {}, "os:secure_boot"),
        ({"hw:maxphysaddr_mode": "some"}, {}, "hw:maxphysaddr_mode"),
        (ENCRYPTED, {"hw_firmware_type": "bios"}, "hw_firmware_type"),
        (ENCRYPTED, {**UEFI, "hw_machine_type": "pc"}, "hw_machine_type"),
        (TDX, UEFI, "hw_firmware_stateless"),
        (TDX, {**UEFI, "hw_firmware_stateless": "true"}, "hw_video_model"),
    ],
)
def test_the_key_is_what_to_change(
    specs: dict[str, str], properties: dict[str, str], key: str
) -> None:
    with pytest.raises(InvalidRequest) as fault:
        Request.for_server(Flavor("f", 4, 1024, specs), Image("i", properties))
    assert fault.value.key == key


@pytest.mark.parametrize(
    ("specs", "properties", "key"),
    [
        ({"hw:numa_cpus.0": "0-3", "hw:numa_cpus.1": "3"}, {}, "hw:numa_cpus.1"),
        ({}, {"hw_numa_cpus.0": "0-3", "hw_numa_cpus.1": "3"}, "hw_numa_cpus.1"),
    ],
)
def test_a_list_of_cpus_is_named_as_flavor_or_image_write_it(
    specs: dict[str, str], properties: dict[str, str], key: str
) -> None:
    cells = {"hw:numa_nodes": "2"}
    memory = {"hw:numa_mem.0": "512", "hw:numa_mem.1": "512"}
    if properties:
        properties |= {name.replace(":", "_"): size for name, size in memory.items()}
    else:
        specs = {**specs, **memory}
    with pytest.raises(InvalidRequest) as fault:
        guest_topology(Flavor("f", 4, 1024, {**cells, **specs}), Image("i", properties))
    assert fault.value.key == key


def test_limits_that_no_topology_keeps_are_told_by_the_sockets() -> None:
    limits = {f"hw:cpu_max_{part}": "1" for part in ("sockets", "cores", "threads")}
    with pytest.raises(InvalidRequest) as fault:
        cpu_topology(Flavor("f", 4, 512, limits))
    assert fault.value.key == "hw:cpu_max_sockets"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"vnic_type": "accelerator-direct"}, "vnic_type"),
        ({"vnic_type": "direct", "numa_affinity_policy": "some"}, "numa_affinity_policy"),
    ],
)
def test_a_port_names_what_is_at_fault(given: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidRequest) as fault:
        Port(**given)
    assert fault.value.key == key


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: replace(CELL, page_pools=(PagePool(4, 1), PagePool(4, 1))), "page_pools"),
        (lambda: replace(CELL, siblings=(3,)), "siblings"),
        (lambda: replace(CELL, cpuset=frozenset(range(70000))), "cpuset"),
        (lambda: HostInfo((CELL,), distances=((1, 2),)), "distances"),
        (lambda: HostInfo((CELL,) * 1025), "cells"),
    ],
)
def test_a_host_names_the_field_at_fault(make: Callable[[], object], key: str) -> None:
    with pytest.raises(InvalidValue, match=rf"^{key}(\[0\])?: got"):
        make()


def test_an_alias_that_is_none_is_named_by_its_place() -> None:
    wrong: Any = {"gpu": 1}
    with pytest.raises(InvalidValue, match=r"^found\['gpu'\]"):
        Aliases(wrong)
