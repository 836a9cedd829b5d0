"""``numafit export``: what hosts and flavors are like, for Prometheus to scrape."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from numafit.cli.counting import counting_options
from numafit.cli.numbers import Number
from numafit.cli.requests import Guests, guest_options
from numafit.cli.sections import Sectioned
from numafit.cli.source_kinds import SOURCES, UNREADABLE, say_without_services
from numafit.cli.sources import HostSources, host_sources
from numafit.errors import InputError, NumafitError, printable, shorten
from numafit.extras import need
from numafit.fleet import Fleet
from numafit.serving.cache import Cache
from numafit.serving.following import Followed, Over
from numafit.serving.http import Server, address_of, url_of
from numafit.serving.reading import Reading, Wanted

LISTEN = "127.0.0.1:9034"
"""A port that is on nobody's list: Prometheus' own, from 9100 to 9999, is full."""
SEVERAL = "multiple"
"""os-capacity's word for a host that more than one aggregate keeps for projects."""
_POLL = 0.1
"""Seconds in which a server hears that it is to end."""
_LAST_MOMENTS = 0.2
"""Seconds that a reading under way has to end once the command does."""


@click.command(cls=Sectioned)
@guest_options
@click.argument("host_files", metavar="[HOST]...", nargs=-1)
@host_sources
@counting_options
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    default=LISTEN,
    show_default=True,
    help="Where to answer; ':PORT' is every address of this machine, for anybody who reaches it.",
)
@click.option(
    "--interval",
    type=Number(1, 86400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How often hosts and flavors are read anew.",
)
@click.option("--once", is_flag=True, help="Print the text and end, for node_exporter's textfiles.")
@click.option("--wait", is_flag=True, help="Start even if nothing can be read yet.")
def command(
    guests: Guests,
    sources: HostSources,
    cap: int,
    threads: int,
    listen: str,
    interval: float,
    once: bool,
    wait: bool,
) -> int:
    """Hand out to Prometheus how many more guests of each flavor fit, and why not more.

    FLAVORS and HOST are files as 'numafit fit' takes them; FLAVORS may be nova's API database. A
    --nova-db is followed in place, everything else is read anew each --interval. Scrapes of
    /metrics get what was counted last, with its age; while a source is away numafit_up is 0.

    \b
    Examples:
      numafit export examples/flavors.json examples/hosts/* --once
      numafit export env:NOVA_API --nova-db env:NOVA_CELL1 --api-db env:NOVA_API

    Exit status: 0 it was told to end (SIGTERM), 2 bad input, or a source that is away at the start
    without --wait, 130 interrupted.
    """
    need("prometheus_client", "export")
    watched = Watched(guests, sources, cap, threads)
    if once:
        cache = Cache(watched.read, interval)
        cache.refresh()
        click.echo(cache.for_a_file().decode(), nl=False)
        return 0
    watched.need_again()
    woken, ended = threading.Event(), threading.Event()
    cache = Cache(watched.read, interval, _say, woken)
    server = _server(listen, cache)

    def end(_signal: int, _frame: object) -> None:
        ended.set()
        woken.set()

    before = signal.signal(signal.SIGTERM, end)
    try:
        cache.start()
        woken.wait()
        if cache.error is not None and not wait:
            raise cache.error
        if cache.error is not None:
            _say(f"{cache.error}; nothing was read yet")
        serve = partial(server.serve_forever, poll_interval=_POLL)
        threading.Thread(target=serve, name="http", daemon=True).start()
        if not ended.is_set():
            _say(f"listening on {url_of(server)}")
        ended.wait()
        server.shutdown()
    finally:
        cache.stop(_LAST_MOMENTS)
        server.server_close()
        signal.signal(signal.SIGTERM, before)
    return 0


def _server(listen: str, cache: Cache) -> Server:
    try:
        host, port = address_of(listen)
    except ValueError:
        raise click.BadParameter(
            f"{shorten(listen)}: expected ADDRESS:PORT such as {LISTEN} or [::1]:9034.",
            param_hint="--listen",
        ) from None
    try:
        return Server(host, port, cache)
    except OSError as error:
        raise click.ClickException(f"--listen {listen}: {error.strerror or error}") from None


def _say(words: str) -> None:
    click.echo(printable(f"numafit: {words}"), err=True)


class Watched:
    """What the command line names, read again and again."""

    def __init__(self, guests: Guests, sources: HostSources, cap: int, threads: int) -> None:
        self._guests, self._sources = guests, sources
        self._how: dict[str, Any] = {"options": guests.options, "cap": cap, "threads": threads}
        self._followed: dict[str, Followed] = {}
        self._said: frozenset[str] = frozenset()

    def need_again(self) -> None:
        """UsageError where something can be read but once."""
        given = {**self._sources.given, **self._guests.given}
        if any(
            value == "-" or (isinstance(value, tuple) and "-" in value) for value in given.values()
        ):
            raise click.UsageError("standard input is read but once: name a file, or give --once.")

    def read(self) -> Reading:
        """Raises what the readers raise. Remarks that the reading before made, too, are not made
        again."""
        since = time.time()
        guests, sources = self._guests.again(), self._sources.again()
        unreadable: list[InputError] = []
        sources.leave_out(unreadable)
        try:
            with self._once():
                wanted = guests.read(sources.aliases(), sources.filters())
                try:
                    fleets = sources.fleets(guests.ratios, followed=partial(self._follow, sources))
                finally:
                    for error in unreadable:
                        _say(f"{error}; the host is left out")
        except click.ClickException as refused:
            # as one of numafit's own, which whoever reads this knows
            raise NumafitError(refused.format_message()) from None
        apart = {
            host: names[0] if len(names) == 1 else SEVERAL
            for host, names in sources.aggregates.set_apart()
        }
        projects: dict[str, set[str]] = {}
        for one in sources.aggregates.for_projects:
            projects.setdefault(one.name, set()).update(one.projects)
        return Reading(
            fleets,
            [Wanted(flavor.name, request, flavor.public) for flavor, request in wanted],
            min([since, *_changed(sources)]),
            [one.name for one in guests.broken],
            len(unreadable),
            apart,
            projects,
            **self._how,
        )

    def _follow(self, sources: HostSources, url: str, over: Over | None) -> Fleet:
        from numafit.readers.nova_db import NovaDb, database_url

        followed = self._followed.setdefault(url, Followed())
        with NovaDb(database_url(url)) as database:
            fleet = followed.now(database, over)
            for name, error in followed.unreadable.items():
                sources.given[UNREADABLE](name, error)
            if not self._sources.given["count_disabled"]:
                say_without_services(database)
        return fleet

    @contextlib.contextmanager
    def _once(self) -> Iterator[None]:
        text = io.StringIO()
        try:
            with contextlib.redirect_stderr(text):
                yield
        finally:
            lines = text.getvalue().splitlines()
            for line in lines:
                if line not in self._said:
                    click.echo(line, err=True)
            self._said = frozenset(lines)


def _changed(sources: HostSources) -> Iterator[float]:
    """When files that tell of hosts were changed last; a database and a directory are as they are
    now."""
    names = [source.name for source in SOURCES if source.name != "nova_db"]
    for name in (*names, "placement", "aggregates"):
        for value in sources.given[name]:
            for path in (value, value.partition("=")[2]):
                with contextlib.suppress(OSError, ValueError):
                    if os.path.isfile(path):
                        yield os.stat(path).st_mtime
