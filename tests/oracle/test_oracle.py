"""A short run of each kind of world; ``make oracle CASES=1000000`` is a long one."""

from __future__ import annotations

from random import Random

import pytest

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
)

from .agree import OUTCOMES
from .compare import compare
from .dials import KINDS
from .lived import lived
from .reduce import difference
from .worlds import Ask, World, world

SEED = 12
CASES = 6000


@pytest.mark.parametrize("kind", KINDS)
def test_engine_and_oracle_agree_on_random_worlds(kind: str) -> None:
    OUTCOMES.clear()
    cases = number = 0
    while cases < CASES:
        made = world(kind, SEED, number)
        cases += compare(made.hosts, made.asks)
        number += 1
    fits, refusals = OUTCOMES[True], OUTCOMES[False]
    assert fits > (fits + refusals) / 10
    assert refusals > (fits + refusals) / 10


@pytest.mark.parametrize("kind", ["everything", "claims", "pci"])
def test_fleets_with_a_history_answer_as_new_ones(kind: str) -> None:
    cases = number = 0
    while cases < CASES:
        made = world(kind, SEED, number)
        rng = Random(f"{kind} {number}")
        cases += compare(made.hosts, made.asks, lambda hosts, rng=rng: lived(hosts, rng))
        number += 1


def shared(policy: str | None = None, threads: str | None = None) -> Request:
    return Request(
        GuestTopology((GuestCell(frozenset({0}), frozenset(), 1, None, policy, threads),))
    )


def devices(count: int, *specs: dict[str, str], alias: str | None = None) -> Request:
    return Request(None, pci=[PciRequest(count, specs, None, alias, "r")])


def pool(product: str, count: int, devices: tuple[str, ...] = (), **tags: str) -> PciPool:
    return PciPool("8086", product, None, count, tags, devices)


CELL = HostCell(0, frozenset({0, 1}), frozenset(), 4)
EXACT = FitOptions(pci_matching="exact")
A, B = "0000:02:00.0", "0000:03:00.0"
FAMILY = (
    pool("1", 1, (A,), dev_type="type-PF", address=A),
    pool("2", 1, ("0000:02:01.0",), dev_type="type-VF", address=A),
    pool("2", 1, ("0000:03:01.0",), dev_type="type-VF", address=B),
)
EXAMPLES = {
    "one ratio": (
        HostInfo((CELL,), cpu_allocation_ratio=0.0),
        Ask("fit", [shared()], FitOptions()),
    ),
    "nothing of a provider": (
        HostInfo((), pci_pools=(pool("1", 1, rp_uuid="u1"), pool("2", 1, rp_uuid="u1"))),
        Ask("fit", [devices(0, {"rp_uuids": "u1"}, alias="a")], EXACT),
    ),
    "isolates nothing": (HostInfo((CELL,)), Ask("fit", [shared("mixed", "isolate")], FitOptions())),
    "pinned without vCPUs": (
        HostInfo((CELL,)),
        Ask(
            "fit",
            [Request(GuestTopology((GuestCell((), (), 1, None, "dedicated"),)))],
            FitOptions(),
        ),
    ),
    "PF and VFs at once": (
        HostInfo((), pci_pools=FAMILY),
        Ask("fit", [devices(2, {"dev_type": "type-PF"}, {"dev_type": "type-VF"})], FitOptions()),
    ),
}


@pytest.mark.parametrize("fault", EXAMPLES)
def test_faults_that_the_oracle_found_stay_mended(fault: str) -> None:
    host, ask = EXAMPLES[fault]
    assert difference(World(fault, [host], [ask])) is None
