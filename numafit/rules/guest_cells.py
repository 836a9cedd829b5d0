"""How a request spreads the guest's vCPUs and memory over cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numafit.cpuset import format_cpu_list
from numafit.errors import InvalidRequest
from numafit.model.values import bad_cpu_list, conflict, refuse
from numafit.plurals import counted
from numafit.rules.cpurules import CpuRules, cpus_of, read_cpu_rules
from numafit.rules.extra_specs import Asked
from numafit.rules.image_properties import numbered

_EXCLUSIVE = "Describe the guest's NUMA cells in one of them."

_PLAIN = "Write it without sign, blanks and leading zeros."


class Share(NamedTuple):
    """What one guest cell gets. ``vcpus``: vCPU ids; ``memory_mb``: MiB."""

    vcpus: frozenset[int]
    memory_mb: int


def node_count(asked: Asked) -> int | None:
    """How many cells ``hw:numa_nodes`` or ``hw_numa_nodes`` asks for, or ``None``.

    Raises ``InvalidRequest``: for anything but a plain number of 1 or more (``"02"``, ``"+2"``
    and ``" 2"`` are not plain), or where flavor and image both ask.
    """
    flavor = asked.specs.get("hw:numa_nodes")
    image = asked.image.number("hw_numa_nodes")
    if flavor and image:
        raise conflict(
            "ImageNUMATopologyForbidden",
            "hw:numa_nodes",
            flavor,
            "hw_numa_nodes",
            image,
            _EXCLUSIVE,
        )
    nodes = flavor or image
    if nodes is None or nodes == "":
        return None
    if not _is_plain_number(nodes) or int(nodes) < 1:
        key = "hw:numa_nodes" if flavor else "hw_numa_nodes"
        raise refuse("InvalidNUMANodesNumber", key, nodes, "a plain number of 1 or more", _PLAIN)
    return int(nodes)


def shares(asked: Asked, nodes: int) -> list[Share]:
    """What each of ``nodes`` cells gets: as the request lists it, or else equal parts in order.

    Raises ``InvalidRequest`` where the lists are incomplete, hold a vCPU twice or one that the
    guest lacks, do not add up, or where equal parts do not come out even.
    """
    cpu_lists = _cpu_lists(asked)
    memory_list = _memory_list(asked)
    if cpu_lists is None and memory_list is None:
        return _equal_shares(asked, nodes)
    if cpu_lists is None or memory_list is None or not len(cpu_lists) == len(memory_list) == nodes:
        raise refuse(
            "ImageNUMATopologyIncomplete",
            "hw:numa_nodes",
            nodes,
            f"hw:numa_cpus.N and hw:numa_mem.N (of flavor or image) for N from 0 to {nodes - 1}",
            f"There are {len(cpu_lists or ())} CPU lists and {len(memory_list or ())} memory "
            "sizes; a gap in the numbers ends a list.",
        )
    return _listed_shares(asked, cpu_lists, memory_list)


def check_memory(found: Sequence[Share]) -> None:
    """Refuse cells with less than no memory, which nova lets through if the sum is right."""
    for node, share in enumerate(found):
        if share.memory_mb < 0:
            raise refuse(
                "ImageNUMATopologyMemoryOutOfRange",
                f"hw:numa_mem.{node}",
                share.memory_mb,
                "0 MiB or more in each cell",
            )


def _is_plain_number(value: str | int) -> bool:
    try:
        return str(int(value)) == str(value)
    except ValueError:
        return False


def _cpu_lists(asked: Asked) -> Sequence[CpuRules] | None:
    lists = []
    for key, text in numbered(asked.specs, "hw:numa_cpus"):
        try:
            lists.append(read_cpu_rules(text))
        except ValueError as fault:
            raise bad_cpu_list(key, text, fault) from None
    if not lists:
        return asked.image.numa_cpus
    if asked.image.numa_cpus is not None:
        raise _listed_twice(asked, "numa_cpus")
    return lists


def _memory_list(asked: Asked) -> Sequence[int] | None:
    sizes = []
    for key, text in numbered(asked.specs, "hw:numa_mem"):
        try:
            sizes.append(int(text))
        except ValueError:
            raise refuse("ValueError", key, text, "a number of MiB") from None
    if not sizes:
        return asked.image.numa_mem
    if asked.image.numa_mem is not None:
        raise _listed_twice(asked, "numa_mem")
    return sizes


def _listed_twice(asked: Asked, what: str) -> InvalidRequest:
    first = f"hw:{what}.0"
    return refuse(
        "ImageNUMATopologyForbidden",
        first,
        asked.specs[first],
        f"no hw_{what}.N of the image beside it",
        _EXCLUSIVE,
    )


def _equal_shares(asked: Asked, nodes: int) -> list[Share]:
    if asked.vcpus % nodes or asked.memory_mb % nodes:
        raise refuse(
            "ImageNUMATopologyAsymmetric",
            "hw:numa_nodes",
            nodes,
            f"a divisor of {counted(asked.vcpus, 'vCPU')} and of {asked.memory_mb} MiB",
            "Or list what each cell gets in hw:numa_cpus.N and hw:numa_mem.N.",
        )
    width = asked.vcpus // nodes
    return [
        Share(frozenset(range(node * width, (node + 1) * width)), asked.memory_mb // nodes)
        for node in range(nodes)
    ]


def _listed_shares(
    asked: Asked, cpu_lists: Sequence[CpuRules], memory_list: Sequence[int]
) -> list[Share]:
    source = "hw:" if "hw:numa_cpus.0" in asked.specs else "hw_"
    taken = 0
    found = []
    for node, (rules, memory_mb) in enumerate(zip(cpu_lists, memory_list, strict=True)):
        mask = rules.below(asked.vcpus)
        _check_cpus(asked, f"{source}numa_cpus.{node}", rules, mask & taken)
        taken |= mask
        found.append(Share(cpus_of(mask), memory_mb))
    left = ((1 << asked.vcpus) - 1) & ~taken
    if left:
        raise refuse(
            "ImageNUMATopologyCPUsUnassigned",
            "hw:numa_cpus.N",
            format_cpu_list(cpus_of(left)),
            "each vCPU in one of the lists; these are in none",
        )
    if sum(memory_list) != asked.memory_mb:
        raise refuse(
            "ImageNUMATopologyMemoryOutOfRange",
            "hw:numa_mem.N",
            sum(memory_list),
            f"sizes that add up to the flavor's {asked.memory_mb} MiB",
        )
    return found


def _check_cpus(asked: Asked, key: str, rules: CpuRules, twice: int) -> None:
    outside = rules.beyond(asked.vcpus)
    if twice:
        raise refuse(
            "ImageNUMATopologyCPUDuplicates",
            key,
            min(cpus_of(twice)),
            "vCPUs that no earlier cell has",
        )
    if outside is not None:
        raise refuse(
            "ImageNUMATopologyCPUOutOfRange",
            key,
            outside,
            f"vCPUs from 0 to {asked.vcpus - 1}",
        )
