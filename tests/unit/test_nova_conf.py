"""nova.conf: what is read, what is refused with its place, and hosts under it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from numafit.cli import main
from numafit.errors import InputError
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.readers.nova_conf import read_nova_conf
from numafit.rules.nova_config import NovaConfig, ReservedPages, apply_config, config_faults

FULL = """\
[DEFAULT]
reserved_huge_pages = node:0,size:2048,count:64
reserved_huge_pages = node:1,size:1GB,count:1
reserved_huge_pages = node:0,size:2MB,count:32
cpu_allocation_ratio = 16.0
initial_ram_allocation_ratio = 1.5
pci_alias = {"name": "old"}
[compute]
cpu_dedicated_set = 2-3,6-7
cpu_shared_set = 0-1,4-5
packing_host_numa_cells_allocation_strategy = true
[neutron]
physnets = foo, bar
[neutron_physnet_foo]
numa_nodes = 0
[neutron_physnet_bar]
numa_nodes = 0, 1
[neutron_physnet_spare]
numa_nodes = 1
[neutron_tunnel]
numa_nodes = 0
[pci]
passthrough_whitelist = {"vendor_id": "8086"}
alias = {"name": "a"}
report_in_placement = yes
[libvirt]
max_queues = 8
"""


@pytest.fixture
def conf(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "nova.conf"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def host() -> HostInfo:
    def cell(n: int) -> HostCell:
        cpus = frozenset(range(4 * n, 4 * n + 4))
        cores = (frozenset((4 * n, 4 * n + 1)), frozenset((4 * n + 2, 4 * n + 3)))
        return HostCell(n, cpus, cpus, 4096, siblings=cores, page_pools=(PagePool(2048, 512),))

    return HostInfo((cell(0), cell(1)))


def test_all_options(conf: Callable[[str], Path]) -> None:
    found = read_nova_conf(conf(FULL))
    assert found.cpu_dedicated_set == {2, 3, 6, 7}
    assert found.cpu_shared_set == {0, 1, 4, 5}
    # nova keeps the last value for a node and a size
    assert set(found.reserved_pages) == {ReservedPages(0, 2048, 32), ReservedPages(1, 1 << 20, 1)}
    assert (found.cpu_allocation_ratio, found.ram_allocation_ratio) == (16.0, None)
    assert found.initial_ram_allocation_ratio == 1.5
    assert found.strategy == "pack"
    assert found.physnet_nodes == {"foo": (0,), "bar": (0, 1)}
    assert set(found.sections) == {"foo", "bar", "spare"}
    assert found.tunnel_nodes == (0,)
    assert found.device_specs == ('{"vendor_id": "8086"}',)
    # an option that may stand several times counts under its old name too
    assert found.aliases == ('{"name": "old"}', '{"name": "a"}')
    assert found.report_in_placement
    assert found.max_queues == 8


def test_a_host_under_the_configuration(conf: Callable[[str], Path], host: HostInfo) -> None:
    made = apply_config(host, read_nova_conf(conf(FULL)))
    first, second = made.cells
    assert (first.cpuset, first.pcpuset) == ({0, 1}, {2, 3})
    assert (second.cpuset, second.pcpuset) == ({4, 5}, {6, 7})
    assert [cell.physnets for cell in made.cells] == [{"foo", "bar"}, {"bar"}]
    assert [cell.tunneled for cell in made.cells] == [True, False]
    assert [cell.page_pools[0].reserved for cell in made.cells] == [32, 0]
    assert (made.cpu_allocation_ratio, made.ram_allocation_ratio) == (16.0, 1.5)


def test_directories_win_over_files(conf: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "nova.conf.d"
    folder.mkdir()
    (folder / "10-cpus.conf").write_text("[compute]\ncpu_shared_set = 1\n")
    (folder / "20-cpus.conf").write_text("[compute]\ncpu_shared_set = 5\n")
    (folder / "notes.txt").write_text("no configuration")
    assert read_nova_conf(conf(FULL), [folder]).cpu_shared_set == {5}
    (folder / "30.conf").write_text("[compute]\ncpu_shared_set = 5-1\n")
    with pytest.raises(InputError) as error:
        read_nova_conf(conf(FULL), [folder])
    assert error.value.file == str(folder / "30.conf")


def test_the_environment_changes_nothing(
    conf: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_COMPUTE__CPU_SHARED_SET", "7")
    assert read_nova_conf(conf(FULL)).cpu_shared_set == {0, 1, 4, 5}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("[libvirt]\nmax_queues = 0\n", "[libvirt] max_queues", "0"),
        ("[libvirt]\nmax_queues = many\n", "[libvirt] max_queues", "many"),
        ("[compute]\ncpu_shared_set = 3-1\n", "[compute] cpu_shared_set", "3-1"),
        ("[compute]\ncpu_shared_set = 0-99999999\n", "[compute] cpu_shared_set", "0-99999999"),
        ("[neutron_tunnel]\nnuma_nodes = a\n", "[neutron_tunnel] numa_nodes", "a"),
        ("[DEFAULT]\ncpu_allocation_ratio = nan\n", "[DEFAULT] cpu_allocation_ratio", None),
        ("[DEFAULT]\nreserved_huge_pages = 3\n", "[DEFAULT] reserved_huge_pages", "3"),
        ("[DEFAULT]\nconfig_source = x\n", "[DEFAULT] config_source", None),
        ("[DEFAULT]\nx = 1\nnonsense\n", "line 3", None),
        ("x = 1\n", "line 1", None),
    ],
)
def test_refused(conf: Callable[[str], Path], text: str, key: str, value: str | None) -> None:
    file = conf(text)
    with pytest.raises(InputError) as error:
        read_nova_conf(file)
    assert (error.value.file, error.value.key) == (str(file), key)
    assert value is None or error.value.value == value


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (NovaConfig(physnet_nodes={"foo": (7,)}), "[neutron_physnet_foo] numa_nodes"),
        (NovaConfig(physnet_nodes={"foo": ()}), "[neutron_physnet_foo] numa_nodes"),
        (NovaConfig(tunnel_nodes=(2,)), "[neutron_tunnel] numa_nodes"),
        (NovaConfig(cpu_shared_set=frozenset({8})), "[compute] cpu_shared_set"),
        (NovaConfig(cpu_dedicated_set=frozenset({8})), "[compute] cpu_dedicated_set"),
        (NovaConfig(vcpu_pin_set=frozenset({8})), "[DEFAULT] vcpu_pin_set"),
        (
            NovaConfig(cpu_shared_set=frozenset({1}), cpu_dedicated_set=frozenset({1, 2})),
            "[compute] cpu_dedicated_set",
        ),
        (
            NovaConfig(vcpu_pin_set=frozenset({1}), cpu_dedicated_set=frozenset({2})),
            "[DEFAULT] vcpu_pin_set",
        ),
        (
            NovaConfig(cpu_shared_set=frozenset({1}), reserved_host_cpus=1),
            "[DEFAULT] reserved_host_cpus",
        ),
    ],
)
def test_what_nova_compute_would_not_start_with(
    host: HostInfo, config: NovaConfig, key: str
) -> None:
    with pytest.raises(InputError) as error:
        apply_config(host, config)
    assert error.value.key == key
    assert [fault.key for fault in config_faults(host, config)] == [key]


def test_sections_like_those_of_networks_are_kept(conf: Callable[[str], Path]) -> None:
    text = FULL + "[neutron_physnets_baz]\nnuma_nodes = 0\n[neutron_tunneled]\nnuma_nodes = 0\n"
    read = read_nova_conf(conf(text))
    assert read.stray_sections == ("neutron_physnets_baz",)
    assert read.misnamed_tunnel


def test_dedicated_cpus_may_be_off_where_nova_manages_their_power(host: HostInfo) -> None:
    config = NovaConfig(cpu_dedicated_set=frozenset({3, 8}), cpu_power_management=True)
    made = apply_config(host, config)
    assert made.cells[0].pcpuset == {3}
    # 8 may be off, and so missing in the source: that is said, and not that it is no CPU
    (remark,) = made.remarks
    assert remark.startswith("CPU 8 of [compute] cpu_dedicated_set stands in no node")


def test_the_order_of_cores_is_novas_or_the_hosts_own() -> None:
    cores = tuple(frozenset((n, n + 20)) for n in range(20))
    cpus = frozenset(range(40))
    host = HostInfo((HostCell(0, cpus, cpus, 4096, siblings=cores),))
    kept = apply_config(host, NovaConfig(), nova_order=False).cells[0].siblings
    assert kept == cores
    ordered = apply_config(host, NovaConfig()).cells[0].siblings
    assert ordered != cores
    assert set(ordered) == set(cores)
    # siblings that follow one another are a range in libvirt's list
    beside = tuple(frozenset((2 * n, 2 * n + 1)) for n in range(20))
    host = HostInfo((HostCell(0, cpus, cpus, 4096, siblings=beside),))
    assert set(apply_config(host, NovaConfig()).cells[0].siblings) == set(beside)


def test_mangled_files_give_an_input_error_or_a_configuration(tmp_path: Path) -> None:
    chance = random.Random(5)
    data = FULL.encode()
    file = tmp_path / "nova.conf"
    for _ in range(400):
        mangled = bytearray(data[: chance.randint(0, len(data))])
        for _ in range(chance.randint(0, 8)):
            if mangled:
                mangled[chance.randrange(len(mangled))] = chance.choice(b"\x00\xff\n[]=$,:9-^{ ")
        file.write_bytes(bytes(mangled))
        with suppress(InputError):
            assert isinstance(read_nova_conf(file), NovaConfig)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "big.conf").write_bytes(b"#" * (5 << 20))
    (tmp_path / "latin.conf").write_bytes(b"[DEFAULT]\nx = \xe4\n")
    for name in ("big.conf", "latin.conf", "absent.conf", "."):
        with pytest.raises(InputError):
            read_nova_conf(tmp_path / name)
    with pytest.raises(InputError):
        read_nova_conf([], [tmp_path / "absent.d"])


def test_the_strategy_of_the_configuration_is_the_default_of_fit(
    conf: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.json").write_text(
        '{"name": "a", "vcpus": 1, "memory_mb": 64, "extra_specs": {"hw:cpu_policy": "dedicated"}}'
    )
    used = "{id: 1, cpus: 2-3, memory_mb: 1024, memory_used_mb: 512}"
    (tmp_path / "h.yaml").write_text(
        f"version: 1\nname: h\ncells: [{{id: 0, cpus: 0-1, memory_mb: 1024}}, {used}]\n"
    )
    line = ["fit", str(tmp_path / "f.json"), str(tmp_path / "h.yaml"), "--format", "json"]
    option = "[compute]\npacking_host_numa_cells_allocation_strategy = yes\n"
    packed = ["--config", str(conf(option))]
    cells = []
    for more in ([], packed, [*packed, "--strategy", "spread"]):
        assert main([*line, *more]) == 0
        cells.append('"host_cell": 1' in capsys.readouterr().out)
    assert cells == [False, True, False]
