"""Ports and aliases on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

XEON = Path(__file__).parents[2] / "examples" / "hosts" / "dual-xeon.yaml"
ALIAS = (
    '{"name": "e810", "vendor_id": "8086", "product_id": "1889", "device_type": "type-VF", '
    '"numa_policy": "required"}'
)
Run = Callable[..., Any]


@pytest.fixture
def flavors(tmp_path: Path) -> Path:
    """A pinned guest of one cell, and one without topology; the first asks for two devices."""
    file = tmp_path / "flavors.json"
    pinned = {"pci_passthrough:alias": "e810:2", "hw:cpu_policy": "dedicated"}
    file.write_text(
        json.dumps(
            [
                {"name": "dev", "vcpus": 4, "memory_mb": 2048, "extra_specs": pinned},
                {"name": "plain", "vcpus": 1, "memory_mb": 512, "extra_specs": {}},
            ]
        )
    )
    return file


def test_ports_and_aliases_of_a_configuration(numafit: Run, flavors: Path, tmp_path: Path) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[pci]\nalias = {ALIAS}\n")
    done = numafit(
        "fit", flavors, XEON, "--flavor", "dev", "--config", conf, "--format", "json",
        "--port", "vnic_type=direct,physnet=provider", "--port", "network_type=vxlan",
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    (answer,) = json.loads(done.out)
    of_alias, of_port = answer["pci"]
    assert (of_alias["request"], of_alias["count"], of_alias["numa_node"]) == (0, 2, 0)
    assert (of_port["request"], of_port["count"], of_port["distance"]) == (1, 1, 10)
    assert of_port["pool"]["physical_network"] == "provider"
    assert len({*of_alias["devices"], *of_port["devices"]}) == 3


def test_a_port_that_no_device_serves(numafit: Run, flavors: Path) -> None:
    asked = ("fit", flavors, XEON, "--flavor", "plain", "--port")
    assert numafit(*asked, "vnic_type=direct,physnet=provider").status == 0
    assert numafit(*asked, "vnic_type=direct,physnet=elsewhere").status == 1
    assert numafit(*asked, "vnic_type=direct-physical,physnet=provider").status == 1
    assert numafit(*asked, "vnic_type=direct,physnet=provider,trusted=true").status == 1


def test_devices_imply_a_topology_on_request(numafit: Run, flavors: Path) -> None:
    asked = ("fit", flavors, XEON, "--flavor", "plain", "--format", "json", "--port",
             "vnic_type=direct,physnet=provider")  # fmt: skip
    (alone,) = json.loads(numafit(*asked).out)
    (implied,) = json.loads(numafit(*asked, "--pci-implies-topology").out)
    assert alone["cells"] == []
    assert [cell["host_cell"] for cell in implied["cells"]] == [0]


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("vnic_type=dirct", "vnic_type: got 'dirct', expected one of direct"),
        ("physnet", "got 'physnet', expected key=value"),
        ("", "got '', expected key=value"),
        ("vnic=direct", "Did you mean 'vnic_type'?"),
        ("physnet=a,physnet=b", "physnet: got 'b', expected each key once"),
        ("physnet=", "physnet: got '', expected a value"),
        ("network_type=vlna", "network_type: got 'vlna', expected one of flat, vlan"),
        ("network_type=geneve,physnet=a", "expected no physnet beside network_type=geneve"),
        ("vnic_type=direct,trusted=maybe", "trusted: got 'maybe', expected yes or no"),
        ("vnic_type=direct,numa_affinity_policy=strict", "expected one of required, legacy"),
        ("vnic_type=accelerator-direct", "come from Cyborg"),
    ],
)
def test_bad_ports_end_in_one_line(numafit: Run, flavors: Path, port: str, said: str) -> None:
    done = numafit("fit", flavors, XEON, "--flavor", "plain", "--port", port)
    assert done.status == 2
    assert f"--port {port}" in done.err
    assert said in done.err
    assert done.err.count("\n") == 1


def test_bad_aliases_end_in_one_line(numafit: Run, flavors: Path) -> None:
    done = numafit("fit", flavors, XEON, "--flavor", "dev", "--alias", '{"name": "e810"}')
    assert done.status == 2
    assert "[pci] alias 'e810'" in done.err
    assert "expected vendor_id and product_id" in done.err
    done = numafit("fit", flavors, XEON, "--flavor", "dev")
    assert done.status == 2
    assert "expected a name that [pci] alias defines (none)" in done.err
