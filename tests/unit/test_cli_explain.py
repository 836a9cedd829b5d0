"""``numafit explain``: one host in full, several at a glance, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
XEON = EXAMPLES / "hosts" / "dual-xeon.yaml"
EDGE = EXAMPLES / "hosts" / "edge-gold.json"
EPYC = EXAMPLES / "hosts" / "epyc-nps4.yaml"
BUSY = EXAMPLES / "planning" / "busy-xeon.yaml"
Run = Callable[..., Any]


def test_the_status_is_that_of_fit(numafit: Run) -> None:
    assert numafit("explain", FLAVORS, XEON, "--flavor", "nfv.large").status == 0
    assert numafit("explain", FLAVORS, BUSY, "--flavor", "nfv.large").status == 1
    assert numafit("explain", FLAVORS, BUSY, XEON, "--flavor", "nfv.large").status == 0
    assert numafit("explain", FLAVORS, EXAMPLES / "nowhere.yaml").status == 2
    assert numafit("explain", FLAVORS).status == 2


def test_a_flavor_that_is_none_has_a_line_and_status_2(numafit: Run) -> None:
    done = numafit("explain", EXAMPLES / "flavors-broken.json", XEON)
    assert done.status == 2
    (rows,) = [json.loads(numafit("explain", EXAMPLES / "flavors-broken.json", XEON,
                                  "--format", "json").out)]  # fmt: skip
    assert any("error" in row for row in rows)
    assert any("verdict" in row or "fits_on" in row for row in rows)


def test_json_of_one_host_that_refuses(numafit: Run) -> None:
    done = numafit("explain", FLAVORS, BUSY, "--flavor", "nfv.large", "--format", "json")
    (answer,) = json.loads(done.out)
    assert (answer["flavor"], answer["hosts"], answer["fits_on"]) == ("nfv.large", 1, 0)
    (host,) = answer["nearest"]
    assert (host["host"], host["verdict"], host["reason"]) == ("busy-xeon", "not now", "assignment")
    assert [cell["reason"] for cell in host["cells"]] == ["pages", "fits"] * 2
    # node 0 has 4 of 8 pages of 1 GiB free, and 2 of 4 CPUs
    (change,) = [one for one in host["suggestions"] if one["change"] == "host"]
    parts = [(part["what"], part["cell"], part["amount"]) for part in change["parts"]]
    assert sorted(parts) == [("cpus", 0, 2), ("pages", 0, 4)]
    # nova keeps the order of host cells where the guest needs all of them
    assert (change["units"], change["smallest"], change["host_cells"]) == (6, True, [0, 1])
    assert host["all_tried"] == ["host", "request"]
    assert [one["what"].partition(":")[0] for one in answer["not_judged"]] == ["DISK_GB"]
    assert answer["derived"] == ["MEMORY_MB", "PCPU"]


def test_json_of_several_hosts_has_causes_and_the_nearest(numafit: Run) -> None:
    asked = ("explain", FLAVORS, BUSY, EDGE, EPYC, "--flavor", "nfv.large", "--format", "json")
    (answer,) = json.loads(numafit(*asked).out)
    assert (answer["hosts"], answer["fits_on"]) == (3, 1)
    causes = [(one["reason"], one["hosts"], one["never"]) for one in answer["causes"]]
    assert causes == [("assignment", 1, 0), ("page_size", 1, 1)]
    assert [one["host"] for one in answer["nearest"]] == ["busy-xeon", "epyc-nps4"]


def test_only_changes_that_were_asked_for_and_as_many(numafit: Run) -> None:
    asked = ("explain", FLAVORS, BUSY, "--flavor", "nfv.large", "--format", "json")
    (answer,) = json.loads(numafit(*asked, "--change", "request", "--most", "1").out)
    (host,) = answer["nearest"]
    assert [one["change"] for one in host["suggestions"]] == ["request"]
    assert host["all_tried"] == ["request"]
    (answer,) = json.loads(numafit(*asked[:3], EPYC, *asked[3:], "--nearest", "1").out)
    assert len(answer["nearest"]) == 1


def test_hosts_by_pattern(numafit: Run) -> None:
    done = numafit("explain", FLAVORS, BUSY, XEON, "--flavor", "nfv.large", "--match", "busy*")
    assert done.out.startswith("nfv.large does not fit on busy-xeon now: ")
    unknown = numafit("explain", FLAVORS, BUSY, "--match", "bussy*")
    assert (unknown.status, unknown.out) == (2, "")
    assert "no host matches" in unknown.err


def test_what_would_never_fit_says_what_the_empty_host_lacks(numafit: Run) -> None:
    done = numafit("explain", FLAVORS, EDGE, "--flavor", "m1.numa2", "--change", "guest")
    lines = done.out.splitlines()
    assert lines[0] == (
        "m1.numa2 never fits on edge-gold, were it empty: "
        "VCPU: 8 wanted, the host has no inventory of it"
    )
    assert "No change that would do was found." in lines
