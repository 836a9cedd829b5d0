"""A real Prometheus, of Debian's package, that scrapes a real ``numafit export``."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.small_cloud import Cloud

NUMAFIT = [sys.executable, "-m", "numafit", "export"]
SECONDS = 60
HOSTILE = 'hos"tile\\'
CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
- job_name: numafit
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        _out, errors = process.communicate(timeout=30)
        print(errors[-3000:])


def until(found: Callable[[], Any]) -> Any:
    """What ``found`` gives, once that is anything."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            if answer := found():
                return answer
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # an answer with a connection of its own
            if time.monotonic() > end:
                raise AssertionError(f"nothing came of it: {error}") from error
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.1)


class Prometheus:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1/"

    def _get(self, path: str, **query: str) -> Any:
        url = f"{self._base}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def labels(self, name: str, match: str) -> list[str]:
        found: list[str] = self._get(f"label/{name}/values", **{"match[]": match})
        return found

    def alerts(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self._get("alerts")["alerts"]}

    def target(self) -> dict[str, Any]:
        (found,) = self._get("targets")["activeTargets"]
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """Hosts with room and without, flavors that fit, that never fit and that are none."""
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    for n, (name, vcpus) in enumerate((("p4", 4), ("p8", 8), ("huge", 64)), 1):
        made.flavor(n, name, vcpus)
    made.flavor(4, "private", 2, public=False)
    made.flavor(5, HOSTILE, 2)
    made.flavor(6, "open", 2, **{"capabilities:free_ram_mb": ">= 1"})
    made.flavor(7, "broken", 2, **{"hw:numa_nodes": "none"})
    made.hosts([1, 2])
    made.hosts([3], pinned=5)
    return made


@pytest.fixture(scope="module")
def scraped(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, once it has scraped the exporter of the cloud."""
    assert shutil.which("prometheus"), "install Debian's package prometheus (make test-export)"
    folder, port, own = tmp_path_factory.mktemp("prometheus"), free_port(), free_port()
    config = folder / "prometheus.yml"
    rules = Path(__file__).parents[2] / "examples" / "export" / "alerts.yml"
    config.write_text(CONFIG.format(port=port, rules=rules))
    exporter = [
        *(*NUMAFIT, cloud.url("api"), "--nova-db", cloud.url("cell")),
        *("--placement-db", cloud.url("placement"), "--api-db", cloud.url("api")),
        *("--listen", f"127.0.0.1:{port}", "--interval", "1"),
    ]
    server = [
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        *(f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn"),
    ]
    with running(exporter), running(server):
        prometheus = Prometheus(own)
        until(lambda: prometheus.query("numafit_up == 1"))
        yield prometheus
