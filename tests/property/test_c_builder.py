"""A fleet that C built from names and CPU ids, beside the one that Python builds of the hosts."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numafit import Fleet, Limits, Request, StalePlacement
from numafit._header import NO_DISTANCES
from numafit.model.guest import PciRequest
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from tests.property.c_library import LIBRARY, Builder, Guest, Options
from tests.property.worlds import make_host, make_options, make_request

HOSTS, AT_ONCE, REQUESTS = 500, 50, 60
CLASSES = ("VGPU", "DISK_GB", "CUSTOM_GOLD")
TRAITS = ("HW_CPU_X86_AVX2", "CUSTOM_ZONE_A", "CUSTOM_ZONE_B")
KINDS = ("type-PCI", "type-VF", "type-PF", "vdpa")
PCI_POLICIES = ("required", "legacy", "preferred", "socket", None)


def make_pools(rng: random.Random, cells: int, host: int) -> tuple[PciPool, ...]:
    """Some of them of one card, whose functions exclude each other."""
    pools = []
    for n in range(rng.randint(0, 6)):
        tags: dict[str, Any] = {"dev_type": rng.choice(KINDS)}
        count, devices = rng.randint(0, 3), ()
        if rng.random() < 0.6:
            tags["physical_network"] = rng.choice(["physnet1", "Physnet2"])
        if rng.random() < 0.2:
            tags["remote_managed"] = rng.choice(["true", "false"])
        if rng.random() < 0.2:
            tags["live_migratable"] = rng.choice(["true", "false"])
        if rng.random() < 0.5 and count:
            tags["address"] = f"0000:{rng.randint(1, 2):02x}:00.0"
            devices = tuple(f"0000:{host % 200:02x}:{n:02x}.{k}" for k in range(count))
        node = rng.choice([None, *range(cells + 1)])
        product = rng.choice(["1572", "154C"])
        pools.append(PciPool("8086", product, node, count, tags, devices))
    return tuple(pools)


def make_provider(rng: random.Random) -> Provider:
    """All is known of it, as the builder takes it: what it does not have is not there."""
    inventories = {
        name: Inventory(
            rng.randint(0, 20),
            rng.randint(0, 4),
            rng.choice([1.0, 1.5, 16.0]),
            1,
            rng.choice([4, 100]),
            rng.choice([1, 2]),
            rng.randint(0, 20),
        )
        for name in rng.sample(CLASSES, rng.randint(0, 3))
    }
    traits = frozenset(rng.sample(TRAITS, rng.randint(0, 2)))
    return Provider(inventories, traits=traits, elsewhere=frozenset())


def named_host(rng: random.Random, n: int) -> HostInfo:
    host = make_host(rng, plain=rng.random() < 0.3)
    size = len(host.cells)
    matrix = [[10 if a == b else 20 + abs(a - b) for b in range(size)] for a in range(size)]
    return replace(
        host,
        name=f"host-{n}",
        pci_pools=make_pools(rng, size, n),
        provider=make_provider(rng),
        distances=tuple(map(tuple, matrix)) if rng.random() < 0.5 else (),
    )


def make_spec(rng: random.Random) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if rng.random() < 0.5:
        spec["product_id"] = rng.choice(["1572", "154c"])
    if rng.random() < 0.4:
        spec["physical_network"] = rng.choice(["PHYSNET1", "physnet2", "physnet3"])
    if rng.random() < 0.5:
        spec["dev_type"] = rng.choice(KINDS)
    if rng.random() < 0.2:
        spec["remote_managed"] = rng.choice(["True", None])
    if rng.random() < 0.2:
        spec["live_migratable"] = rng.choice(["true", "false"])
    return spec or {"vendor_id": "8086"}


def make_devices(rng: random.Random) -> PciRequest:
    specs = [make_spec(rng) for _ in range(rng.choice([1, 1, 2]))]
    return PciRequest(rng.choice([1, 1, 2, 4]), specs, rng.choice(PCI_POLICIES))


def any_request(rng: random.Random) -> Request:
    request = make_request(rng, tied=rng.random() < 0.3)
    pci = [make_devices(rng) for _ in range(rng.choice([0, 0, 1, 2]))]
    amounts = {name: rng.randint(1, 6) for name in rng.sample(CLASSES, rng.choice([0, 0, 0, 1, 2]))}
    wanted = rng.sample(TRAITS, rng.choice([0, 0, 0, 1]))
    group = ResourceGroup(
        resources=amounts,
        required=frozenset(wanted),
        forbidden=frozenset(rng.sample(TRAITS, rng.choice([0, 0, 0, 1]))) - frozenset(wanted),
    )
    guest = request.guest if rng.random() < 0.8 else None
    return Request(guest, request.networks, pci, resources=Resources((group,)))


def c_options(options: dict[str, Any]) -> Options:
    limits = options["limits"]
    given = isinstance(limits, Limits)
    return Options(
        strategy=["spread", "pack"].index(options["strategy"]),
        net_affinity=["any", "all"].index(options["physnet_affinity"]),
        limits=2 if given else 1 if limits == "host" else 0,
        cpu_ratio=limits.cpu_allocation_ratio if given else 0.0,
        ram_ratio=limits.ram_allocation_ratio if given else 0.0,
    )


@pytest.fixture(scope="module", params=range(HOSTS // AT_ONCE))
def both(request: pytest.FixtureRequest) -> tuple[Fleet, Builder, random.Random]:
    """AT_ONCE hosts, built twice."""
    rng = random.Random(request.param)
    hosts = [named_host(rng, n) for n in range(AT_ONCE)]
    builder = Builder()
    assert [builder.add(host) for host in hosts] == list(range(AT_ONCE))
    builder.finish()
    return Fleet(hosts), builder, rng


def same_parts(a: Any, b: Any) -> bool:
    """Do two columns of numbers put the same things together?"""
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


INTERNED = ("host_class", "pool_class", "cell_layout")
MEANT = (
    *INTERNED, "pool_family", "cell_nets", "host_distance_at", "distances",
    "layouts", "layout_words", "layout_cpus",
)  # fmt: skip


CLAIMED = (
    "cell_memory_used", "cell_cpu_used", "pages_used", "pages_free", "pinned", "cell_free",
    "cell_cores", "pool_count", "pool_taken", "resource_used",
)  # fmt: skip


def layout(fields: dict[str, Any], cell: int) -> tuple[Any, ...]:
    """A cell's layout, with what it points to in the place of where that stands."""
    row = fields["layouts"][fields["cell_layout"][cell]]
    words, cpus = int(row["mask_at"]), int(row["cpu_at"])
    return (
        row.tolist()[:8],
        fields["layout_words"][words : words + int(row["n_words"])].tolist(),
        fields["layout_cpus"][cpus : cpus + int(row["n_slots"])].tolist(),
    )


def matrix(fields: dict[str, Any], host: int, size: int) -> list[int] | None:
    at = int(fields["host_distance_at"][host])
    return None if at == NO_DISTANCES else fields["distances"][at : at + size].tolist()


def test_every_column_means_the_same_in_both(both: tuple[Fleet, Builder, random.Random]) -> None:
    fleet, builder, _rng = both
    ours, theirs = fleet.c_columns(), builder.fields()
    for name, value in ours.items():
        if name in MEANT or name in ("abi", "identity", "n_distances") or "layout" in name:
            continue
        if isinstance(value, int):
            assert theirs[name] == value, name
        else:
            np.testing.assert_array_equal(theirs[name], value, err_msg=name)
    for name in INTERNED[:2]:
        assert same_parts(ours[name], theirs[name]), name
    cells = range(ours["n_cells"])
    assert [layout(ours, c) for c in cells] == [layout(theirs, c) for c in cells]
    words = [(fields["cell_nets"]).astype("<u8").view(np.uint8) for fields in (ours, theirs)]
    bits = [np.unpackbits(w, axis=1, bitorder="little") for w in words]
    # a network is the set of cells that are near it; the tunnel endpoint is bit 0 in both
    assert (bits[0][:, 0] == bits[1][:, 0]).all()
    assert sorted(map(bytes, bits[0].T)) == sorted(map(bytes, bits[1].T))
    for host, cells_of in enumerate(fleet.hostinfos()):
        size = len(cells_of.cells) ** 2
        assert matrix(ours, host, size) == matrix(theirs, host, size)
        pools = slice(*(int(ours[f"host_{edge}_pool"][host]) for edge in ("first", "end")))
        families = [fields["pool_family"][pools] for fields in (ours, theirs)]
        assert ((families[0] > 0) == (families[1] > 0)).all()
        assert same_parts(*families)


def cpus(fields: dict[str, Any], guest: Guest) -> list[list[int]]:
    placement = guest.item.placement.contents
    found = []
    for n in range(placement.cells_size):
        placed = placement.cells[n]
        slots = placement.slots[placed.first_slot : placed.first_slot + placed.n_slots]
        found.append([layout(fields, placed.cell)[2][slot] for slot in slots])
    return found


def test_both_give_the_same_answers(both: tuple[Fleet, Builder, random.Random]) -> None:
    fleet, builder, rng = both
    fields = builder.fields()
    fitted = refused = drawn = 0
    for _ in range(REQUESTS):
        request, options = any_request(rng), make_options(rng)
        guest = Guest.of(builder, request).asking(c_options(options))
        fits = fleet.scan(request, **options).tolist()
        assert guest.scan() == fits
        if request.guest:
            assert guest.capacity(50) == fleet.capacity(request, cap=50, **options).tolist()
        fitted, refused = fitted + sum(fits), refused + len(fits) - sum(fits)
        for host in [*np.flatnonzero(fits).tolist()[:8], *rng.sample(range(len(fleet)), 3)]:
            why = guest.fit(host)
            placement = fleet.fit_on(request, host, **options)
            if why:
                assert not placement
                assert placement.reason == LIBRARY.nf_status_name(why.status).decode()[3:].lower()
                continue
            assert placement
            pinned = [list(cell.pinning.values()) for cell in placement.cells]
            assert cpus(fields, guest) == pinned
            c = guest.item.placement.contents
            draws = [(c.draws[n].pool, c.draws[n].count) for n in range(c.n_draws)]
            assert draws == [(one.pool, one.count) for one in placement.pci]
            drawn += len(draws)
    assert min(fitted, refused, drawn) > 10


def test_claims_of_c_leave_the_columns_that_claims_of_python_leave(
    both: tuple[Fleet, Builder, random.Random],
) -> None:
    fleet, builder, rng = both
    before = builder.fields()
    claims = []
    for _ in range(40):
        request = any_request(rng)
        guest = Guest.of(builder, request)
        host = next((n for n in rng.sample(range(AT_ONCE), AT_ONCE) if guest.fit(n) is None), None)
        if host is None:
            continue
        placement = fleet.fit_on(request, host, limits=None)
        if guest.claim():
            claims.append((guest, fleet.claim(placement)))
        else:  # what nova's fit places and no claim may take
            with pytest.raises(StalePlacement):
                fleet.claim(placement)
    assert len(claims) > 3
    ours, theirs = fleet.c_columns(), builder.fields()
    for name in CLAIMED:
        np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    for guest, claim in reversed(claims):
        assert guest.release()
        fleet.release(claim)
    after = builder.fields()
    for name, value in before.items():
        if name != "host_generation":
            np.testing.assert_array_equal(after[name], value, err_msg=name)
