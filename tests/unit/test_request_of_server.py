"""One way to a request: all that a server is started with counts, and nothing is dropped unsaid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Image, MisuseError, Networks, Request, guest_topology
from numafit.model.resources import ResourceGroup, Resources
from numafit.model.server import Server
from numafit.rules.moved_server import request_of_server
from numafit.rules.network import Port

ROOT = Path(__file__).parents[2]
ALIAS = '{"name": "qat", "vendor_id": "8086", "product_id": "0443", "device_type": "type-PCI"}'
NFV = Flavor(
    "nfv",
    4,
    4096,
    {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "qat:2", "resources:CUSTOM_X": "1"},
    disk_gb=10,
)
Run = Callable[..., Any]


def test_a_topology_alone_of_a_flavor_that_names_aliases_is_an_error_that_says_what_to_call() -> (
    None
):
    with pytest.raises(MisuseError, match=r"asks for devices by alias \('qat:2'\)") as caught:
        Request(guest_topology(NFV))
    assert "call Request.for_server(flavor, image, aliases=...)" in str(caught.value)


def test_whoever_wants_no_devices_says_so() -> None:
    guest = guest_topology(NFV)
    assert Request(guest, pci=[]).pci == ()
    asked = Request.for_server(NFV, aliases=[ALIAS])
    assert Request(guest, pci=asked.pci).pci == asked.pci
    assert guest == asked.guest


def test_a_topology_alone_of_other_flavors_is_a_request() -> None:
    flavor = Flavor("f", 2, 512, {"hw:numa_nodes": "1"})
    assert Request(guest_topology(flavor)).pci == ()


def test_all_that_a_server_is_started_with_is_in_its_request() -> None:
    asked = Request.for_server(
        NFV,
        ports=[Port("direct", "left"), Port(physnet="right")],
        aliases=[ALIAS],
        networks=Networks({"far"}, tunneled=True),
        zone="az1",
    )
    assert asked.networks == Networks({"left", "right", "far"}, tunneled=True)
    assert [request.alias_name for request in asked.pci] == ["qat", None]
    assert asked.resources is not None
    amounts = {"PCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 10, "CUSTOM_X": 1}
    assert asked.resources.amounts == amounts
    assert asked.resources.zone == "az1"


def test_resources_from_elsewhere_take_the_place_of_those_of_the_flavor() -> None:
    own = Resources((ResourceGroup("", {"VCPU": 7}),))
    assert Request.for_server(Flavor("f", 2, 512), resources=own).resources == own


def test_networks_alone_stay_as_they_are() -> None:
    networks = Networks({"far"})
    assert Request.for_server(Flavor(), networks=networks).networks == networks


PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "examples").rglob("*.ipynb"),
    *(ROOT / "numafit" / "cli").rglob("*.py"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_readme_guides_notebooks_and_command_line_know_one_way(page: Path) -> None:
    assert not re.findall(r"(?<![A-Za-z])Request\(", page.read_text(encoding="utf-8"))


HOST = """\
version: 1
name: small
cells:
  - id: 0
    cpus: 0-7
    memory_mb: 16384
    pages: [{size: 4KiB, total: 4194304}]
resources: {VCPU: 8, MEMORY_MB: 16384, DISK_GB: 5}
zone: az1
"""


def test_the_command_line_asks_for_resources_too(numafit: Run, tmp_path: Path) -> None:
    host, flavors = tmp_path / "host.yaml", tmp_path / "flavors.json"
    host.write_text(HOST)
    one = {"name": "f", "vcpus": 2, "ram": 512, "disk": 10, "properties": {"hw:numa_nodes": "1"}}
    flavors.write_text(json.dumps([one]))
    done = numafit("fit", flavors, host)
    assert done.status == 1
    assert done.out.startswith("f on small: does not fit: DISK_GB: 10 wanted, 5 free of 5\n")
    assert numafit("fit", flavors, host, "--volume-backed").status == 0
    elsewhere = numafit("fit", flavors, host, "--volume-backed", "--zone", "az2")
    assert "availability zone az2 wanted, the host is in az1" in elsewhere.out


def test_what_nova_passes_over_is_said(numafit: Run, tmp_path: Path) -> None:
    flavors = tmp_path / "flavors.json"
    specs = {"hw:numa_nodes": "1", "resources:GPU": "1", "trait:CUSTOM_A": "yes"}
    flavors.write_text(json.dumps([{"name": "f", "vcpus": 2, "ram": 512, "properties": specs}]))
    done = numafit("fit", flavors, ROOT / "examples" / "hosts" / "dual-xeon.yaml")
    assert done.status == 0
    assert done.err.splitlines() == [
        "numafit: flavor f: nova knows no extra spec resources:GPU. Did you mean resources:PGPU or "
        "resources:VGPU?",
        "numafit: flavor f: nova passes over trait:CUSTOM_A: 'yes' is neither 'required' nor "
        "'forbidden'",
    ]


@pytest.mark.parametrize(("volume_backed", "disk"), [({}, 15), ({"volume_backed": True}, 5)])
def test_a_server_has_its_root_disk_on_its_host_unless_that_is_a_volume(
    volume_backed: dict[str, bool], disk: int
) -> None:
    flavor = Flavor("f", 1, 512, disk_gb=10, ephemeral_gb=5)
    asked = request_of_server(Server("u", "s", "h", flavor, Image("i")), **volume_backed)
    assert asked.resources is not None
    assert asked.resources.amounts["DISK_GB"] == disk
