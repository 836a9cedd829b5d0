"""Random flavors and images, many of them nasty: numafit and nova must say the same.

Runs nova in an environment of its own: NUMAFIT_NOVA_PYTHON is the path of a Python that has nova
34. NUMAFIT_FUZZ_CASES and NUMAFIT_FUZZ_SEED change how many cases there are, and which.
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

from numafit.errors import InvalidRequest
from numafit.model.flavor import Flavor, Image
from numafit.rules.guest_topology import guest_topology
from numafit.rules.multiqueue import multiqueue
from numafit.rules.pci_policy import pci_numa_policy
from numafit.rules.topology import cpu_topology

pytestmark = pytest.mark.nova

Question = dict[str, Any]
TWICE, OUTSIDE = "ImageNUMATopologyCPUDuplicates", "ImageNUMATopologyCPUOutOfRange"
ORACLE = Path(__file__).parent / "constraints_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "6000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))

HUGE = "9" * 5000  # more digits than int() takes
YES_NO = ["1", "true", "True", "on", "yes", "0", "false", "off", "no"]
ODD_YES_NO = ["t", "T", " TRUE ", "oN", "y", "YES\n", "f", "n", "", " ", "maybe", "2", "None"]
NUMBERS = ["1", "2", "4", "8"]
ODD_NUMBERS = ["0", "-1", "-2", "+2", "02", " 2", "2 ", "1_0", "٣", "²", "x", "", "1.5", "True"]
ODD_NUMBERS += ["65536", "100000", "2" * 30, HUGE]
SIZES = ["small", "large", "any", "4", "2048", "1048576", "2MB", "2MiB", "1GB"]
ODD_SIZES = ["Large", "", "0", "00", "-4", "2M", "1Mb", "1Mbit", "1b", "1B", "0B", "-1KB", "-2KB"]
ODD_SIZES += ["-3KB", "-2MB", "1.5GB", ".5GB", "1.", "1.GB", "1.0.0MB", "٢MB", "٢", "²", " 2048"]
ODD_SIZES += ["2048 ", "2MB\n", "+2MB", "1_0", "1KiB", "1kB", "1KB", "1" * 30, "1QB", "8191.9b"]
ODD_SIZES += ["1" * 400 + "MB", "1e3MB", HUGE, "0.0001B", "nan", "infB", "--1MB", "3.3KB", "2RiB"]
ODD_MASKS = ["^0", "0-", "5-2", "^", "^^1", "0,,1", ",", " ", "", "1-1", "0--0", "-1", "+1", "1_0"]
ODD_MASKS += ["٣", "^0-1", "0-99999", "9" * 20, "0-3,70000,^70000", "^ 1", "0 - 1", "1;2", "^x"]
ODD_MASKS += ["0-1-2", "^0,^1", " ^1", "1,^1", "0-1,^5-9", "x", HUGE, "^-1"]
ODD_MASKS += ["70000,^60000-69999,^80000"]
CPU_POLICIES = ["dedicated", "shared", "mixed"]
THREADS = ["prefer", "isolate", "require"]
PCI = ["required", "legacy", "preferred", "socket"]
MODELS = ["amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx"]
KERNELS = ["2.6.32-754.el6", "3.10.0-1160.el7", "4.18.0-553.el8", "5.14.0", "6", "03.1"]
SCALARS: list[Any] = [True, False, 0, 1, 4, -1, 2048, 1.5, 1e308, float("nan"), float("inf")]
ODD_WORDS = ["", "Required", "none", "Dedicated", "AMD-SEV", "isolated", "Share", "x"]

# image properties that have nothing to do with NUMA, and what may stand in them
OTHERS: dict[str, list[Any]] = {
    "architecture": ["x86_64", "AMD64", "i486", "x86_32p", "vax"],
    "hw_architecture": ["ppc64le", "S390X", "pdp11", ""],
    "hw_emulation_architecture": ["aarch64", "ARM"],
    "hypervisor_type": ["kvm", "XAPI", "hyperv", "novm"],
    "hypervisor_version_requires": [">=6.0", ">= 6.0, <7", "6.0", "==1.0rc1", "<1.0.dev", ">1!2"],
    "img_hv_requested_version": ["!=1.0-1+a.b", ">=1..0", ">=1.0+", "==v1.0a-", "", "=>1", ">=,"],
    "vmware_adaptertype": ["ide", "lsilogicsas", "paraVirtual", "busLogic", "foo", ""],
    "hw_scsi_model": ["virtio-scsi", "LSILogicSAS", "sas"],
    "hw_vif_model": ["virtio", "VirtualE1000", "e1000e", "ne2000"],
    "vm_mode": ["hvm", "PV", "baremetal", "weird"],
    "os_type": ["Linux", "windows", "beos"],
    "hw_disk_bus": ["virtio", "Virtio", "fdc"],
    "hw_rescue_device": ["cdrom", "tape"],
    "hw_tpm_version": ["1.2", "2.0", 2.0, "3"],
    "img_config_drive": ["optional", "always"],
    "hw_watchdog_action": ["reset", "disabled", "bark"],
    "hw_serial_port_count": ODD_NUMBERS,
    "xenapi_device_id": ODD_NUMBERS,
    "img_signature_hash_method": ["SHA-256", "MD5"],
    "img_signature_key_type": ["RSA-PSS", "RSA"],
    "img_signature_certificate_uuid": ["not-a-uuid"],
    "os_secure_boot": ["required", "Required"],
    "hw_boot_menu": ODD_YES_NO,
    "mappings": ["[]", '[{"a": "b"}]', '[{"a": null}]', "[1]", "{", '[{"a": {}}]', "null", "7"],
    "block_device_mapping": ['[{"boot_index": 0, "size": 1.5}]', "", '{"a": 1}', '"x"', "[null]"],
    "img_mappings": ["[]"],
    "traits_required": ["x"],
    "trait:HW_CPU_HYPERTHREADING_X": ["required"],
    "hw_qemu_guest_agent": ODD_YES_NO,
    "unknown": ["anything"],
}


Pools = dict[str, tuple[float, list[Any], list[Any]]]
"""For each key: how often it is set, values that do, values that mostly do not."""


class Dice(random.Random):
    """``oddity``: how often a value is an odd one. ``zeal``: how many of the keys are set."""

    oddity = 0.0
    zeal = 1.0

    def sometimes(self, chance: float) -> bool:
        return self.random() < chance

    def draw(self, pools: Pools) -> Question:
        keys = [key for key, (chance, *_) in pools.items() if self.sometimes(chance * self.zeal)]
        self.shuffle(keys)
        return {key: self.choice(pools[key][1 + self.sometimes(self.oddity)]) for key in keys}

    def split(self, total: int, parts: int) -> list[int]:
        cuts = sorted(self.randint(0, total) for _ in range(parts - 1))
        return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


def mask(dice: Dice, vcpus: int) -> list[str]:
    cpus = dice.sample(range(vcpus), dice.randint(1, max(1, vcpus // 2)))
    return [dice.choice(["", "^", ""]) + ",".join(map(str, cpus))]


def numa_lists(dice: Dice, flavor: Question, nodes: int, prefix: str) -> Question:
    """CPU lists and memory sizes for ``nodes`` cells, mostly without a fault."""
    vcpus = list(range(flavor["vcpus"]))
    dice.shuffle(vcpus)
    found: Question = {}
    fault = 0.04
    for node, count in enumerate(dice.split(len(vcpus), nodes)):
        cpus, vcpus = vcpus[:count], vcpus[count:]
        while dice.sometimes(fault):
            cpus.append(dice.randint(0, flavor["vcpus"] + dice.choice([1, 30])))
            fault = 0.5
        text = ",".join(map(str, cpus))
        found[f"{prefix}cpus.{node}"] = dice.choice(ODD_MASKS) if dice.sometimes(0.02) else text
    for node, size in enumerate(dice.split(flavor["memory_mb"], nodes)):
        value: Any = str(size) if prefix == "hw:numa_" or dice.sometimes(0.5) else size
        found[f"{prefix}mem.{node}"] = dice.choice(ODD_NUMBERS) if dice.sometimes(0.02) else value
    if dice.sometimes(0.1):
        del found[dice.choice(list(found))]
    if dice.sometimes(0.05):
        sizes = [key for key in found if "mem." in key]
        for key, size in zip(sizes[-2:], ["-512", str(flavor["memory_mb"] + 512)], strict=False):
            found[key] = size
    return found


def flavor_of(dice: Dice, encrypts: float) -> Question:
    flavor: Question = {"name": "f", "vcpus": dice.choice([1, 2, 3, 4, 6, 8, 16])}
    flavor["memory_mb"] = dice.choice([0, 512, 1024, 1536, 4096])
    group = dice.choice(["", "", "1", "23", "0", "01"])
    count = str(flavor["vcpus"] + dice.choice([0, 0, 0, 1]))
    pools: Pools = {
        "hw:cpu_policy": (0.5, CPU_POLICIES, ODD_WORDS),
        "hw:cpu_thread_policy": (0.2, THREADS, ODD_WORDS),
        "hw:emulator_threads_policy": (0.3, ["isolate", "share"], ODD_WORDS),
        "hw:cpu_realtime": (0.25, YES_NO, ODD_YES_NO),
        "hw:cpu_realtime_mask": (0.2, mask(dice, flavor["vcpus"]), ODD_MASKS),
        "hw:cpu_dedicated_mask": (0.2, mask(dice, flavor["vcpus"]), ODD_MASKS),
        "hw:mem_page_size": (0.3, SIZES, ODD_SIZES),
        "hw:pmem": (0.1, ["4GB", "a,b"], ["", ",", " , "]),
        "hw:locked_memory": (0.15, YES_NO, ODD_YES_NO),
        "hw:mem_encryption": (encrypts, YES_NO, ODD_YES_NO),
        "hw:mem_encryption_model": (encrypts, MODELS, ODD_WORDS),
        f"resources{group}:PCPU": (0.15, [count], ODD_NUMBERS),
        f"resources{dice.choice(['', group])}:VCPU": (0.08, [count], ODD_NUMBERS),
        "resources:PCPU_X": (0.03, NUMBERS, ODD_NUMBERS),
        f"trait{group}:HW_CPU_HYPERTHREADING": (0.12, ["required", "forbidden"], ODD_WORDS),
        "trait:HW_CPU_HYPERTHREADING_OTHER": (0.05, ["required"], ODD_WORDS),
        "hw:vif_multiqueue_enabled": (0.4, YES_NO, ODD_YES_NO),
        "hw:pci_numa_affinity_policy": (0.4, PCI, ODD_WORDS),
        "hw:numa_nodes": (0.15, NUMBERS, ODD_NUMBERS),
    }
    for part in ("sockets", "cores", "threads"):
        pools[f"hw:cpu_{part}"] = (0.15, NUMBERS, ODD_NUMBERS)
        pools[f"hw:cpu_max_{part}"] = (0.15, NUMBERS, ODD_NUMBERS)
    flavor["extra_specs"] = dice.draw(pools)
    if dice.sometimes(0.3):
        nodes = dice.choice([1, 2, 2, 3, 4])
        flavor["extra_specs"]["hw:numa_nodes"] = str(nodes)
        if dice.sometimes(0.6):
            flavor["extra_specs"].update(numa_lists(dice, flavor, nodes, "hw:numa_"))
    return flavor


def image_of(dice: Dice, flavor: Question, encrypts: float) -> Question:
    odd_words, odd_numbers = ODD_WORDS + SCALARS, ODD_NUMBERS + SCALARS
    yes_no: tuple[list[Any], list[Any]] = ([*YES_NO, True, False], ODD_YES_NO + SCALARS)
    pools: Pools = {
        "hw_cpu_policy": (0.2, CPU_POLICIES, odd_words),
        "hw_cpu_thread_policy": (0.15, THREADS, odd_words),
        "hw_cpu_realtime_mask": (0.12, mask(dice, flavor["vcpus"]), ODD_MASKS + SCALARS),
        "hw_mem_page_size": (0.2, [*SIZES, 2048], ODD_SIZES + SCALARS),
        "hw_numa_nodes": (0.1, ["1", "2", 2], ["0", *odd_numbers]),
        "hw_locked_memory": (0.1, *yes_no),
        "hw_mem_encryption": (encrypts, *yes_no),
        "hw_mem_encryption_model": (encrypts, MODELS, odd_words),
        "hw_firmware_type": (encrypts * 2, ["uefi", "uefi", "uefi", "bios"], odd_words),
        "hw_firmware_stateless": (encrypts, *yes_no),
        "hw_machine_type": (encrypts, ["q35", "pc-q35-8.2", "pc"], ["", "Q35", *SCALARS]),
        "hw_video_model": (encrypts, ["none", "virtio"], odd_words),
        "hw_vif_multiqueue_enabled": (0.3, *yes_no),
        "hw_vif_model": (0.3, ["virtio", "Virtio", "e1000", "VirtualE1000", "igb"], odd_words),
        "hw_pci_numa_affinity_policy": (0.3, PCI, odd_words),
        "trait:HW_CPU_HYPERTHREADING": (0.05, ["required"], ["Required", "forbidden", "", True]),
    }
    for part in ("sockets", "cores", "threads"):
        pools[f"hw_cpu_{part}"] = (0.1, [1, 2, "4", "8"], odd_numbers)
        pools[f"hw_cpu_max_{part}"] = (0.1, [4, 8, "8", "16"], odd_numbers)
    if dice.sometimes(0.2):
        pools |= {key: (0.06, values, SCALARS) for key, values in OTHERS.items()}
    found = dice.draw(pools)
    if dice.sometimes(0.12):
        nodes = dice.choice([1, 2, 2, 3])
        found["hw_numa_nodes"] = nodes
        if dice.sometimes(0.7):
            found |= numa_lists(dice, flavor, nodes, "hw_numa_")
    return {"name": "i", "properties": found}


def question_of(dice: Dice) -> Question:
    dice.oddity = dice.choice([0.0, 0.0, 0.04, 0.04, 0.4])
    dice.zeal = dice.choice([0.3, 0.3, 0.6, 1.0])
    encrypts = dice.choice([0.05, 0.05, 0.6])
    flavor = flavor_of(dice, encrypts)
    image: Question = {"name": "i", "properties": {}}
    if dice.sometimes(0.7):
        image = image_of(dice, flavor, encrypts)
    return {
        "flavor": flavor,
        "image": image,
        "allow_threads": dice.sometimes(0.7),
        "max_queues": dice.choice([None, None, 1, 2, 4, 16]),
        "kernel": dice.choice(KERNELS),
    }


def ask_numafit(question: Question) -> Question:
    flavor = Flavor(**question["flavor"])
    image = Image(**question["image"])

    def queues() -> Any:
        found = multiqueue(flavor, image, question["max_queues"], question["kernel"])
        return [found.enabled, found.queue_pairs]

    return {
        "topology": said(lambda: topology_of(flavor, image)),
        "cpus": said(lambda: list(cpu_topology(flavor, image, question["allow_threads"]))),
        "queues": said(queues),
        "pci_policy": said(lambda: pci_numa_policy(flavor, image)),
    }


def said(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except InvalidRequest as refusal:
        return {"error": refusal.nova_exception, "stage": refusal.stage}


def topology_of(flavor: Flavor, image: Image) -> Any:
    found = guest_topology(flavor, image)
    if found is None:
        return None
    cells = [
        [
            sorted(cell.cpuset),
            sorted(cell.pcpuset),
            cell.memory_mb,
            cell.pagesize,
            cell.cpu_policy,
            cell.cpu_thread_policy,
        ]
        for cell in found.cells
    ]
    return [cells, found.emulator_threads_policy]


def is_meant(question: Question, nova: Any, ours: Any) -> bool:
    """Differences on purpose. Each is a cell that no host can have, which nova lets through,
    or a list with two faults, where nova names the one that its set of CPUs yields first."""
    if not isinstance(ours, dict):
        return False
    if isinstance(nova, dict):
        return nova["error"] == OUTSIDE and ours["error"] == TWICE and has_both_faults(question)
    cells = nova[0] if nova else []
    if ours["error"] == "ImageNUMATopologyMemoryOutOfRange":
        return any(memory < 0 for _, _, memory, *_ in cells)
    if ours["error"] == "MemoryPageSizeInvalid":
        return any(not -3 <= pagesize <= 1 << 50 for _, _, _, pagesize, *_ in cells)
    return False


def has_both_faults(question: Question) -> bool:
    vcpus = question["flavor"]["vcpus"]
    everything = question["flavor"]["extra_specs"] | question["image"]["properties"]
    earlier: set[str] = set()
    for key in sorted(key for key in everything if "numa_cpus." in key):
        cpus = {cpu for cpu in everything[key].split(",") if cpu.isdigit()}
        if cpus & earlier and any(int(cpu) >= vcpus for cpu in cpus):
            return True
        earlier |= cpus
    return False


def ask_nova(python: str, questions: list[Question]) -> list[Question]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_numafit_says_what_nova_says() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    dice = Dice(SEED)
    questions = [question_of(dice) for _ in range(CASES)]
    answers = ask_nova(python, questions)
    assert len(answers) == CASES
    wrong = []
    for question, nova in zip(questions, answers, strict=True):
        ours = ask_numafit(question)
        wrong += [
            f"{what}: nova {nova[what]}, numafit {ours[what]}, for {question}"
            for what in nova
            if nova[what] != ours[what] and not is_meant(question, nova[what], ours[what])
        ]
    assert not wrong, f"{len(wrong)} of {4 * CASES} answers differ\n" + "\n".join(wrong[:5])
