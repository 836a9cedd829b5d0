"""numafit.nova's look at a host's contents, on stand-ins for nova's objects; it needs no nova.

``tests/nova/check_dropin.py`` asks the same of real ones.
"""

from __future__ import annotations

import importlib.util
import random
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import numafit

_engine = Path(numafit._engine.__file__)
(BUILT,) = (_engine.parent / "nova").glob("_seen.*.so")
_spec = importlib.util.spec_from_file_location("numafit.nova._seen", BUILT)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Seen, look = _module.Seen, _module.look


class Cores(list[Any]):
    """nova's lists and sets are subclasses."""


class Cpus(set[int]):
    pass


def made(**fields: Any) -> Any:
    return SimpleNamespace(**{f"_obj_{name}": value for name, value in fields.items()})


def cell(number: int = 0, **changes: Any) -> Any:
    fields = {
        "id": number,
        "socket": number,
        "memory": 1024,
        "memory_usage": 0,
        "cpu_usage": 0,
        "pinned_cpus": Cpus({1, 70}),
        "cpuset": Cpus(),
        "pcpuset": Cpus(range(100)),
        "siblings": Cores(Cpus({n, n + 50}) for n in range(50)),
        "mempages": Cores([made(size_kb=4, total=262144, used=0, reserved=0)]),
        "network_metadata": made(physnets=Cpus(), tunneled=False),
    }
    return made(**{**fields, **changes})


def host(*cells: Any) -> Any:
    return made(cells=Cores(cells or (cell(0), cell(1))))


def stats(topology: Any, *pools: dict[str, Any]) -> Any:
    return SimpleNamespace(numa_topology=topology, pools=list(pools))


def test_the_same_content_in_other_objects_is_the_same() -> None:
    one, other = host(), host()
    pool = {"vendor_id": "8086", "count": 2, "numa_node": 0}
    assert Seen(one, None).same(other, None)
    assert Seen(one, stats(one, pool)).same(other, stats(other, dict(pool)))
    with_devices = dict(pool, devices=[object()])
    assert Seen(one, stats(one, pool)).same(other, stats(other, with_devices))
    assert Seen(one, stats(one, with_devices)).same(other, stats(other, pool))


def test_sets_compare_by_content_whatever_was_in_them_before() -> None:
    """A set's table keeps the marks of what was taken out, in an order of its own."""
    rng = random.Random(1)
    for _ in range(300):
        cpus = set(rng.sample(range(8192), rng.randrange(60)))
        grown = Cpus(range(0, 8192, rng.randrange(1, 999)))
        for cpu in rng.sample(range(8192), 30):
            grown.add(cpu)
        for cpu in list(grown):
            grown.discard(cpu)
        grown |= cpus
        before = Seen(host(cell(pcpuset=cpus)), None)
        assert before.same(host(cell(pcpuset=grown)), None)
        grown ^= {rng.randrange(8192)}
        assert not before.same(host(cell(pcpuset=grown)), None)


CHANGES = [
    ("id", 7),
    ("socket", None),
    ("memory", 1025),
    ("memory_usage", 2**62),
    ("memory_usage", False),
    ("memory_usage", None),
    ("cpu_usage", -1),
    ("pinned_cpus", {1}),
    ("pinned_cpus", {1, 70, 8191}),
    ("pinned_cpus", set()),
    ("pinned_cpus", None),
    ("cpuset", {0}),
    ("pcpuset", set(range(99))),
    ("siblings", []),
    ("siblings", None),
    ("siblings", [{n, n + 50} for n in reversed(range(50))]),
    ("siblings", [{n} for n in range(50)]),
    ("mempages", []),
    ("mempages", None),
    ("mempages", [made(size_kb=4, total=262144, used=1, reserved=0)]),
    ("mempages", [made(size_kb=4, total=262144, used=0)]),
    ("mempages", [made(size_kb=4, total=262144, used=0, reserved=0)] * 2),
    ("network_metadata", None),
    ("network_metadata", made(physnets={"a"}, tunneled=False)),
    ("network_metadata", made(physnets=set(), tunneled=True)),
    ("network_metadata", made(physnets=set())),
]


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_a_change_is_seen(name: str, value: Any) -> None:
    changed = host(cell(0), cell(1, **{name: value}))
    assert not Seen(host(), None).same(changed, None)
    assert Seen(changed, None).same(deepcopy(changed), None)


def test_physnets_are_compared_by_name() -> None:
    def near(*names: str) -> Any:
        return host(cell(network_metadata=made(physnets=set(names), tunneled=False)))

    assert Seen(near("a", "b"), None).same(near("b", "a"), None)
    assert not Seen(near("a", "b"), None).same(near("a", "c"), None)


def test_pools_and_the_topology_that_they_were_made_with() -> None:
    one = host()
    pool = {"vendor_id": "8086", "count": 2, "numa_node": 0}
    seen = Seen(one, stats(one, pool))
    assert not seen.same(one, None)
    assert not seen.same(one, stats(one, dict(pool, count=1)))
    assert not seen.same(one, stats(one))
    assert not seen.same(one, stats(one, pool, pool))
    assert not seen.same(one, stats(None, pool))
    assert not seen.same(one, stats(host(cell(0, socket=5), cell(1)), pool))
    assert not Seen(one, None).same(one, stats(one))
    assert not Seen(one, None).same(one, stats(None))
    assert not Seen(one, stats(None, pool)).same(one, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory", "1024"),
        ("memory", 2**80),
        ("memory", 10.0),
        ("pcpuset", {8192}),
        ("pcpuset", {-1}),
        ("pcpuset", {"a"}),
        ("pcpuset", {2**80}),
        ("pcpuset", [1]),
        ("siblings", {1}),
        ("siblings", [[1]]),
        ("siblings", ["ab"]),
        ("mempages", "none"),
        ("network_metadata", 5),
    ],
)
def test_what_nova_does_not_put_there_never_counts_as_unchanged(name: str, value: Any) -> None:
    """Whoever converts the host judges it, each time."""
    odd = host(cell(**{name: value}))
    seen = Seen(odd, None)
    assert not seen.same(odd, None) or name == "network_metadata"
    assert not Seen(host(cell()), None).same(odd, None)


@pytest.mark.parametrize("topology", [None, 5, made(), made(cells=None), made(cells={})])
def test_no_topology_at_all(topology: Any) -> None:
    assert not Seen(topology, None).same(topology, None)
    assert not Seen(host(), None).same(topology, None)


def test_a_host_of_many_cells() -> None:
    """More numbers than there is room for at first."""
    wide = host(*(cell(n) for n in range(64)))
    seen = Seen(wide, None)
    assert seen.same(host(*(cell(n) for n in range(64))), None)
    assert not seen.same(host(*(cell(n) for n in range(63))), None)
    assert not seen.same(host(*(cell(n, cpu_usage=n // 63) for n in range(64))), None)


def state(name: str, topology: Any, **ratios: float) -> Any:
    return SimpleNamespace(
        host=name,
        nodename="node",
        numa_topology=topology,
        pci_stats=None,
        cpu_allocation_ratio=ratios.get("cpu", 16.0),
        ram_allocation_ratio=ratios.get("ram", 1.5),
    )


def entry(of: Any) -> Any:
    ratios = of.cpu_allocation_ratio, of.ram_allocation_ratio
    return SimpleNamespace(seen=Seen(of.numa_topology, of.pci_stats, *ratios))


def test_what_a_host_is_like_does_not_rub_off_on_the_next() -> None:
    """One look goes over hosts of all kinds, those that are odd and those with names among them."""
    near = host(cell(network_metadata=made(physnets={"a"}, tunneled=False)))
    odd = [host(cell(pcpuset=cpus)) for cpus in ({1, 8192}, {130, "a"}, {5, -1})]
    some = [near, *odd, host(), host(cell(pcpuset={900})), host(cell(pcpuset=set())), near]
    states = [state(str(n), one) for n, one in enumerate(some)]
    entries = {(one.host, "node"): entry(one) for one in states}
    expected = [n not in (1, 2, 3) for n in range(len(some))]
    copies = [state(one.host, deepcopy(one.numa_topology)) for one in states]
    for each, known in ((states, expected), (copies, expected), (copies[::-1], expected[::-1])):
        found = look(each, entries)
        assert [one is not None for one in found] == known
        for one, of in zip(found, each, strict=True):
            assert one is None or one is entries[of.host, "node"]


def test_a_host_is_found_by_host_and_node_with_its_ratios() -> None:
    one = state("a", host())
    entries = {("a", "node"): entry(one)}
    assert look([one], entries) == [entries["a", "node"]]
    assert look([state("b", host())], entries) == [None]
    assert look([state("a", host(), cpu=4.0)], entries) == [None]
    assert look([state("a", host(), ram=1.0)], entries) == [None]
    assert look([], entries) == []
    assert look([one], {}) == [None]


@pytest.mark.parametrize("highest", [8, 64, 256, 257, 300, 8192])
def test_a_set_that_changes_in_place_is_seen_though_its_size_stays(highest: int) -> None:
    """By one id that goes and one that comes, wherever in its table they are."""
    rng = random.Random(highest)
    for _ in range(400):
        cpus = Cpus(rng.sample(range(highest), rng.randrange(1, min(highest, 130))))
        topology = host(cell(pinned_cpus=cpus))
        before = state("a", topology)
        entries = {("a", "node"): entry(before)}
        gone, come = rng.choice(sorted(cpus)), rng.choice(sorted(set(range(highest)) - cpus))
        cpus.remove(gone)
        assert look([before], entries) == [None]
        cpus.add(come)
        assert look([before], entries) == [None]
        assert not entries["a", "node"].seen.same(topology, None)
        cpus.remove(come)
        cpus.add(gone)
        assert look([before], entries) == [entries["a", "node"]]
        cpus.add(come)
        assert look([before], entries) == [None]


def test_true_is_not_the_cpu_that_it_equals() -> None:
    """It is none of nova's: whoever converts the host judges it."""
    before = Seen(host(cell(pinned_cpus=Cpus({1, 70}))), None)
    assert before.same(host(cell(pinned_cpus=Cpus({70, 1}))), None)
    assert not before.same(host(cell(pinned_cpus=Cpus({True, 70}))), None)
    assert not before.same(host(cell(pinned_cpus=Cpus({1.0, 70}))), None)
