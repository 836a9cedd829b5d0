"""What a source of hosts lacks, or leaves out, is said; it is never 0, and never passed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, HostInfo, InputError
from numafit.readers.hostfile import host_to_mapping
from numafit.readers.hwloc import read_hwloc
from numafit.readers.libvirt import read_capabilities, read_nodedevs
from numafit.readers.naming import host_name
from numafit.readers.sysfs import read_sysfs

Files = dict[str, str]
Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]
NODE, CPU = "devices/system/node", "devices/system/cpu"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Files], Path]:
    """Writes a small tree of sysfs."""

    def write(files: Files) -> Path:
        for name, text in files.items():
            path = tmp_path / "sys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "sys"

    return write


def two_nodes() -> Files:
    files = {f"{CPU}/online": "0-3\n", f"{CPU}/present": "0-3\n"}
    for cpu in range(4):
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu}\n"
        files[f"{CPU}/cpu{cpu}/topology/physical_package_id"] = f"{cpu // 2}\n"
        files[f"{NODE}/node{cpu // 2}/cpu{cpu}/x"] = ""
    for node in range(2):
        files[f"{NODE}/node{node}/cpulist"] = f"{2 * node}-{2 * node + 1}\n"
        files[f"{NODE}/node{node}/meminfo"] = f"Node {node} MemTotal:  4194304 kB\n"
    return files


def test_cpus_come_from_links_where_a_copy_has_no_list_of_them(tree: Callable) -> None:
    files = two_nodes()
    del files[f"{NODE}/node1/cpulist"]
    host = read_sysfs(tree(files)).host
    assert [cell.cpuset for cell in host.cells] == [{0, 1}, {2, 3}]


def test_cpus_come_from_their_links_to_nodes_where_nodes_have_none(tree: Callable) -> None:
    files = {name: text for name, text in two_nodes().items() if f"{NODE}/node1/c" not in name}
    files |= {f"{CPU}/cpu{cpu}/node{cpu // 2}/x": "" for cpu in range(4)}
    host = read_sysfs(tree(files)).host
    assert [cell.cpuset for cell in host.cells] == [{0, 1}, {2, 3}]


def test_memory_that_a_copy_does_not_tell_is_not_0(tree: Callable, numafit: Callable) -> None:
    files = two_nodes()
    del files[f"{NODE}/node1/meminfo"]
    files[f"{NODE}/node1/hugepages/hugepages-1048576kB/nr_hugepages"] = "4\n"
    path = tree(files)
    host = read_sysfs(path).host
    assert [cell.memory_mb for cell in host.cells] == [4096, None]
    assert [(pool.size_kib, pool.total) for pool in host.cells[1].page_pools] == [(1048576, 4)]
    (remark,) = host.remarks
    assert remark.startswith("the memory of node 1 is not known")
    shown = numafit("show", "--sysfs", path)
    assert shown.status == 0
    assert "memory not known" in shown.out
    assert remark in shown.err
    for ask in (lambda: Fleet([host]), lambda: host_to_mapping(host)):
        with pytest.raises(InputError, match="memory in MiB") as error:
            ask()
        assert error.value.key == "cells[1].memory_mb"


def test_pages_that_the_memory_cannot_hold_are_said(tree: Callable, numafit: Callable) -> None:
    pages = "hugepages/hugepages-1048576kB/nr_hugepages"
    # 4 GiB a node: node 0 is full of pages to the last one, node 1 has one too many
    files = two_nodes() | {f"{NODE}/node0/{pages}": "4\n", f"{NODE}/node1/{pages}": "5\n"}
    shown = numafit("show", "--sysfs", tree(files))
    assert shown.status == 0
    said = " ".join(shown.err.split())
    assert "node 1 has 5120 MiB of huge pages and 4096 MiB of memory:" in said
    assert "node 0 has" not in said


@pytest.mark.parametrize("lacking", ["everything of CPUs", "their lists"])
def test_a_tree_without_cpus_is_an_error(tree: Callable, lacking: str) -> None:
    files = {name: text for name, text in two_nodes().items() if "/cpu" not in name}
    if lacking == "their lists":
        files[f"{CPU}/online"] = "0-3\n"
    with pytest.raises(InputError, match="at least one CPU that is on"):
        read_sysfs(tree(files))


def test_cpus_in_no_node_are_named(tree: Callable) -> None:
    files = two_nodes() | {f"{CPU}/online": "0-5\n", f"{CPU}/present": "0-7\n"}
    remarks = read_sysfs(tree(files)).host.remarks
    assert remarks[0].startswith("CPUs 4-5 are in no node")
    assert remarks[1].startswith("CPUs 6-7 are off, and of no node that is shown")


def test_one_cpu_in_no_node_is_one(tree: Callable, numafit: Callable) -> None:
    files = two_nodes() | {f"{NODE}/node1/cpulist": "3\n"}
    path = tree(files)
    (remark,) = read_sysfs(path).host.remarks
    assert remark == "CPU 2 is in no node: no guest is placed there"
    assert "1 core: 3\n" in numafit("show", "--sysfs", path).out
    files[f"{NODE}/node1/cpulist"] = "\n"
    assert "no CPUs\n" in numafit("show", "--sysfs", tree(files)).out


def test_pages_of_512_mib_mean_a_base_of_64_kib(tree: Callable) -> None:
    pages = "hugepages/hugepages-524288kB/nr_hugepages"
    files = two_nodes() | {f"{NODE}/node0/{pages}": "2\n"}
    first, second = read_sysfs(tree(files)).host.cells
    # 4 GiB less 2 x 512 MiB are 49152 pages of 64 KiB
    assert [(p.size_kib, p.total) for p in first.page_pools] == [(64, 49152), (524288, 2)]
    assert [(p.size_kib, p.total) for p in second.page_pools] == [(4, 1048576)]


# --- libvirt


def capabilities(*cells: str) -> str:
    return (
        f"<capabilities><host><topology><cells num='{len(cells)}'>{''.join(cells)}</cells>"
        "</topology></host></capabilities>"
    )


CPUS = "<cpus num='1'><cpu id='{0}' socket_id='0' core_id='{0}' siblings='{0}'/></cpus>"
MEMORY = "<memory unit='KiB'>1048576</memory><pages size='4' unit='KiB'>262144</pages>"


def of_libvirt(tmp_path: Path, *cells: str) -> HostInfo:
    path = tmp_path / "caps.xml"
    path.write_text(capabilities(*cells))
    return read_capabilities(path)


def test_cells_without_memory_or_cpus_are_cells_all_the_same(tmp_path: Path) -> None:
    host = of_libvirt(
        tmp_path,
        f"<cell id='0'>{MEMORY}{CPUS.format(0)}</cell>",
        f"<cell id='1'><pages size='4' unit='KiB'>0</pages>{CPUS.format(1)}</cell>",
        f"<cell id='2'>{MEMORY}<cpus num='0'></cpus></cell>",
        f"<cell id='3'>{MEMORY}</cell>",
        "<cell id='7'/>",
    )
    assert [(cell.id, cell.memory_mb, cell.cpuset) for cell in host.cells] == [
        (0, 1024, {0}),
        (1, 0, {1}),
        (2, 1024, frozenset()),
        (3, 1024, frozenset()),
        (7, 0, frozenset()),
    ]
    assert not host.remarks


def test_cpus_of_an_old_libvirt_are_cores_of_their_own(tmp_path: Path) -> None:
    cpus = "<cpus num='2'><cpu id='0'/><cpu id='2'/></cpus>"
    host = of_libvirt(tmp_path, f"<cell id='0'>{MEMORY}{cpus}</cell>")
    (cell,) = host.cells
    assert (cell.cpuset, cell.siblings) == ({0, 2}, (frozenset({0}), frozenset({2})))
    assert (cell.socket, host.offline) == (None, ())
    assert host.remarks[0].endswith("each CPU counts as a core of its own")


def test_cells_that_have_no_cpu_among_them_are_named(tmp_path: Path) -> None:
    host = of_libvirt(tmp_path, f"<cell id='0'>{MEMORY}</cell>")
    assert host.remarks == ("no node has a CPU that is on: no guest fits",)


FUNCTION = (
    "<device><name>pci_0000_5e_02_1</name><capability type='pci'><domain>0</domain><bus>94</bus>"
    "<slot>2</slot><function>1</function><product id='0x154c'/><vendor id='0x8086'/>{}"
    "</capability></device>"
)
OF_PF = (
    "<capability type='phys_function'><address domain='0x0000' bus='0x5e' slot='0x00' "
    "function='0x0'/></capability>"
)
OWN = "<capability type='virt_functions' maxCount='4'/>"


@pytest.mark.parametrize(
    ("inner", "kind", "parent"),
    [
        (OF_PF + OWN, "type-VF", "0000:5e:00.0"),
        (OWN + OF_PF, "type-PF", None),
        ("<capability type='phys_function'/>" + OWN, "type-PF", None),
        ("<capability type='phys_function'/>", "type-PCI", None),
    ],
)
def test_the_first_of_two_sriov_capabilities_counts(
    tmp_path: Path, inner: str, kind: str, parent: str | None
) -> None:
    path = tmp_path / "devices.xml"
    path.write_text(FUNCTION.format(inner))
    (device,) = read_nodedevs(path).devices
    assert (device.dev_type, device.parent_addr) == (kind, parent)


# --- hwloc


def of_hwloc(tmp_path: Path, node: str) -> HostInfo:
    def package(number: int, node: str) -> str:
        pus = "".join(
            f"<object type='Core' os_index='{cpu}'><object type='PU' os_index='{cpu}'/></object>"
            for cpu in (2 * number, 2 * number + 1)
        )
        return f"<object type='Package' os_index='{number}'>{node}{pus}</object>"

    path = tmp_path / "host.xml"
    machine = f"<object type='Machine'>{package(0, node)}{package(1, '')}</object>"
    path.write_text(f"<topology version='2.0'>{machine}</topology>")
    return read_hwloc(path).host


NODE_0 = "<object type='NUMANode' os_index='0' cpuset='0x00000003'{}/>"


def test_cpus_of_a_package_whose_node_is_left_out_are_named(tmp_path: Path) -> None:
    host = of_hwloc(tmp_path, NODE_0.format(" local_memory='1073741824'"))
    assert [(cell.id, cell.cpuset, cell.memory_mb) for cell in host.cells] == [(0, {0, 1}, 1024)]
    (remark,) = host.remarks
    assert remark.startswith("CPUs 2-3 of package 1 stand in no NUMA node")


def test_memory_that_no_node_of_hwloc_tells_is_not_0(tmp_path: Path) -> None:
    host = of_hwloc(tmp_path, NODE_0.format(""))
    assert [cell.memory_mb for cell in host.cells] == [None]
    assert any("local_memory" in remark for remark in host.remarks)


# --- names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/a/compute-0.example.org", "compute-0.example.org"),
        ("compute-0.example.org/", "compute-0.example.org"),
        ("host7.tgz", "host7"),
        ("host7.example.tar.XZ", "host7.example"),
        ("host7.tar", "host7"),
        ("caps.cmp-1.xml", "caps.cmp-1"),
        ("cmp.yaml.yaml", "cmp.yaml"),
        (".yaml", ".yaml"),
        ("-", "-"),
        ("/dev/fd/63", "-"),
    ],
)
def test_a_host_without_a_name_has_its_files(file: str, name: str) -> None:
    assert host_name(file) == name


def test_a_file_of_another_source_is_named_with_its_option(numafit: Run, tmp_path: Path) -> None:
    flavors = ROOT / "examples" / "flavors.json"
    host = ROOT / "examples" / "hosts" / "dual-xeon.yaml"
    topology = tmp_path / "lstopo.xml"
    topology.write_text('<?xml version="1.0"?>\n<topology version="2.0">\n</topology>\n')
    database = tmp_path / "cell.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE t (a)")
    url = f"--nova-db and --placement-db take its URL: sqlite:///{database}\n"
    for arguments, said in (
        (("show", ROOT / "tests/unit/data/nova_rows.json"), "go with --nova-rows.\n"),
        (("show", ROOT / "tests/data/libvirt/two-socket.xml"), "goes with --libvirt.\n"),
        (("show", topology), "goes with --hwloc.\n"),
        (("fit", host, flavors), "FLAVORS comes first.\n"),
        (("show", database), url),
        (("show", "--nova-db", database), url),
        (("show", "--nova-rows", database), url),
        (("show", host, "--placement-db", database), url),
        (("show", "--nova-db", tmp_path / "nova.conf"), "No such file or directory.\n"),
    ):
        done = numafit(*arguments)
        assert done.status == 2
        assert done.err.endswith(said), arguments


def test_cpus_without_siblings_are_named(tree: Callable) -> None:
    files = two_nodes()
    for cpu in (1, 3):
        del files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"]
    (said,) = read_sysfs(tree(files)).host.remarks
    assert said == (
        "CPUs 1,3 are without siblings in devices/system/cpu/cpu*/topology: each counts as a core "
        "of its own"
    )
