"""Flavors and images as the tools print them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, InputError
from numafit.readers.flavors import flavors_from, image_from, read_flavors, read_image

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "1GB"}
WANTED = Flavor("p4", 4, 8192, SPECS, disk_gb=20)
LISTED = {
    "ID": "1",
    "Name": "p4",
    "RAM": 8192,
    "Disk": 20,
    "Ephemeral": 0,
    "VCPUs": 4,
    "Is Public": True,
    "Swap": 0,
    "RXTX Factor": 1.0,
    "Properties": SPECS,
}
SHOWN = {
    "OS-FLV-DISABLED:disabled": False,
    "id": "1",
    "name": "p4",
    "ram": 8192,
    "vcpus": 4,
    "disk": 20,
    "swap": 0,
    "properties": SPECS,
}


@pytest.mark.parametrize(
    "data",
    [
        [LISTED],
        LISTED,
        [SHOWN],
        SHOWN,
        {"flavor": {"name": "p4", "vcpus": 4, "ram": 8192, "disk": 20, "extra_specs": SPECS}},
        {"flavors": [{"name": "p4", "vcpus": 4, "ram": 8192, "disk": 20, "extra_specs": SPECS}]},
        [{"name": "p4", "vcpus": 4, "memory_mb": 8192, "disk_gb": 20, "extra_specs": SPECS}],
        [LISTED | {"Properties": "hw:cpu_policy='dedicated', hw:mem_page_size='1GB'"}],
    ],
)
def test_forms(data: Any) -> None:
    assert flavors_from(data) == [WANTED]


def test_numbers_among_extra_specs_become_text() -> None:
    (flavor,) = flavors_from([LISTED | {"Properties": {"hw:numa_nodes": 2}}])
    assert flavor.extra_specs == {"hw:numa_nodes": "2"}


def test_older_clients_print_properties_as_text() -> None:
    text = "hw:numa_cpus.0='0,1', a='it''s, b=x', trait:CUSTOM_A='required'"
    (flavor,) = flavors_from([LISTED | {"Properties": text}])
    assert flavor.extra_specs["hw:numa_cpus.0"] == "0,1"
    assert flavor.extra_specs["trait:CUSTOM_A"] == "required"


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        ([LISTED, LISTED | {"VCPUs": "4"}], "[1].VCPUs", "a whole number from 1"),
        ([LISTED | {"VCPUs": 0}], "[0].VCPUs", "a whole number from 1"),
        ([LISTED | {"RAM": -1}], "[0].RAM", "(MiB)"),
        ([LISTED | {"RAM": 1 << 40}], "[0].RAM", "(MiB)"),
        ([LISTED | {"Name": 7}], "[0].Name", "text"),
        ([LISTED | {"Name": "a\nb"}], "[0].Name", "printable"),
        ([LISTED | {"Properties": {"a": True}}], "[0].Properties.a", "Put it in quotes"),
        ([LISTED | {"Properties": {"a": None}}], "[0].Properties.a", "extra specs are text"),
        ([LISTED | {"Properties": {"a": 1.5}}], "[0].Properties.a", "text"),
        ([LISTED | {"Properties": "a=b"}], "[0].Properties", "hw:cpu_policy='shared'"),
        ([LISTED | {"Properties": "a='1', a='2'"}], "[0].Properties.a", "each property once"),
        ([LISTED | {"Properties": ["a"]}], "[0].Properties", "a mapping of extra specs"),
        ([{k: v for k, v in LISTED.items() if k != "Properties"}], "[0].Properties", "--long"),
        ([{k: v for k, v in LISTED.items() if k != "RAM"}], "[0].RAM", "the key is missing"),
        ([{"name": "a", "vcpus": 1, "ram": 1}], "[0].extra_specs", "microversion 2.61"),
        ([{"name": "a", "vcpu": 1, "memory_mb": 1}], "[0].vcpu", "Did you mean 'vcpus'?"),
        (["p4"], "[0]", "a flavor"),
        ("p4", "", "a list of flavors"),
        (None, "", "a list of flavors"),
        ({"flavors": {}}, "flavors", "a list of flavors"),
        ({"flavors": [3]}, "flavors[0]", "a flavor"),
        ({"flavor": {"name": "a", "vcpus": [], "memory_mb": 1}}, "flavor.vcpus", "whole number"),
    ],
)
def test_mistake_is_named(data: Any, key: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "flavors.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        read_flavors(path)
    assert caught.value.file == str(path)
    assert (caught.value.key or "") == key
    assert words in str(caught.value)


def test_examples() -> None:
    flavors = read_flavors(EXAMPLES / "flavors.json")
    assert len(flavors) >= 12
    assert len({flavor.name for flavor in flavors}) == len(flavors)
    (shown,) = read_flavors(EXAMPLES / "flavor-router.json")
    assert shown.name == "router.vnf"
    for path in (EXAMPLES / "images").iterdir():
        assert read_image(path).properties


def test_image_forms() -> None:
    properties = {"hw_numa_nodes": 2, "hw_cpu_policy": "dedicated", "os_hash_value": "x"}
    shown = {"id": "1", "name": "i", "size": 5, "properties": {**properties, "locations": [{}]}}
    assert dict(image_from(shown).properties) == properties
    assert image_from({"name": None, "properties": "hw_numa_nodes='2'"}).properties == {
        "hw_numa_nodes": "2"
    }


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"name": "i"}, "properties"),
        ({"properties": []}, "properties"),
        ({"properties": {"hw_numa_nodes": [2]}}, "properties.hw_numa_nodes"),
        ({"properties": {"trait:A": None}}, "properties.trait:A"),
        ([], ""),
    ],
)
def test_image_mistake_is_named(data: Any, key: str, tmp_path: Path) -> None:
    path = tmp_path / "image.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert (caught.value.file, caught.value.key or "") == (str(path), key)
