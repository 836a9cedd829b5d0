"""What Prometheus has scraped of ``numafit export``: os-capacity's dashboards and ours show rows.

Prometheus is Debian's (``make test-export`` installs it); nothing leaves the machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.conftest import HOSTILE, Prometheus, until
from tests.unit.small_cloud import Cloud

pytestmark = pytest.mark.prometheus

EXAMPLES = Path(__file__).parents[2] / "examples" / "export"
_FREE = (
    'openstack_hypervisor_placement_allocatable_capacity{{resource="{0}"}} - on(hypervisor) '
    'openstack_hypervisor_placement_allocated{{resource="{0}"}}'
)
_USED = 'SUM(openstack_hypervisor_placement_allocated{{resource="{}"}})'
RESOURCES = ("MEMORY_MB", "PCPU")
# the queries of grafana_cloud_dashboard.json of stackhpc/os-capacity; those of projects' usage and
# quotas ask keystone, which numafit does not
OS_CAPACITY = [
    "openstack_free_capacity_by_flavor_total",
    "sum(openstack_free_capacity_hypervisor_by_flavor) by (flavor_name, az_aggregate)",
    *(_FREE.format(one) for one in RESOURCES),
    *(f"SUM({_FREE.format(one)})" for one in RESOURCES),
    *(_USED.format(one) for one in RESOURCES),
]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "dashboard.json").read_text())
    return found


def queries() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@pytest.mark.parametrize("query", OS_CAPACITY)
def test_queries_of_os_capacity_return_rows(scraped: Prometheus, query: str) -> None:
    assert scraped.query(query)


def test_os_capacitys_numbers_are_numafits(scraped: Prometheus) -> None:
    found = scraped.query("openstack_free_capacity_by_flavor_total")
    got = {
        (one["metric"]["flavor_name"], one["metric"]["public"]): float(one["value"][1])
        for one in found
    }
    # by hand: two free hosts of two cells with 8 CPUs, and one with 3 left in each
    assert got == {
        ("p4", "True"): 2 * 4,
        ("p8", "True"): 2 * 2,
        ("huge", "True"): 0,
        ("private", "False"): 2 * 8 + 2,
        (HOSTILE, "True"): 2 * 8 + 2,
        ("open", "True"): 2 * 8 + 2,
    }
    zones = scraped.query(
        'sum(openstack_free_capacity_hypervisor_by_flavor{flavor_name="private"}) by (az_aggregate)'
    )
    assert {one["metric"].get("az_aggregate", ""): one["value"][1] for one in zones} == {
        "az1": "16",
        "": "2",
    }
    (free,) = scraped.query(f"SUM({_FREE.format('PCPU')})")
    assert free["value"][1] == str(3 * 16 - 10)


@pytest.mark.parametrize(("title", "query"), list(queries()))
@pytest.mark.parametrize("flavor", [".*", "p4|huge|open"], ids=["all", "some"])
def test_each_query_of_the_dashboard_returns_rows(
    scraped: Prometheus, title: str, query: str, flavor: str
) -> None:
    assert scraped.query(query.replace("$flavor", flavor)), title


def test_the_dashboard_asks_for_what_there_is() -> None:
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert set(variables) == {"DS_PROMETHEUS", "flavor"}
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids) > 15
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${DS_PROMETHEUS}"
            assert panel["targets"]


def test_the_variable_of_the_dashboard_lists_flavors(scraped: Prometheus) -> None:
    (variable,) = [one for one in dashboard()["templating"]["list"] if one["name"] == "flavor"]
    query = variable["query"]["query"]
    metric, label = query.removeprefix("label_values(").removesuffix(")").split(", ")
    assert {"p4", "private", HOSTILE} <= set(scraped.labels(label, metric))


def test_a_scrape_is_well_and_short(scraped: Prometheus) -> None:
    target = scraped.target()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["lastScrapeDuration"] < 0.2


def test_alerts_fire_for_what_they_are_called(scraped: Prometheus, cloud: Cloud) -> None:
    until(lambda: "FlavorWithoutRoom" in scraped.alerts())
    assert "NumafitSourceAway" not in scraped.alerts()
    away = cloud.file("cell").rename(f"{cloud.file('cell')}.away")
    try:
        until(lambda: scraped.query("numafit_up == 0"))
        until(lambda: "NumafitSourceAway" in scraped.alerts())
        assert scraped.query("numafit_data_age_seconds > 1")
        # what was read stays
        assert scraped.query("openstack_free_capacity_by_flavor_total > 0")
    finally:
        away.rename(cloud.file("cell"))
    until(lambda: scraped.query("numafit_up == 1"))


def promtool(*arguments: object, text: str = "") -> str:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_promtool_finds_nothing_wrong_with_the_metrics(cloud: Cloud) -> None:
    line = [
        *(sys.executable, "-m", "numafit", "export", cloud.url("api"), "--once"),
        *("--nova-db", cloud.url("cell"), "--placement-db", cloud.url("placement")),
        *("--api-db", cloud.url("api")),
    ]
    text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "numafit_flavor_broken{" in text
    assert promtool("check", "metrics", text=text) == ""


def test_promtool_reads_the_alerts_and_the_configuration() -> None:
    assert "5 rules found" in promtool("check", "rules", EXAMPLES / "alerts.yml")
    assert "SUCCESS" in promtool("check", "config", EXAMPLES / "prometheus.yml")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_reads_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    text = (EXAMPLES / "numafit-export.service").read_text()
    command = Path(sys.executable).with_name("numafit")
    unit = tmp_path / "numafit-export.service"
    unit.write_text(text.replace("/usr/local/bin/numafit", str(command)))
    ask = ["systemd-analyze"]
    done = subprocess.run([*ask, "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    security = [*ask, "security", "--offline=true", "--threshold=20", str(unit)]
    done = subprocess.run(security, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
