"""The text that ``numafit export`` hands out: how old it is, and what becomes of it while a source
is away."""

from __future__ import annotations

import gzip
import http.client
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, Request
from numafit.errors import InputError
from numafit.serving import cache as cache_module
from numafit.serving.cache import Cache, Stopped
from numafit.serving.http import Server, address_of, takes_gzip
from numafit.serving.reading import Reading, Wanted

CPUS = frozenset(range(8))
AWAY = InputError("mysql://db/cell", None, "Connection refused", "a cell database of nova")


def now(since: float | None = None) -> Reading:
    flavor = Flavor("p4", 4, 1024, {"hw:cpu_policy": "dedicated"})
    fleet = Fleet([HostInfo((HostCell(0, frozenset(), CPUS, 4096),), "a")])
    return Reading(
        [fleet], [Wanted("p4", Request.for_server(flavor))], since or time.time(), cap=100
    )


def values(text: bytes) -> dict[str, float]:
    """Of samples without labels."""
    lines = [line.rpartition(" ") for line in text.decode().splitlines() if line[:1] != "#"]
    return {name: float(value) for name, _blank, value in lines if "{" not in name}


def plain(cache: Cache) -> bytes:
    return b"".join(cache.plain())


class Away:
    """A source that is away while ``error`` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __call__(self) -> Reading:
        if self.error is not None:
            raise self.error
        return now()


def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.01)


def test_the_age_is_told_anew_at_each_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(now, 60)
    cache.refresh()
    first = values(plain(cache))
    assert 0 <= first["numafit_data_age_seconds"] < 30
    then = time.time()
    monkeypatch.setattr(cache_module.time, "time", lambda: then + 1000)
    later = values(plain(cache))
    assert 999 < later["numafit_data_age_seconds"] < 1030
    same = "numafit_data_timestamp_seconds"
    assert later[same] == first[same] == pytest.approx(then, abs=30)


def test_a_file_of_last_week_is_as_old_as_that() -> None:
    week = 7 * 86400
    cache = Cache(lambda: now(time.time() - week), 60)
    cache.refresh()
    assert values(plain(cache))["numafit_data_age_seconds"] == pytest.approx(week, abs=30)


def test_a_text_for_a_file_has_no_age_that_would_stand_still() -> None:
    cache = Cache(now, 60)
    cache.refresh()
    assert "numafit_data_age_seconds" not in values(cache.for_a_file())
    assert "numafit_data_timestamp_seconds" in values(cache.for_a_file())


def test_before_the_first_reading_nothing_is_told_of_its_age() -> None:
    told = values(plain(Cache(now, 60)))
    assert told["numafit_up"] == 0
    assert told.keys() == {"numafit_up", "numafit_readings_total", "numafit_readings_failed_total"}


def test_a_source_that_goes_away_leaves_what_was_read_and_says_so_once() -> None:
    source, said = Away(), list[str]()
    cache = Cache(source, 0.02, said.append)
    cache.start()
    until(lambda: cache.up)
    room = [line for line in plain(cache).splitlines() if line.startswith(b"openstack")]
    assert room
    source.error = AWAY
    until(lambda: values(plain(cache))["numafit_readings_failed_total"] >= 3)
    told = plain(cache)
    assert [line for line in told.splitlines() if line.startswith(b"openstack")] == room
    assert values(told)["numafit_up"] == 0
    stamp = values(told)["numafit_data_timestamp_seconds"]
    until(lambda: values(plain(cache))["numafit_readings_failed_total"] >= 5)
    assert values(plain(cache))["numafit_data_timestamp_seconds"] == stamp
    assert said == [f"{AWAY}; what was read before stays"]
    source.error = None
    until(lambda: cache.up)
    assert values(plain(cache))["numafit_data_timestamp_seconds"] > stamp
    cache.stop(5)
    assert said[1:] == ["hosts and flavors are read again"]


def test_while_nothing_was_read_another_error_is_said() -> None:
    source, said = Away(), list[str]()
    source.error = AWAY
    cache = Cache(source, 0.02, said.append)
    cache.start()
    until(lambda: values(plain(cache))["numafit_readings_failed_total"] >= 3)
    # whoever started it says the first
    assert said == []
    source.error = InputError("mysql://db/cell", None, "no such table", "a cell database of nova")
    until(lambda: said)
    cache.stop(5)
    assert said == [f"{source.error}; nothing was read yet"]


def test_an_error_that_nobody_thought_of_ends_no_thread() -> None:
    source, said = Away(), list[str]()
    cache = Cache(source, 0.02, said.append)
    cache.start()
    until(lambda: cache.up)
    source.error = ZeroDivisionError("of a defect")
    until(lambda: said)
    assert said[0].startswith("a defect of numafit, please report it: ZeroDivisionError")
    source.error = None
    until(lambda: cache.up)
    cache.stop(5)


def test_a_reading_that_does_not_end_is_not_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(now, 10)
    cache.refresh()
    clock = time.monotonic()
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: clock + 80)
    assert cache.up
    monkeypatch.setattr(cache_module.time, "monotonic", lambda: clock + 100)
    assert not cache.up


def test_up_stays_while_the_next_reading_goes_on() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Reading:
        if cache.up:
            begun.set()
            go_on.wait(10)
        return now()

    cache = Cache(slow, 0.02)
    cache.start()
    assert begun.wait(10)
    assert values(plain(cache))["numafit_up"] == 1
    go_on.set()
    cache.stop(5)


def test_a_count_that_nobody_waits_for_ends_between_flavors() -> None:
    cache = Cache(now, 60)
    cache.stop(0)
    with pytest.raises(Stopped):
        cache.refresh()


@contextmanager
def served(cache: Cache, host: str = "127.0.0.1") -> Iterator[int]:
    server = Server(host, 0, cache)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    port: int, path: str = "/metrics", method: str = "GET", host: str = "127.0.0.1", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_the_text_comes_plain_and_packed() -> None:
    cache = Cache(now, 60)
    cache.refresh()
    with served(cache) as port:
        status, headers, plain = ask(port)
        assert (status, headers["Content-Type"]) == (
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        )
        _status, headers, packed = ask(port, Accept_Encoding="deflate, gzip;q=1.0")
        assert headers["Content-Encoding"] == "gzip"
        assert int(headers["Content-Length"]) == len(packed) < len(plain)
    # one member: a reader that knows of no others misses nothing
    one = zlib.decompressobj(wbits=31)
    unpacked = one.decompress(packed)
    assert (one.eof, one.unused_data) == (True, b"")
    assert gzip.decompress(packed) == unpacked
    assert values(unpacked).keys() == values(plain).keys()
    assert b"openstack_free_capacity_by_flavor_total" in unpacked
    assert unpacked.endswith(b"\n")


def test_other_paths_and_methods_are_told_apart() -> None:
    cache = Cache(now, 60)
    with served(cache) as port:
        assert b'href="/metrics"' in ask(port, "/")[2]
        assert ask(port, "/metrics?name=x")[0] == 200
        status, headers, body = ask(port, method="HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 0
        assert ask(port, "/secrets")[0] == 404
        assert ask(port, method="POST")[0] == 501


def test_addresses_of_both_kinds_are_listened_on() -> None:
    with served(Cache(now, 60), "::1") as port:
        assert ask(port, host="::1")[0] == 200
        with pytest.raises(ConnectionRefusedError):
            ask(port)
    with served(Cache(now, 60), "") as port:
        assert ask(port, host="::1")[0] == ask(port)[0] == 200


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.00", False),
        ("identity", False),
        ("x-gzipped", False),
        ("", False),
    ],
)
def test_who_takes_gzip(header: str, answer: bool) -> None:
    assert takes_gzip(header) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("127.0.0.1:9034", ("127.0.0.1", 9034)),
        ("[::1]:80", ("::1", 80)),
        (":9034", ("", 9034)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses_are_read(text: str, answer: tuple[str, int]) -> None:
    assert address_of(text) == answer


@pytest.mark.parametrize(
    "text", ["", "9034", "a:", "a:b", "::1:80", "a:65536", "a:-1", "a:\u0664", "a:1_0"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        address_of(text)
