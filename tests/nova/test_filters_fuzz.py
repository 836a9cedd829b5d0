"""Random hosts, flavors and images: numafit drops the hosts that three filters of nova drop.

NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34; NUMAFIT_FUZZ_CASES and
NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nova.recording import record
from tests.vectors.test_filters import FILTERS, agrees

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "filters_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "4000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))

WORDS = ["true", "false", "fast", "slow", "fastest", "a b", "", "12", "8", "8.0", "nan", "1_0"]
NUMBERS = ["8", "12", "8.5", "-1", "nan", "1e3", " 8"]
NUMERIC = ["=", "==", "!=", ">=", "<="]
TEXTUAL = ["s==", "s!=", "s<", "s<=", "s>", "s>=", "<in>", "<all-in>"]
ODD = ["<or>", "<or> fast <or>", "<or> fast or true", "s==", "<in>", ">=", "=> 8", "<IN> fast", "!"]
METADATA = ["ssd", "gpu", "rack", "cpu:cores", "availability_zone"]
SPECS = [
    *("ssd", "gpu", "rack", "hypervisor_type", "capabilities"),
    *(f"aggregate_instance_extra_specs:{key}" for key in METADATA),
]
CAPABILITIES = [
    "hypervisor_type",
    "hypervisor_version",
    *(f"capabilities:{one}" for one in ("hypervisor_type", "hypervisor_version", "cpu_info")),
    *(f"capabilities:cpu_info:{one}" for one in ("vendor", "features", "model", "absent")),
    "capabilities:cpu_info:topology:cores",
    "capabilities:cpu_info:topology:cores:more",
    "capabilities:cpu_info:topology",
    "capabilities:hypervisor_type:more",
]
FACTS = ["QEMU", "8002000", "Intel", "AMD", "aes", "8", "4", "avx2"]
CPUS = [
    {"vendor": "Intel", "features": ["aes", "avx2"], "topology": {"cores": 8}, "model": "x"},
    {
        "vendor": "AMD",
        "features": ["sev"],
        "topology": {"cores": 4, "sockets": None},
        "model": None,
    },
    {"vendor": "Intel", "features": [], "topology": {}},
]
INSTANCES = [
    ["x86_64", "kvm", "hvm"],
    ["i686", "kvm", "hvm"],
    ["x86_64", "qemu", "hvm"],
    ["aarch64", "kvm", "hvm"],
    ["ppc64le", "lxc", "exe"],
    ["AMD64", "Xapi", "HV"],
]
PROPERTIES: dict[str, list[str]] = {
    "hw_architecture": ["x86_64", "aarch64", "amd64", "i386", "X86_64"],
    "architecture": ["x86_64", "ppc64le"],
    "img_hv_type": ["kvm", "qemu", "xen", "KVM"],
    "hypervisor_type": ["lxc", "kvm"],
    "hw_vm_mode": ["hvm", "exe", "hv", "xen"],
    "vm_mode": ["hvm", "uml"],
}
VERSIONS = [
    ">=6.0",
    ">=6.0,<8",
    "==8.2",
    "==8.2.0",
    "!=8.2.0.0",
    "<8.2.0rc1",
    ">=8.2.0rc1",
    "<=8.2.0.dev3",
    ">8.2.0.post1",
    "<8.2.post1.dev2",
    "==8.2+local.1",
    "<1!0.1",
    " > 5 , < 9 ",
    "<0",
    "==v8.2",
]


class Dice(random.Random):
    def some(self, chance: float) -> bool:
        return self.random() < chance

    def wanted(self, words: list[str]) -> str:
        roll = self.random()
        if roll < 0.35:
            return self.choice(words)
        if roll < 0.5:
            return f"{self.choice(NUMERIC)} {self.choice(NUMBERS)}"
        if roll < 0.75:
            return f"{self.choice(TEXTUAL)} {' '.join(self.choices(words, k=self.choice([1, 2])))}"
        if roll < 0.93:
            return " ".join(f"<or> {one}" for one in self.sample(words, self.choice([1, 2, 3])))
        return self.choice(ODD)


def case_of(dice: Dice) -> dict[str, Any]:
    aggregates = []
    for _ in range(dice.choice([0, 1, 1, 2, 3])):
        keys = dice.sample(METADATA, dice.randint(0, 4))
        texts = (dice.sample(WORDS, dice.choice([1, 1, 1, 2])) for _key in keys)
        aggregates.append(dict(zip(keys, map(dice.choice([",", ", "]).join, texts), strict=True)))
    specs = {}
    for _ in range(dice.choice([0, 1, 1, 2])):
        specs[dice.choice(SPECS)] = dice.wanted(WORDS)
    if dice.some(0.5):
        specs[dice.choice(CAPABILITIES)] = dice.wanted(FACTS)
    properties: dict[str, Any] = {
        key: dice.choice(values) for key, values in PROPERTIES.items() if dice.some(0.25)
    }
    if dice.some(0.4):
        name = dice.choice(["img_hv_requested_version", "hypervisor_version_requires"])
        properties[name] = dice.choice(VERSIONS)
    return {
        "aggregates": aggregates,
        "row": {
            "supported_instances": json.dumps(dice.sample(INSTANCES, dice.randint(0, 3))),
            "hypervisor_type": dice.choice(["QEMU", "8", "fast"]),
            "hypervisor_version": dice.choice([8002000, 8002001, 6000000, 7999999, 10, 8002]),
            "cpu_info": dice.choice([json.dumps(dice.choice(CPUS)), "not JSON", "[]"]),
        },
        "extra_specs": specs,
        "properties": properties,
        "default_architecture": dice.choice([None, None, "x86_64", "aarch64"]),
    }


def test_three_filters_drop_the_hosts_that_they_drop_in_nova() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    dice = Dice(SEED)
    cases = [case_of(dice) for _ in range(CASES)]
    done = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == CASES
    told = [{**case, "nova": nova} for case, nova in zip(cases, answers, strict=True)]
    record("filters", told)
    wrong = [case for case in told if not agrees(case)]
    assert not wrong, f"{len(wrong)} of {CASES}:\n" + "\n\n".join(map(str, wrong[:5]))
    for name in FILTERS:
        assert CASES // 10 < sum(name in nova["drops"] for nova in answers) < CASES * 9 // 10
