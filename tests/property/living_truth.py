"""Hosts for fleets that live, and what a fleet that was built anew from the same truth must say."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import numpy as np

from numafit import (
    Claim,
    Fleet,
    HostInfo,
    PciPool,
    PciRequest,
    Refusal,
    Request,
)
from numafit.columns.resources import REMOVED_KIND
from numafit.holding import Holding
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from tests.property.worlds import make_host, make_options, make_request

GONE = REMOVED_KIND.disabled


def some_host(rng: random.Random, name: str) -> HostInfo:
    """With devices that have addresses, distances, inventories and traits, now and then."""
    info = make_host(rng, plain=rng.random() < 0.6)
    address = rng.randrange(100)
    pools = tuple(
        PciPool(
            pool.vendor_id,
            pool.product_id,
            pool.numa_node,
            pool.count,
            {**pool.tags, **({"rp_uuid": f"uuid{rng.randrange(9)}"} if rng.random() < 0.2 else {})},
            tuple(f"0000:{n:02x}:{address:02x}.{k}" for k in range(pool.count)),
        )
        if rng.random() < 0.6
        else pool
        for n, pool in enumerate(info.pci_pools or ())
    )
    provider = None
    if rng.random() < 0.3:
        provider = Provider(
            {rng.choice(["PCPU", "VCPU", "DISK_GB", "CUSTOM_A"]): Inventory(rng.randint(1, 64))},
            traits=rng.choice([None, frozenset({rng.choice("ABC")})]),
        )
    cells = len(info.cells)
    distances = ()
    if cells and rng.random() < 0.3:
        far = rng.randint(11, 40)
        distances = tuple(tuple(10 if a == b else far for b in range(cells)) for a in range(cells))
    return replace(
        info,
        name=name,
        pci_pools=pools,
        provider=provider,
        distances=distances,
        zone=rng.choice([None, None, "z1", "z2"]),
        disabled=rng.choice(["", "", "", "disabled"]),
    )


def of_what_is_there(fleet: Fleet) -> list[Request]:
    """A request for each kind of device and each resource class of the fleet's hosts."""
    found = {}
    for info in fleet.hostinfos():
        for pool in info.pci_pools or ():
            spec = {"vendor_id": pool.vendor_id, "product_id": pool.product_id}
            spec |= {key: pool.tags[key] for key in ("dev_type",) if key in pool.tags}
            found[str(spec)] = Request(None, pci=(PciRequest(1, (spec,), "preferred"),))
        for name in info.provider.inventories if info.provider else ():
            group = ResourceGroup(resources={name: 1})
            found[name] = Request(None, resources=Resources((group,)))
    return list(found.values())


def built_anew(truth: list[HostInfo | None], held: list[Claim]) -> Fleet:
    """Hosts that are there, and the claims on top of them."""
    there = [info for info in truth if info is not None]
    fleet = Fleet(there)
    for name in {claim.host_name for claim in held}:
        assert name
    found = fleet.adopt([claim.to_json() for claim in held], usage="on top")
    assert not found.lost, found.lost
    return fleet


def differences(one: HostInfo, other: HostInfo) -> list[Any]:
    return [
        (field.name, getattr(one, field.name), getattr(other, field.name))
        for field in fields(HostInfo)
        if field.compare and getattr(one, field.name) != getattr(other, field.name)
    ]


def assert_alike(fleet: Fleet, other: Fleet, rng: random.Random) -> None:
    """In what their hosts say, and in every answer."""
    assert fleet.check() is None
    gone = [info.disabled == GONE for info in fleet.hostinfos()]
    there = np.flatnonzero(~np.array(gone, bool))
    for ours, theirs in zip(there.tolist(), other.hostinfos(), strict=True):
        wrong = differences(fleet.hostinfo(ours), theirs)
        assert not wrong, wrong
    assert [fleet.usage(h) for h in there.tolist()] == [other.usage(h) for h in range(len(other))]
    near = {net for info in other.hostinfos() for cell in info.cells for net in cell.physnets}
    for _ in range(3):
        request, options = make_request(rng, rng.random() < 0.5), make_options(rng)
        fits = fleet.scan(request, **options)
        assert not fits[gone].any()
        assert fits[there].tolist() == other.scan(request, **options).tolist()
        counts = fleet.capacity(request, cap=3, **options)
        assert counts[there].tolist() == other.capacity(request, cap=3, **options).tolist()
        for h, ours in enumerate(there.tolist()):
            one, two = fleet.fit_on(request, ours, **options), other.fit_on(request, h, **options)
            assert bool(one) == bool(two)
            if one:
                assert one.cells == two.cells  # type: ignore[union-attr]
            else:
                # a physnet of hosts that are gone is told from one that nobody knows
                known = request.networks is None or request.networks.physnets <= near
                assert not known or one.reason == two.reason  # type: ignore[union-attr]


def said(refusal: Refusal) -> Any:
    cells = [(pair.guest_cell, pair.host_cell, pair.reason) for pair in refusal.cells]
    return refusal.reason, refusal.message, refusal.subject, refusal.host_name, cells


def named(held: dict[Claim, str], name: str) -> bool:
    return any(Holding.from_json(text).host_name == name for text in held.values())


def comparable(info: HostInfo) -> Any:
    return replace(info, pci_pools=tuple(sorted((info.pci_pools or ()), key=repr)))
