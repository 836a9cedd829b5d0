"""Hosts with lists of devices: scan says what fit says, capacity how often it says yes, and claims
take what fit found. Devices at one address are of all kinds."""

from __future__ import annotations

import random

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    PciDevice,
    PciPool,
    PciRequest,
    Placement,
    Request,
    parse_device_specs,
    pools_from_devices,
)

HOSTS = 250
POLICIES = ("required", "socket", "legacy", "preferred")


KINDS = ("type-PF", "type-VF", "vdpa", "type-PCI", None)


def random_pools(rng: random.Random, nodes: int) -> list[PciPool]:
    """Up to four pools at an address, of any kinds; some without a list of devices."""
    pools = []
    for bus in range(rng.randint(1, 3)):
        address = f"0000:{bus:02x}:00.0"
        for n in range(rng.randint(1, 4)):
            kind, count = rng.choice(KINDS), rng.randint(1, 3)
            tags = {"address": address} if kind is None else {"address": address, "dev_type": kind}
            devices = [f"0000:{bus:02x}:{n + 1:02x}.{k}" for k in range(count)]
            pools.append(
                PciPool(
                    "8086",
                    "154c",
                    rng.choice([None, *range(nodes)]),
                    count,
                    tags,
                    tuple(devices) if rng.random() < 0.8 else (),
                )
            )
    return pools


def make_host(rng: random.Random, number: int) -> HostInfo:
    nodes = rng.randint(1, 3)
    cells = tuple(
        HostCell(
            n, frozenset(), frozenset(range(8 * n, 8 * n + rng.randint(1, 8))), 64, socket=n // 2
        )
        for n in range(nodes)
    )
    if number % 2:
        return HostInfo(cells, f"h{number}", tuple(random_pools(rng, nodes)))
    devices = []
    for bus in range(rng.randint(1, 4)):
        node = rng.choice([None, *range(nodes)])
        pf = f"0000:{bus:02x}:00.0"
        if rng.random() < 0.7:
            devices.append(PciDevice(pf, "8086", "1572", "type-PF", node))
        for function in range(1, rng.randint(1, 5)):
            kind = "vdpa" if rng.random() < 0.1 else "type-VF"
            devices.append(PciDevice(f"{pf[:-1]}{function}", "8086", "154c", kind, node, pf))
    pools = pools_from_devices(devices, parse_device_specs(["{}"]))
    return HostInfo(cells, f"h{number}", tuple(pools))


def make_request(rng: random.Random) -> Request:
    guest = GuestTopology(
        tuple(
            GuestCell(frozenset(), frozenset({n}), 1, cpu_policy="dedicated")
            for n in range(rng.choice([1, 1, 2]))
        )
    )
    pci = []
    for _ in range(rng.choice([1, 1, 2])):
        kinds = rng.sample(KINDS, rng.choice([1, 1, 2]))
        spec = [{"dev_type": kind} for kind in kinds]
        if rng.random() < 0.4:
            spec.append({"vendor_id": "8086"})
        pci.append(PciRequest(rng.choice([1, 1, 2, 3]), spec, rng.choice(POLICIES)))
    return Request(guest, pci=pci)


def nothing_excluded(placement: Placement) -> bool:
    """Devices of one address are of one kind: a vDPA device is a VF, what is no PF and no VF is
    of a kind of its own."""
    kinds: dict[str, set[str]] = {}
    for drawn in placement.pci:
        if drawn.info.devices:
            kind = str(drawn.info.tags.get("dev_type"))
            kind = {"type-PF": "PF", "type-VF": "VF", "vdpa": "VF"}.get(kind, "other")
            kinds.setdefault(drawn.info.tags["address"], set()).add(kind)
    return all(len(found) == 1 for found in kinds.values())


def test_many_hosts_are_judged_as_one_by_one() -> None:
    rng = random.Random(6)
    infos = [make_host(rng, number) for number in range(HOSTS)]
    fleet = Fleet(infos)
    for matching in ("nova", "exact"):
        counts = set()
        for _ in range(12):
            request = make_request(rng)
            scanned = fleet.scan(request, pci_matching=matching)
            room = fleet.capacity(request, pci_matching=matching)
            for number, info in enumerate(infos):
                host, count = Host(info), 0
                while isinstance(found := host.fit(request, pci_matching=matching), Placement):
                    assert nothing_excluded(found), (info, request, matching)
                    host.claim(found)  # raises where it cannot be taken
                    count += 1
                assert room[number] == count, (info, request, matching)
                assert scanned[number] == (count > 0), (info, request, matching)
                assert host.check() is None
                counts.add(count)
        assert len(counts) > 4
