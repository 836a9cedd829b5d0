"""What does placement's half cost: four resource classes beside the cells?"""

from __future__ import annotations

from bench import cases
from bench.measure import take_turns, turn_of
from bench.report import Row
from bench.wide import wide
from numafit import Request
from numafit.model.resources import ResourceGroup, Resources

HOSTS = 1_000_000
COUNTED = 10_000
INVENTORIES = {"VCPU": 64, "PCPU": 96, "MEMORY_MB": 262_144, "DISK_GB": 4_000}
ASKED = {"VCPU": 1, "PCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 40}


def measure(hosts: int = HOSTS) -> list[Row]:
    plain = cases.request(cases.PINNED_8_GIANT)
    whole = Request(plain.guest, resources=Resources((ResourceGroup("", ASKED),)))
    fleet = wide(hosts, inventories=INVENTORIES).fleet
    assert 0 < fleet.scan(whole).mean() < fleet.scan(plain).mean()
    scan = take_turns([turn_of(lambda r=r: fleet.scan(r)) for r in (plain, whole)], 9)
    few = wide(COUNTED, seed=2, inventories=INVENTORIES).fleet
    count = take_turns([turn_of(lambda r=r: few.capacity(r)) for r in (plain, whole)], 9)
    return [
        Row(
            f"scan: with four resource classes, {hosts:,} hosts", "scan", scan[1],
            ratio=scan[1] / scan[0], ratio_of="x without", at_most=1.5,
        ),
        Row(
            "capacity: with four resource classes", "host", count[1] / COUNTED,
            ratio=count[1] / count[0], ratio_of="x without", at_most=1.5,
        ),
    ]  # fmt: skip
