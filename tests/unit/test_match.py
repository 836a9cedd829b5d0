"""``--match``: the answer about some hosts is that about those hosts alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit.fleet import Fleet
from numafit.readers.hostfile import read_host_file

EXAMPLES = Path(__file__).parents[2] / "examples"
FLAVORS = EXAMPLES / "flavors.json"
HOSTS = sorted((EXAMPLES / "hosts").iterdir())
RACK = sorted((EXAMPLES / "planning" / "rack").iterdir())
Run = Callable[..., Any]

ASKED = {
    "fit": (FLAVORS, "--flavor", "db.uneven"),
    "explain": (FLAVORS, "--flavor", "nfv.large"),
    "capacity": (FLAVORS, "--flavor", "nfv.large", "--flavor", "db.uneven"),
    "headroom": (FLAVORS, "--flavor", "nfv.large", "--flavor", "db.uneven"),
    "stranded": (FLAVORS, "--by-host"),
    "what-if": (FLAVORS, "--guests", "30", "--workers", "1"),
    "show": (),
    "move": (EXAMPLES / "server.json",),
}


@pytest.mark.parametrize("name", ASKED)
def test_some_hosts_are_asked_as_if_they_stood_alone(numafit: Run, name: str) -> None:
    asked = ASKED[name]
    some = [host for host in HOSTS if host.stem[0] == "e"]
    alone = numafit(name, *asked, *some)
    chosen = numafit(name, *asked, *HOSTS, "--match", "edge-*", "--match", "ep*")
    assert len(some) == 2
    assert (chosen.status, chosen.out, chosen.err) == (alone.status, alone.out, alone.err)
    assert chosen.out != numafit(name, *asked, *HOSTS).out


def test_a_saved_fleet_is_asked_for_some_of_its_hosts(numafit: Run, tmp_path: Path) -> None:
    file = tmp_path / "fleet.npz"
    Fleet(map(read_host_file, map(str, HOSTS))).save(file)
    asked = ("capacity", FLAVORS, "--flavor", "nfv.large", "--format", "csv")
    done = numafit(*asked, "--fleet", file, "--match", "e*")
    assert done.out.splitlines() == [
        "flavor,host,count,at_cap,error",
        "nfv.large,edge-gold,2,0,",
        "nfv.large,epyc-nps4,0,0,",
    ]


def test_moves_stay_among_the_hosts_that_match(numafit: Run) -> None:
    claims = ("--claims", EXAMPLES / "planning" / "rack-claims.jsonl")
    assert numafit("drain", "rack-a", *RACK, *claims).status == 0
    done = numafit("drain", "rack-a", *RACK, *claims, "--match", "rack-[ab]")
    assert done.status == 1
    assert "rack-c" not in done.out


@pytest.mark.parametrize("name", ASKED)
def test_a_pattern_without_a_host_is_named(numafit: Run, name: str) -> None:
    done = numafit(name, *ASKED[name], *HOSTS, "--match", "dual-xeom")
    assert (done.status, done.out) == (2, "")
    assert "--match 'dual-xeom': no host matches. Did you mean 'dual-xeon'?" in done.err
