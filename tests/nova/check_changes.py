"""Is each change of a host seen by the next request? numafit's filter and its table, in nova 34.

Run by ``make test-nova`` beside ``check_dropin.py``. The filter remembers hosts from one request to
the next, nova changes them in place, and an answer of before would be a wrong one.
"""

from __future__ import annotations

import copy
import itertools
import logging
import random
from collections import Counter

import check_dropin
import pytest
from nova import conf as nova_conf
from nova import context, exception, objects
from nova.pci import stats
from nova.scheduler.filters import numa_topology_filter
from nova.scheduler.host_manager import HostState
from nova.virt import hardware

from numafit.errors import InputError
from numafit.nova import convert, filters, too_large
from numafit.nova.table import HostTable

objects.register_all()
logging.getLogger("nova").setLevel(logging.ERROR)
UUID = "00000000-0000-0000-0000-00000000ffff"
CPUS = 8


@pytest.fixture(autouse=True)
def conf():
    nova_conf.CONF([], default_config_files=[], project="nova")
    yield nova_conf.CONF
    nova_conf.CONF.reset()


@pytest.fixture
def table(monkeypatch):
    fresh = HostTable()
    monkeypatch.setattr(filters, "HOSTS", fresh)
    return fresh


def topology(chance):
    cells = []
    for n in range(2):
        cpus = list(range(n * CPUS, (n + 1) * CPUS))
        pinned = set(chance.sample(cpus, chance.randrange(CPUS + 1)))
        cells.append(
            objects.NUMACell(
                id=n,
                cpuset=set(range(100 + n * CPUS, 100 + (n + 1) * CPUS)),
                pcpuset=set(cpus),
                memory=8192,
                cpu_usage=chance.randrange(20),
                memory_usage=chance.randrange(8192),
                pinned_cpus=pinned,
                siblings=[{cpus[c], cpus[c + CPUS // 2]} for c in range(CPUS // 2)],
                mempages=[
                    objects.NUMAPagesTopology(size_kb=4, total=2**20, used=0, reserved=0),
                    objects.NUMAPagesTopology(
                        size_kb=2048, total=4096, used=chance.randrange(4097), reserved=0
                    ),
                ],
                network_metadata=objects.NetworkMetadata(physnets=set(), tunneled=False),
                socket=n,
            )
        )
    return objects.NUMATopology(cells=cells)


def state(name, chance):
    found = HostState(name, f"node of {name}", UUID)
    put(found, topology(chance))
    found.cpu_allocation_ratio = found.ram_allocation_ratio = 1.0
    found.pci_stats.pools = pools(chance)
    found.allocation_candidates = [{"mappings": {}}]
    return found


def pools(chance):
    return [
        {"vendor_id": "8086", "product_id": "1", "numa_node": n, "count": chance.randrange(3)}
        for n in range(2)
    ]


def put(host, made):
    held = host.pci_stats.pools if host.pci_stats else []
    host.numa_topology, host.pci_stats = made, stats.PciDeviceStats(made)
    host.pci_stats.pools = held


def spec(chance):
    policy = chance.choice(["dedicated", "dedicated", "shared"])
    cpus = set(range(chance.randrange(1, chance.choice([CPUS, CPUS, 2 * CPUS]))))
    cell = objects.InstanceNUMACell(
        id=0,
        cpuset=cpus if policy == "shared" else set(),
        pcpuset=cpus if policy == "dedicated" else set(),
        memory=chance.choice([512, 2048, 6144]),
        pagesize=chance.choice([None, 2048]),
        cpu_policy=policy,
        cpu_thread_policy=chance.choice([None, "require", "isolate"])
        if policy == "dedicated"
        else None,
    )
    device = objects.InstancePCIRequest(count=1, request_id=UUID, spec=[{"vendor_id": "8086"}])
    return objects.RequestSpec(
        context=context.get_admin_context(),
        numa_topology=objects.InstanceNUMATopology(cells=[cell], emulator_threads_policy=None),
        pci_requests=objects.InstancePCIRequests(
            requests=[device] if chance.random() < 0.3 else []
        ),
        instance_uuid=UUID,
        flavor=objects.Flavor(
            name="f", vcpus=1, memory_mb=1, root_gb=0, ephemeral_gb=0, extra_specs={}
        ),
        image=objects.ImageMeta(properties=objects.ImageMetaProps()),
        scheduler_hints={},
    )


def plain(shared=0, dedicated=0):
    """A guest of one cell that asks for CPUs alone."""
    asked = spec(random.Random(1))
    asked.pci_requests.requests = []
    asked.numa_topology.cells[0] = objects.InstanceNUMACell(
        id=0,
        cpuset=set(range(shared)),
        pcpuset=set(range(dedicated)),
        memory=512,
        cpu_policy="dedicated" if dedicated else "shared",
    )
    return asked


def empty(host):
    for cell in host.numa_topology.cells:
        cell.pinned_cpus, cell.memory_usage, cell.mempages[1].used = set(), 0, 0
        cell.cpu_usage = 0
    return host


def another_pinned(host, cell, chance):
    """As many as before, in the same set."""
    free = sorted(cell.pcpuset - cell.pinned_cpus)
    if free and cell.pinned_cpus:
        cell.pinned_cpus.remove(chance.choice(sorted(cell.pinned_cpus)))
        cell.pinned_cpus.add(chance.choice(free))


def one_pinned_or_free(host, cell, chance):
    cell.pinned_cpus ^= {chance.choice(sorted(cell.pcpuset))}


def siblings_change_partners(host, cell, chance):
    one, other = chance.sample(cell.siblings, 2)
    given, taken = chance.choice(sorted(one)), chance.choice(sorted(other))
    one.remove(given)
    other.remove(taken)
    one.add(taken)
    other.add(given)


def pages_used(host, cell, chance):
    cell.mempages[1].used = chance.randrange(4097)


def memory_used(host, cell, chance):
    cell.memory_usage = chance.randrange(8192)


def cpus_used(host, cell, chance):
    cell.cpu_usage = chance.randrange(CPUS + 1)


def shared_cpus(host, cell, chance):
    """In place; the ids of another host of the same shape."""
    cell.cpuset.add(cell.cpuset.pop() + 100)


def more_shared_cpus(host, cell, chance):
    """In place, and fewer again."""
    cell.cpuset ^= set(range(900, 904))


def devices(host, cell, chance):
    for pool in host.pci_stats.pools[:1]:
        pool["count"] = chance.randrange(3)


def pools_come_and_move(host, cell, chance):
    if len(host.pci_stats.pools) < 2:
        host.pci_stats.pools += pools(chance)
    host.pci_stats.pools[0]["numa_node"] = chance.randrange(2)


def new_objects(host, cell, chance):
    """As for each request: the same content."""
    put(host, objects.NUMATopology.obj_from_db_obj(host.numa_topology._to_json()))


def another_host(host, cell, chance):
    put(host, topology(chance))


def ratios(host, cell, chance):
    host.cpu_allocation_ratio = chance.choice([1.0, 2.0])
    host.ram_allocation_ratio = chance.choice([1.0, 1.5])


def consumed(host, cell, chance):
    """What is taken within a request for several servers."""
    asked = spec(chance)
    if stock().host_passes(copy.copy(host), asked):
        host.limits = {}
        host.consume_from_request(asked)


CHANGES = [
    *(another_pinned, one_pinned_or_free, siblings_change_partners, pages_used, memory_used),
    *(cpus_used, shared_cpus, devices, pools_come_and_move, new_objects, another_host),
    *(ratios, consumed, more_shared_cpus),
]


def stock():
    return numa_topology_filter.NUMATopologyFilter()


def passing(which, hosts, asked):
    copies = [copy.copy(host) for host in hosts]
    return [host.host for host in which.filter_all(copies, asked)]


@pytest.mark.parametrize("hosts", [1, 3, 20])
def test_after_each_change_the_filter_says_what_novas_does(hosts, table):
    chance, refused = random.Random(hosts), 0
    known = [state(f"h{n}", chance) for n in range(hosts)]
    away = []
    for _ in range(400):
        for _ in range(chance.randrange(3)):
            host = chance.choice(known)
            chance.choice(CHANGES)(host, chance.choice(host.numa_topology.cells), chance)
        if chance.random() < 0.05 and len(known) > 1:
            away.append(known.pop(chance.randrange(len(known))))
        if chance.random() < 0.05 and away:
            known.append(away.pop())
        chance.shuffle(known)
        asked = spec(chance)
        expected = passing(stock(), known, asked)
        assert passing(filters.NUMATopologyFilter(), known, asked) == expected
        refused += len(known) - len(expected)
    assert 100 < refused < 350 * hosts


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_fleet_has_each_change_at_its_host(change, table):
    """Whatever a request would make of it: the host's info is that of a table made afresh."""
    chance = random.Random(change.__name__)
    hosts = [state(f"h{n}", chance) for n in range(9)]
    for _ in range(40):
        host = chance.choice(hosts)
        change(host, chance.choice(host.numa_topology.cells), chance)
        for one in hosts:
            entry = table.entry(one)
            fresh = HostTable()
            assert fresh.entry(one).slot == 0
            assert table.fleet.hostinfo(entry.slot) == fresh.fleet.hostinfo(0)


@pytest.mark.parametrize("kind", ["cpuset", "pcpuset"])
def test_a_host_whose_cells_grow_in_place_takes_what_was_too_large_for_all(kind, table):
    chance = random.Random(3)
    hosts = [empty(state(f"h{n}", chance)) for n in range(5)]
    asked = plain(**{"shared" if kind == "cpuset" else "dedicated": CPUS + 2})
    ours, expected = filters.NUMATopologyFilter(), []
    for grown in (None, hosts[3], None, hosts[1], None):
        for cell in grown.numa_topology.cells[1:] if grown else ():
            getattr(cell, kind).update((900, 901))
            cell.siblings.append({900, 901})
        expected += [grown.host] if grown else []
        assert sorted(expected) == passing(stock(), hosts, asked)
        assert sorted(expected) == passing(ours, hosts, asked)


@pytest.mark.parametrize("name", ["fit", "fit_wide"])
def test_what_a_look_at_one_quantity_refuses_nova_refuses(name):
    """Each guest on its own host and on those of other cases."""
    refused, hosts = Counter(), []
    for case in check_dropin.cases(name, 5):
        if not case["instance_numa"]:
            continue
        hosts = [check_dropin.host_of(case), *hosts[:4]]
        for look in too_large.looks(convert.guest_topology(check_dropin.guest_of(case))):
            for host in filter(look.refuses, hosts):
                refused[getattr(look.room, "func", look.room).__name__] += 1
                assert not fits_by_nova(host, case)
    assert len(refused) == 5
    assert min(refused.values()) > 20


def fits_by_nova(host, case):
    """By nova's answers for each pair of cells, asked afresh: its search keeps some of another."""
    cells = check_dropin.guest_of(case).cells
    fits = [[fits_in_cell(cell, case, n) for cell in host.cells] for n in range(len(cells))]
    return any(
        all(fits[guest][cell] for guest, cell in enumerate(chosen))
        for chosen in itertools.permutations(range(len(host.cells)), len(cells))
    )


def fits_in_cell(cell, case, n):
    try:
        return bool(hardware._numa_fit_instance_cell(cell, check_dropin.guest_of(case).cells[n]))
    except exception.MemoryPageSizeNotSupported:
        return False


def free_cpus(host):
    for cell in host.numa_topology.cells:
        cell.pinned_cpus -= set(sorted(cell.pinned_cpus)[:CPUS])


def free_pages(host):
    for cell in host.numa_topology.cells:
        cell.mempages[1].used = 0


def more_memory(host):
    for cell in host.numa_topology.cells:
        cell.memory, cell.mempages[0].total = 2 * cell.memory, 2 * cell.mempages[0].total


def odd_pinned_cpus(host):
    """As many as there are and more, of which the cell has none: all of its own are free."""
    for cell in host.numa_topology.cells:
        cell.pinned_cpus = set(range(500, 500 + CPUS + 1))


@pytest.mark.parametrize(
    ("change", "memory", "pagesize"),
    [
        (free_cpus, 512, None),
        (free_pages, 8192, 2048),
        (more_memory, 8192, None),
        (odd_pinned_cpus, 512, None),
    ],
)
@pytest.mark.parametrize("n_hosts", [3, 70])
def test_what_most_hosts_refuse_by_one_quantity_is_taken_by_those_that_have_it_now(
    change, memory, pagesize, n_hosts, table
):
    chance = random.Random(5)
    hosts = [state(f"h{n}", chance) for n in range(n_hosts)]
    asked = plain(dedicated=CPUS if memory == 512 else 1)
    (cell,) = asked.numa_topology.cells
    cell.memory, cell.pagesize = memory, pagesize
    for host in hosts:
        for own in empty(host).numa_topology.cells:
            own.pinned_cpus = set(sorted(own.pcpuset)[: 3 if memory == 512 else 0])
            own.mempages[0].total, own.mempages[1].used = 2**21 - 1, 1
    ours = filters.NUMATopologyFilter()
    for turned in (None, hosts[2], hosts[1], None):
        if turned:
            change(turned)
        assert passing(ours, hosts, asked) == passing(stock(), hosts, asked)
    assert set(passing(ours, hosts, asked)) == {"h1", "h2"}


def test_a_changed_host_is_put_into_the_fleet_that_is_there(table):
    chance = random.Random(1)
    hosts = [state(f"h{n}", chance) for n in range(9)]
    entries = [table.entry(host) for host in hosts]
    fleet = table.fleet
    hosts[4].numa_topology.cells[0].memory_usage = 77
    hosts.append(state("another", chance))
    assert table.look(hosts[:9]) == [*entries[:4], None, *entries[5:]]
    assert [table.entry(host).slot for host in hosts] == list(range(10))
    assert table.fleet is fleet
    assert fleet.hostinfo(4).cells[0].memory_usage == 77
    assert len(fleet) == 10
    for host in hosts:
        host.cpu_allocation_ratio = 3.0
        table.entry(host)
    assert table.fleet is not fleet, "a new one is made in less time"
    assert {info.cpu_allocation_ratio for info in table.fleet.hostinfos()} == {3.0}


def test_of_many_changes_nothing_piles_up(table):
    host = state("h", random.Random(1))
    others = [state(f"h{n}", random.Random(n)) for n in range(3)]
    for other in others:
        table.entry(other)
    fleets = set()
    for n in range(600):
        host.pci_stats.pools[0]["product_id"] = str(n)
        table.entry(host)
        fleets.add(id(table.fleet))
    assert len(fleets) > 1
    assert len(table.fleet) == 4


def too_many_sizes(host):
    host.numa_topology.cells[0].mempages += [
        objects.NUMAPagesTopology(size_kb=8 * n, total=1, used=0, reserved=0) for n in range(1, 40)
    ]


@pytest.mark.parametrize("others", [1, 9])
def test_a_host_that_no_fleet_can_hold_is_refused_alone_and_by_name(others, table, caplog):
    chance = random.Random(5)
    hosts = [empty(state(name, chance)) for name in (*(f"h{n}" for n in range(others)), "odd")]
    asked = plain(dedicated=2)
    ours = filters.NUMATopologyFilter()
    names = [host.host for host in hosts]
    for _ in range(3):
        assert passing(ours, hosts, asked) == names
        too_many_sizes(hosts[-1])
        for _ in range(2):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                assert passing(ours, hosts, asked) == names[:-1]
            assert "numafit cannot judge odd, node of odd" in caplog.text
            assert "at most 32 page sizes in a fleet" in caplog.text
        del hosts[-1].numa_topology.cells[0].mempages[2:]
    table = HostTable()
    too_many_sizes(hosts[-1])
    assert [table.entry(host).slot for host in hosts] == list(range(len(hosts)))
    assert len(table.fleet) == len(hosts)
    assert list(table.unfit) == [others]


def test_a_change_that_fails_on_its_way_is_met_again(table, monkeypatch):
    """Nothing of it counts as seen before it is in the fleet."""
    hosts = [state(f"h{n}", random.Random(n)) for n in range(9)]
    for host in hosts:
        table.entry(host)
    fleet = table.fleet
    hosts[3].numa_topology.cells[0].memory_usage = 4321
    monkeypatch.setattr(fleet, "replace", None)
    table.entry(hosts[3])
    with pytest.raises(TypeError):
        _ = table.fleet
    monkeypatch.undo()
    assert table.fleet.hostinfo(3).cells[0].memory_usage == 4321
    hosts[3].numa_topology.cells.append(hosts[3].numa_topology.cells[0])
    for _ in range(2):
        with pytest.raises(InputError):
            table.entry(hosts[3])


def test_one_host_twice_is_judged_by_what_each_of_them_is(table):
    full, free = (empty(state("h", random.Random(1))) for _ in range(2))
    for cell in full.numa_topology.cells:
        cell.pinned_cpus = set(cell.pcpuset)
    asked = plain(dedicated=1)
    for hosts in ([full, free], [free, full], [free, full, free]):
        found = filters.NUMATopologyFilter().filter_all(list(hosts), asked)
        assert found == [host for host in hosts if host is free]
        full.allocation_candidates = [{"mappings": {}}]
