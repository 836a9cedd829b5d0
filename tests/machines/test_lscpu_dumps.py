"""Machines that lscpu's own tests keep: numafit reads the cores and nodes that lscpu prints."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from numafit.cpuset import parse_cpu_list
from numafit.readers.sysfs import read_sysfs

pytestmark = pytest.mark.machines

NO_COLUMNS = {"rv64-linux": "lscpu prints empty columns for it"}


def test_dumps_are_what_lscpu_prints_of_them(lscpu_tests: Path) -> None:
    compared = 0
    for archive in sorted((lscpu_tests / "ts/lscpu/dumps").glob("*.tar.gz")):
        name = archive.name.removesuffix(".tar.gz")
        printed = (lscpu_tests / f"expected/lscpu/lscpu-{name}").read_text()
        host = read_sysfs(archive).host
        on = frozenset().union(*(cell.cpuset for cell in host.cells))
        fields = dict(line.split(":", 1) for line in printed.splitlines() if ":" in line)
        assert on == parse_cpu_list(fields["On-line CPU(s) list"].strip()), name
        if name in NO_COLUMNS:
            continue
        cores, nodes, sockets = columns(printed)
        assert {core for cell in host.cells for core in cell.siblings} == cores, name
        assert {cell.id: cell.cpuset for cell in host.cells if cell.cpuset} == nodes, name
        for cell in host.cells:
            # a cell whose CPUs are on one socket knows it
            within = {socket for cpu, socket in sockets.items() if cpu in cell.cpuset}
            assert cell.socket is None or len(within) == 1, name
        compared += 1
    assert compared >= 15


def columns(printed: str) -> tuple[set[frozenset[int]], dict[int, frozenset[int]], dict[int, str]]:
    """Cores, nodes, and the socket of each CPU, of the first table of ``lscpu -p``."""
    table = printed.partition("# CPU,")[2].partition("\n\n")[0].splitlines()[1:]
    cores: dict[tuple[str, str], set[int]] = defaultdict(set)
    nodes: dict[int, set[int]] = defaultdict(set)
    sockets = {}
    for line in table:
        cpu, core, socket, node = line.split(",")[:4]
        cores[core, socket].add(int(cpu))
        # without NUMA all is one node
        nodes[int(node or 0)].add(int(cpu))
        sockets[int(cpu)] = socket
    return (
        set(map(frozenset, cores.values())),
        {node: frozenset(cpus) for node, cpus in nodes.items()},
        sockets,
    )
