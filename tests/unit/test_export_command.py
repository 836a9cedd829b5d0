"""``numafit export`` as a process: how it starts, what it hands out, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.small_cloud import Cloud
from tests.unit.test_export_cache import until, values
from tests.unit.test_export_families import read

ROOT = Path(__file__).parents[2]
FLAVORS = ROOT / "examples" / "flavors.json"
HOST = ROOT / "examples" / "hosts" / "dual-xeon.yaml"
NUMAFIT = [sys.executable, "-c", "import sys, numafit_command as c; sys.exit(c.main())"]


class Process:
    """An exporter on a port of its own; ``url`` once it says where it listens."""

    def __init__(self, *arguments: object) -> None:
        words = ["export", *map(str, arguments), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*NUMAFIT, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.said: list[str] = []

    @property
    def url(self) -> str:
        assert self.process.stderr is not None
        while not (found := re.search(r"listening on (\S+)", "".join(self.said[-1:]))):
            line = self.process.stderr.readline()
            assert line, self.said
            self.said.append(line)
        return found[1]

    def scrape(self) -> bytes:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            text: bytes = answer.read()
        return text

    def ended_by(self, number: int) -> tuple[int, float, str]:
        """Status, seconds, and what it said on standard error."""
        began = time.monotonic()
        self.process.send_signal(number)
        _out, errors = self.process.communicate(timeout=30)
        return self.process.returncode, time.monotonic() - began, errors


@pytest.fixture
def export() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*arguments: object) -> Process:
        started.append(Process(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    made = Cloud(tmp_path)
    made.flavor(1, "p4", 4)
    made.hosts(range(1, 4))
    return made


def cloud_options(cloud: Cloud) -> list[str]:
    return [
        *(cloud.url("api"), "--nova-db", cloud.url("cell")),
        *("--placement-db", cloud.url("placement"), "--api-db", cloud.url("api")),
    ]


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "numafit: interrupted\n")],
)
def test_a_signal_ends_it_within_a_second(
    export: Callable[..., Process], number: int, status: int, words: str
) -> None:
    one = export(FLAVORS, HOST)
    assert b"numafit_up 1.0" in one.scrape()
    got, seconds, said = one.ended_by(number)
    assert (got, said) == (status, words)
    assert seconds < 1


def hears(pid: int, number: int) -> bool:
    """Has the process a handler for the signal?"""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def test_a_signal_ends_it_while_a_database_does_not_answer(export: Callable[..., Process]) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"mysql://nova:pw@127.0.0.1:{mute.getsockname()[1]}/nova"
        one = export(FLAVORS, "--nova-db", url)
        mute.settimeout(30)
        with mute.accept()[0]:
            assert hears(one.process.pid, signal.SIGTERM)
            status, seconds, _said = one.ended_by(signal.SIGTERM)
    assert status == 0
    assert seconds < 1


def test_a_cloud_is_followed_and_its_absence_is_a_metric(
    cloud: Cloud, export: Callable[..., Process]
) -> None:
    one = export(*cloud_options(cloud), "--interval", 1)
    total = ("p4", "True")

    def room() -> Any:
        return read(one.scrape().decode())["openstack_free_capacity_by_flavor_total"][total]

    assert room() == 12
    cloud.use(1, pinned=8)
    until(lambda: room() == 8)
    away = cloud.file("cell").rename(f"{cloud.file('cell')}.away")
    until(lambda: values(one.scrape())["numafit_up"] == 0)
    first = values(one.scrape())
    until(lambda: values(one.scrape())["numafit_data_age_seconds"] > 2.5)
    assert room() == 8
    later = values(one.scrape())
    stamp = "numafit_data_timestamp_seconds"
    assert later[stamp] == first[stamp]
    away.rename(cloud.file("cell"))
    until(lambda: values(one.scrape())["numafit_up"] == 1)
    status, _seconds, said = one.ended_by(signal.SIGTERM)
    assert status == 0
    assert said.count("what was read before stays") == 1
    assert "hosts and flavors are read again" in said


def test_a_database_that_is_away_at_the_start_is_an_error(
    cloud: Cloud, export: Callable[..., Process]
) -> None:
    cloud.file("cell").unlink()
    one = export(*cloud_options(cloud))
    _out, errors = one.process.communicate(timeout=30)
    assert one.process.returncode == 2
    (line,) = errors.splitlines()
    assert "cell.db" in line
    assert "Check the path" in line


def test_it_waits_for_a_database_when_told_to(cloud: Cloud, export: Callable[..., Process]) -> None:
    away = cloud.file("cell").rename(f"{cloud.file('cell')}.away")
    one = export(*cloud_options(cloud), "--wait", "--interval", 1)
    assert values(one.scrape())["numafit_up"] == 0
    assert b"openstack" not in one.scrape()
    assert "nothing was read yet" in "".join(one.said)
    away.rename(cloud.file("cell"))
    until(lambda: values(one.scrape())["numafit_up"] == 1)
    assert b"openstack_free_capacity_by_flavor_total" in one.scrape()


def test_once_prints_the_text_and_ends(numafit: Callable[..., Any], cloud: Cloud) -> None:
    done = numafit("export", *cloud_options(cloud), "--once")
    assert (done.status, done.err) == (0, "")
    found = read(done.out)
    assert found["openstack_free_capacity_by_flavor_total"] == {("p4", "True"): 12}
    assert found["numafit_up"] == {(): 1}
    assert "numafit_data_age_seconds" not in found


def test_once_is_an_error_where_a_source_is_away(numafit: Callable[..., Any], cloud: Cloud) -> None:
    cloud.file("placement").unlink()
    done = numafit("export", *cloud_options(cloud), "--once")
    assert (done.status, done.out) == (2, "")
    assert "placement.db" in done.err


def test_a_saved_fleet_is_as_old_as_its_file(numafit: Callable[..., Any], tmp_path: Path) -> None:
    from numafit import Fleet
    from numafit.readers.hostfile import read_host_file

    file = tmp_path / "fleet.npz"
    Fleet([read_host_file(HOST)]).save(file)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    done = numafit("export", FLAVORS, "--fleet", file, "--once", "--flavor", "nfv.large")
    assert done.status == 0
    assert values(done.out.encode())["numafit_data_timestamp_seconds"] == 1_700_000_000
    rows = read(done.out)["openstack_free_capacity_hypervisor_by_flavor"]
    counted = numafit(
        "capacity", FLAVORS, "--fleet", file, "--flavor", "nfv.large", "--format", "csv"
    )
    assert counted.out.splitlines()[1] == f"nfv.large,dual-xeon,{int(*rows.values())},0,"


def test_standard_input_cannot_be_read_again(numafit: Callable[..., Any]) -> None:
    for arguments in (["-", HOST], [FLAVORS, "-"], [FLAVORS, "--nova-rows", "-"]):
        done = numafit("export", *arguments)
        assert done.status == 2
        assert "standard input is read but once: name a file, or give --once" in done.err


@pytest.mark.parametrize("listen", ["9034", "localhost:99999", "a:b"])
def test_an_address_that_is_none_is_named(numafit: Callable[..., Any], listen: str) -> None:
    done = numafit("export", FLAVORS, HOST, "--listen", listen)
    assert done.status == 2
    assert f"{listen!r}: expected ADDRESS:PORT such as 127.0.0.1:9034" in done.err


def test_a_port_that_is_taken_is_named(numafit: Callable[..., Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = numafit("export", FLAVORS, HOST, "--listen", f"127.0.0.1:{port}")
    assert done.status == 2
    assert f"--listen 127.0.0.1:{port}: Address already in use" in done.err


def test_without_the_library_the_extra_is_named(
    numafit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    done = numafit("export", FLAVORS, HOST, "--once")
    assert done.status == 2
    assert "numafit[export]" in done.err
