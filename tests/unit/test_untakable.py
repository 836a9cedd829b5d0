"""A placement that nova finds and cannot consume: a stream goes on to the next host."""

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, PagePool, Request, StalePlacement

POOLS = (PagePool(4, 8 << 20),)
# the emulator thread of an isolated guest gets a thread of a core that is half in use
GUEST = Request.for_server(
    Flavor(
        "isolated",
        vcpus=2,
        memory_mb=1024,
        extra_specs={
            "hw:cpu_policy": "dedicated",
            "hw:numa_nodes": "2",
            "hw:cpu_thread_policy": "isolate",
            "hw:emulator_threads_policy": "isolate",
        },
    )
)


def half_used(name: str) -> HostInfo:
    one = HostCell(0, (), {0, 1}, 32768, pinned_cpus={0}, siblings=[{0}, {1}], page_pools=POOLS)
    cpus = range(64, 68)
    siblings = [{64, 65}, {66, 67}]
    two = HostCell(1, cpus, cpus, 32768, pinned_cpus={65}, siblings=siblings, page_pools=POOLS)
    return HostInfo(cells=[one, two], name=name)


def free(name: str) -> HostInfo:
    cells = [
        HostCell(
            id=node,
            cpuset=(),
            pcpuset=range(8 * node, 8 * node + 8),
            memory_mb=32768,
            siblings=[{cpu} for cpu in range(8 * node, 8 * node + 8)],
            page_pools=POOLS,
        )
        for node in (0, 1)
    ]
    return HostInfo(cells=cells, name=name)


@pytest.mark.parametrize("choose", ["first", "spread", "pack"])
@pytest.mark.parametrize("hosts", [None, [0, 1, 20]])
def test_a_stream_passes_over_hosts_that_cannot_take_what_fits(
    choose: str, hosts: list[int] | None
) -> None:
    fleet = Fleet([*(half_used(f"half{n}") for n in range(20)), free("free")])
    assert fleet.scan(GUEST).all()
    placed = list(fleet.schedule([GUEST] * 5, choose=choose, hosts=hosts))
    assert [claim and claim.host_name for claim in placed] == ["free"] * 4 + [None]
    assert fleet.check() is None


def test_a_claim_of_such_a_host_says_at_once_that_it_cannot() -> None:
    fleet = Fleet([half_used("half")])
    before = fleet.usage(0)
    with pytest.raises(StalePlacement, match=r"host half: what the placement holds is not there"):
        fleet.claim(GUEST, 0)
    assert fleet.usage(0) == before
