"""CPU policies of a request: which vCPUs are dedicated, and what is asked of their threads."""

from __future__ import annotations

import re
from typing import NamedTuple

from numafit.errors import InvalidRequest
from numafit.model.guest import CPU_POLICIES, EMULATOR_POLICIES, THREAD_POLICIES
from numafit.model.values import bad_cpu_list, conflict, flag, refuse
from numafit.rules.cpurules import read_cpu_rules
from numafit.rules.extra_specs import Asked

_TRAIT = "HW_CPU_HYPERTHREADING"
# nova matches the beginning of the key only, and group 0 is not a group
_VCPU_KEY = re.compile(r"resources([1-9][0-9]*)?:VCPU")
_PCPU_KEY = re.compile(r"resources([1-9][0-9]*)?:PCPU")
_TRAIT_KEY = re.compile(rf"trait([1-9][0-9]*)?:{_TRAIT}")


class CpuDemand(NamedTuple):
    """``dedicated``: mask of the vCPUs that get a host CPU of their own. ``thread_policy`` may
    be ``""``, which nova accepts as long as no topology is made of it."""

    policy: str | None
    thread_policy: str | None
    emulator_threads: str | None
    dedicated: int


class _Mask(NamedTuple):
    """``bits``: the guest's vCPUs in the list; ``outside``: an id that the guest lacks."""

    bits: int
    outside: int | None


def cpu_demand(asked: Asked) -> CpuDemand:
    """The CPU policies of a request, by ``numa_get_constraints`` of nova.

    Raises ``InvalidRequest`` for words that nova does not know and for combinations that it
    refuses, in nova's order.
    """
    policy = _cpu_policy(asked)
    thread_policy = _thread_policy(asked)
    realtime = _realtime(asked)
    dedicated = _dedicated_mask(asked)
    emulator = _emulator_threads(asked)
    policy = _with_resources(asked, policy, emulator)
    thread_policy = _with_trait(asked, thread_policy)
    if policy in ("shared", None):
        _check_shared(asked, thread_policy, emulator, dedicated, realtime)
    elif policy == "dedicated":
        if dedicated:
            raise _mask_without_mixed(asked)
        dedicated = _everyone(asked)
    elif bool(realtime) == bool(dedicated):
        raise refuse(
            "RequiredMixedOrRealtimeCPUMask",
            "hw:cpu_dedicated_mask",
            asked.specs.get("hw:cpu_dedicated_mask"),
            "exactly one of hw:cpu_dedicated_mask and hw:cpu_realtime_mask (with "
            "hw:cpu_realtime) under hw:cpu_policy='mixed'",
        )
    else:
        dedicated = dedicated or realtime
    return CpuDemand(policy, thread_policy, emulator, dedicated)


class CpuPolicies(NamedTuple):
    """The words of flavor and image alone. ``dedicated``: mask of a mixed guest's vCPUs that get
    a host CPU of their own."""

    policy: str | None
    thread_policy: str | None
    emulator_threads: str | None
    dedicated: int


def cpu_policies(asked: Asked) -> CpuPolicies:
    """What the policies say, before ``resources:PCPU`` and traits are looked at. Raises
    ``InvalidRequest`` for words that nova does not know."""
    policy = _cpu_policy(asked)
    thread_policy = _thread_policy(asked)
    emulator = _emulator_threads(asked)
    dedicated = 0
    if policy == "mixed":
        dedicated, realtime = _dedicated_mask(asked), _realtime(asked)
        dedicated = dedicated or realtime
    return CpuPolicies(policy, thread_policy, emulator, dedicated)


def _cpu_policy(asked: Asked) -> str | None:
    flavor = asked.specs.get("hw:cpu_policy")
    image = asked.image.text("hw_cpu_policy")
    if flavor and flavor not in CPU_POLICIES:
        raise refuse(
            "InvalidCPUAllocationPolicy",
            "hw:cpu_policy",
            flavor,
            f"one of {', '.join(CPU_POLICIES)}",
        )
    # an image may ask for less dedication than its flavor, never for more
    if (flavor, image) in (("mixed", "dedicated"), ("shared", "dedicated"), ("shared", "mixed")):
        raise conflict(
            "ImageCPUPinningForbidden",
            "hw:cpu_policy",
            flavor,
            "hw_cpu_policy",
            image,
            "Leave the policy to one of them.",
        )
    return flavor or image


def _thread_policy(asked: Asked) -> str | None:
    flavor = asked.specs.get("hw:cpu_thread_policy")
    image = asked.image.text("hw_cpu_thread_policy")
    if flavor and flavor not in THREAD_POLICIES:
        raise refuse(
            "InvalidCPUThreadAllocationPolicy",
            "hw:cpu_thread_policy",
            flavor,
            f"one of {', '.join(THREAD_POLICIES)}",
        )
    if flavor is None or flavor == "prefer":
        return flavor or image
    if image and image != flavor:
        raise conflict(
            "ImageCPUThreadPolicyForbidden",
            "hw:cpu_thread_policy",
            flavor,
            "hw_cpu_thread_policy",
            image,
            "Leave the thread policy to one of them.",
        )
    return flavor


def _emulator_threads(asked: Asked) -> str | None:
    policy = asked.specs.get("hw:emulator_threads_policy")
    if policy and policy not in EMULATOR_POLICIES:
        raise refuse(
            "InvalidEmulatorThreadsPolicy",
            "hw:emulator_threads_policy",
            policy,
            f"one of {', '.join(EMULATOR_POLICIES)}",
        )
    return policy or None


def realtime_vcpus(asked: Asked) -> frozenset[int]:
    """The vCPUs that run under a realtime scheduler. Raises ``InvalidRequest``."""
    mask = _realtime(asked)
    return frozenset(vcpu for vcpu in range(asked.vcpus) if mask >> vcpu & 1)


def _realtime(asked: Asked) -> int:
    """Mask of the realtime vCPUs; 0 where realtime is not asked for."""
    if not flag(asked.specs.get("hw:cpu_realtime")):
        return 0
    key = "hw_cpu_realtime_mask"
    text = asked.image.text(key)
    if not text:
        key = "hw:cpu_realtime_mask"
        text = asked.specs.get(key)
    mask = _mask(asked, key, text) if text else _Mask(_everyone(asked), None)
    if mask == (0, None):
        raise refuse("RealtimeMaskNotFoundOrInvalid", key, text, "at least one vCPU")
    emulator = _emulator_threads(asked)
    if mask == (_everyone(asked), None) and not emulator:
        raise refuse(
            "RealtimeMaskNotFoundOrInvalid",
            key,
            text,
            "a vCPU left for the emulator threads",
            "Take one out of the mask, or set hw:emulator_threads_policy.",
        )
    if mask.outside is not None:
        raise _outside("RealtimeMaskNotFoundOrInvalid", asked, key, text)
    return mask.bits


def _dedicated_mask(asked: Asked) -> int:
    """Mask of the vCPUs in ``hw:cpu_dedicated_mask``; 0 where there is none."""
    key = "hw:cpu_dedicated_mask"
    text = asked.specs.get(key)
    if not text:
        return 0
    mask = _mask(asked, key, text)
    if mask == (0, None) or mask.bits == _everyone(asked):
        raise refuse(
            "InvalidMixedInstanceDedicatedMask",
            key,
            text,
            "at least one vCPU in the mask and one outside it",
            "Use hw:cpu_policy dedicated or shared for a guest of one kind.",
        )
    if mask.outside is not None:
        raise _outside("InvalidMixedInstanceDedicatedMask", asked, key, text)
    return mask.bits


def _mask(asked: Asked, key: str, text: str) -> _Mask:
    # a list that only takes away takes away from all
    rules = f"0-{asked.vcpus - 1},{text}" if text.strip().startswith("^") else text
    try:
        cpus = read_cpu_rules(rules)
    except ValueError as fault:
        raise bad_cpu_list(key, text, fault) from None
    return _Mask(cpus.below(asked.vcpus), cpus.beyond(asked.vcpus))


def _everyone(asked: Asked) -> int:
    return (1 << asked.vcpus) - 1


def _with_resources(asked: Asked, policy: str | None, emulator: str | None) -> str | None:
    """The CPU policy after ``resources:VCPU`` and ``resources:PCPU`` have been looked at."""
    vcpus = _resources(asked, _VCPU_KEY)
    pcpus = _resources(asked, _PCPU_KEY)
    if policy and (vcpus or pcpus):
        raise refuse(
            "InvalidRequest",
            "resources:PCPU" if pcpus else "resources:VCPU",
            pcpus or vcpus,
            "no CPU policy beside it",
            f"The CPU policy {policy!r} is set too: keep one of them.",
        )
    if vcpus and pcpus:
        raise refuse("InvalidRequest", "resources:VCPU", vcpus, "no resources:PCPU beside it")
    if vcpus:
        return "shared"
    if not pcpus:
        return policy
    wanted = asked.vcpus + 1 if emulator == "isolate" else asked.vcpus
    if pcpus != wanted:
        raise refuse(
            "InvalidRequest",
            "resources:PCPU",
            pcpus,
            f"{wanted}: the flavor's vCPUs, and one more for isolated emulator threads",
        )
    return "dedicated"


def _resources(asked: Asked, wanted: re.Pattern[str]) -> int:
    total = 0
    for key, value in asked.specs.items():
        if wanted.match(key):
            try:
                total += int(value)
            except ValueError:
                continue  # nova passes over what is not a number
    return total


def _with_trait(asked: Asked, thread_policy: str | None) -> str | None:
    """The thread policy after the trait HW_CPU_HYPERTHREADING has been looked at."""
    key, trait = _hyperthreading(asked)
    if thread_policy and trait:
        raise refuse(
            "InvalidRequest",
            key,
            trait,
            "no CPU thread policy beside it",
            f"The thread policy {thread_policy!r} is set too: keep one of them.",
        )
    if trait == "forbidden":
        return "isolate"
    return "require" if trait == "required" else thread_policy


def _hyperthreading(asked: Asked) -> tuple[str, str | None]:
    """The key that asks for the trait or against it, and its value."""
    for key, value in asked.specs.items():
        if _TRAIT_KEY.match(key):
            return key, value
    return f"trait:{_TRAIT}", "required" if _TRAIT in asked.image.traits else None


def _check_shared(
    asked: Asked, thread_policy: str | None, emulator: str | None, dedicated: int, realtime: int
) -> None:
    needs_pins = "hw:cpu_policy='dedicated' or 'mixed' beside it"
    if thread_policy:
        raise refuse(
            "CPUThreadPolicyConfigurationInvalid",
            "hw:cpu_thread_policy",
            thread_policy,
            needs_pins,
            "vCPUs that share host CPUs have no threads to choose.",
        )
    if emulator == "isolate":
        raise refuse(
            "BadRequirementEmulatorThreadsPolicy",
            "hw:emulator_threads_policy",
            emulator,
            needs_pins,
        )
    if dedicated:
        raise _mask_without_mixed(asked)
    if realtime:
        raise refuse(
            "RealtimeConfigurationInvalid",
            "hw:cpu_realtime",
            asked.specs.get("hw:cpu_realtime"),
            needs_pins,
        )


def _mask_without_mixed(asked: Asked) -> InvalidRequest:
    key = "hw:cpu_dedicated_mask"
    return refuse(
        "RequiredMixedInstancePolicy", key, asked.specs[key], "hw:cpu_policy='mixed' beside it"
    )


def _outside(nova_exception: str, asked: Asked, key: str, text: str | None) -> InvalidRequest:
    return refuse(nova_exception, key, text, f"vCPUs from 0 to {asked.vcpus - 1} only")
