"""Where the emulator threads of a guest run: the threads of its QEMU that are no vCPU."""

from __future__ import annotations

from typing import NamedTuple

from numafit.model.guest import GuestTopology
from numafit.model.hostinfo import HostInfo
from numafit.model.placement import Placement

Cpus = frozenset[int]


class EmulatorThreads(NamedTuple):
    """``policy``: nova's word, ``None`` where none is asked for. ``cpus``: host CPU ids.
    ``whose``: ``"reserved"`` for them, ``"shared"`` by the host, those of the guest's ``"vcpus"``,
    or of its vCPUs that are ``"not_realtime"``. ``problem``: why nova does not start the guest
    there, else ``""``."""

    policy: str | None
    cpus: Cpus
    whose: str
    problem: str = ""


def emulator_threads(
    guest: GuestTopology,
    realtime: Cpus,
    placement: Placement,
    host: HostInfo,
    shared: Cpus | None = None,
) -> EmulatorThreads:
    """By the rules of nova's libvirt driver (``_get_emulatorpin_cpuset``).

    ``realtime``: the guest's realtime vCPUs. ``shared``: ``[compute] cpu_shared_set`` where the
    configuration is known; the host's cells tell it unless ``vcpu_pin_set`` is set too.
    """
    policy = guest.emulator_threads_policy
    if policy == "isolate":
        reserved = Cpus().union(*(cell.reserved for cell in placement.cells))
        return EmulatorThreads(policy, reserved, "reserved")
    if policy == "share":
        found = shared_cpus(host) or _online(host, shared or Cpus())
        if found:
            return EmulatorThreads(policy, found, "shared")
    problem = ""
    if policy == "share" and realtime:
        problem = (
            "hw:cpu_realtime with hw:emulator_threads_policy=share needs [compute] "
            "cpu_shared_set, which this host does not have"
        )
    cpus: set[int] = set()
    for vcpu, on in vcpu_cpus(placement, host).items():
        if vcpu not in realtime:
            cpus |= on
    whose = "not_realtime" if realtime else "vcpus"
    return EmulatorThreads(policy, frozenset(cpus), whose, problem)


def vcpu_cpus(placement: Placement, host: HostInfo) -> dict[int, Cpus]:
    """vCPU -> the host CPUs that it may run on: its own, or those for floating vCPUs of its cell
    (``_get_pin_cpuset`` of nova's libvirt driver). Ascending."""
    floating = {cell.id: cell.cpuset for cell in host.cells}
    found = {
        vcpu: Cpus((cell.pinning[vcpu],)) if vcpu in cell.pinning else floating[cell.host_cell]
        for cell in placement.cells
        for vcpu in cell.cpuset | cell.pcpuset
    }
    return dict(sorted(found.items()))


def floating_cpus(host: HostInfo) -> Cpus:
    """Host CPUs that the vCPUs of a guest without a topology may run on."""
    return Cpus().union(*(cell.cpuset for cell in host.cells))


def shared_cpus(host: HostInfo) -> Cpus:
    """CPUs of ``[compute] cpu_shared_set`` as the cells tell it: without that option, and under
    ``vcpu_pin_set``, floating and dedicated vCPUs get the same CPUs."""
    shared = floating_cpus(host)
    dedicated = Cpus().union(*(cell.pcpuset for cell in host.cells))
    return Cpus() if shared == dedicated else shared


def _online(host: HostInfo, cpus: Cpus) -> Cpus:
    return cpus.difference(*(one.cpus for one in host.offline))
