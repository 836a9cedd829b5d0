"""Huge pages that a node's memory cannot hold are said by the same words, whatever the source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, HostCell, HostInfo, PagePool
from numafit.rules.huge_pages import overfull_remarks
from tests.unit.nova_tables import wrapped
from tests.unit.small_cloud import Cloud

Write = Callable[[Path, int], tuple[str, ...]]
"""A source of one host whose node 0 has 4 GiB and so many pages of 1 GiB -> its options."""
FLAVOR = {"name": "p1", "vcpus": 1, "ram": 512, "extra_specs": {"hw:cpu_policy": "dedicated"}}
GIB = 1 << 20


def host_file(folder: Path, pages: int) -> tuple[str, ...]:
    path = folder / "host.yaml"
    path.write_text(
        "version: 1\nname: h\ncells: [{id: 0, cpus: 0-1, memory_mb: 4096, "
        f"pages: [{{size: 4KiB, total: 1048576}}, {{size: 1GiB, total: {pages}}}]}}]\n"
    )
    return ("--host", str(path))


def libvirt(folder: Path, pages: int) -> tuple[str, ...]:
    path = folder / "h.xml"
    path.write_text(
        "<capabilities><host><topology><cells num='1'><cell id='0'>"
        "<memory unit='KiB'>4194304</memory><pages unit='KiB' size='4'>0</pages>"
        f"<pages unit='KiB' size='1048576'>{pages}</pages><cpus num='2'>"
        "<cpu id='0' socket_id='0' core_id='0' siblings='0'/>"
        "<cpu id='1' socket_id='0' core_id='1' siblings='1'/>"
        "</cpus></cell></cells></topology></host></capabilities>"
    )
    return ("--libvirt", str(path))


def hwloc(folder: Path, pages: int) -> tuple[str, ...]:
    path = folder / "h.xml"
    path.write_text(
        "<topology><object type='Machine' os_index='0' cpuset='0x3' nodeset='0x1'>"
        "<object type='NUMANode' os_index='0' cpuset='0x3' nodeset='0x1' "
        "local_memory='4294967296'><page_type size='4096' count='0'/>"
        f"<page_type size='1073741824' count='{pages}'/></object>"
        "<object type='PU' os_index='0'/><object type='PU' os_index='1'/></object></topology>"
    )
    return ("--hwloc", str(path))


def topology(pages: int) -> str:
    sizes = ((4, 0), (GIB, pages))
    cell = {
        "id": 0,
        "cpuset": [0, 1],
        "pcpuset": [0, 1],
        "memory": 4096,
        "cpu_usage": 0,
        "memory_usage": 0,
        "pinned_cpus": [],
        "siblings": [[0], [1]],
        "mempages": [
            wrapped("NUMAPagesTopology", "1.1", {"size_kb": size, "total": total, "used": 0})
            for size, total in sizes
        ],
    }
    return json.dumps(wrapped("NUMATopology", "1.2", {"cells": [wrapped("NUMACell", "1.5", cell)]}))


def nova_rows(folder: Path, pages: int) -> tuple[str, ...]:
    path = folder / "rows.json"
    row = {"hypervisor_hostname": "h", "numa_topology": topology(pages), "pci_stats": None}
    path.write_text(json.dumps([row]))
    return ("--nova-rows", str(path))


def nova_db(folder: Path, pages: int) -> tuple[str, ...]:
    cloud = Cloud(folder)
    cloud.hosts([1])
    cloud._run(
        "cell",
        "UPDATE compute_nodes SET hypervisor_hostname='h', numa_topology=?",
        (topology(pages),),
    )
    return ("--nova-db", cloud.url("cell"))


def saved(folder: Path, pages: int) -> tuple[str, ...]:
    pools = (PagePool(4, 0), PagePool(GIB, pages))
    cpus = frozenset((0, 1))
    path = folder / "h.fleet"
    Fleet([HostInfo((HostCell(0, cpus, cpus, 4096, page_pools=pools),), "h")]).save(path)
    return ("--fleet", str(path))


WORDS = "h: node 0 has 5120 MiB of huge pages and 4096 MiB of memory: one of the two is wrong"


@pytest.mark.parametrize("source", [host_file, libvirt, hwloc, nova_rows, nova_db, saved])
def test_every_source_says_it_by_the_same_words(
    source: Write, tmp_path: Path, numafit: Callable[..., Any]
) -> None:
    flavors = tmp_path / "flavors.json"
    flavors.write_text(json.dumps([FLAVOR]))
    # 'show' reads hosts one by one, 'capacity' those of nova and of fleets as columns
    for verb in (("show",), ("capacity", flavors)):
        for folder, pages in (("sound", 4), ("overfull", 5)):
            place = tmp_path / f"{verb[0]}-{folder}"
            place.mkdir()
            done = numafit(*verb, *source(place, pages))
            assert done.status < 2, done.err
            said = " ".join(done.err.split())
            assert said.count(WORDS) == (pages == 5), said
            assert "huge pages" not in said.replace(WORDS, "")


@pytest.mark.parametrize("source", [host_file, libvirt, hwloc, nova_rows, nova_db, saved])
def test_check_says_it_as_a_note_on_the_source(
    source: Write, tmp_path: Path, numafit: Callable[..., Any]
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("[compute]\ncpu_dedicated_set = 0-1\n")
    found = json.loads(
        numafit("check", *source(tmp_path, 5), "--config", conf, "--format", "json").out
    )
    assert [one["what"] for one in found if one["rule"] == "source"][-1].startswith(
        WORDS.removeprefix("h: ")
    )


def test_a_kernel_s_own_pages_are_not_huge_whatever_their_number() -> None:
    cpus = frozenset((0, 1))
    for size in (4, 16, 64):
        pools = (PagePool(size, 8 * GIB // size), PagePool(GIB, 4))
        assert not overfull_remarks(HostInfo((HostCell(0, cpus, cpus, 4096, page_pools=pools),)))
    # 64 KiB are huge where the kernel's own have 4; here they fill the node beside 3 GiB
    for more in (0, 16):
        pools = (PagePool(4, 0), PagePool(64, GIB // 64 + more), PagePool(GIB, 3))
        host = HostInfo((HostCell(0, cpus, cpus, 4096, page_pools=pools),))
        assert bool(overfull_remarks(host)) == bool(more)
