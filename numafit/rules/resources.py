"""What a flavor and an image ask of placement: amounts of resource classes, and traits.

By ``ResourceRequest.from_request_spec`` of nova 34 (``nova/scheduler/utils.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from numafit.model.flavor import Flavor, Image
from numafit.model.resources import ResourceGroup, Resources, is_resource_class
from numafit.model.values import refuse
from numafit.rules.cpu_policy import cpu_policies
from numafit.rules.extra_specs import Asked, asked_for, one_of_both
from numafit.rules.memory_encryption import encryption_model
from numafit.rules.pci_policy import pci_numa_policy

_KEY = re.compile(r"(resources|trait)([a-zA-Z0-9_-]{1,64})?:(.*)")
_HYPERTHREADING = "HW_CPU_HYPERTHREADING"
_ENCRYPTION_TRAITS = {
    "amd-sev": "HW_CPU_X86_AMD_SEV",
    "amd-sev-es": "HW_CPU_X86_AMD_SEV_ES",
    "amd-sev-snp": "HW_CPU_X86_AMD_SEV_SNP",
    "intel-tdx": "HW_CPU_X86_INTEL_TDX",
}
_TPM_MODELS = {"tpm-tis": "COMPUTE_SECURITY_TPM_TIS", "tpm-crb": "COMPUTE_SECURITY_TPM_CRB"}
_TPM_VERSIONS = {"1.2": "COMPUTE_SECURITY_TPM_1_2", "2.0": "COMPUTE_SECURITY_TPM_2_0"}
_ADDRESS_MODES = {
    "passthrough": "COMPUTE_ADDRESS_SPACE_PASSTHROUGH",
    "emulate": "COMPUTE_ADDRESS_SPACE_EMULATED",
}


class _Groups:
    """Groups while they grow."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, int]] = {"": {}}
        self.required: dict[str, set[str]] = {"": set()}
        self.forbidden: dict[str, set[str]] = {"": set()}
        self.ignored: list[tuple[str, str]] = []
        self.policy: str | None = None

    def add(self, resource_class: str, amount: int, suffix: str = "") -> None:
        self.resources.setdefault(suffix, {})[resource_class] = amount

    def require(self, trait: str, suffix: str = "") -> None:
        self.required.setdefault(suffix, set()).add(trait)

    def forbid(self, trait: str, suffix: str = "") -> None:
        self.forbidden.setdefault(suffix, set()).add(trait)

    def names(self, resource_class: str) -> bool:
        """Does any group name the class, be it with 0?"""
        return any(resource_class in part for part in self.resources.values())

    def done(self) -> Resources:
        suffixes = dict.fromkeys([*self.resources, *self.required, *self.forbidden])
        groups = []
        for suffix in suffixes:
            group = ResourceGroup(
                suffix,
                {name: n for name, n in self.resources.get(suffix, {}).items() if n},
                frozenset(self.required.get(suffix, ())),
                frozenset(self.forbidden.get(suffix, ())),
            )
            if group.resources or group.required or group.forbidden:
                groups.append(group)
        return Resources(tuple(groups), self.policy, tuple(self.ignored))


def resources_of(
    flavor: Flavor, image: Image | None = None, *, volume_backed: bool = False
) -> Resources:
    """What placement is asked for when a server of this flavor and image is started.

    ``VCPU``, ``MEMORY_MB`` (MiB) and ``DISK_GB`` (GiB: root, ephemeral and swap disks; of a
    ``volume_backed`` server no root) unless extra specs name them; ``PCPU`` for dedicated vCPUs
    and isolated emulator threads; traits for what only some hosts can do. What ports and
    device profiles add is not in it, nor what nova's request filters do (``request_filters.py``).

    Raises ``InvalidRequest`` for the first thing that nova would refuse.
    """
    first = _query(flavor, image, volume_backed, pinned=True)
    if cpu_policies(asked_for(flavor, image)).policy != "dedicated":
        return first
    return replace(first, fallback=_query(flavor, image, volume_backed, pinned=False).groups)


def _query(flavor: Flavor, image: Image | None, volume_backed: bool, *, pinned: bool) -> Resources:
    """``pinned``: dedicated vCPUs are ``PCPU``, of hosts with the threads that they want."""
    asked = asked_for(flavor, image)
    groups = _Groups()
    _read_extra_specs(asked, groups)
    for trait in asked.image.traits:
        groups.require(trait)
    if pinned:
        _ask_for_cpus(asked, groups)
    if not groups.names("VCPU") and not groups.names("PCPU"):
        groups.add("VCPU", flavor.vcpus)
    if not groups.names("MEMORY_MB"):
        groups.add("MEMORY_MB", flavor.memory_mb)
    if not groups.names("DISK_GB"):
        root = 0 if volume_backed else flavor.disk_gb
        groups.add("DISK_GB", root + flavor.ephemeral_gb + -(-flavor.swap_mb // 1024))
    _ask_for_encryption(asked, groups)
    _ask_for_persistent_memory(asked, groups)
    _ask_for_tpm(asked, groups)
    if pci_numa_policy(flavor, image) == "socket":
        groups.require("COMPUTE_SOCKET_PCI_NUMA_AFFINITY")
    _ask_for_firmware(asked, groups)
    return groups.done()


def _read_extra_specs(asked: Asked, groups: _Groups) -> None:
    for key, value in asked.specs.items():
        if key == "group_policy":
            if value in ("none", "isolate"):
                groups.policy = value
            else:
                groups.ignored.append((key, f"{value!r} is neither 'none' nor 'isolate'"))
            continue
        match = _KEY.match(key)
        if match is None:
            continue
        kind, suffix, name = match[1], match[2] or "", match[3]
        read: Callable[[_Groups, str, str, str], str] = (
            _read_amount if kind == "resources" else _read_trait
        )
        if why := read(groups, name, value, suffix):
            groups.ignored.append((key, why))


def _read_amount(groups: _Groups, name: str, value: str, suffix: str) -> str:
    """Why nova passes over it; empty: it does not."""
    groups.resources.setdefault(suffix, {})
    if not is_resource_class(name):
        return f"{name!r} is not a resource class; those of a site begin with CUSTOM_"
    try:
        amount = int(value)
    except ValueError:
        amount = -1
    if amount < 0:
        return f"{value!r} is not a whole number of 0 or more"
    groups.add(name, amount, suffix)
    return ""


def _read_trait(groups: _Groups, name: str, value: str, suffix: str) -> str:
    """Why nova passes over it; empty: it does not."""
    if value == "required":
        groups.require(name, suffix)
    elif value == "forbidden":
        groups.forbid(name, suffix)
    else:
        return f"{value!r} is neither 'required' nor 'forbidden'"
    return ""


def _ask_for_cpus(asked: Asked, groups: _Groups) -> None:
    cpus = cpu_policies(asked)
    if cpus.policy in ("dedicated", "mixed"):
        dedicated = asked.vcpus if cpus.policy == "dedicated" else cpus.dedicated.bit_count()
        if cpus.policy == "mixed":
            groups.add("VCPU", asked.vcpus - dedicated)
        groups.add("PCPU", dedicated + (cpus.emulator_threads == "isolate"))
    if cpus.thread_policy == "isolate":
        groups.forbid(_HYPERTHREADING)
    elif cpus.thread_policy == "require":
        groups.require(_HYPERTHREADING)


def _ask_for_encryption(asked: Asked, groups: _Groups) -> None:
    model = encryption_model(asked)
    if model is not None:
        groups.add("MEM_ENCRYPTION_CONTEXT", 1)
        groups.require(_ENCRYPTION_TRAITS[model])


def _ask_for_persistent_memory(asked: Asked, groups: _Groups) -> None:
    wanted: dict[str, int] = {}
    for label in (asked.specs.get("hw:pmem") or "").split(","):
        if label.strip():
            words = re.sub("[^0-9A-Za-z]+", "_", f"PMEM_NAMESPACE_{label.strip()}")
            name = f"CUSTOM_{words.upper()}"
            wanted[name] = wanted.get(name, 0) + 1
    for name, amount in wanted.items():
        groups.add(name, amount)


def _ask_for_tpm(asked: Asked, groups: _Groups) -> None:
    version = one_of_both(asked, "hw", "tpm_version")
    if version is None:
        return
    if version not in _TPM_VERSIONS:
        raise refuse("Invalid", "hw:tpm_version", version, f"one of {', '.join(_TPM_VERSIONS)}")
    model = one_of_both(asked, "hw", "tpm_model")
    if model is None:
        model = "tpm-tis"
    elif model not in _TPM_MODELS:
        raise refuse("Invalid", "hw:tpm_model", model, f"one of {', '.join(_TPM_MODELS)}")
    elif model == "tpm-crb" and version != "2.0":
        raise refuse("Invalid", "hw:tpm_model", model, "hw:tpm_version='2.0' beside it")
    groups.require(_TPM_MODELS[model])
    groups.require(_TPM_VERSIONS[version])


def _ask_for_firmware(asked: Asked, groups: _Groups) -> None:
    secure = one_of_both(asked, "os", "secure_boot")
    if secure is not None and secure not in ("required", "disabled", "optional"):
        raise refuse("Invalid", "os:secure_boot", secure, "required, disabled or optional")
    if secure == "required":
        groups.require("COMPUTE_SECURITY_UEFI_SECURE_BOOT")
    mode = one_of_both(asked, "hw", "maxphysaddr_mode")
    if mode is not None:
        if mode not in _ADDRESS_MODES:
            words = ", ".join(_ADDRESS_MODES)
            raise refuse("Invalid", "hw:maxphysaddr_mode", mode, f"one of {words}")
        groups.require(_ADDRESS_MODES[mode])
    if asked.image.flag("hw_firmware_stateless") and asked.image.text("hw_firmware_type") == "uefi":
        groups.require("COMPUTE_SECURITY_STATELESS_FIRMWARE")
