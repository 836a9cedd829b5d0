"""A small cloud of real nova is filled, flavor by flavor: numafit has said how far it goes.

The cloud's databases are copied before its first guest; numafit's answers come from those copies
and the filters of its scheduler alone. NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34
with its functional fixtures; NUMAFIT_CLOUD_HOSTS is the number of hosts (``make test-cloud`` asks
for 60).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Image, Request, parse_aliases
from numafit.readers.api_db import read_api_db
from numafit.readers.nova_db import NovaDb, read_nova_db
from numafit.readers.placement_db import read_placement_db
from numafit.readers.placement_facts import with_placement
from numafit.rules.aggregates import Aggregates
from numafit.rules.filters import DEFAULT_FILTERS, Filters
from tests.nova.cloud.kinds import ALIASES, FILTERS, FLAVORS, aggregates_of, hosts_of

pytestmark = pytest.mark.nova

HERE = Path(__file__).parent
HOSTS = int(os.environ.get("NUMAFIT_CLOUD_HOSTS", "10"))
SECONDS = 3600
CLOUDS = 2
"""Processes, each with all hosts and a part of the flavors."""
SMALL = ("plain", "dedicated", "two cells", "card", "ssd", "new hypervisor")
"""Flavors that a cloud of few hosts is filled with."""
SECOND = ("PCPU: ", "trait HW_CPU_HYPERTHREADING ")
"""Refusals of the query for pinned CPUs, which is not nova's last."""
ENABLED = (*DEFAULT_FILTERS, *FILTERS)
Told = dict[str, Any]


def run_nova(folder: Path, flavors: list[Told]) -> list[Told]:
    """How far nova got with each flavor; the databases are in ``folder``."""
    given = {
        "folder": str(folder),
        "hosts": hosts_of(HOSTS),
        "aggregates": aggregates_of(hosts_of(HOSTS)),
        "filters": FILTERS,
        "aliases": ALIASES,
        "flavors": flavors,
    }
    with (folder / "nova.log").open("w+", encoding="utf-8") as log:
        done = subprocess.run(
            [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(HERE / "cloud_oracle.py")],
            input=json.dumps(given),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            timeout=SECONDS,
            check=False,
        )
        log.seek(0)
        assert done.returncode == 0, log.read()[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask_numafit(command: str, flavor: Told, folder: Path) -> Any:
    """What ``numafit COMMAND`` answers of one flavor from the copies in ``folder``."""
    files = {
        "flavor.json": json.dumps({key: flavor[key] for key in flavor if key != "image"}),
        "image.json": json.dumps({"name": "i", "properties": flavor["image"]}),
        "nova.conf": f"[filter_scheduler]\nenabled_filters = {','.join(ENABLED)}\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    paths = {name: str(folder / name) for name in files}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "numafit", command, paths["flavor.json"]),
            *("--image", paths["image.json"], "--config", paths["nova.conf"]),
            *("--nova-db", f"sqlite:///{folder / 'nova.db'}"),
            *("--placement-db", f"sqlite:///{folder / 'placement.db'}"),
            *("--api-db", f"sqlite:///{folder / 'api.db'}"),
            *(word for alias in ALIASES for word in ("--alias", alias)),
            *("--format", "json"),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def foretell(folder: Path, flavor: Told, counts: list[int]) -> dict[str, str]:
    """Why each host will refuse the next guest when it has so many, by the first copies alone."""
    known = read_placement_db(f"sqlite:///{folder / 'placement.db'}")
    hosts = read_nova_db(f"sqlite:///{folder / 'nova.db'}")
    aggregates = Aggregates(read_api_db(f"sqlite:///{folder / 'api.db'}"))
    fleet = Fleet(aggregates.applied(with_placement(host, known, complete=True)) for host in hosts)
    asked = Flavor(**{key: flavor[key] for key in flavor if key != "image"})
    request = Request.for_server(
        asked,
        Image("i", flavor["image"]),
        aliases=parse_aliases(ALIASES),
        filters=Filters(ENABLED),
    )
    for host, count in enumerate(counts):
        for _guest in range(count):
            fleet.claim(request, host)
    refusals = [fleet.explain(request, host) for host in range(len(fleet))]
    return {
        name: "fits" if refusal is None else refusal.message
        for name, refusal in zip(fleet.names, refusals, strict=True)
    }


def places_of_nova(told: Told) -> dict[str, str]:
    """Where each host was dropped in the last search of nova."""
    places = {host["name"]: "placement" for host in hosts_of(HOSTS)}
    left: list[str] = []
    for step, hosts in told["steps"]:
        for host in set(left) - set(hosts):
            places[host] = step
        left = hosts
    return places


def filter_of(refusal: Told) -> str:
    """The filter that drops the host for what it is; empty: none does."""
    name = str(refusal["message"]).partition(": ")[0]
    return name if name in ENABLED else ""


def place_of(refusal: Told) -> str:
    """Where nova drops a host that is refused for this."""
    if name := filter_of(refusal):
        return name
    if refusal["reason"] in ("host_class", "resource"):
        return "placement"
    if refusal["reason"].startswith("pci") and not refusal["cells"]:
        return "PciPassthroughFilter"
    return "NUMATopologyFilter"


class Filled:
    """Two clouds, filled; what numafit said before the first guest, and when all was taken."""

    def __init__(self, folder: Path) -> None:
        flavors = [one for one in FLAVORS if HOSTS > 20 or one["name"] in SMALL]
        parts = [flavors[n::CLOUDS] for n in range(CLOUDS)]
        folders = [folder / str(n) for n in range(CLOUDS)]
        for one in folders:
            one.mkdir()
        with ThreadPoolExecutor(CLOUDS) as pool:
            told = list(pool.map(run_nova, folders, parts))
        self.nova: dict[str, Told] = {}
        self.predicted: dict[str, Told] = {}
        self.foretold: dict[str, dict[str, str]] = {}
        self.refused: dict[str, list[Told]] = {}
        self.full: list[Path] = []
        for where, part, answers in zip(folders, parts, told, strict=True):
            assert [one["flavor"] for one in answers] == [one["name"] for one in part]
            self.nova |= {one["flavor"]: one for one in answers}
            for number, flavor in enumerate(part):
                asked = ask_numafit("capacity", flavor, where)
                name, counts = flavor["name"], asked["flavors"][0]["counts"]
                assert asked["flavors"][0]["not_judged"] == [], asked
                by_host = dict(zip(asked["hosts"], counts, strict=True))
                self.predicted[name] = {host: n for host, n in by_host.items() if n}
                self.foretold[name] = foretell(where, flavor, counts)
                self.full.append(where / str(number))
                self.refused[name] = ask_numafit("fit", flavor, self.full[-1])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    if "NUMAFIT_NOVA_PYTHON" not in os.environ:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    return Filled(tmp_path_factory.mktemp("cloud"))


def test_as_many_guests_start_on_each_host_as_numafit_counted_before_the_first(
    filled: Filled,
) -> None:
    for name, told in filled.nova.items():
        assert filled.predicted[name] == told["started"], name
        assert told["fault"].startswith("No valid host was found"), told
    assert sum(sum(told["started"].values()) for told in filled.nova.values()) > HOSTS


def test_what_the_first_refusal_will_say_is_known_before_the_first_guest(filled: Filled) -> None:
    for name, answers in filled.refused.items():
        said = {answer["host"]: answer["refusal"]["message"] for answer in answers}
        assert filled.foretold[name] == said, name


def test_what_hosts_reserve_is_known_from_what_their_guests_have(filled: Filled) -> None:
    options = {host["name"]: host.get("options", {}) for host in hosts_of(HOSTS)}
    checked = 0
    for path in filled.full:
        with NovaDb(f"sqlite:///{path / 'nova.db'}") as database:
            rows = list(database.rows())
        for name, *_others, node in rows:
            checked += bool(node["running_vms"])
            memory = options[name].get("DEFAULT.reserved_host_memory_mb", 512)
            cpus = options[name].get("DEFAULT.reserved_host_cpus", 0)
            assert (node["memory_mb_reserved"], node["vcpus_reserved"]) == (memory, cpus), name
    assert checked > HOSTS


def test_the_first_refusal_has_the_reasons_that_numafit_names(filled: Filled) -> None:
    reasons, dropped = set(), set()
    for name, told in filled.nova.items():
        nova = places_of_nova(told)
        answers = filled.refused[name]
        assert {answer["host"] for answer in answers} == nova.keys()
        for answer in answers:
            assert not answer["fits"], (name, answer)
            refusal, place = answer["refusal"], nova[answer["host"]]
            reasons.add(refusal["reason"])
            # placement is asked again, for VCPU and without the trait of thread policies: a host
            # that lacks PCPU or the trait comes back then, and its cells refuse
            again = place == "NUMATopologyFilter" and refusal["message"].startswith(SECOND)
            # what a host is stands before what is free on it here, and behind it in nova
            before = place == "placement" and filter_of(refusal)
            assert again or before or place_of(refusal) == place, (name, place, answer)
            dropped.add(place)
    assert len(reasons) > 4, reasons
    assert dropped >= {"AggregateInstanceExtraSpecsFilter", "ImagePropertiesFilter"}, dropped
