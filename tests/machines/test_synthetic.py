"""Synthetic strings: numafit reads from them the machine that lstopo makes of them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from numafit.model.hostinfo import HostInfo
from numafit.readers.hwloc import read_hwloc
from numafit.readers.synthetic import host_of_synthetic

pytestmark = pytest.mark.machines


def lstopo(*words: str) -> str:
    done = subprocess.run(
        ["lstopo-no-graphics", *words], capture_output=True, text=True, check=True
    )
    return done.stdout


def facts(host: HostInfo) -> list[tuple[object, ...]]:
    return [
        (cell.id, cell.cpuset, frozenset(cell.siblings), cell.memory_mb, cell.socket)
        for cell in host.cells
    ]


def machine(chance: random.Random) -> str:
    packages, nodes, cores, threads = (chance.randint(1, n) for n in (3, 2, 5, 4))
    total = packages * nodes * cores * threads
    inside = chance.random() < 0.5
    memory = f"memory={chance.choice([1, 4])}GiB"
    numa = f"NUMANode:{nodes}({memory})" if inside else f"Die:{nodes} [NUMANode({memory})]"
    numbers = chance.sample(range(total), total)
    indexes = chance.choice(
        [
            "",
            f"(indexes={','.join(map(str, numbers))})",
            f"(indexes={threads}*{total // threads}:1*{threads})" if threads > 1 else "",
            f"(indexes={threads}*{total // threads})" if threads > 1 else "",
            "(indexes=core)",
            f"(indexes={'numa' if inside else 'die'}:core)",
            "(indexes=core:package)",
        ]
    )
    return f"Package:{packages} {numa} L2Cache:1(size=262144) Core:{cores} PU:{threads}{indexes}"


def test_synthetic_strings_are_the_machines_that_lstopo_makes(tmp_path: Path) -> None:
    chance = random.Random(6)
    path = tmp_path / "machine.xml"
    for _ in range(150):
        text = machine(chance)
        path.write_text(lstopo("-i", text, "--of", "xml"))
        assert facts(host_of_synthetic(text)) == facts(read_hwloc(path).host), text
        # and what lstopo itself writes, which leaves out the numbers of packages
        again = lstopo("-i", text, "--of", "synthetic").strip()
        read = [fact[:-1] for fact in facts(host_of_synthetic(again))]
        assert read == [fact[:-1] for fact in facts(read_hwloc(path).host)], again
