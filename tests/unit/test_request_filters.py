"""What nova's request filters ask of hosts whose traits are known; by nova 34's own filters."""

from __future__ import annotations

import pytest

from numafit import Flavor, Fleet, HostInfo, Image, Request
from numafit.errors import InvalidRequest
from numafit.readers.hostfile import host_from_mapping

RESOURCES = {"VCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 100}


def host(*traits: str) -> HostInfo:
    return host_from_mapping(
        {"version": 1, "name": "h", "cells": [], "resources": RESOURCES, "traits": list(traits)}
    )


def said(specs: dict[str, str], *traits: str, image: Image | None = None) -> str:
    asked = Request.for_server(Flavor("f", 1, 512, specs), image)
    found = Fleet([host(*traits)]).fit_on(asked, 0)
    return "" if found else str(found)


def test_a_provider_of_a_disabled_service_takes_no_guests() -> None:
    assert said({}) == ""
    assert "trait COMPUTE_STATUS_DISABLED forbidden" in said({}, "COMPUTE_STATUS_DISABLED")
    pinned = {"hw:cpu_policy": "dedicated"}
    assert "COMPUTE_STATUS_DISABLED" in said(pinned, "COMPUTE_STATUS_DISABLED")


@pytest.mark.parametrize(
    ("specs", "traits"),
    [
        ({"hw:virtio_packed_ring": "true"}, ["COMPUTE_NET_VIRTIO_PACKED"]),
        ({"hw:sound_model": "virtio"}, ["COMPUTE_SOUND_MODEL_VIRTIO"]),
        ({"hw:ephemeral_encryption": "true"}, ["COMPUTE_EPHEMERAL_ENCRYPTION"]),
        (
            {"hw:ephemeral_encryption": "yes", "hw:ephemeral_encryption_format": "luks"},
            ["COMPUTE_EPHEMERAL_ENCRYPTION", "COMPUTE_EPHEMERAL_ENCRYPTION_LUKS"],
        ),
        ({"accel:device_profile": "p"}, ["COMPUTE_ACCELERATORS"]),
        (
            {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"},
            [
                "COMPUTE_SECURITY_TPM_2_0",
                "COMPUTE_SECURITY_TPM_SECRET_SECURITY_HOST",
                "COMPUTE_SECURITY_TPM_TIS",
            ],
        ),
    ],
)
def test_what_a_flavor_needs_is_asked_of_the_host(specs: dict[str, str], traits: list[str]) -> None:
    assert said(specs, *traits) == ""
    for one in traits:
        assert f"trait {one} wanted" in said(specs, *(set(traits) - {one}))


def test_what_asks_for_nothing_of_the_kind_needs_no_trait() -> None:
    for specs in (
        {"hw:virtio_packed_ring": "false"},
        {"hw:sound_model": "ich9"},
        {"hw:ephemeral_encryption": "no", "hw:ephemeral_encryption_format": "luks"},
    ):
        assert said(specs) == ""
    assert "PACKED" in said({}, image=Image("i", {"hw_virtio_packed_ring": "true"}))


def test_remote_managed_ports_need_hosts_that_know_them() -> None:
    port = {"vnic_type": "remote-managed", "physnet": "x"}
    asked = Request.for_server(Flavor("f", 1, 512, {}), ports=[port])
    assert asked.resources is not None
    assert asked.resources.required == {"COMPUTE_REMOTE_MANAGED_PORTS"}


@pytest.mark.parametrize(
    ("specs", "properties"),
    [
        ({"hw:virtio_packed_ring": "true"}, {"hw_virtio_packed_ring": "false"}),
        ({"hw:ephemeral_encryption": "true"}, {"hw_ephemeral_encryption": "false"}),
        ({"hw:sound_model": "virtio"}, {"hw_sound_model": "usb"}),
        ({"hw:sound_model": "loud"}, {}),
    ],
)
def test_what_nova_refuses_is_refused(specs: dict[str, str], properties: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        Request.for_server(Flavor("f", 1, 512, specs), Image("i", properties))
