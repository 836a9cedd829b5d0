"""CPU sets of nova.conf against the cores of a host: what of the host's own is left, and whole?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from numafit.cpuset import cpu_words, format_cpu_list
from numafit.diagnosis.finding import NOTE, WARNING, Finding
from numafit.model.hostinfo import HostInfo
from numafit.rules.nova_config import DEDICATED, PIN_SET, SHARED, NovaConfig, cell_cpus
from numafit.rules.offline import off_remark

_SHOWN = 8
Cores = Sequence[frozenset[int]]


def cpu_findings(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    """``host`` with the dedicated CPUs that are at rest in their cells."""
    yield from _split_cores(host, config)
    yield from _nothing_left(host, config)
    remark = off_remark(host)
    if remark:
        yield Finding(NOTE, "cpus-off", host.name or "host", remark, "")


def resting_findings(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    """``host`` as its source shows it."""
    off = frozenset[int]().union(*(one.cpus for one in host.offline))
    resting = off & (config.cpu_dedicated_set or frozenset())
    if resting and config.cpu_power_management:
        yield Finding(
            NOTE,
            "cpus-at-rest",
            "[libvirt] cpu_power_management",
            f"{cpu_words(resting)} {'is' if len(resting) == 1 else 'are'} off at rest, and "
            f"{'counts' if len(resting) == 1 else 'count'}",
            "nova switches a dedicated CPU on for the guest that gets it.",
        )


def _guests(config: NovaConfig) -> frozenset[int]:
    """The CPUs that the sets give to guests; empty where no set is."""
    if config.vcpu_pin_set is not None:
        return config.vcpu_pin_set
    return (config.cpu_dedicated_set or frozenset()) | (config.cpu_shared_set or frozenset())


def _split_cores(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    cores = [core for cell in host.cells for core in cell.siblings]
    dedicated, guests = config.cpu_dedicated_set or frozenset(), _guests(config)
    split = [core for core in cores if core & dedicated and not core <= dedicated]
    if split:
        yield Finding(
            WARNING,
            "split-cores",
            DEDICATED,
            f"has one thread of a core and not the other: {_listed(split, dedicated, 'without')}",
            "Put all threads of a core into one set: what runs on the other thread takes its "
            "share of a dedicated CPU, and cpu_thread_policy 'require' does not find the pair.",
        )
    hosts = [core for core in cores if core & guests and not core <= guests and core not in split]
    if hosts:
        yield Finding(
            WARNING,
            "host-threads",
            PIN_SET if config.vcpu_pin_set is not None else SHARED,
            "gives guests the second thread of cores that are left to the host: "
            f"{_listed(hosts, guests, 'beside')}",
            "Leave whole cores to the host: what guests run there slows down the host's own work, "
            "such as the switch and the storage of all guests.",
        )


def _listed(cores: Cores, chosen: frozenset[int], word: str) -> str:
    parts = [
        f"{format_cpu_list(core & chosen)} {word} {format_cpu_list(core - chosen)}"
        for core in cores[:_SHOWN]
    ]
    more = f" and {len(cores) - _SHOWN} more" if len(cores) > _SHOWN else ""
    return "; ".join(parts) + more


def _nothing_left(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    everything = frozenset[int]().union(*map(cell_cpus, host.cells))
    old = config.vcpu_pin_set is not None  # pinned guests may then take any of it
    pinned = (config.vcpu_pin_set if old else config.cpu_dedicated_set) or frozenset()
    if pinned and everything <= pinned:
        yield Finding(
            WARNING,
            "no-host-cpus",
            PIN_SET if old else DEDICATED,
            "has all CPUs of the host, and leaves none to the host itself",
            "Leave it a core of each NUMA node: the host's own work otherwise runs on CPUs that "
            "guests were promised for themselves.",
        )


def useless_cells(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    """Cells whose CPUs no guest may use."""
    usable = _guests(config)
    if not usable:
        return
    for cell in host.cells:
        if cell_cpus(cell) and not cell_cpus(cell) & usable:
            yield Finding(
                NOTE,
                "cell-without-cpus",
                f"NUMA node {cell.id}",
                "none of its CPUs is in a CPU set, so no guest cell is placed there",
                "Its memory and its devices serve no guest that needs them near.",
            )
