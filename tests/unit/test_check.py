"""numafit check's rules: each contradiction is found, and a sound host has none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from numafit.diagnosis.affinity import HostNetwork, find_affinities
from numafit.diagnosis.check import Machine, check_host
from numafit.model.hostinfo import HostCell, HostInfo, OfflineCpus, PagePool
from numafit.model.neutron_config import NeutronConfig
from numafit.model.pci_device import PciDevice
from numafit.rules.nova_config import NovaConfig, ReservedPages, unlisted_sections


@dataclass(frozen=True)
class Link:
    name: str
    pci_address: str | None = None
    numa_node: int | None = None
    lower: tuple[str, ...] = ()


def cell(n: int) -> HostCell:
    cpus = frozenset(range(4 * n, 4 * n + 4))
    cores = (frozenset((4 * n, 4 * n + 1)), frozenset((4 * n + 2, 4 * n + 3)))
    pools = (PagePool(4, 4096), PagePool(2048, 512))
    return HostCell(n, cpus, cpus, 4096, siblings=cores, page_pools=pools, socket=n)


HOST = HostInfo((cell(0), cell(1)), "host")
LINKS = [
    Link("eno1", "0000:18:00.0", 0),
    Link("ens2", "0000:af:00.0", 1),
    Link("bond0", lower=("eno1", "ens2")),
    Link("lost", "0000:01:00.0", -1),
]
PF = PciDevice("0000:18:00.0", "8086", "1572", "type-PF", 0)
VF = PciDevice("0000:18:02.0", "8086", "154c", "type-VF", 0, parent_addr="0000:18:00.0")
GPU = PciDevice("0000:5e:00.0", "10de", "1db4", "type-PCI", 1)
SOUND = NovaConfig(
    cpu_dedicated_set=frozenset({2, 3, 6, 7}),
    cpu_shared_set=frozenset({0, 1, 4, 5}),
    reserved_pages=(ReservedPages(0, 2048, 64),),
    physnet_nodes={"foo": (0,)},
    sections=("foo",),
    tunnel_nodes=(1,),
)


def rules(
    config: NovaConfig,
    mappings: dict[str, tuple[str, ...]] | None = None,
    devices: list[PciDevice] | None = None,
    local_ip: str = "192.0.2.1",
) -> list[tuple[str, str]]:
    neutron = NeutronConfig(interfaces=mappings or {"foo": ("eno1",)}, local_ips=(local_ip,))
    network = HostNetwork(LINKS, [0, 1])
    found = find_affinities(network, [neutron], {"ens2": ["192.0.2.1"]})
    findings = check_host(Machine(HOST, config, found, devices, {"eno1": ("0000:18:00.0", True)}))
    return [(finding.severity, finding.rule) for finding in findings]


def test_a_sound_host_has_no_findings() -> None:
    assert rules(SOUND) == []
    assert check_host(Machine(HOST, NovaConfig())) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (replace(SOUND, cpu_dedicated_set=frozenset({2, 7})), [("warning", "split-cores")]),
        (replace(SOUND, cpu_shared_set=frozenset({0, 1, 2})), [("error", "nova-refuses")]),
        (replace(SOUND, cpu_shared_set=frozenset({99})), [("error", "nova-refuses")]),
        (
            replace(SOUND, physnet_nodes={"foo": ()}),
            [
                ("error", "nova-refuses"),
            ],
        ),
        (
            replace(SOUND, physnet_nodes={"foo": (1,)}),
            [
                ("error", "wrong-node"),
                ("warning", "missing-node"),
            ],
        ),
        (replace(SOUND, physnet_nodes={"foo": (0, 1)}), [("error", "wrong-node")]),
        (
            replace(SOUND, physnet_nodes={}),
            [
                ("warning", "physnet-not-listed"),
                ("warning", "physnet-without-section"),
            ],
        ),
        (replace(SOUND, physnet_nodes={"foo": (0,), "fo": (0,)}), [("warning", "physnet-unknown")]),
        (
            replace(SOUND, tunnel_nodes=(0,)),
            [
                ("error", "wrong-node"),
                ("warning", "missing-node"),
            ],
        ),
        (replace(SOUND, tunnel_nodes=()), [("warning", "tunnel-without-section")]),
        (replace(SOUND, misnamed_tunnel=True), [("error", "tunnel-section")]),
        (
            replace(SOUND, reserved_pages=(ReservedPages(0, 2048, 513),)),
            [
                ("error", "reserved-pages"),
            ],
        ),
        (
            replace(SOUND, reserved_pages=(ReservedPages(7, 2048, 1),)),
            [
                ("warning", "reserved-pages"),
            ],
        ),
        (
            replace(SOUND, reserved_pages=(ReservedPages(0, 1 << 20, 1),)),
            [
                ("warning", "reserved-pages"),
            ],
        ),
        (
            replace(SOUND, cpu_dedicated_set=frozenset({2, 3}), cpu_shared_set=frozenset({0, 1})),
            [
                ("note", "cell-without-cpus"),
            ],
        ),
    ],
)
def test_configuration(config: NovaConfig, expected: list[tuple[str, str]]) -> None:
    assert rules(config) == expected


def test_networks_on_several_nodes_and_on_unknown_ones() -> None:
    both = replace(SOUND, physnet_nodes={"foo": (0, 1)})
    assert rules(both, {"foo": ("bond0",)}) == [("note", "spread")]
    assert rules(SOUND, {"foo": ("bond0",)}) == [("warning", "missing-node"), ("note", "spread")]
    assert rules(SOUND, {"foo": ("lost",)}) == [("note", "not-found-out")]
    assert rules(SOUND, local_ip="192.0.2.9") == [("note", "not-found-out")]


@pytest.mark.parametrize(
    ("specs", "aliases", "devices", "expected"),
    [
        (['{"vendor_id": "10de"}'], [], [GPU], [("note", "migration")]),
        (['{"vendor_id": "10de", "live_migratable": "yes"}'], [], [GPU], []),
        (['{"vendor_id": "8087"}'], [], [GPU], [("warning", "device-spec-unused")]),
        (
            ['{"vendor": "10de"}', "nonsense"],
            [],
            [GPU],
            [
                ("error", "device-spec"),
                ("note", "migration"),
            ],
        ),
        (
            ['{"address": "*:18:*.*", "physical_network": "foo"}'],
            [],
            [PF, VF],
            [
                ("warning", "pf-and-vfs"),
                ("note", "migration"),
            ],
        ),
        (
            ['{"product_id": "154c", "physical_network": "foo"}'],
            [],
            [PF, replace(VF, numa_node=None)],
            [
                ("warning", "no-numa-node"),
                ("note", "migration"),
            ],
        ),
        (
            ['{"product_id": "154c", "physical_network": "foo", "remote_managed": "true"}'],
            [],
            [PF, VF],
            [("error", "remote-managed")],
        ),
        (
            ['{"product_id": "154c", "physical_network": "foo", "remote_managed": "true"}'],
            [],
            [replace(PF, serial="S1"), VF],
            [("note", "migration")],
        ),
        (
            ['{"vendor_id": "10de", "live_migratable": "yes"}'],
            ['{"name": "gpu", "vendor_id": "10de", "product_id": "1db4"}'],
            [GPU],
            [],
        ),
        (
            ['{"vendor_id": "10de", "live_migratable": "yes"}'],
            ['{"name": "gpu", "vendor_id": "10de", "product_id": "1db5"}'],
            [GPU],
            [("warning", "alias-unserved")],
        ),
        ([], ['{"name": "gpu"}'], [GPU], [("error", "alias")]),
    ],
)
def test_devices(
    specs: list[str],
    aliases: list[str],
    devices: list[PciDevice],
    expected: list[tuple[str, str]],
) -> None:
    config = replace(SOUND, device_specs=tuple(specs), aliases=tuple(aliases))
    assert rules(config, devices=devices) == expected


def test_findings_name_place_value_and_cure() -> None:
    config = replace(SOUND, physnet_nodes={"foo": (1,)})
    neutron = NeutronConfig(interfaces={"foo": ("eno1",)})
    found = find_affinities(HostNetwork(LINKS, [0, 1]), [neutron], {})
    first = check_host(Machine(HOST, config, found))[0]
    assert str(first) == (
        "error: [neutron_physnet_foo] numa_nodes: names node 1, but physnet foo is eno1 on node 0. "
        "Write numa_nodes = 0."
    )


# --- what is left for the host itself


def host_rules(config: NovaConfig, host: HostInfo = HOST) -> list[tuple[str, str]]:
    return [(one.rule, one.what) for one in check_host(Machine(host, config))]


@pytest.mark.parametrize("key", ["cpu_shared_set", "vcpu_pin_set"])
def test_second_threads_of_host_cores_are_not_for_guests(key: str) -> None:
    # cores are 0-1, 2-3, 4-5, 6-7: the host keeps 0, and 4-5 whole
    ((rule, what),) = host_rules(NovaConfig(**{key: frozenset({1, 2, 3, 6, 7})}))
    assert (rule, what.rpartition(": ")[2]) == ("host-threads", "1 beside 0")


def test_a_host_keeps_cpus_for_itself() -> None:
    everything = frozenset(range(8))
    ((rule, _what),) = host_rules(NovaConfig(cpu_dedicated_set=everything))
    assert rule == "no-host-cpus"
    ((rule, _what),) = host_rules(NovaConfig(vcpu_pin_set=everything))
    assert rule == "no-host-cpus"
    assert host_rules(NovaConfig(vcpu_pin_set=everything - {0, 1})) == []
    # those that guests share are the host's, too
    shared = NovaConfig(cpu_dedicated_set=everything - {0, 1}, cpu_shared_set=frozenset({0, 1}))
    assert host_rules(shared) == []


@pytest.mark.parametrize(
    ("pages", "kept", "left"),
    [
        (1792, 1025, "1024"),  # 2 x (4096 - 3584) MiB
        (1792, 1024, None),
        (2048, 512, "0"),
        (0, 9000, None),  # without huge pages the host takes part in all
    ],
)
def test_huge_pages_leave_the_host_its_memory(pages: int, kept: int, left: str | None) -> None:
    cells = [
        replace(cell(n), page_pools=(PagePool(4, 4096), PagePool(2048, pages))) for n in range(2)
    ]
    found = host_rules(NovaConfig(reserved_host_memory_mb=kept), HostInfo(tuple(cells)))
    if left is None:
        assert found == []
    else:
        ((rule, what),) = found
        assert rule == "host-memory"
        assert what.startswith(f"keeps {kept} MiB for the host")
        assert what.endswith(f"leave it {left} MiB")


def test_unknown_memory_is_no_reason_for_advice_on_memory() -> None:
    unknown = replace(HOST.cells[0], memory_mb=None, page_pools=(PagePool(1048576, 64),))
    host = HostInfo((unknown,), "h", remarks=("the memory of node 0 is not known",))
    assert host_rules(NovaConfig(), host) == [("source", "the memory of node 0 is not known")]


@pytest.mark.parametrize("managed", [True, False])
def test_cpus_at_rest_are_noted(managed: bool) -> None:
    host = HostInfo(
        (replace(cell(0), siblings=(frozenset({0, 1}), frozenset({2, 3}))),),
        "h",
        offline=(OfflineCpus(0, frozenset({4, 5})),),
    )
    config = NovaConfig(
        cpu_dedicated_set=frozenset({2, 3, 4, 5} if managed else {2, 3}),
        cpu_power_management=managed,
    )
    found = dict(host_rules(config, host))
    if managed:
        assert found["cpus-at-rest"] == "CPUs 4-5 are off at rest, and count"
        assert "taken to be as those" in found["source"]
    else:
        assert found == {"cpus-off": "CPUs 4-5 are off: no guest is placed on them"}


def test_a_section_whose_case_differs_is_read() -> None:
    """oslo.config folds the case of sections."""
    config = NovaConfig(physnet_nodes={"foo": (0,), "Bar": (0,)}, sections=("Foo", "bar", "baz"))
    assert unlisted_sections(config) == ["baz"]


def test_sections_that_nova_does_not_read_are_named_with_those_that_it_reads() -> None:
    config = NovaConfig(
        physnet_nodes={"foo": (), "bar": (0,)},
        sections=("bar",),
        stray_sections=("neutron_physnets_foo", "neutron_cells"),
    )
    refused, stray, other = check_host(Machine(HOST, config))
    assert refused.where == "[neutron_physnet_foo] numa_nodes"
    assert refused.advice == (
        "nova does not read [neutron_physnets_foo]: call it [neutron_physnet_foo]."
    )
    assert (stray.rule, stray.where) == ("stray-section", "[neutron_physnets_foo]")
    assert stray.advice == "Did you mean [neutron_physnet_foo]?"
    assert (other.where, "called" in other.advice) == ("[neutron_cells]", True)
