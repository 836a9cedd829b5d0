"""Edges of rules at which a fault put in on purpose went unnoticed; worked out by hand."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from numafit import (
    FitOptions,
    Flavor,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    Image,
    InputError,
    InvalidRequest,
    Limits,
    MisuseError,
    PagePool,
    PciPool,
    PciRequest,
    Placement,
    Port,
    Request,
    guest_topology,
)
from numafit.model import fields
from numafit.model.effort import MAX_EFFORT, effort
from numafit.model.hostinfo import MAX_PAGE_COUNT, MAX_THREADS
from numafit.model.pci_address import glob, regex
from numafit.model.placement import PlacementCell
from numafit.model.resources import Inventory, Provider
from numafit.rules.breakage import breakage, devices_near
from numafit.rules.cpurules import read_cpu_rules
from numafit.rules.device_spec import parse_device_specs
from numafit.rules.inventories import NodeTotals, derived_provider, totals_of, with_ratios
from numafit.rules.pci_alias import parse_aliases
from numafit.rules.pci_filter import usable
from numafit.rules.variants import Variant
from numafit.rules.versions import from_dotted


def placed(info: HostInfo, cpus: int, emulator: str | None) -> Placement:
    cell = GuestCell(frozenset(), frozenset(range(cpus)), 512, None, "dedicated")
    found = Host(info).fit(Request(GuestTopology((cell,), emulator)))
    assert isinstance(found, Placement)
    return found


def test_emulator_threads_are_among_what_is_broken_up() -> None:
    whole = HostCell(0, frozenset(), frozenset(range(8)), 4096)
    info = HostInfo((whole,), "h")
    assert breakage(info, placed(info, 2, None), False) == 1.0 + 6 / 8
    assert breakage(info, placed(info, 2, "isolate"), False) == 1.0 + 5 / 8


def test_a_cell_is_near_devices_that_are_free() -> None:
    cell = HostCell(0, frozenset(), frozenset(range(8)), 4096)
    pools = (PciPool("8086", "1", 0, 0), PciPool("8086", "2", 1, 3), PciPool("8086", "3", None, 3))
    assert devices_near(HostInfo((cell,), "h", pci_pools=pools)) == {1}


def test_each_field_of_a_pattern_is_kept() -> None:
    parts = {"domain": "0000", "bus": "0[a-c]", "slot": "1.", "function": "[0-3]"}
    assert regex(parts).fields == ("0000", "0[a-c]", "1.", "[0-3]")


def test_a_pattern_that_takes_too_long_is_no_address_to_nova_either() -> None:
    with pytest.raises(InvalidRequest) as raised:
        regex({"bus": "(((.*)*)*)*x"})
    assert raised.value.nova_exception == "PciDeviceWrongAddressFormat"
    with pytest.raises(InvalidRequest, match=r"^address=") as raised:
        glob("0:1:2:3:4.5")
    assert raised.value.key == "address"


def test_patterns_have_a_longest() -> None:
    assert effort("a" * 4000) <= MAX_EFFORT < effort("a" * 4001)


@pytest.mark.parametrize(
    ("profile", "trusted"),
    [({}, None), ({"trusted": "true"}, True), ({"trusted": False}, False), (None, None)],
)
def test_a_port_is_trusted_where_its_profile_says_so(profile: object, trusted: object) -> None:
    network = {"provider:network_type": "vlan", "provider:physical_network": "p"}
    port = Port.from_neutron({"binding:vnic_type": "direct", "binding:profile": profile}, network)
    assert port.trusted is trusted
    assert (port.physnet, port.tunneled) == ("p", False)
    with pytest.raises(InputError, match=r"^port: "):
        Port.from_neutron("port", network)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^binding:profile: got 5, expected a mapping"):
        Port.from_neutron({"binding:vnic_type": "direct", "binding:profile": 5}, network)


def test_the_first_id_beyond_a_limit_that_no_rule_takes_out() -> None:
    rules = read_cpu_rules("0-10,^3-5")
    assert rules.beyond(3) == 6
    assert rules.beyond(2) == 2
    assert read_cpu_rules("0-10,^3-10").beyond(3) is None
    assert read_cpu_rules("0-10,^3-5,^6-8").beyond(3) == 9


@pytest.mark.parametrize("text", ["+8.2.0", "8.\u00b2.0", "8..0", "8.1000.0", "1_0.2"])
def test_parts_of_a_version_are_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_dotted(text)


def test_ratios_take_the_place_of_those_that_nobody_told() -> None:
    worked_out = Inventory(8, allocation_ratio=16.0, derived=True)
    told = Provider({"VCPU": Inventory(8, allocation_ratio=4.0), "DISK_GB": worked_out})
    ratios = Limits(2.0, 1.0)
    assert with_ratios(told, ratios) == told
    changed = with_ratios(Provider({"VCPU": worked_out, "PCPU": worked_out}), ratios)
    assert changed.inventories["VCPU"].allocation_ratio == 2.0
    assert changed.inventories["PCPU"].allocation_ratio == 16.0


@pytest.mark.parametrize("second", [{}, {"device_type": "type-PF"}])
def test_of_two_specs_of_an_alias_the_later_is_at_fault(second: dict[str, str]) -> None:
    texts = [
        '{"name": "a", "vendor_id": "8086", "product_id": "0001", "device_type": "type-VF"}',
        str({"name": "a", "vendor_id": "8086", "product_id": "0002", **second}).replace("'", '"'),
    ]
    with pytest.raises(InvalidRequest) as raised:
        parse_aliases(texts).check()
    assert raised.value.value == second.get("device_type")


def test_a_cpu_list_of_an_image_that_is_no_text_is_an_image_that_cannot_be_read() -> None:
    image = Image("i", {"hw_numa_nodes": 1, "hw_numa_cpus.0": 3, "hw_numa_mem.0": 512})
    with pytest.raises(InvalidRequest) as raised:
        Request.for_server(Flavor("f", 1, 512), image)
    assert (raised.value.nova_exception, raised.value.stage) == ("AttributeError", "image")


def test_an_unknown_secret_of_a_tpm_is_told_by_its_extra_spec() -> None:
    specs = {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "none"}
    with pytest.raises(InvalidRequest, match=r"^hw:tpm_secret_security='none'") as raised:
        Request.for_server(Flavor("f", 1, 512, specs))
    assert raised.value.key == "hw:tpm_secret_security"


def test_whether_devices_are_in_placement_is_yes_or_no() -> None:
    with pytest.raises(MisuseError, match=r"^report_in_placement: got 'maybe'"):
        parse_device_specs(['{"vendor_id": "8086"}'], report_in_placement="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize("used", [None, 0])
def test_disk_of_which_nobody_says_how_much_is_used_is_free(used: int | None) -> None:
    node = NodeTotals(local_gb=20, local_gb_used=used, local_gb_reserved=2)
    disk = derived_provider(totals_of(()), node).inventories["DISK_GB"]
    assert (disk.total, disk.reserved, disk.used) == (20, 2, 0)


def test_a_guest_cell_that_was_placed_has_a_page_size_from_0_on() -> None:
    assert PlacementCell(0, pagesize=0).pagesize == 0
    with pytest.raises(MisuseError, match=r"^pagesize: got -1"):
        PlacementCell(0, pagesize=-1)


def test_an_option_of_a_fit_that_is_no_word_is_named() -> None:
    for name in ("strategy", "physnet_affinity", "pci_matching"):
        with pytest.raises(MisuseError, match=rf"^{name}: got 'most'"):
            FitOptions(**{name: "most"})


def test_pages_that_are_kept_leave_what_is_free_a_number() -> None:
    assert PagePool(4, 5, 10, MAX_PAGE_COUNT - 5).reserved == MAX_PAGE_COUNT - 5
    with pytest.raises(MisuseError, match=r"^reserved: got"):
        PagePool(4, 5, 10, MAX_PAGE_COUNT - 4)


def test_what_is_no_text_is_told_what_was_expected() -> None:
    with pytest.raises(MisuseError, match=r"^name: got 3, expected text$"):
        Flavor(3, 1, 512)  # type: ignore[arg-type]


def test_a_trait_that_is_required_is_a_thread_policy() -> None:
    specs = {"hw:cpu_policy": "dedicated", "trait:HW_CPU_HYPERTHREADING": "required"}
    guest = guest_topology(Flavor("f", 2, 512, specs))
    assert guest is not None
    assert [cell.cpu_thread_policy for cell in guest.cells] == ["require"]


def test_a_mixed_guest_asks_placement_for_both_kinds_of_cpus() -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "1-2"}
    for policy, expected in (("mixed", {"VCPU": 2, "PCPU": 2}), ("dedicated", {"PCPU": 4})):
        mask = specs if policy == "mixed" else {"hw:cpu_policy": policy}
        asked = Request.for_server(Flavor("f", 4, 512, mask)).resources
        assert asked is not None
        units = dict(asked.groups[0].resources)
        assert {name: units[name] for name in ("VCPU", "PCPU") if name in units} == expected


@pytest.mark.parametrize(
    ("properties", "wanted"),
    [
        ({"hw_firmware_stateless": "true", "hw_firmware_type": "uefi"}, True),
        ({"hw_firmware_stateless": "false", "hw_firmware_type": "uefi"}, False),
        ({"hw_firmware_type": "uefi"}, False),
    ],
)
def test_firmware_without_state_is_asked_for_by_both_properties(
    properties: dict[str, str], wanted: bool
) -> None:
    asked = Request.for_server(Flavor("f", 1, 512), Image("i", properties)).resources
    assert asked is not None
    required = {trait for group in asked.groups for trait in group.required}
    assert ("COMPUTE_SECURITY_STATELESS_FIRMWARE" in required) is wanted


def test_a_core_has_as_many_threads_as_a_word_has_bits() -> None:
    threads = np.arange(2 * MAX_THREADS)
    # numpy's numbers are looked at one core after the other
    whole = HostCell(0, {0}, {0}, 1024, siblings=[set(threads[:MAX_THREADS])])  # type: ignore[arg-type]
    assert [len(core) for core in whole.siblings] == [MAX_THREADS]
    with pytest.raises(MisuseError, match=rf"^siblings\[0\]: .*at most {MAX_THREADS} threads"):
        HostCell(0, {0}, {0}, 1024, siblings=[set(threads[: MAX_THREADS + 1])])  # type: ignore[arg-type]


def test_pages_of_1_kib_are_pages() -> None:
    assert Variant.of(None, None, {1: 5}, None, None).reserved_pages == {1: 5}
    with pytest.raises(MisuseError, match=r"^reserved_pages: got 0"):
        Variant.of(None, None, {0: 5}, None, None)


@pytest.mark.parametrize(
    ("specs", "key"),
    [
        ({"os:secure_boot": "no"}, "os:secure_boot"),
        ({"hw:maxphysaddr_mode": "x"}, "hw:maxphysaddr_mode"),
    ],
)
def test_a_word_that_is_none_of_these_is_told_by_its_extra_spec(
    specs: dict[str, str], key: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        Request.for_server(Flavor("f", 1, 512, specs))
    assert raised.value.key == key


@pytest.mark.parametrize("in_placement", [False, True])
def test_an_alias_of_one_spec_is_one_for_placement_too(in_placement: bool) -> None:
    text = '{"name": "a", "vendor_id": "8086", "product_id": "154d", "device_type": "type-PCI"}'
    found = parse_aliases([text], pci_in_placement=in_placement)
    found.check()
    with pytest.raises(InvalidRequest) if in_placement else nullcontext():
        parse_aliases([text, text.replace("154d", "1572")], pci_in_placement=in_placement).check()


def test_no_inventory_has_less_than_nothing_in_use() -> None:
    assert Inventory(8, used=0).used == 0
    with pytest.raises(MisuseError, match=r"^used: got -1"):
        Inventory(8, used=-1)


def test_a_guest_topology_has_a_cell() -> None:
    with pytest.raises(MisuseError, match=r"^cells: got .*at least one cell"):
        GuestTopology(())


def test_a_number_is_one_from_the_least_to_the_most() -> None:
    assert [fields.number("n", n, 2, 4, "MiB") for n in (2, 3, 4)] == [2, 3, 4]
    for n in (1, 5):
        with pytest.raises(MisuseError, match=rf"^n: got {n}, expected .* 2 to 4.*MiB"):
            fields.number("n", n, 2, 4, "MiB")


def test_a_page_size_is_told_in_kib() -> None:
    with pytest.raises(MisuseError, match=r"^pagesize: got -9, .*KiB"):
        GuestCell(frozenset({0}), frozenset(), 512, -9)


@pytest.mark.parametrize("asked", ["true", "false"])
def test_devices_say_of_live_migration_what_all_specs_say(asked: str) -> None:
    request = PciRequest(1, [{"live_migratable": asked}, {"live_migratable": asked}])
    either = PciRequest(1, [{"live_migratable": asked}, {}])
    for told in ("true", "false", None):
        device = {"vendor_id": "8086", **({} if told is None else {"live_migratable": told})}
        assert usable(request, device) is (told == asked)
        assert usable(either, device)


@pytest.mark.parametrize("least", [0, -1])
def test_a_cell_has_no_less_than_no_memory(least: int) -> None:
    cpus = {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0", "hw:numa_cpus.1": "1"}
    memory = {"hw:numa_mem.0": str(least), "hw:numa_mem.1": str(1024 - least)}
    flavor = Flavor("f", 2, 1024, cpus | memory)
    if least == 0:
        found = guest_topology(flavor)
        assert found is not None
        assert [cell.memory_mb for cell in found.cells] == [0, 1024]
        return
    with pytest.raises(InvalidRequest, match=r"^hw:numa_mem.0=-1: ") as raised:
        guest_topology(flavor)
    assert raised.value.nova_exception == "ImageNUMATopologyMemoryOutOfRange"
