"""``--config`` over hosts as they were stored: what the file sets changes, the rest stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, InputError
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.readers.nova_conf import read_nova_conf
from numafit.rules.config_over import Over, apply_over

Run = Callable[..., Any]


def host(name: str = "xeon-1") -> HostInfo:
    """Two cells of 8 CPUs: 2 shared, 4 dedicated and 2 of the host's own each."""

    def cell(n: int) -> HostCell:
        first = 8 * n
        return HostCell(
            id=n,
            cpuset=frozenset({first + 2, first + 3}),
            pcpuset=frozenset(range(first + 4, first + 8)),
            memory_mb=8192,
            siblings=tuple(frozenset({first + c, first + c + 1}) for c in (2, 4, 6)),
            page_pools=(PagePool(4, 1 << 20), PagePool(2048, 2048, reserved=64)),
            physnets=frozenset({"left"}) if n == 0 else frozenset(),
            tunneled=n == 1,
        )

    return HostInfo((cell(0), cell(1)), name, None, 16.0, 1.5)


def alike() -> HostInfo:
    """No sets are configured: each CPU is for shared and for dedicated vCPUs."""
    cells = tuple(
        replace(cell, cpuset=cell.cpuset | cell.pcpuset, pcpuset=cell.cpuset | cell.pcpuset)
        for cell in host().cells
    )
    return replace(host(), cells=cells)


@pytest.fixture
def over(tmp_path: Path) -> Callable[..., Over]:
    def apply(text: str, to: HostInfo | None = None) -> Over:
        file = tmp_path / "nova.conf"
        file.write_text(text)
        return apply_over(to or host(), read_nova_conf(file))

    return apply


Apply = Callable[..., Over]


def test_one_section_changes_what_it_says_and_nothing_else(over: Apply) -> None:
    made = over("[DEFAULT]\ncpu_allocation_ratio = 4\n")
    assert made == Over(
        replace(host(), cpu_allocation_ratio=4.0), ("[DEFAULT] cpu_allocation_ratio",)
    )


def test_an_empty_file_changes_nothing(over: Apply) -> None:
    assert over("") == Over(host())


def test_a_set_of_cpus_leaves_the_other_as_it_is_stored(over: Apply) -> None:
    made = over("[compute]\ncpu_dedicated_set = 4-5,12-15\n").host
    assert [cell.pcpuset for cell in made.cells] == [{4, 5}, {12, 13, 14, 15}]
    assert [cell.cpuset for cell in made.cells] == [{2, 3}, {10, 11}]
    # CPUs of no set are the host's own
    assert made.cells[0].siblings == ({2, 3}, {4, 5})
    assert made.cells[0].page_pools == host().cells[0].page_pools
    assert made.cells[0].physnets == {"left"}
    assert made.cells[1] == host().cells[1]


def test_a_host_without_sets_has_those_that_nova_makes_of_one(over: Apply) -> None:
    made = over("[compute]\ncpu_dedicated_set = 4-7\n", alike()).host
    assert [(cell.cpuset, cell.pcpuset) for cell in made.cells] == [
        (set(), {4, 5, 6, 7}),
        (set(), set()),
    ]


def test_the_same_sets_change_nothing(over: Apply) -> None:
    made = over("[compute]\ncpu_dedicated_set = 4-7,12-15\ncpu_shared_set = 2-3,10-11\n")
    assert made == Over(host())


def test_reserved_pages_networks_and_tunnels(over: Apply) -> None:
    text = (
        "[DEFAULT]\nreserved_huge_pages = node:1,size:2048,count:8\n"
        "reserved_huge_pages = node:3,size:2048,count:8\n"
    )
    made = over(text)
    reserved = [[pool.reserved for pool in cell.page_pools] for cell in made.host.cells]
    assert reserved == [[0, 0], [0, 8]]
    assert made.changed == ("[DEFAULT] reserved_huge_pages",)
    assert made.idle == ("[DEFAULT] reserved_huge_pages of node 3, 2048 KiB",)
    near = over("[neutron]\nphysnets = right\n[neutron_physnet_right]\nnuma_nodes = 1\n").host
    assert [cell.physnets for cell in near.cells] == [set(), {"right"}]
    assert [cell.tunneled for cell in near.cells] == [False, True]
    tunnels = over("[neutron_tunnel]\nnuma_nodes = 0\n").host
    assert [cell.tunneled for cell in tunnels.cells] == [True, False]
    assert [cell.physnets for cell in tunnels.cells] == [{"left"}, set()]


def test_initial_ratios_are_for_hosts_without_one(over: Apply) -> None:
    text = "[DEFAULT]\ninitial_cpu_allocation_ratio = 8\n"
    assert over(text) == Over(host())
    bare = replace(host(), cpu_allocation_ratio=None)
    assert over(text, bare).host.cpu_allocation_ratio == 8.0
    assert over("[DEFAULT]\nram_allocation_ratio = 2\n", bare).host.cpu_allocation_ratio is None


def test_what_needs_cells_is_said_of_a_host_without_any(over: Apply) -> None:
    text = "[DEFAULT]\ncpu_allocation_ratio = 2\n[compute]\ncpu_shared_set = 0-3\n"
    made = over(text, HostInfo((), "plain", None, 16.0))
    assert made.host.cpu_allocation_ratio == 2.0
    assert made.idle == ("[compute] cpu_shared_set",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[compute]\ncpu_shared_set = 2-4\n",
            "[compute] cpu_shared_set on xeon-1: got '2-4', expected no CPU of [compute] "
            "cpu_dedicated_set as it is stored (both have 4). Set [compute] cpu_dedicated_set too.",
        ),
        (
            "[compute]\ncpu_dedicated_set = 2-7\n",
            "[compute] cpu_dedicated_set on xeon-1: got '2-7', expected no CPU of [compute] "
            "cpu_shared_set as it is stored (both have 2-3). Set [compute] cpu_shared_set too.",
        ),
        (
            "[compute]\ncpu_dedicated_set = 4-9\n",
            "[compute] cpu_dedicated_set on xeon-1: got '4-9', expected CPUs that its source "
            "knows, 2-7,10-15 (8-9 not among them). Describe the machine itself (--sysfs, "
            "--libvirt or --hwloc) to give it other CPUs.",
        ),
        (
            "[pci]\ndevice_spec = {}\n",
            "[pci] device_spec on xeon-1: got None, expected it to be unset over hosts whose "
            "devices nova has put into pools already. Give it to the machine itself (--sysfs, or "
            "--libvirt with --nodedev), or leave it out.",
        ),
        (
            "[neutron_tunnel]\nnuma_nodes = 5\n",
            "[neutron_tunnel] numa_nodes on xeon-1: got 5, expected a NUMA node of this host (0-1)",
        ),
        (
            "[neutron]\nphysnets = foo\n",
            "[neutron_physnet_foo] numa_nodes on xeon-1: got None, expected the NUMA nodes of this "
            "physnet, which [neutron] physnets lists",
        ),
        (
            "[DEFAULT]\nreserved_host_cpus = 2\n",
            "[DEFAULT] reserved_host_cpus on xeon-1: got 2, expected 0 beside cpu_shared_set or "
            "cpu_dedicated_set",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused_with_the_host_and_the_reason(
    over: Apply, text: str, message: str
) -> None:
    with pytest.raises(InputError) as error:
        over(text)
    assert message in str(error.value)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.npz"
    Fleet([host(f"xeon-{n}") for n in range(3)] + [host("gold-1")]).save(path)
    return path


def ratios(numafit: Run, *asked: object) -> Any:
    return numafit("show", *asked)


def test_a_config_of_one_section_over_a_saved_fleet_says_what_it_changed(
    numafit: Run, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nova.conf").write_text("[DEFAULT]\ncpu_allocation_ratio = 4\n")
    done = numafit("show", "--fleet", stored, "--config", "nova.conf")
    line = (
        "numafit: nova.conf changes [DEFAULT] cpu_allocation_ratio of 4 hosts; the rest stays as "
        "it was stored"
    )
    assert (done.status, done.err.splitlines()) == (0, [line])
    plain = numafit("show", "--fleet", stored)
    assert done.out == plain.out.replace("ratios: CPUs 16,", "ratios: CPUs 4,")


ROWS = Path(__file__).parent / "data" / "nova_rows.json"


def test_a_config_of_one_section_over_stored_rows_leaves_the_rest(
    numafit: Run, tmp_path: Path
) -> None:
    config = tmp_path / "nova.conf"
    config.write_text("[DEFAULT]\nram_allocation_ratio = 3.5\n")
    rows = json.loads(ROWS.read_text())
    plain = numafit("show", "--nova-rows", ROWS)
    done = numafit("show", "--nova-rows", ROWS, "--config", config)
    assert f"changes [DEFAULT] ram_allocation_ratio of {len(rows)} hosts" in done.err

    def rest(text: str) -> list[str]:
        return [line for line in text.splitlines() if "allocation ratios" not in line]

    assert rest(done.out) == rest(plain.out)
    assert done.out.count("memory 3.5") == len(rows)


def test_files_for_hosts_of_a_pattern(numafit: Run, stored: Path, tmp_path: Path) -> None:
    names = {"all": "cpu_allocation_ratio = 2", "xeon": "cpu_allocation_ratio = 3"}
    for name, text in names.items():
        (tmp_path / f"{name}.conf").write_text(f"[DEFAULT]\n{text}\n")
    common, xeon = tmp_path / "all.conf", tmp_path / "xeon.conf"
    done = numafit("show", "--fleet", stored, "--config", f"xeon-*={xeon}", "--config", common)
    assert done.out.count("CPUs 3,") == 3
    assert done.out.count("CPUs 2,") == 1
    assert done.err.splitlines() == [
        f"numafit: {common} + {xeon} changes [DEFAULT] cpu_allocation_ratio of 3 hosts; the rest "
        "stays as it was stored",
        f"numafit: {common} changes [DEFAULT] cpu_allocation_ratio of 1 host; the rest stays as it "
        "was stored",
    ]
    alone = numafit("show", "--fleet", stored, "--config", f"xeon-1={xeon}")
    assert alone.out.count("CPUs 3,") == 1
    assert alone.out.count("CPUs 16,") == 3


def test_a_pattern_that_matches_no_host(numafit: Run, stored: Path, tmp_path: Path) -> None:
    config = tmp_path / "nova.conf"
    config.write_text("[DEFAULT]\ncpu_allocation_ratio = 2\n")
    done = numafit("show", "--fleet", stored, "--config", f"xenon-1={config}")
    assert done.status == 2
    assert "--config 'xenon-1'=...: no host matches. Did you mean 'xeon-1'?" in done.err
    assert numafit("show", "--fleet", stored, "--config", f"={config}").status == 2


def test_a_file_whose_name_has_an_equals_sign_is_a_file(
    numafit: Run, stored: Path, tmp_path: Path
) -> None:
    config = tmp_path / "a=b.conf"
    config.write_text("[DEFAULT]\ncpu_allocation_ratio = 2\n")
    done = numafit("show", "--fleet", stored, "--config", config)
    assert done.out.count("CPUs 2,") == 4


def test_one_way_to_choose_cells_for_all_hosts(numafit: Run, stored: Path, tmp_path: Path) -> None:
    flavors = tmp_path / "flavors.json"
    specs = {"hw:numa_nodes": "1"}
    flavors.write_text(json.dumps([{"name": "f", "vcpus": 1, "ram": 64, "properties": specs}]))
    config = tmp_path / "nova.conf"
    config.write_text("[compute]\npacking_host_numa_cells_allocation_strategy = true\n")
    done = numafit("fit", flavors, "--fleet", stored, "--config", f"xeon-*={config}")
    assert done.status == 2
    assert "packing_host_numa_cells_allocation_strategy: got True, expected the same as" in done.err
    asked = ("fit", flavors, "--fleet", stored, "--config", f"xeon-*={config}")
    assert numafit(*asked, "--strategy", "pack").status == 0


def test_errors_of_the_machine_itself_name_the_host_too(numafit: Run, tmp_path: Path) -> None:
    config = tmp_path / "nova.conf"
    config.write_text("[compute]\ncpu_shared_set = 0-99\n")
    machine = Path(__file__).parents[2] / "examples" / "networking" / "sys.tar.xz"
    done = numafit("show", "--sysfs", machine, "--config", config)
    assert done.status == 2
    assert "[compute] cpu_shared_set on " in done.err
    assert "expected CPUs that are online here" in done.err
