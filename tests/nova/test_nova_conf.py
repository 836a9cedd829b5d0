"""Random nova.conf files on random hosts: what numafit makes of them is what nova's driver reports.

Runs nova in an environment of its own: NUMAFIT_NOVA_PYTHON is the path of a Python that has nova
34. NUMAFIT_FUZZ_CASES and NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from numafit.cpuset import format_cpu_list
from numafit.errors import InputError
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.readers.libvirt import read_capabilities
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.nova_rows import host_from_nova
from numafit.readers.sysfs import read_sysfs
from numafit.rules.nova_config import apply_config

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "driver_oracle.py"
EXAMPLES = Path(__file__).parents[2] / "examples" / "networking"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "400"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
PHYSNETS = ["foo", "bar", "phys-net.1", "Baz"]


def host(random: random.Random) -> HostInfo:
    """A host as hardware shows it: all CPUs for all guests, in one of the usual numberings."""
    threads = random.choice([1, 1, 2, 2, 2, 4, 8])
    cores = random.randint(1, 20)
    ids = random.sample(range(12), random.randint(1, 4)) if random.random() < 0.3 else None
    cells = len(ids) if ids else random.randint(1, 4)
    apart = random.random() < 0.5  # siblings 0,64 rather than 0-1
    made = []
    for n in range(cells):
        first = n * cores
        siblings = [
            frozenset(c + t * cells * cores if apart else c * threads + t for t in range(threads))
            for c in range(first, first + cores)
        ]
        cpus = frozenset().union(*siblings)
        made.append(
            HostCell(
                id=ids[n] if ids else n,
                cpuset=cpus,
                pcpuset=cpus,
                memory_mb=random.choice([1024, 7999, 262144]),
                siblings=tuple(siblings),
                page_pools=(PagePool(4, 100000), PagePool(2048, 512), PagePool(1048576, 4)),
                socket=n // 2,
            )
        )
    return HostInfo(tuple(made))


def capabilities(host: HostInfo) -> str:
    cells = []
    for cell in host.cells:
        pages = "".join(
            f"<pages unit='KiB' size='{p.size_kib}'>{p.total}</pages>" for p in cell.page_pools
        )
        core_of = {cpu: core for core in cell.siblings for cpu in core}
        cpus = "".join(
            f"<cpu id='{cpu}' socket_id='{cell.socket}' core_id='{min(core_of[cpu])}' "
            f"siblings='{format_cpu_list(core_of[cpu])}'/>"
            for cpu in sorted(core_of)
        )
        cells.append(
            f"<cell id='{cell.id}'><memory unit='KiB'>{cell.memory_mb * 1024}</memory>{pages}"
            f"<cpus num='{len(core_of)}'>{cpus}</cpus></cell>"
        )
    return (
        "<capabilities><host><cpu><arch>x86_64</arch></cpu><topology>"
        f"<cells num='{len(cells)}'>{''.join(cells)}</cells></topology></host></capabilities>"
    )


def some_cpus(random: random.Random, host: HostInfo) -> str:
    cpus = sorted(frozenset().union(*(cell.cpuset for cell in host.cells)))
    text = format_cpu_list(random.sample(cpus, random.randint(1, len(cpus))))
    if random.random() < 0.1:
        text += random.choice([",9999", ",^0", ", ,", ",3-1", ",x", ",^9999"])
    return text


def configuration(random: random.Random, host: HostInfo) -> str:
    lines = ["[DEFAULT]"]
    nodes = [cell.id for cell in host.cells]
    if random.random() < 0.15:
        lines.append(f"vcpu_pin_set = {some_cpus(random, host)}")
    if random.random() < 0.1:
        lines.append(f"reserved_host_cpus = {random.choice([0, 1])}")
    for _ in range(random.choice([0, 0, 1, 3])):
        node = random.choice([*nodes, 77])
        size = random.choice(
            ["4", "2048", "1048576", "2MB", "1GB", "1GiB", "2Mb", "3", "x", "2 MB"]
        )
        count = random.choice([0, 1, 64, 64, "y"] if random.random() < 0.1 else [1, 64])
        lines.append(f"reserved_huge_pages = node:{node},size:{size},count:{count}")
    lines.append("[compute]")
    shared = ""
    if random.random() < 0.5:
        shared = some_cpus(random, host)
        lines.append(f"cpu_shared_set = {shared}")
    if random.random() < 0.5:
        dedicated = some_cpus(random, host)
        if random.random() < 0.8 and shared:
            everything = frozenset().union(*(cell.cpuset for cell in host.cells))
            try:
                from numafit.cpuset import parse_cpu_list

                dedicated = format_cpu_list(everything - parse_cpu_list(shared)) or dedicated
            except ValueError:
                pass
        lines.append(f"cpu_dedicated_set = {dedicated}")
    listed = random.sample(PHYSNETS, random.randint(0, 3))
    lines += ["[neutron]", f"physnets = {', '.join(listed)}"] if listed else []
    for name in PHYSNETS:
        if random.random() < 0.8:
            lines += [f"[neutron_physnet_{name}]", f"numa_nodes = {some_nodes(random, nodes)}"]
    if random.random() < 0.4:
        lines += ["[neutron_tunnel]", f"numa_nodes = {some_nodes(random, nodes)}"]
    return "\n".join(lines) + "\n"


def some_nodes(random: random.Random, nodes: list[int]) -> str:
    chosen = [str(node) for node in random.sample(nodes, random.randint(1, len(nodes)))]
    if random.random() < 0.06:
        chosen.append(random.choice(["99", "-1", "a", ""]))
    return ",".join(chosen)


def ours(config: str, host: HostInfo, folder: Path) -> HostInfo | InputError:
    """From the same XML and the same nova.conf that nova reads."""
    file, xml = folder / "nova.conf", folder / "capabilities.xml"
    file.write_text(config)
    xml.write_text(capabilities(host))
    try:
        return apply_config(read_capabilities(xml), read_nova_conf(file))
    except InputError as error:
        return error


def ask_nova(questions: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE)],
        input=questions,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_host_of_the_networking_guide() -> None:
    config = EXAMPLES / "nova.conf"
    machine = read_sysfs(EXAMPLES / "sys.tar.xz").host
    question = {"config": config.read_text(), "capabilities": capabilities(machine)}
    (nova,) = ask_nova(json.dumps(question))
    made = apply_config(machine, read_nova_conf(config))
    assert made.cells == host_from_nova(nova["topology"]).cells
    assert [sorted(cell.physnets) for cell in made.cells] == [["foo"], [], ["bar"], ["bar"]]


def test_the_configured_host_is_what_novas_driver_reports(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    cases = [(made := host(chance), configuration(chance, made)) for _ in range(CASES)]
    questions = "".join(
        json.dumps({"config": config, "capabilities": capabilities(made)}) + "\n"
        for made, config in cases
    )
    answers = ask_nova(questions)
    assert len(answers) == CASES
    refused = 0
    for (made, config), nova in zip(cases, answers, strict=True):
        found = ours(config, made, tmp_path)
        if "error" in nova:
            refused += 1
            assert isinstance(found, InputError), (config, nova, found)
            assert found.file
            assert found.key
            continue
        assert isinstance(found, HostInfo), (config, str(found), nova)
        assert found.cells == host_from_nova(nova["topology"]).cells, config
    assert CASES // 10 < refused < CASES * 9 // 10
