"""A guest as it runs where it lands: sockets, cores and threads, emulator threads, pins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numafit.cli.glance import Answered
from numafit.cli.output import cpu_text
from numafit.cli.sources import HostSources
from numafit.cpuset import cpu_words
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestTopology
from numafit.model.hostinfo import HostInfo
from numafit.model.placement import Placement
from numafit.plurals import counted
from numafit.rules.cpu_policy import realtime_vcpus
from numafit.rules.emulator_threads import (
    EmulatorThreads,
    emulator_threads,
    floating_cpus,
    vcpu_cpus,
)
from numafit.rules.extra_specs import asked_for
from numafit.rules.topology import CpuTopology, cpu_topology

_WHOSE = {
    "reserved": "{}, reserved for them",
    "shared": "{}, shared by the host's guests",
    "vcpus": "the CPUs of its vCPUs",
    "not_realtime": "{}, those of its vCPUs without realtime",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is the same on every host. ``guest``: ``None`` where the guest has no topology."""

    vcpus: int
    topology: CpuTopology
    realtime: frozenset[int]
    guest: GuestTopology | None

    @classmethod
    def of(cls, flavor: Flavor, image: Image | None, guest: GuestTopology | None) -> Shape:
        """Raises InvalidRequest."""
        realtime = realtime_vcpus(asked_for(flavor, image)) if guest else frozenset[int]()
        return cls(flavor.vcpus, cpu_topology(flavor, image), realtime, guest)

    def __str__(self) -> str:
        sockets, cores, threads = self.topology
        return " of ".join(
            (counted(sockets, "socket"), counted(cores, "core"), counted(threads, "thread"))
        )


class Running:
    """The guest of ``shape`` on the host of an answer that it fits on."""

    def __init__(
        self, shape: Shape, placement: Placement, one: Answered, sources: HostSources
    ) -> None:
        self.placement = placement
        self.shape = shape
        self._host: HostInfo = one.fleet.hostinfo(one.number)
        config = sources.configs.of_host(one.host)
        self._shared = None if config is None else config.cpu_shared_set

    @property
    def emulator(self) -> EmulatorThreads | None:
        """``None`` where the guest has no topology: its threads all float alike."""
        shape = self.shape
        if shape.guest is None:
            return None
        return emulator_threads(
            shape.guest, shape.realtime, self.placement, self._host, self._shared
        )

    def lines(self, pins: bool = False) -> Iterator[str]:
        emulator = self.emulator
        if emulator is None:
            yield f"{self.shape}"
            if pins:
                cpus = cpu_text(floating_cpus(self._host))
                where = f"CPUs {cpus}, those of the host's shared guests"
                yield f"each vCPU may run on {where if cpus else 'any CPU of the host'}"
            return
        cpus = cpu_words(emulator.cpus)
        yield f"{self.shape}; emulator threads on {_WHOSE[emulator.whose].format(cpus)}"
        if emulator.problem:
            yield f"nova does not start it here: {emulator.problem}"

    def pins(self) -> Iterator[tuple[object, ...]]:
        """vCPU, guest cell, host cell, the host CPUs that it may run on."""
        cpus = vcpu_cpus(self.placement, self._host)
        cells = self.placement.cells
        where = {vcpu: n for n, cell in enumerate(cells) for vcpu in cell.cpuset | cell.pcpuset}
        for vcpu, on in cpus.items():
            yield vcpu, where[vcpu], cells[where[vcpu]].host_cell, cpu_text(on)

    def described(self, pins: bool) -> dict[str, Any]:
        """For machines; with ``pins`` the host CPUs that each vCPU may run on."""
        emulator = self.emulator
        found: dict[str, Any] = {"topology": self.shape.topology._asdict()}
        found["emulator_threads"] = emulator and {
            "policy": emulator.policy,
            "cpus": sorted(emulator.cpus),
            "whose": emulator.whose,
            "problem": emulator.problem or None,
        }
        if pins:
            cpus = vcpu_cpus(self.placement, self._host)
            if self.shape.guest is None and (shared := floating_cpus(self._host)):
                cpus = dict.fromkeys(range(self.shape.vcpus), shared)
            found["vcpu_cpus"] = {str(vcpu): sorted(on) for vcpu, on in cpus.items()}
        return found
