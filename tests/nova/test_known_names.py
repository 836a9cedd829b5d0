"""The lists of names are those of nova 34, and what its validators refuse is found.

Runs nova in an environment of its own: NUMAFIT_NOVA_PYTHON is the path of a Python that has nova.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from numafit.diagnosis import known_names as known
from numafit.diagnosis.lint import flavor_findings
from numafit.model.flavor import Flavor

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "names_oracle.py"
WORDS_ORACLE = ORACLE.with_name("words_oracle.py")
DATA = Path(known.__file__).with_suffix(".json")
WORDS = ORACLE.parents[1] / "vectors" / "data" / "words.json"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "4000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
READ_THOUGH_REFUSED = {"hw:maxphysaddr_bits", "hw:maxphysaddr_mode"}


def oracle(*arguments: str, script: Path = ORACLE, stdin: object = None) -> Any:
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(script), *arguments],
        input=json.dumps(stdin),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_lists_are_those_of_nova() -> None:
    ours, theirs = json.loads(DATA.read_text()), oracle()
    if ours != theirs:  # each part by itself, for the difference to be read
        for part, names in theirs.items():
            assert ours[part] == names, f"{part}: make the file anew, see {ORACLE.name}"
    assert ours == theirs


def test_image_properties_are_those_of_nova() -> None:
    ours = {*known.image_names(), "hw_numa_cpus.{num}", "hw_numa_mem.{num}"}
    assert ours - {"kernel_id", "ramdisk_id", "os_shutdown_timeout"} == set(oracle("images"))


def test_the_words_of_the_vectors_are_what_nova_makes_of_them_today() -> None:
    recorded, today = json.loads(WORDS.read_text()), oracle(script=WORDS_ORACLE)
    for part, found in today.items():
        assert recorded[part] == found, f"{part}: make the file anew, see {WORDS_ORACLE.name}"
    assert recorded == today


def test_what_nova_s_validators_refuse_is_found_and_what_they_know_is_not() -> None:
    dice = random.Random(SEED)
    data = json.loads(DATA.read_text())
    fill = {"num": "3", "group": "_A", "key": "a:b", "filter": ":x", "resource": "A", "trait": "B"}
    names = [*data["extra_specs"], *(f"trait{{group}}:{name}" for name in data["traits"])]
    names = [name.format(**fill) for name in names]
    wrong = []
    for _ in range(CASES):
        name = dice.choice(names)
        n = dice.randrange(len(name))
        wrong.append(name[:n] + dice.choice(["", name[n] * 2, "x", ":", "_"]) + name[n + 1 :])
    asked = sorted({*names, *wrong})
    verdicts = dict(zip(asked, oracle("judge", stdin=asked), strict=True))
    # what nova takes, as a name of the operator's, may still be a slip away from one of its own
    specs = known.known_names().extra_specs
    for name, taken in verdicts.items():
        found = list(flavor_findings([Flavor("a", extra_specs={name: "1"})]))
        if name in READ_THOUGH_REFUSED:
            assert not found, name
        elif not taken:
            assert found, name
        else:
            assert not found or specs.free(name) or _any_letter_for_dot(name), (name, found)
    assert sum(not taken for taken in verdicts.values()) > len(asked) // 4


def _any_letter_for_dot(name: str) -> bool:
    """nova's pattern of ``hw:numa_cpus.3`` takes any letter where the dot is."""
    return name.startswith(("hw:numa_cpus", "hw:numa_mem"))
