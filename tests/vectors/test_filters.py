"""What three of nova 34's scheduler filters said of hosts, recorded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from numafit import Flavor, Host, HostInfo, Image, Placement, Request
from numafit.readers.nova_rows import host_from_nova
from numafit.rules.aggregates import Aggregate, Aggregates
from numafit.rules.filters import AGGREGATES, CAPABILITIES, IMAGE, Filters

DATA = Path(__file__).parent / "data" / "filters.jsonl.gz"
FILTERS = (AGGREGATES, CAPABILITIES, IMAGE)
HOST = "h"


def host_of(case: dict[str, Any]) -> HostInfo:
    """As it is read from a row of ``compute_nodes`` and the tables of aggregates."""
    aggregates = Aggregates(
        Aggregate(f"a{n}", frozenset((HOST,)), metadata)
        for n, metadata in enumerate(case["aggregates"])
    )
    return aggregates.applied(host_from_nova(None, name=HOST, node=case["row"]))


def dropped_by(case: dict[str, Any]) -> list[str]:
    """The filters that drop the host when each is the only one; the engine says so."""
    flavor = Flavor("f", 1, 16, case["extra_specs"])
    image = Image("i", case["properties"])
    found, host = [], Host(host_of(case))
    for name in FILTERS:
        filters = Filters((name,), case["default_architecture"])
        answer = host.fit(Request.for_server(flavor, image, filters=filters))
        if isinstance(answer, Placement):
            assert not any(name in one for one in answer.not_judged), case
        else:
            assert answer.reason == "host_class"
            assert answer.message.startswith(f"{name}: "), answer.message
            found.append(name)
    return found


def agrees(case: dict[str, Any]) -> bool:
    """A filter of nova that fails drops every host. Where a key has several values it depends on
    their order in a set whether it comes to the one by which it fails."""
    ours, nova = set(dropped_by(case)), case["nova"]
    drops, fails = set(nova["drops"]), set(nova["fails"])
    metadata = host_of(case).state.aggregate_metadata or {}
    unsure = {AGGREGATES} if any(len(values) > 1 for values in metadata.values()) else set()
    return ours - (unsure & fails) == (drops | fails) - (unsure & fails)


def test_hosts_are_dropped_by_the_filters_that_dropped_them_in_nova() -> None:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases:
        assert agrees(case), case
    assert len(cases) == 4_000
    for name in FILTERS:
        dropped = sum(name in case["nova"]["drops"] for case in cases)
        assert 400 < dropped < 3_600, (name, dropped)
