"""``numafit capacity``: its numbers are those of placing guests until the host refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, Host, Request, with_inventories
from numafit.readers.flavors import read_flavors
from numafit.readers.hostfile import read_host_file

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
HOSTS = sorted((EXAMPLES / "hosts").iterdir())
Run = Callable[..., Any]


def by_hand(path: Path, request: Request) -> int:
    host = Host(with_inventories(read_host_file(path)))
    count = 0
    while placement := host.fit(request):
        host.claim(placement)
        count += 1
    return count


@pytest.fixture(scope="module")
def expected() -> dict[str, list[int]]:
    requests = {flavor.name: Request.for_server(flavor) for flavor in read_flavors(FLAVORS)}
    return {name: [by_hand(path, request) for path in HOSTS] for name, request in requests.items()}


def flavors_of(tmp_path: Path, *flavors: dict[str, Any]) -> Path:
    path = tmp_path / "flavors.json"
    path.write_text(json.dumps([{"vcpus": 1, "memory_mb": 512, **one} for one in flavors]))
    return path


def test_why_a_flavor_has_no_room_anywhere_is_said_below_the_table(
    numafit: Run, tmp_path: Path
) -> None:
    gpu = {"extra_specs": {"pci_passthrough:alias": "a:1,b:1"}}
    flavors = flavors_of(
        tmp_path, {"name": "m"}, {"name": "monster", "vcpus": 4000}, {"name": "gpu", **gpu}
    )
    alias = '{"name": "%s", "vendor_id": "10de", "product_id": "20b5"}'
    aliases = [word for name in "ab" for word in ("--alias", alias % name)]
    hosts = []
    for name, devices in (("a-1", 1), ("a-2", 1), ("b-1", 0)):
        pool = {"vendor_id": "10de", "product_id": "20b5", "count": devices}
        cell = {"id": 0, "cpus": "0-7", "memory_mb": 8192 + 1024 * devices}
        hosts.append(tmp_path / f"{name}.json")
        data = {"version": 1, "name": name, "cells": [cell], "pci": [pool] if devices else []}
        hosts[-1].write_text(json.dumps(data))
    done = numafit("capacity", flavors, *hosts, *aliases)
    assert done.status == 1
    said = done.out.partition("\n\n")[2].splitlines()
    # one device serves one of two aliases: Launchpad 1986838
    assert said[:2] == [
        "monster: no room: VCPU: more than one guest may have at once; 3992 VCPU short on a-1",
        "gpu: no room: no choice of cells serves all PCI requests at once (2 of 3 hosts)",
    ]
    answer = json.loads(numafit("capacity", flavors, *hosts, *aliases, "--format", "json").out)
    assert [one["no_room"] and one["no_room"]["reason"] for one in answer["flavors"]] == [
        None,
        "host_class",
        "pci_together",
    ]
    pinned = flavors_of(tmp_path, {"name": "big", "memory_mb": 9000})
    out = numafit("capacity", pinned, *hosts).out
    assert "big: no room: MEMORY_MB: too little free" in out


def test_json(numafit: Run, expected: dict[str, list[int]]) -> None:
    done = numafit("capacity", FLAVORS, *HOSTS, "--format", "json")
    answer = json.loads(done.out)
    assert answer["hosts"] == [path.stem for path in HOSTS]
    assert {one["flavor"]: one["counts"] for one in answer["flavors"]} == expected
    for one in answer["flavors"]:
        counts = one["counts"]
        assert one["in_all"] == sum(counts)
        assert one["hosts_with_room"] == sum(map(bool, counts))
    assert done.status == 1  # c1.isolated2 finds no host without SMT


def test_csv(numafit: Run, expected: dict[str, list[int]]) -> None:
    lines = list(
        csv.DictReader(numafit("capacity", FLAVORS, *HOSTS, "--format", "csv").out.split("\n"))
    )
    assert len(lines) == len(expected) * len(HOSTS)
    for line in lines:
        n = [path.stem for path in HOSTS].index(line["host"])
        assert line["count"] == str(expected[line["flavor"]][n])


def table(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(" ")}


def test_table(numafit: Run, expected: dict[str, list[int]]) -> None:
    rows = table(numafit("capacity", FLAVORS, *HOSTS).out)
    for name, counts in expected.items():
        assert rows[name][0] == str(sum(counts))
        assert rows[name][2:] == list(map(str, counts))


def test_table_by_host(numafit: Run) -> None:
    rows = table(
        numafit(
            "capacity",
            FLAVORS,
            *HOSTS,
            "--by-host",
            "--flavor",
            "nfv.large",
            "--flavor",
            "hpc.quad",
        ).out
    )
    assert rows["host"] == ["nfv.large", "hpc.quad"]
    assert rows["in"] == ["all", "16", "5"]
    assert rows["epyc-nps4"] == ["0", "5"]


def test_counts_at_the_cap_are_marked(numafit: Run) -> None:
    asked = ("capacity", FLAVORS, *HOSTS, "--flavor", "nfv.small", "--cap", "11")
    done = numafit(*asked)
    assert table(done.out)["nfv.small"] == ["21+", "2", "11+", "10", "0"]
    assert "counting stopped at 11" in done.out
    (one,) = json.loads(numafit(*asked, "--format", "json").out)["flavors"]
    assert (one["in_all"], one["hosts_at_cap"]) == (21, 1)


def test_many_hosts_are_summed(numafit: Run) -> None:
    hosts = [EXAMPLES / "hosts" / "dual-xeon.yaml"] * 30
    rows = table(
        numafit("capacity", FLAVORS, *hosts, "--flavor", "nfv.small", "--threads", "2").out
    )
    assert rows["nfv.small"] == ["840", "30", "28"]


def test_a_saved_fleet(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "fleet.npz"
    Fleet([read_host_file(path) for path in HOSTS]).save(path)
    asked = ("capacity", FLAVORS, "--flavor", "nfv.large", "--format", "json")
    saved = json.loads(numafit(*asked, "--fleet", path).out)
    assert saved == json.loads(numafit(*asked, *HOSTS).out)
    both = json.loads(numafit(*asked, HOSTS[0], "--fleet", path).out)
    assert both["hosts"] == [HOSTS[0].stem, *saved["hosts"]]
    path.write_bytes(path.read_bytes()[:200])
    done = numafit(*asked, "--fleet", path)
    assert done.status == 2
    assert str(path) in done.err


ROWS = Path(__file__).parent / "data" / "nova_rows.json"


def test_rows_stand_beside_host_files(numafit: Run) -> None:
    asked = ("capacity", FLAVORS, *HOSTS, "--nova-rows", ROWS, "--format", "json")
    fast = json.loads(numafit(*asked).out)
    assert fast["hosts"][3:] == ["compute1"] * 3


def test_broken_rows_name_their_place(numafit: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"host": "a", "numa_topology": '{"cells": 3}'}]))
    done = numafit("capacity", FLAVORS, "--nova-rows", path)
    assert done.status == 2
    assert f"{path}: [0] (a).numa_topology.cells: got 3, expected a list" in done.err


def test_status(numafit: Run) -> None:
    edge = EXAMPLES / "hosts" / "edge-gold.json"
    assert numafit("capacity", FLAVORS, edge, "--flavor", "nfv.large").status == 0
    assert numafit("capacity", FLAVORS, edge, "--flavor", "nfv.huge").status == 1
    # all its CPUs are dedicated: it has no VCPU
    assert numafit("capacity", FLAVORS, edge, "--flavor", "m1.small").status == 1


@pytest.mark.parametrize(
    "wrong", [("--cap", "0"), ("--cap", "x"), ("--threads", "0"), ("--fleet", "x")]
)
def test_mistakes(numafit: Run, wrong: tuple[str, str]) -> None:
    done = numafit("capacity", FLAVORS, HOSTS[0], *wrong)
    assert done.status == 2
    assert done.err.startswith("numafit: ")
    assert done.err.count("\n") == 1


def mixed_by_hand(path: Path, requests: list[Request], weights: list[float]) -> list[int]:
    """Next comes the smallest (arrived + 1) / weight; who is refused stays away."""
    host = Host(with_inventories(read_host_file(path)))
    counts = [0] * len(requests)
    coming = set(range(len(requests)))
    while coming:
        n = min(sorted(coming), key=lambda one: (counts[one] + 1) / weights[one])
        placement = host.fit(requests[n])
        if placement:
            host.claim(placement)
            counts[n] += 1
        else:
            coming.remove(n)
    return counts


def test_mix(numafit: Run) -> None:
    mix = {"nfv.small": 3.0, "nfv.large": 1.0, "rt.control": 0.5, "m1.small": 1.0}
    options = [word for name, weight in mix.items() for word in ("--mix", f"{name}={weight}")]
    answer = json.loads(numafit("capacity", FLAVORS, *HOSTS, *options, "--format", "json").out)
    assert answer["mix"] == mix
    flavors = {flavor.name: flavor for flavor in read_flavors(FLAVORS)}
    requests = [Request.for_server(flavors[name]) for name in mix]
    by_hand = [mixed_by_hand(path, requests, list(mix.values())) for path in HOSTS]
    found = [one["counts"] for one in answer["flavors"]]
    assert list(map(list, zip(*found, strict=True))) == by_hand
    assert [one["flavor"] for one in answer["flavors"]] == list(mix)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mix", "nfv.smal"), "Did you mean 'nfv.small'?"),
        (("--mix", "nfv.small=0"), "a weight above 0"),
        (("--mix", "nfv.small=nan"), "a weight above 0"),
        (("--mix", "=2"), "a weight above 0"),
        (("--mix", "nfv.small", "--mix", "nfv.small"), "each name once"),
        (("--mix", "nfv.small", "--flavor", "nfv.large"), "does not go with --mix"),
    ],
)
def test_mistakes_in_a_mix(numafit: Run, options: tuple[str, ...], words: str) -> None:
    done = numafit("capacity", FLAVORS, *HOSTS, *options)
    assert done.status == 2
    assert words in done.err
