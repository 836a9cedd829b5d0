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
Seen = _module.Seen


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
