"""Random flavors and images: numafit asks placement for what nova asks it for.

NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34; NUMAFIT_FUZZ_CASES and
NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nova.recording import record
from tests.nova.test_constraints_fuzz import Dice, Question, question_of
from tests.vectors.test_resources import asked

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "resources_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "5000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))

AMOUNTS = ["1", "2", "0", "4", "8", "100"]
ODD_AMOUNTS = ["-1", "x", "", " 3 ", "1_0", "+2", "1.5", "\u0663", "9" * 12]
CLASSES = ["VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "VGPU", "CUSTOM_A", "CUSTOM_", "FPGA"]
ODD_CLASSES = ["vcpu", "GPU", "", "CUSTOM", "COSTUM_A", "VCPU "]
SUFFIXES = ["", "", "", "1", "2", "_NET", "0", "a-b"]
ODD_SUFFIXES = ["x" * 64, "x" * 65, "a.b", "\u00e9"]
TRAITS = ["CUSTOM_T", "HW_CPU_X86_AVX2", "HW_CPU_HYPERTHREADING", "anything"]
WORDS = ["required", "required", "forbidden"]
ODD_WORDS = ["Required", "", "preferred", "true"]
OTHERS: dict[str, tuple[list[str], list[str]]] = {
    "group_policy": (["none", "isolate"], ["None", ""]),
    "hw:pmem": (["6GB", "6GB,128GB", "a, a"], ["", " , ", "x y-z", "\u00e9"]),
    "hw:tpm_version": (["1.2", "2.0"], ["", "2", "3.0"]),
    "hw:tpm_model": (["tpm-tis", "tpm-crb"], ["", "tis"]),
    "os:secure_boot": (["required", "disabled", "optional"], ["", "yes"]),
    "hw:maxphysaddr_mode": (["passthrough", "emulate"], ["", "x"]),
}
IMAGES: dict[str, list[Any]] = {
    "hw_tpm_version": ["1.2", "2.0"],
    "hw_tpm_model": ["tpm-tis", "tpm-crb"],
    "os_secure_boot": ["required", "optional"],
    "hw_maxphysaddr_mode": ["passthrough", "emulate"],
    "hw_firmware_type": ["uefi", "bios"],
    "hw_firmware_stateless": ["true", "false"],
    "trait:CUSTOM_IMAGE": ["required", "forbidden"],
    "trait:HW_CPU_X86_AVX2": ["required"],
}


def ask_for_resources(dice: Dice, question: Question) -> Question:
    specs, properties = question["flavor"]["extra_specs"], question["image"]["properties"]

    def one(good: list[Any], odd: list[Any], chance: float = 0.12) -> Any:
        return dice.choice(odd if dice.sometimes(chance) else good)

    for _ in range(dice.choice([0, 0, 1, 2, 4])):
        name = f"resources{one(SUFFIXES, ODD_SUFFIXES)}:{one(CLASSES, ODD_CLASSES)}"
        specs[name] = one(AMOUNTS, ODD_AMOUNTS)
    for _ in range(dice.choice([0, 0, 1, 2])):
        specs[f"trait{one(SUFFIXES, ODD_SUFFIXES)}:{one(TRAITS, [''])}"] = one(WORDS, ODD_WORDS)
    for key, (good, odd) in OTHERS.items():
        if dice.sometimes(0.15):
            specs[key] = one(good, odd)
    for key, values in IMAGES.items():
        if dice.sometimes(0.15):
            properties[key] = dice.choice(values)
    question["flavor"] |= {
        "root_gb": dice.choice([0, 1, 20]),
        "ephemeral_gb": dice.choice([0, 0, 5]),
        "swap": dice.choice([0, 0, 1, 1024, 1025]),
    }
    return {**question, "volume_backed": dice.sometimes(0.3)}


def test_placement_is_asked_for_what_nova_asks_it_for() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    dice = Dice(SEED)
    questions = [ask_for_resources(dice, question_of(dice)) for _ in range(CASES)]
    done = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == CASES
    record(
        "resources",
        ({**question, "nova": nova} for question, nova in zip(questions, answers, strict=True)),
    )
    wrong = [
        f"nova {nova}, numafit {ours}, for {question}"
        for question, nova in zip(questions, answers, strict=True)
        if (ours := asked(question)) != nova
    ]
    assert not wrong, f"{len(wrong)} of {CASES}:\n" + "\n\n".join(wrong[:5])
    assert sum("groups" in nova for nova in answers) > CASES // 4
