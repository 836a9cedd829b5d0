"""Ask recorded cases again, and say where numafit and nova agree."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numafit.errors import InputError, InvalidRequest, MisuseError, StalePlacement
from numafit.replaying import cases, flavors, hosts
from numafit.replaying.cases import Case
from numafit.replaying.requests import guest_of

AGREES = "agrees"
ARTEFACT = "artefact"
DIFFERS = "differs"

_ANSWERS: Mapping[str, Callable[[Case], Any]] = {
    "constraints": flavors.constraints,
    "cpu_topology": flavors.topology,
    "multiqueue": flavors.vif_multiqueue,
    "pci_numa_policy": flavors.numa_policy,
    "support": flavors.support,
    "alias": flavors.alias,
    "parse_address": flavors.parse_address,
    "address": flavors.address,
    "device_spec": flavors.device_spec,
    "pools": flavors.pools,
    "fit": hosts.fit,
    "sequences": hosts.sequence,
    "capacity": hosts.capacity,
}


@dataclass(frozen=True)
class Verdict:
    """One case: ``verdict`` is ``"agrees"``, ``"differs"``, or ``"artefact"`` where nova's answer
    came from what it had tried before, and numafit gives the one that nova gives afresh.
    ``other_threads``: the same cores are taken, and of some of them another thread."""

    id: str
    question: str
    verdict: str
    numafit: Any
    nova: Any
    other_threads: bool = False


def replay(path: str | os.PathLike[str]) -> list[Verdict]:
    """A verdict for each case of a file. Raises InputError for what is not a case."""
    file = os.fspath(path)
    return [_judge(file, number, case) for number, case in cases.read(file)]


def _judge(file: str, number: int, case: Case) -> Verdict:
    question = cases.question_of(case)
    if question not in _ANSWERS:
        known = f"one of {', '.join(_ANSWERS)}"
        raise InputError(file, f"line {number}: question", question, known)
    try:
        ours = _answer(case, question)
        nova = _nova(case, question, case.get("expect"))
        threads = _threads(ours), _threads(nova)
        verdict = AGREES if ours == nova else DIFFERS
        if verdict == DIFFERS and "expect_afresh" in case:
            afresh = _nova(case, question, case["expect_afresh"])
            _threads(afresh)
            verdict = ARTEFACT if ours == afresh else DIFFERS
    except KeyError as error:
        key = f"line {number}"
        raise InputError(file, key, case["id"], f"a case with the key {error}") from None
    except (MisuseError, InputError, TypeError, AttributeError, ValueError) as error:
        what = "a case in the format of numafit's test vectors"
        raise InputError(file, f"line {number}", case["id"], what, str(error)) from None
    other = verdict == AGREES and threads[0] != threads[1]
    return Verdict(case["id"], question, verdict, ours, nova, other)


def _threads(answer: Any) -> Any:
    """Which threads of its cores an answer takes; the answer is left without them."""
    return answer.pop(hosts.THREADS, None) if isinstance(answer, dict) else None


def _answer(case: Case, question: str) -> Any:
    try:
        return _ANSWERS[question](case)
    except InvalidRequest as error:
        found = {"error": error.nova_exception}
        if "stage" in (case.get("expect") or {}):
            found["stage"] = error.stage
        return found
    except StalePlacement as error:
        return {"claim": str(error)}


def _nova(case: Case, question: str, expect: Any) -> Any:
    if question == "fit":
        return hosts.expected_fit(case, expect)
    if question == "sequences":
        return hosts.expected_sequence(case)
    if question == "capacity":
        return hosts.expected_capacity(case)
    if question == "constraints" and expect.get("topology"):
        return {"topology": flavors.described(guest_of(expect["topology"]))}
    return expect
