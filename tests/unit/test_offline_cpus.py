"""CPUs that nova keeps off while no guest has them: they count, and what a source lost is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from numafit.model.hostinfo import HostCell, HostInfo, OfflineCpus
from numafit.readers.libvirt import read_capabilities
from numafit.readers.sysfs import read_sysfs
from numafit.rules.nova_config import NovaConfig, apply_config

CPU, NODE = "devices/system/cpu", "devices/system/node"
MANAGED = NovaConfig(
    cpu_dedicated_set=frozenset({1, 2, 3, 5, 6, 7}),
    cpu_shared_set=frozenset({0, 4}),
    cpu_power_management=True,
)
SIBLINGS = {frozenset({n, n + 4}) for n in range(1, 4)}


def host(off: OfflineCpus, *cores: tuple[int, ...]) -> HostInfo:
    siblings = tuple(map(frozenset, cores))
    cpus = frozenset().union(*siblings)
    return HostInfo((HostCell(0, cpus, cpus, 1024, siblings=siblings),), offline=(off,))


RESTING = frozenset({1, 2, 3, 5, 6, 7})


def test_resting_cpus_count_with_the_cores_that_the_source_tells() -> None:
    off = OfflineCpus(0, RESTING, tuple(SIBLINGS))
    made = apply_config(host(off, (0, 4)), MANAGED)
    (cell,) = made.cells
    assert cell.pcpuset == RESTING
    assert set(cell.siblings) == SIBLINGS | {frozenset({0, 4})}
    assert (made.offline, made.remarks) == ((), ())


def test_cores_that_are_lost_are_taken_to_be_like_the_others() -> None:
    made = apply_config(host(OfflineCpus(0, RESTING), (0, 4)), MANAGED)
    assert set(made.cells[0].siblings) == SIBLINGS | {frozenset({0, 4})}
    (remark,) = made.remarks
    assert remark.startswith("CPUs 1-3,5-7 are off and count")
    assert "(0,4; ...)" in remark


@pytest.mark.parametrize(
    "cores",
    [
        [(0,), (4,)],  # no core that is on has two threads
        [(0, 1), (4, 8)],  # they are not alike
        [(0, 5)],  # CPUs are left over
    ],
)
def test_cores_that_cannot_be_told_are_cores_of_one_thread(cores: list[tuple[int, ...]]) -> None:
    off = OfflineCpus(0, frozenset({2, 3, 6, 7}))
    config = NovaConfig(cpu_dedicated_set=off.cpus, cpu_power_management=True)
    made = apply_config(host(off, *cores), config)
    assert set(made.cells[0].siblings) == {frozenset({cpu}) for cpu in off.cpus}
    (remark,) = made.remarks
    assert remark.endswith("each counts as a core of its own")


def test_a_thread_that_is_on_joins_its_resting_sibling() -> None:
    off = OfflineCpus(0, frozenset({4, 5}))
    config = NovaConfig(
        cpu_dedicated_set=frozenset({1, 4, 5}),
        cpu_shared_set=frozenset({2, 6}),
        cpu_power_management=True,
    )
    made = apply_config(host(off, (0,), (1,), (2, 6), (3, 7)), config)
    assert frozenset({1, 5}) in made.cells[0].siblings


def test_without_power_management_they_are_off() -> None:
    config = NovaConfig(cpu_shared_set=frozenset({0, 4}))
    made = apply_config(host(OfflineCpus(0, RESTING), (0, 4)), config)
    assert made.cells[0].cpuset == {0, 4}
    assert made.offline


def at_rest(tmp_path: Path) -> Path:
    """Linux keeps a node's links to CPUs that are off, and neither lists them nor has their
    topology."""
    files = {f"{CPU}/online": "0,4\n", f"{CPU}/present": "0-7\n", f"{NODE}/node0/cpulist": "0,4\n"}
    files[f"{NODE}/node0/meminfo"] = "Node 0 MemTotal: 1048576 kB\n"
    for cpu in range(8):
        files[f"{NODE}/node0/cpu{cpu}/online"] = f"{int(cpu in (0, 4))}\n"
    for cpu in (0, 4):
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = "0,4\n"
    for name, text in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "sys"


def test_sysfs_shows_which_cpus_of_a_node_rest(tmp_path: Path) -> None:
    found = read_sysfs(at_rest(tmp_path)).host
    assert found.cells[0].cpuset == {0, 4}
    assert found.offline == (OfflineCpus(0, RESTING),)
    assert apply_config(found, MANAGED).cells[0].pcpuset == RESTING


def test_what_is_off_is_said_where_it_does_not_count(tmp_path: Path, numafit: Callable) -> None:
    shown = numafit("show", "--sysfs", at_rest(tmp_path))
    assert "CPUs 1-3,5-7 are off: no guest is placed on them" in shown.err


def capabilities(tmp_path: Path) -> Path:
    """As libvirt shows CPUs that are off: socket 0, core 0, and no sibling."""
    on = "<cpu id='{0}' socket_id='1' core_id='4' siblings='0,4'/>"
    off = "<cpu id='{0}' socket_id='0' core_id='0' siblings='{0}'/>"
    # a core that says core 0 of socket 0 with right
    other = "<cpu id='{0}' socket_id='0' core_id='0' siblings='8-9'/>"
    cpus = "".join((on if cpu in (0, 4) else off).format(cpu) for cpu in range(8))
    path = tmp_path / "caps.xml"
    path.write_text(
        "<capabilities><host><topology><cells num='2'><cell id='0'><memory unit='KiB'>1048576"
        f"</memory><cpus>{cpus}</cpus></cell><cell id='1'><memory unit='KiB'>1048576</memory>"
        f"<cpus>{other.format(8)}{other.format(9)}</cpus></cell></cells></topology></host>"
        "</capabilities>"
    )
    return path


def test_libvirt_shows_resting_cpus_with_cores_that_are_not_theirs(tmp_path: Path) -> None:
    found = read_capabilities(capabilities(tmp_path))
    assert found.offline == (OfflineCpus(0, RESTING),)
    # their socket is not 0: those that are on say 1
    assert found.cells[0].socket == 1
    # 0,4 and 8-9 are not alike, so that none can be taken for those at rest
    (cell, _other) = apply_config(found, MANAGED).cells
    assert {core for core in cell.siblings if core <= RESTING} == {
        frozenset({cpu}) for cpu in RESTING
    }
