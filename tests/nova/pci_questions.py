"""What the PCI fuzz tests share: random devices, nova's answers, and the comparison.

Loaded by path. NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34; NUMAFIT_FUZZ_CASES
(of each kind) and NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import InvalidRequest, PciRequest

Question = dict[str, Any]
ORACLE = Path(__file__).parent / "pci_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "1000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))

IDS = ["8086", "15b3", "154c", "1572", "101e", "a2d6", "1eb8"]
FLAGS = ["true", "false", "yes", "no", "1", "0", "True", True, False]
ODD_FLAGS = ["", "maybe", None, 1, 0, 2, [], " yes ", "T"]
POLICIES = ["required", "legacy", "preferred", "socket"]


class Dice(random.Random):
    def sometimes(self, chance: float) -> bool:
        return self.random() < chance

    def of(self, usual: list[Any], odd: list[Any], chance: float = 0.1) -> Any:
        return self.choice(odd if self.sometimes(chance) else usual)


def ask_nova(questions: list[Question]) -> list[Any]:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    run = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="\n".join(map(json.dumps, questions)),
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(kind: str, make: Callable[[Dice], Question], answer: Callable[[Question], Any]) -> None:
    """Both answer the same questions; their errors are compared by name."""
    dice = Dice(f"{SEED} {kind}")
    questions = [{"kind": kind, **make(dice)} for _ in range(CASES)]
    theirs = ask_nova(questions)
    wrong = []
    for question, expect in zip(questions, theirs, strict=True):
        try:
            mine = answer(question)
        except InvalidRequest as error:
            mine = {"error": error.nova_exception}
        if kind == "claims":
            mine = mine[: len(expect)]  # nova's pools are no longer sound after a failed claim
        if mine != expect:
            wrong.append((question, mine, expect))
    errors = sum(isinstance(one, dict) and "error" in one for one in theirs)
    assert errors < CASES * 0.9, f"{errors} of {CASES} questions are refused: they say little"
    assert not wrong, f"{len(wrong)} of {CASES}; the first: {json.dumps(wrong[0])}"


def devices_of(dice: Dice, odd: bool = True) -> list[Question]:
    devices: list[Question] = []
    for bus, ids in [("3b", ("8086", "1572", "154c")), ("5e", ("15b3", "a2d6", "101e"))]:
        node = dice.choice([0, 0, 1, None])
        serial = dice.choice([None, "MT1", "", {}])
        pf = f"0000:{bus}:00.0"
        listed = [device(pf, ids[0], ids[1], "type-PF", node, serial)] * dice.sometimes(0.8)
        for number in range(1, dice.randint(1, 5)):
            kind = "vdpa" if dice.sometimes(0.15) else "type-VF"
            its = serial if dice.sometimes(0.7) else None
            vf = device(f"{pf[:-1]}{number}", ids[0], ids[2], kind, node, its)
            vf["parent_addr"] = pf
            listed.append(vf)
        devices += listed
    for number in range(dice.randint(0, 3)):
        devices.append(
            device(
                f"0000:af:0{number}.0", "10de", "1eb8", "type-PCI", dice.choice([0, 1, None]), None
            )
        )
    if odd and dice.sometimes(0.1):
        address = dice.choice(
            ["10000:3b:00.0", "0000:3b:20.0", "0000:3b:00.8", "0000:3B:00.1", "1:2.3", "x"]
        )
        devices.insert(
            dice.randint(0, len(devices)), device(address, "8086", "154c", "type-VF", 0, None)
        )
        devices[-1].setdefault("parent_addr", None)
    if dice.sometimes(0.3):
        dice.shuffle(devices)
    return devices


def device(
    address: str, vendor: str, product: str, kind: str, node: int | None, serial: Any
) -> Question:
    found = {
        "address": address,
        "vendor_id": vendor,
        "product_id": product,
        "dev_type": kind,
        "numa_node": node,
    }
    if serial is not None:
        vpd = {} if serial == {} else {"card_serial_number": serial}
        found["capabilities"] = {"vpd": vpd}
    return found


def described(requests: list[PciRequest]) -> list[Question]:
    return [
        {
            "count": one.count,
            "spec": list(one.spec),
            "alias_name": one.alias_name,
            "numa_policy": one.numa_policy,
        }
        for one in requests
    ]


def request_values(found: list[Question]) -> list[PciRequest]:
    return [
        PciRequest(**one, request_id=f"00000000-0000-0000-0000-{n:012d}")
        for n, one in enumerate(found)
    ]
