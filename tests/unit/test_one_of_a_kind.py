"""One thing is one: no message says "1 CPUs" or "1 devices"."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import HostCell, HostInfo
from numafit.model.hostinfo import OfflineCpus
from numafit.model.refusal import _SENTENCES, sentence
from numafit.plurals import counted
from numafit.rules.offline import off_remark, with_resting_cpus


@pytest.mark.parametrize("reason", _SENTENCES)
@pytest.mark.parametrize("number", [1, 2])
def test_refusals_agree_with_their_numbers(reason: str, number: int) -> None:
    words = sentence(reason, number, 0, 0)
    noun = r"(?:[a-z]+ )*?(?:v?CPU|core|cell|device|unit)(s?)\b"
    found = re.findall(rf"(?<!of )\b{number} {noun}", words)
    assert all(found) if number == 2 else not any(found), words


def test_refusals_of_one() -> None:
    assert sentence("free_cpus", 1, 0, 0) == "1 dedicated CPU wanted, 0 free"
    assert sentence("resource", 1, 0, 0) == "1 unit wanted, 0 free"
    assert sentence("pci_devices", 1, 0, 0) == "PCI request 0: 1 device wanted, 0 match"
    assert sentence("pci_devices", 2, 0, 0) == "PCI request 0: 2 devices wanted, 0 match"


def test_one_cpu_that_is_off_is_one() -> None:
    def host(off: set[int]) -> HostInfo:
        on = frozenset(range(4)) - off
        cell = HostCell(0, on, on, 4096, siblings=tuple(frozenset((cpu,)) for cpu in sorted(on)))
        return HostInfo((cell,), offline=(OfflineCpus(0, frozenset(off)),))

    assert off_remark(host({3})) == "CPU 3 is off: no guest is placed on it"
    assert off_remark(host({2, 3})) == "CPUs 2-3 are off: no guest is placed on them"
    (one,) = with_resting_cpus(host({3}), frozenset((3,))).remarks
    assert one == (
        "CPU 3 is off and counts, for nova manages its power; its core is not told: it counts as "
        "a core of its own"
    )
    (two,) = with_resting_cpus(host({2, 3}), frozenset((2, 3))).remarks
    assert two == (
        "CPUs 2-3 are off and count, for nova manages their power; their cores are not told: each "
        "counts as a core of its own"
    )


def test_one_cpu_outside_of_hwloc_s_nodes_is_one(
    tmp_path: Path, numafit: Callable[..., Any]
) -> None:
    file = tmp_path / "h.xml"
    file.write_text(
        "<topology><object type='Machine' os_index='0' cpuset='0x3' nodeset='0x1'>"
        "<object type='NUMANode' os_index='0' cpuset='0x1' nodeset='0x1' local_memory='1048576'/>"
        "<object type='PU' os_index='0'/><object type='PU' os_index='1'/></object></topology>"
    )
    said = " ".join(numafit("show", "--hwloc", file).err.split())
    assert "CPU 1 stands in no NUMA node of the file" in said


def test_one_host_is_one(tmp_path: Path, numafit: Callable[..., Any]) -> None:
    flavors, host = tmp_path / "flavors.json", tmp_path / "h.yaml"
    specs = {"hw:cpu_policy": "dedicated"}
    flavors.write_text(json.dumps([{"name": "p1", "vcpus": 1, "ram": 64, "extra_specs": specs}]))
    host.write_text(
        "version: 1\nname: h\ncells: [{id: 0, shared_cpus: 0, dedicated_cpus: 1, pinned: 1, "
        "memory_mb: 1024, shared_cpu_usage: 1}]\n"
    )
    fitted = numafit("fit", flavors, host)
    assert "1 dedicated CPU wanted" in fitted.out
    shown = numafit("show", host)
    assert "1 vCPU floats there" in " ".join(shown.out.split())


def test_large_numbers_are_grouped() -> None:
    assert [counted(n, "host") for n in (0, 1, 2000)] == ["0 hosts", "1 host", "2,000 hosts"]
