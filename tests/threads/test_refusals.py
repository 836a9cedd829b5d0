"""A refusal is all of one moment, whoever changes the host while it is made."""

from __future__ import annotations

import threading
import time

from numafit import Fleet, GuestCell, GuestTopology, PciRequest, Refusal, Request
from numafit.model.hostinfo import HostCell, HostInfo, PciPool

SECONDS = 1.5
PINNED = Request(GuestTopology((GuestCell((), range(12), 8, None, "dedicated"),)))
DEVICES = Request(None, pci=(PciRequest(9, [{"vendor_id": "8086"}], "legacy", "nic"),))


def shape(name: str, cells: range, cpus: int, vfs: int) -> HostInfo:
    return HostInfo(
        tuple(
            HostCell(n, frozenset(), frozenset(range(cpus * n, cpus * n + cpus)), 4096)
            for n in cells
        ),
        name=name,
        pci_pools=(PciPool("8086", "1889", cells[0], vfs),),
    )


SHAPES = {
    one.name: one
    for one in (
        shape("a", range(2), 8, 3),
        shape("b", range(5, 8), 4, 5),
        shape("c", range(8, 10), 6, 7),
    )
}


def test_pairs_names_and_devices_are_of_one_shape() -> None:
    fleet = Fleet([SHAPES["a"], SHAPES["a"]])
    done = threading.Event()
    failed: list[BaseException] = []
    seen: set[tuple[str, str]] = set()

    def change() -> None:
        while not done.is_set():
            for info in SHAPES.values():
                fleet.replace(1, info)

    def ask() -> None:
        try:
            while not done.is_set():
                for request in (PINNED, DEVICES):
                    found = fleet.fit_on(request, 1)
                    assert isinstance(found, Refusal)
                    check(request, found)
                    seen.add((found.reason, found.host_name))
        except BaseException as error:
            failed.append(error)
            raise

    def check(request: Request, found: Refusal) -> None:
        info = SHAPES[found.host_name]
        cpus = len(info.cells[0].pcpuset)
        if request is PINNED:
            said = [(one.host_cell, one.available) for one in found.cells]
            assert said == [(cell.id, cpus) for cell in info.cells]
            assert found.message.endswith(f"the cell has {cpus} in all")
        else:
            count = info.pci_pools[0].count if info.pci_pools else 0
            assert found.message.startswith(
                f"alias nic (8086): 9 devices wanted, {count} match; the host has {count} of 8086:"
            )

    threads = [threading.Thread(target=work) for work in (change, ask, ask)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    done.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert {name for _reason, name in seen} == set(SHAPES)
    assert {reason for reason, _name in seen} == {"dedicated_total", "pci_devices"}
