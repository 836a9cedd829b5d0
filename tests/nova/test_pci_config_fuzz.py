"""Random PCI configurations, devices and ports: numafit and nova must say the same.

See ``pci_questions.py`` for how many, and for the nova that is asked.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    DeviceSpec,
    Flavor,
    Image,
    InvalidRequest,
    PciAddress,
    Port,
    parse_aliases,
    parse_device_specs,
    pci_numa_policy,
    pci_requests,
    pools_from_devices,
)
from numafit.rules.network import networks_of, port_requests

_SPEC = importlib.util.spec_from_file_location(
    "pci_questions", Path(__file__).parent / "pci_questions.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
q = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(q)

pytestmark = pytest.mark.nova
Question = dict[str, Any]
ODD_IDS = ["*", "15B3", " 8086", "8086 ", "", "808", "80860", "10000", "0x8086", "x", "8086\n",
           "-1", "8_0", 8086, None, [], True, "٣٣"]  # fmt: skip
ADDRESSES = ["0000:3b:00.0", "0000:3b:00.1", "0000:5e:00.0", "0000:5e:00.2", "*:*:*.*", "*:3b:*.*",
             "0000:3b:00.*", "0000:5e:00", "3b:00.0", ".1", "00.0", "*"]  # fmt: skip
ODD_ADDRESSES = [
    "", " ", ":", "::", ".", "..", "0000:3b:00.", "0000:3B:00.0", "0:3b:0.0", "10000:00:00.0",
    "0000:100:00.0", "0000:00:20.0", "0000:00:00.8", "0000:00:00:00.0", "a:b:c:d.9", "0000:-1:00.0",
    "0x0:3b:00.0", "0000: 3b:00.0", "0000:3b:00.0.1", "g", "0000:3b:00.0 ", "0000:3b:00.0\n", 5, 0,
    None, [], ["0000:3b:00.0"], True, False, "*:*:*.8", "*:*:1f.7", "ffff:ff:1f.7", "0_0:3b:00.0",
]  # fmt: skip
REGEXES = ["3b", "5e", "0000", ".*", "00", "[0-2]", "0", "1", "5.", "3"]
ODD_REGEXES = ["(", "[", "", "3B", "x", "5e$", "*", 5, None, "(?i)3B", "a{1,0}", "\\"]
TYPES = ["type-PCI", "type-PF", "type-VF"]
SYSFS = {
    "functions": {
        "0000:3b:00.0": {"vendor_id": "8086", "product_id": "1572", "vf_product_id": "154c"},
        "0000:5e:00.0": {"vendor_id": "15b3", "product_id": "a2d6", "vf_product_id": "101e"},
    },
    "netdevs": {
        "ens1": ["0000:3b:00.0", True],
        "ens2": ["0000:5e:00.0", False],
        "ens3": ["0000:5e:00.1", False],
        "ens4": ["0000:af:00.0", True],
        "5": ["0000:3b:00.1", False],
    },
}


# --- addresses, device specs, aliases, pools


def a_parse_address(dice: Any) -> Question:
    text = dice.of(
        [a for a in ADDRESSES if "*" not in a], [a for a in ODD_ADDRESSES if type(a) is str], 0.3
    )
    for _ in range(dice.randint(0, 2)):
        at = dice.randint(0, len(text))
        text = (
            text[:at]
            + dice.choice(["0", "f", ":", ".", " ", "", "7", "\n", "G"])
            + text[at + dice.randint(0, 1) :]
        )
    return {"address": text}


def parse_address(question: Question) -> Any:
    return list(PciAddress.parse(question["address"]).fields)


def an_address(dice: Any) -> Any:
    if dice.sometimes(0.3):
        names = ["domain", "bus", "slot", "function", "unknown"]
        chosen = dice.sample(names, dice.randint(0, 4))
        return {name: dice.of(REGEXES, ODD_REGEXES) for name in chosen}
    return dice.of(ADDRESSES, ODD_ADDRESSES, 0.2)


def a_spec(dice: Any) -> Any:
    if dice.sometimes(0.03):
        return dice.choice([None, 5, "x", [], [[]], {}, [{}, 3]])
    spec: dict[str, Any] = {}
    for key, chance, draw in [
        ("vendor_id", 0.5, lambda: dice.of([*q.IDS[:2], "*"], ODD_IDS)),
        ("product_id", 0.4, lambda: dice.of([*q.IDS[2:], "*"], ODD_IDS)),
        ("address", 0.4, lambda: an_address(dice)),
        ("devname", 0.12, lambda: dice.of(list(SYSFS["netdevs"]), ["gone", "", 5, None, [], {}])),
        ("physical_network", 0.4, lambda: dice.choice(["foo", "bar", None])),
        ("trusted", 0.2, lambda: dice.of(["true", "false"], ["1", True, 2, ""])),
        ("remote_managed", 0.3, lambda: dice.of(q.FLAGS, q.ODD_FLAGS)),
        ("managed", 0.15, lambda: dice.of(q.FLAGS, q.ODD_FLAGS)),
        ("live_migratable", 0.15, lambda: dice.of(q.FLAGS, q.ODD_FLAGS)),
        ("one_time_use", 0.1, lambda: dice.of(q.FLAGS, q.ODD_FLAGS)),
        ("resource_class", 0.15, lambda: dice.choice(["CUSTOM_A", "pgpu", None])),
        ("traits", 0.1, lambda: "a,b"),
        ("colour", 0.1, lambda: dice.choice(["red", "Blue", None, 7, 1.5, True])),
        ("numa_node", 0.01, lambda: dice.choice(["1", 0, "x", None])),
        ("dev_type", 0.01, lambda: "type-PF"),
    ]:
        if dice.sometimes(chance):
            spec[key] = draw()
    return spec


def spec_texts(dice: Any) -> list[str]:
    texts = []
    for _ in range(dice.randint(1, 3)):
        found = a_spec(dice)
        if dice.sometimes(0.15):
            found = [found, a_spec(dice)]
        text = json.dumps(found)
        if dice.sometimes(0.01):
            text = dice.choice([text[:-1], text.replace('"', "'"), "", "NaN", "x"])
        texts.append(text)
    return texts


def a_device_spec(dice: Any) -> Question:
    return {
        "specs": spec_texts(dice),
        "devices": q.devices_of(dice),
        "sysfs": SYSFS if dice.sometimes(0.8) else {"functions": {}, "netdevs": {}},
        "report_in_placement": dice.sometimes(0.3),
        "check_placement": dice.sometimes(0.3),
    }


def specs_of(question: Question) -> list[DeviceSpec]:
    return parse_device_specs(
        question["specs"],
        **question["sysfs"],
        report_in_placement=question["report_in_placement"],
    )


def device_spec(question: Question) -> Any:
    specs = specs_of(question)
    for spec in specs:
        if question["check_placement"]:
            spec.check_placement()
    return [first_match(specs, found) for found in question["devices"]]


def first_match(specs: list[DeviceSpec], found: Question) -> Any:
    try:
        for spec in specs:
            tags = spec.match(found)
            if tags is not None:
                return {"tags": tags}
    except InvalidRequest as error:
        return {"error": error.nova_exception}
    return None


def an_alias(dice: Any) -> Question:
    texts = []
    for _ in range(dice.randint(1, 4)):
        spec: Any = {
            key: draw()
            for key, chance, draw in [
                (
                    "name",
                    0.99,
                    lambda: dice.of(
                        ["a", "b", "c"], [" a ", "", " ", "x" * 257, 5, None, "a:b", "é"], 0.04
                    ),
                ),
                ("vendor_id", 0.98, lambda: dice.of(q.IDS[:2], ODD_IDS, 0.02)),
                ("product_id", 0.98, lambda: dice.of(q.IDS[2:], ODD_IDS, 0.02)),
                (
                    "device_type",
                    0.6,
                    lambda: dice.of(TYPES[:2], ["vdpa", "", None, "type-pf"], 0.03),
                ),
                (
                    "numa_policy",
                    0.4,
                    lambda: dice.of(q.POLICIES[:2], ["", "Required", None, 1], 0.03),
                ),
                (
                    "live_migratable",
                    0.2,
                    lambda: dice.of(["yes", "no", "1", "true"], q.ODD_FLAGS, 0.2),
                ),
                ("resource_class", 0.2, lambda: dice.of(["CUSTOM_A"], [None, 5], 0.03)),
                ("traits", 0.1, lambda: dice.of(["a,b"], [None, 5], 0.03)),
                ("capability_type", 0.1, lambda: dice.of(["pci"], ["usb", None], 0.05)),
                ("unknown", 0.01, lambda: "x"),
            ]
            if dice.sometimes(chance)
        }
        text = json.dumps(spec)
        if dice.sometimes(0.02):
            text = dice.choice([text[:-1], "null", "[]", f"[{text}]", "5", "", '"x"'])
        texts.append(text)
    ask = dice.of(
        ["a:1", "b:2", "a:1,b:1", "c:1", " a:1, b:2", "a:0", "a:1,a:1"],
        [
            "",
            "a",
            "a:",
            ":1",
            "a:1,",
            "a:x",
            "a:-1",
            "a:1:2",
            "z:1",
            "a: 2 ",
            "a:+1",
            "a:1_0",
            "a:1;b:1",
            "z:x",
            "a:x,z:1",
            "z:1,b",
        ],
        0.3,
    )
    specs = {"pci_passthrough:alias": ask} if dice.sometimes(0.95) else {}
    if dice.sometimes(0.2):
        specs["hw:pci_numa_affinity_policy"] = dice.of(q.POLICIES, ["strict"])
    properties = {}
    if dice.sometimes(0.1):
        properties["hw_pci_numa_affinity_policy"] = dice.choice(q.POLICIES)
    return {
        "aliases": texts,
        "pci_in_placement": dice.sometimes(0.3),
        "flavor": {"name": "f", "vcpus": 1, "memory_mb": 1, "extra_specs": specs},
        "image": {"properties": properties},
    }


def alias(question: Question) -> Any:
    flavor, image = Flavor(**question["flavor"]), Image(**question["image"])
    policy = pci_numa_policy(flavor, image)
    aliases = parse_aliases(question["aliases"], pci_in_placement=question["pci_in_placement"])
    return q.described(pci_requests(flavor, aliases, policy))


def some_pools(dice: Any) -> Question:
    devices = q.devices_of(dice)
    # a host that nova reports has each VF's serial number beside it already
    serials = {one["address"]: one.get("capabilities") for one in devices}
    for one in devices:
        vpd = (one.get("capabilities") or {}).get("vpd") or {}
        if one["dev_type"] == "type-VF" and not vpd.get("card_serial_number"):
            its = serials.get(one.get("parent_addr"))
            one["capabilities"] = its or {}
    return {
        "specs": spec_texts(dice),
        "devices": devices,
        "sysfs": SYSFS,
        "report_in_placement": dice.sometimes(0.3),
    }


def pools(question: Question) -> Any:
    found = pools_from_devices(question["devices"], specs_of(question))
    return [pool.as_dict() for pool in found]


# --- ports


def some_ports(dice: Any) -> Question:
    networks: Question = {}
    for number in range(dice.randint(1, 3)):
        network = {
            "provider:network_type": dice.choice(["flat", "vlan", "vxlan", "gre", "geneve", None]),
            "provider:physical_network": dice.choice(["foo", "bar", None, ""]),
        }
        if dice.sometimes(0.2):
            network["segments"] = [
                {"provider:physical_network": dice.choice(["foo", "baz", None])}
                for _ in range(dice.randint(0, 3))
            ]
        networks[f"n{number}"] = network
    asked: Question = {}
    for number in range(dice.randint(1, 4)):
        port = {"network_id": dice.choice(list(networks))}
        if dice.sometimes(0.9):
            port["binding:vnic_type"] = dice.of(
                ["normal", "direct", "macvtap", "direct-physical", "vdpa", "remote-managed",
                 "virtio-forwarder", "baremetal", "smart-nic"],
                ["accelerator-direct", "accelerator-direct-physical"],
                0.03,
            )  # fmt: skip
        if dice.sometimes(0.5):
            trusted = dice.of(q.FLAGS, q.ODD_FLAGS, 0.2)
            port["binding:profile"] = dice.choice([{"trusted": trusted}, {"x": 1}, {}, None])
        if dice.sometimes(0.3):
            port["numa_affinity_policy"] = dice.of(q.POLICIES, ["strict", None, ""], 0.2)
        asked[f"00000000-0000-0000-0000-{number:012d}"] = port
    return {"networks": networks, "ports": asked, "policy": dice.choice([None, *q.POLICIES])}


def ports(question: Question) -> Any:
    found = [
        Port.from_neutron(port, question["networks"][port["network_id"]])
        for port in question["ports"].values()
    ]
    networks = networks_of(found)
    assert networks is not None
    return {
        "physnets": sorted(networks.physnets),
        "tunneled": networks.tunneled,
        "requests": q.described(port_requests(found, question["policy"])),
    }


KINDS: dict[str, tuple[Callable[[Any], Question], Callable[[Question], Any]]] = {
    "parse_address": (a_parse_address, parse_address),
    "device_spec": (a_device_spec, device_spec),
    "alias": (an_alias, alias),
    "pools": (some_pools, pools),
    "ports": (some_ports, ports),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pci_configuration_is_read_as_nova_reads_it(kind: str) -> None:
    q.compare(kind, *KINDS[kind])
