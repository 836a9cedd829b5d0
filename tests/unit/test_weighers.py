"""Hosts by nova's weighers: sums worked out by hand, by the rules of nova/weights.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, InvalidValue, MisuseError, PciPool, Request
from numafit.model.options import FitOptions
from numafit.model.resources import Inventory, Provider
from numafit.planning.course import course
from numafit.planning.trace import Trace
from numafit.planning.weighers import DEFAULTS, Weighing, multipliers, untold


def host(
    name: str, memory_mb: int, vcpus: int, vfs: int = 0, disk_gb: int | None = None
) -> HostInfo:
    """Eight dedicated CPUs, and inventories of their own, of which 100 MiB are reserved."""
    inventories = {
        "MEMORY_MB": Inventory(memory_mb, reserved=100, allocation_ratio=3.0),
        "VCPU": Inventory(vcpus, allocation_ratio=2.0, reserved=1),
        "PCPU": Inventory(8),
    }
    if disk_gb is not None:
        inventories["DISK_GB"] = Inventory(disk_gb)
    cell = HostCell(id=0, cpuset=(), pcpuset=range(8), memory_mb=65536)
    return HostInfo(
        cells=(cell,),
        name=name,
        pci_pools=(PciPool("8086", "1889", 0, vfs),) if vfs else (),
        provider=Provider(inventories),
    )


def pinned(vcpus: int, memory_mb: int = 64) -> Request:
    specs = {"hw:cpu_policy": "dedicated"}
    return Request.for_server(Flavor("f", vcpus, memory_mb, specs))


def scores(fleet: Fleet, text: str, request: Request) -> list[float]:
    weighing = Weighing(fleet, text)
    weighing.weigh(0, request)
    return weighing.scores.tolist()


def test_multipliers_are_read() -> None:
    assert multipliers("nova") == DEFAULTS
    assert multipliers("ram") == {"ram": 1.0}
    assert multipliers("ram=-2,pci=0.5,numa") == {"ram": -2.0, "pci": 0.5, "numa": 1.0}
    for text in ("", "ram,", "ram=x", "pci=-1", "ram=nan", "io_ops=1", "ram=1,ram=2", "spread"):
        assert multipliers(text) is None, text


def test_only_the_relation_of_multipliers_counts_however_large_they_are() -> None:
    assert multipliers("ram=1e308,cpu=-5e307") == {"ram": 1.0, "cpu": -0.5}
    fleet = Fleet([host("a", 4196, 8), host("b", 2148, 16)])
    assert scores(fleet, "ram=1e308", pinned(1)) == scores(fleet, "ram=1", pinned(1))


def test_sums_are_those_that_nova_makes() -> None:
    fleet = Fleet([host("a", 4196, 8, 10), host("b", 2148, 16, 200), host("c", 100, 1, 20)])
    # free memory: 4096, 2048 and 0 MiB, of the largest; CPUs at a ratio of 2, less the reserved
    # one: 15, 31 and 1; devices: 100 less 10, less 99 (200 are more than that) and less 20
    assert scores(fleet, "ram", pinned(1)) == [4096, 2048, 0]
    assert scores(fleet, "cpu", pinned(1)) == [15, 31, 1]
    assert scores(fleet, "pci=2", pinned(1)) == [180, 2, 160]
    # c has no memory for a guest of 64 MiB: sums are of a and b alone
    assert scores(fleet, "ram=2,cpu=1", pinned(1))[:2] == pytest.approx([2 + 15 / 31, 2 * 0.5 + 1])
    assert scores(fleet, "ram,pci", pinned(1))[:2] == pytest.approx([1 + 1, 0.5 + 0])
    # with c, whose memory is brought to 0, and whose devices are between the others'
    three = pinned(1, 0)
    assert scores(fleet, "ram,pci", three) == pytest.approx([1 + 1, 0.5 + 0, 0 + 79 / 89])


def test_weighers_of_which_all_hosts_are_alike_do_not_count() -> None:
    fleet = Fleet([host("a", 4196, 8), host("b", 2148, 8)])
    # devices: all have none; CPUs: from 0 to the most, alike for both
    assert scores(fleet, "pci=5,ram", pinned(1)) == pytest.approx([1, 0.5])
    assert scores(fleet, "cpu=5,ram", pinned(1)) == pytest.approx([6, 5.5])


def test_what_guests_take_is_weighed() -> None:
    fleet = Fleet([host("a", 4196, 8), host("b", 4196, 8)])
    weighing = Weighing(fleet, "cpu")
    claim = fleet.claim(pinned(4), 0)
    assert weighing.scores.tolist() == [15, 15]
    weighing.changed(0)
    # vCPUs of pinned guests count as those of shared ones
    assert weighing.scores.tolist() == [11, 15]
    assert Weighing(fleet, "ram").scores.tolist() == [4032, 4096]
    fleet.release(claim)
    weighing.changed(0)
    assert weighing.scores.tolist() == [15, 15]


def test_guests_go_where_the_sum_is_largest() -> None:
    fleet = Fleet([host("small", 1124, 8), host("large", 2148, 8)])
    # p8 has room on the large host alone, where all CPUs are free: p1 had better be on the other
    trace = Trace.of({"p1": pinned(1, 512), "p8": pinned(8, 4096)}, [0, 1], [0, 1])
    for how, placed in (("ram", [1, 0]), ("ram=-1", [1, 1]), ("ram=-1,cpu", [1, 1])):
        assert course(fleet, trace, how).placed.tolist() == placed, how


def test_the_numa_weigher_keeps_cells_whole() -> None:
    def begun(name: str, pinned_cpus: range) -> HostInfo:
        cells = tuple(
            HostCell(
                id=n,
                cpuset=(),
                pcpuset=range(4 * n, 4 * n + 4),
                memory_mb=8192,
                pinned_cpus=pinned_cpus if n == 0 else (),
                memory_usage=64 * len(pinned_cpus) if n == 0 else 0,
            )
            for n in (0, 1)
        )
        return replace(host(name, 4196, 8), cells=cells)

    fleet = Fleet([begun("empty", range(0)), begun("half", range(2)), begun("one", range(1))])
    weighing = Weighing(fleet, "numa=2", FitOptions(strategy="pack"))
    two = pinned(2)
    weighing.weigh(0, two)
    # a cell is opened (1) and half of it left (0.5); the begun one is filled (0), or a quarter of
    # it is left (0.25): from 1.5 to 0
    assert weighing.scores.tolist() == pytest.approx([0, 2, 2 * 1.25 / 1.5])
    # what was worked out is so again where a guest came: half is full, and its other cell is opened
    fleet.claim(two, 1, FitOptions(strategy="pack"))
    weighing.changed(1)
    weighing.weigh(0, two)
    assert weighing.scores.tolist() == pytest.approx([0, 0, 2])


def test_what_is_not_known_is_not_weighed() -> None:
    known = Fleet([host("a", 4196, 8, disk_gb=10), host("b", 2148, 8, disk_gb=40)])
    assert untold(known) == {}
    assert scores(known, "disk", pinned(1)) == [10, 40]
    partly = Fleet([host("a", 4196, 8, disk_gb=10), host("b", 2148, 8)])
    assert untold(partly) == {"disk": 1}
    assert scores(partly, "nova", pinned(1)) == scores(partly, "ram,cpu,pci", pinned(1))
    with pytest.raises(MisuseError, match="disk is not known of 1 host;"):
        Weighing(partly, "disk=1")
    bare = Fleet([HostInfo(cells=(HostCell(0, (), range(4), 64),))])
    assert untold(bare) == {"ram": 1, "cpu": 1, "disk": 1}
    with pytest.raises(InvalidValue, match="choose: got 'best'"):
        Weighing(bare, "best")
    # a host that was removed is not asked
    fork = partly.fork()
    fork.remove("b")
    assert untold(fork) == {}
    assert np.isfinite(Weighing(fork, "nova").scores).all()
