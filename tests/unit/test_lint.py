"""Names that nova does not know are found with the name that is meant; free names raise nothing."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest

from numafit.cli import main
from numafit.diagnosis.finding import Finding
from numafit.diagnosis.known_names import image_names, known_names
from numafit.diagnosis.lint import config_findings, flavor_findings, image_findings
from numafit.model.flavor import Flavor, Image
from numafit.readers.nova_conf import read_nova_conf

HOST = str(Path(__file__).parents[2] / "examples" / "hosts" / "dual-xeon.yaml")
DATA = json.loads(
    (Path(known_names.__wrapped__.__code__.co_filename).parent / "known_names.json").read_text()
)
# what operators put in place of the parameters of nova's names
EXAMPLES = {
    "num": "3",
    "group": "1",
    "key": "ssd",
    "filter": ":topology:cores",
    "resource": "GOLD",
    "trait": "FAST_NIC",
}
SPECS = [
    re.sub(r"\{(\w+)\}", lambda found: EXAMPLES[found[1]], name)
    for name in (*DATA["extra_specs"], *(f"trait{{group}}:{one}" for one in DATA["traits"]))
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FREE_SPECS = [
    "gold",
    "gpu_model",
    "quota",
    "mycloud:tier",
    "pricing:class",
    "aggregate_instance_extra_specs:hw:cpu_polcy",
    "capabilities:hypervisor_type",
    "capabilities:cpu_info:topology:cores",
    "quota:disk_read_bytes_sec",
    "resources:CUSTOM_BAREMETAL_GOLD",
    "resources_NIC0:SRIOV_NET_VF",
    "trait:CUSTOM_GOLD",
    "trait_NIC0:CUSTOM_PHYSNET_A",
    "trait:HW_CPU_X86_AVX2",
]
FREE_PROPERTIES = [
    "os_version",
    "os_hash_algo",
    "owner_specified.openstack.sha256",
    "base_image_ref",
    "mycloud_tier",
    "trait:CUSTOM_GOLD",
    "trait:HW_CPU_X86_AVX2",
]
NOVA_CONF = """\
[DEFAULT]
transport_url = rabbit://
reserved_host_memory_mb = 512
[compute]
cpu_dedicate_set = 1-3
[neutron]
physnets = foo
auth_type = v3applicationcredential
application_credential_id = 1
[neutron_physnets_foo]
numa_nodes = 0
[keystone_authtoken]
anything = 1
[mdev_nvidia-35]
max_instances = 4
"""


def of_specs(names: list[str]) -> list[Finding]:
    return list(flavor_findings([Flavor("a", extra_specs=dict.fromkeys(names, "1"))]))


def of_properties(names: list[str]) -> list[Finding]:
    return list(image_findings(Image("a", dict.fromkeys(names, "1"))))


def of_conf(folder: Path, text: str) -> list[tuple[str, str]]:
    file = folder / "nova.conf"
    file.write_text(text)
    return [
        (finding.where.removeprefix(f"{file}: "), finding.advice)
        for finding in config_findings(read_nova_conf(file))
    ]


def misspelt(name: str, dice: random.Random) -> str:
    """One letter dropped, doubled, swapped with the next one or replaced."""
    n = dice.choice([n for n in range(len(name)) if re.match("[A-Za-z]{2}", name[n:])])
    match dice.randrange(4):
        case 0:
            return name[:n] + name[n + 1 :]
        case 1:
            return name[:n] + name[n] + name[n:]
        case 2:
            return name[:n] + name[n + 1] + name[n] + name[n + 2 :]
        case _:
            return name[:n] + dice.choice(LETTERS) + name[n + 1 :]


def test_every_extra_spec_of_nova_passes() -> None:
    assert len(SPECS) > 500
    assert of_specs(SPECS) == []


def test_every_image_property_of_nova_passes() -> None:
    numbered = [f"{name}.{n}" for name in ("hw_numa_cpus", "hw_numa_mem") for n in (0, 127)]
    assert len(image_names()) > 100
    assert of_properties([*image_names(), *numbered]) == []


def test_names_that_operators_choose_raise_nothing() -> None:
    assert of_specs(FREE_SPECS) == []
    assert of_properties(FREE_PROPERTIES) == []


def test_200_misspelt_extra_specs_are_found_with_the_name_that_is_meant() -> None:
    dice = random.Random(14)
    # where operators choose a part of the name, a slip there is a name of their own
    sure = [name for name in SPECS if not name.endswith(("ssd", "GOLD", "FAST_NIC", ":cores"))]
    known = known_names().extra_specs
    asked = 0
    while asked < 200:
        name = dice.choice(sure)
        wrong = misspelt(name, dice)
        if known.knows(wrong):  # swapped letters that are alike, or the name of a group
            continue
        asked += 1
        found = of_specs([wrong])
        assert len(found) == 1, wrong
        suggestions = re.split(", | or ", found[0].advice.removeprefix("Did you mean ")[:-1])
        assert name in suggestions, (wrong, found)


@pytest.mark.parametrize("one", ["hw_cpu_policy", "img_config_drive", "os_type", "architecture"])
def test_misspelt_image_properties_are_found_with_the_name_that_is_meant(one: str) -> None:
    dice = random.Random(one)
    for _ in range(50):
        wrong = misspelt(one, dice)
        if wrong != one:
            assert [found.advice for found in of_properties([wrong])] == [f"Did you mean {one}?"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("hw:cpu_polcy", "hw:cpu_policy"),
        ("hw_cpu_policy", "hw:cpu_policy"),
        ("HW:cpu_policy", "hw:cpu_policy"),
        ("hv:cpu_policy", "hw:cpu_policy"),
        ("hw:pagesize", "hw:mem_page_size"),
        ("hw:numa_cpus", "hw:numa_cpus.0"),
        ("hw:numa_cpu.7", "hw:numa_cpus.7"),
        ("resource:VCPU", "resources:VCPU"),
        ("resources2:PCPUS", "resources2:PCPU"),
        ("resources:CUSTM_GOLD", "resources:CUSTOM_GOLD"),
        ("aggregate_instance_extra_spec:ssd", "aggregate_instance_extra_specs:ssd"),
        ("capabilities:cpu_inf:vendor", "capabilities:cpu_info:vendor"),
        ("group_polcy", "group_policy"),
    ],
)
def test_extra_specs_with_the_name_that_is_meant(wrong: str, meant: str) -> None:
    assert [found.advice for found in of_specs([wrong])] == [f"Did you mean {meant}?"]


def test_names_of_nova_s_own_kind_are_found_without_a_like_one_too() -> None:
    assert [found.advice for found in of_specs(["hw:frobnication", "trait:HW_QUUX"])] == ["", ""]
    assert [found.advice for found in of_properties(["hw_frobnication"])] == [""]


def test_flavors_with_the_same_wrong_name_are_one_finding() -> None:
    flavors = [Flavor(f"f{n}", extra_specs={"hw:cpu_polcy": "shared"}) for n in range(5)]
    assert [str(found) for found in flavor_findings(flavors)] == [
        "warning: flavors f0, f1, f2 and 2 more: nova knows no extra spec hw:cpu_polcy. "
        "Did you mean hw:cpu_policy?"
    ]


def test_sections_and_options_of_nova_conf(tmp_path: Path) -> None:
    assert of_conf(tmp_path, NOVA_CONF) == [
        ("[neutron_physnets_foo]", "Did you mean [neutron_physnet_foo]?"),
        ("[compute] cpu_dedicate_set", "Did you mean [compute] cpu_dedicated_set?"),
    ]


@pytest.mark.parametrize(
    ("line", "where", "advice"),
    [
        ("[compte]\nx = 1", "[compte]", "Did you mean [compute]?"),
        ("[default]\ndebug = true", "[default]", "Did you mean [DEFAULT]?"),
        ("[DEFALT]\ndebug = true", "[defalt]", "Did you mean [DEFAULT]?"),
        ("[DEFAULTS]\ndebug = true", "[defaults]", "Did you mean [DEFAULT]?"),
        ("[DEFAUTL]\ndebug = true", "[defautl]", "Did you mean [DEFAULT]?"),
        ("[Defaul]\ndebug = true", "[defaul]", "Did you mean [DEFAULT]?"),
        ("[LIBVRIT]\nx = 1", "[libvrit]", "Did you mean [libvirt]?"),
        (
            "[DEFAULT]\ncpu_dedicated_set = 1",
            "[DEFAULT] cpu_dedicated_set",
            "It is an option of [compute].",
        ),
        (
            "[compute]\nmax_queue = 1",
            "[compute] max_queue",
            "Did you mean [libvirt] max_queues?",
        ),
        (
            "[neutron_tunnel]\nnuma_node = 1",
            "[neutron_tunnel] numa_node",
            "Did you mean [neutron_tunnel] numa_nodes?",
        ),
        (
            "[neutron_tunnels]\nnuma_nodes = 0",
            "[neutron_tunnels]",
            "Did you mean [neutron_tunnel]?",
        ),
        ("[libvirt]\nfrobnicate = 1", "[libvirt] frobnicate", ""),
        (
            "[pci_passthrough]\ndevice_spec = {}",
            "[pci_passthrough] device_spec",
            "It is an option of [pci].",
        ),
        (
            "[placement]\npci_in_placement = true",
            "[placement] pci_in_placement",
            "It is an option of [filter_scheduler].",
        ),
    ],
)
def test_what_nova_conf_means(tmp_path: Path, line: str, where: str, advice: str) -> None:
    assert of_conf(tmp_path, f"{line}\n") == [(where, advice)]


@pytest.mark.parametrize("section", ["DEFAULT", "compute", "libvirt", "pci", "neutron"])
def test_every_option_of_nova_passes(section: str) -> None:
    known = known_names().options
    assert [name for name in DATA["options"][section] if not known.knows(section, name)] == []


@pytest.mark.parametrize("command", ["fit", "capacity"])
def test_fit_and_capacity_warn_of_the_flavors_asked(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flavors = tmp_path / "flavors.json"
    specs = {"hw:cpu_polcy": "dedicated", "hw:numa_nodes": "1"}
    one = {"name": "wrong", "vcpus": 2, "memory_mb": 512, "extra_specs": specs}
    right = {**one, "name": "right", "extra_specs": {"hw:numa_nodes": "1"}}
    flavors.write_text(json.dumps([one, right]))
    config = tmp_path / "nova.conf"
    config.write_text("[DEFAULT]\ncpu_alocation_ratio = 2\n")
    line = (
        "numafit: flavor wrong: nova knows no extra spec hw:cpu_polcy. "
        "Did you mean hw:cpu_policy?\n"
    )
    asked = [command, str(flavors), HOST]
    assert main(asked) == 0
    assert capsys.readouterr().err == line
    assert main([*asked, "--strict"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{line}numafit: 1 name that nova does not know, and --strict was given\n"
    assert main([*asked, "--flavor", "right", "--strict"]) == 0
    assert capsys.readouterr().err == ""
    assert main([*asked, "--flavor", "right", "--strict", "--config", str(config)]) == 2
    assert "Did you mean [DEFAULT] cpu_allocation_ratio?" in capsys.readouterr().err


def test_a_long_list_of_wrong_names_is_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flavors = tmp_path / "flavors.json"
    specs = {f"hw:wrong{n}": "1" for n in range(30)}
    one = {"name": "a", "vcpus": 2, "memory_mb": 512, "extra_specs": specs}
    flavors.write_text(json.dumps([one]))
    assert main(["fit", str(flavors), HOST]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "numafit: 10 more of this kind ('numafit check' lists all)"


@pytest.mark.parametrize("first", ["hw:", "trait:", "resources_A:CUSTM_", "mine:"])
def test_very_many_names_take_no_long_time(first: str) -> None:
    dice = random.Random(first)
    names = [first + "".join(dice.choices(LETTERS, k=50)) for _ in range(50_000)]
    before = time.process_time()
    found = of_specs(names) + of_properties(names)
    assert time.process_time() - before < 4
    assert len(found) == {"hw:": 100_000, "trait:": 100_000, "mine:": 0}.get(first, 50_000)
