"""A port that is refused for want of a tag is told so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from numafit.cli import main

HOST = """\
version: 1
name: h
cells:
  - {{id: 0, cpus: 0-7, memory_mb: 4096}}
pci:
  - {{vendor_id: "8086", product_id: "154c", numa_node: 0, count: 3, dev_type: type-VF{tags}}}
  - {{vendor_id: "8086", product_id: "1572", numa_node: 0, count: 1, dev_type: type-PF}}
"""
MANAGED = ', remote_managed: "false"'
LACK = "3 of them lack only the {} of [pci] device_spec"


@pytest.mark.parametrize(
    ("tags", "port", "said"),
    [
        (MANAGED, "physnet=foo", LACK.format("tag physical_network (foo)")),
        (
            MANAGED + ", physical_network: foo",
            "physnet=foo,trusted=true",
            LACK.format("tag trusted (true)"),
        ),
        (
            MANAGED,
            "physnet=foo,trusted=true",
            LACK.format("tags physical_network (foo) and trusted (true)"),
        ),
        # pools that nova makes always say so; those of other files may not
        (", physical_network: foo", "physnet=foo", LACK.format("tag remote_managed (false)")),
        # another physnet is no missing tag
        (MANAGED + ", physical_network: bar", "physnet=foo", None),
    ],
)
def test_the_tag_that_devices_lack_is_named(
    tags: str, port: str, said: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, flavors = tmp_path / "host.yaml", tmp_path / "flavors.json"
    host.write_text(HOST.format(tags=tags))
    flavors.write_text(json.dumps([{"name": "a", "vcpus": 1, "memory_mb": 1}]))
    asked = ["fit", str(flavors), str(host), "--port", f"vnic_type=direct,{port}"]
    assert main(asked) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert "1 device wanted, 0 match" in first
    assert first.endswith(said) if said else "lack" not in first


def test_one_device_lacks_it_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host, flavors = tmp_path / "host.yaml", tmp_path / "flavors.json"
    host.write_text(HOST.format(tags=MANAGED).replace("count: 3", "count: 1"))
    flavors.write_text(json.dumps([{"name": "a", "vcpus": 1, "memory_mb": 1}]))
    asked = ["fit", str(flavors), str(host), "--port", "vnic_type=direct,physnet=foo"]
    assert main(asked) == 1
    assert "1 of them lacks only the tag physical_network (foo)" in capsys.readouterr().out
