"""The text that is handed out: made anew in the background, and how old it is.

A scrape costs no counting. What it is told of the cache itself, its age above all, is made for it
and put behind the rest.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from numafit.errors import NumafitError
from numafit.serving import families
from numafit.serving.counts import count
from numafit.serving.reading import Reading

_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 1
"""Of zlib: a tenth smaller takes twice as long."""
OVERDUE = 3
"""Intervals without a reading, and a minute on top, after which nobody should rely on the next."""


class Stopped(Exception):
    """Nobody waits for the reading any more."""


@dataclass(frozen=True, slots=True)
class Text:
    """``plain``, and ``packed`` by deflate up to a byte from which others go on, with the ``check``
    that they go on from; ``since``: Unix time of the data, ``None``: nothing was read yet;
    ``took``: seconds that reading, counting and writing took."""

    plain: bytes
    packed: bytes
    check: int
    since: float | None
    took: float

    @classmethod
    def of(cls, plain: bytes, since: float | None, took: float) -> Text:
        return cls(plain, _packed(plain, zlib.Z_FULL_FLUSH), zlib.crc32(plain), since, took)


def _packed(plain: bytes, end: int) -> bytes:
    made = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
    return made.compress(plain) + made.flush(end)


class Cache:
    """``read``: the hosts and flavors as they are now, or an exception; ``say``: gets a sentence
    that somebody should see; ``woken``: is set once the first reading has ended. ``error``: what
    the last reading ended with, where it failed."""

    def __init__(
        self,
        read: Callable[[], Reading],
        interval: float,
        say: Callable[[str], object] = lambda _words: None,
        woken: threading.Event | None = None,
    ) -> None:
        self._read, self._interval, self._say = read, interval, say
        self._woken = woken or threading.Event()
        self._stop = threading.Event()
        self._text = Text.of(b"", None, 0.0)
        self._ended = time.monotonic()
        self._worked = False
        self.error: Exception | None = None
        self._readings = self._failed = 0
        self._thread = threading.Thread(target=self._run, name="readings", daemon=True)

    def refresh(self) -> None:
        """Read and count now; what is raised leaves the text as it was."""
        began, clock = time.time(), time.perf_counter()
        self._readings += 1
        try:
            reading = self._read()
            self._go_on()
            plain = families.text_of(families.families(count(reading, self._go_on)))
            since = min(reading.since, began)
            self._text = Text.of(plain, since, time.perf_counter() - clock)
            self._worked = True
        except BaseException:
            self._failed += 1
            self._worked = False
            raise
        finally:
            self._ended = time.monotonic()

    def start(self) -> None:
        """Refresh in the background from now on, the first time at once."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End that, waiting so long for what is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            began = time.monotonic()
            try:
                self.refresh()
            except Stopped:
                return
            except Exception as error:
                self._say_error(error)
            else:
                if self.error is not None:
                    self._say("hosts and flavors are read again")
                self.error = None
            self._woken.set()
            wait = max(self._interval - (time.monotonic() - began), 0.0)

    def _say_error(self, error: Exception) -> None:
        """Once, however often it comes; the first at the start is for whoever started it."""
        before, self.error = self.error, error
        first = before is None and self._text.since is None
        if first or (type(before), str(before)) == (type(error), str(error)):
            return
        words = str(error)
        if not isinstance(error, NumafitError | OSError):
            words = f"a defect of numafit, please report it: {type(error).__name__}: {error}"
        stays = "nothing was read yet" if self._text.since is None else "what was read before stays"
        self._say(f"{words}; {stays}")

    @property
    def up(self) -> bool:
        """Did the last reading work, and is the next not long overdue?"""
        overdue = time.monotonic() - self._ended > OVERDUE * self._interval + 60
        return self._worked and not overdue

    def plain(self) -> list[bytes]:
        """The text, in pieces of which only the last is made now."""
        text = self._text
        return [text.plain, self._own(text, True)]

    def gzipped(self) -> list[bytes]:
        """The same, packed as one member."""
        text = self._text
        own = self._own(text, True)
        check, size = zlib.crc32(own, text.check), len(text.plain) + len(own)
        tail = check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        return [_GZIP_HEAD, text.packed, _packed(own, zlib.Z_FINISH) + tail]

    def for_a_file(self) -> bytes:
        """Without the age, which would not grow there."""
        text = self._text
        return text.plain + self._own(text, False)

    def _own(self, text: Text, age: bool) -> bytes:
        return families.text_of(self._families(text, age))

    def _families(self, text: Text, age: bool) -> Iterator[families.Family]:
        up = "Whether the last reading of hosts and flavors worked, and none is long overdue."
        yield families.gauge("numafit_up", up, (), [((), int(self.up))])
        counted = ("Readings that were begun.", "Readings that failed.")
        yield families.counter("numafit_readings", counted[0], self._readings)
        yield families.counter("numafit_readings_failed", counted[1], self._failed)
        if text.since is None:
            return
        if age:
            words = "How old the numbers are: since the oldest of the hosts' sources was so."
            yield families.gauge(
                "numafit_data_age_seconds", words, (), [((), max(time.time() - text.since, 0.0))]
            )
        words = "Unix time at which the oldest of the hosts' sources was as the numbers say."
        yield families.gauge("numafit_data_timestamp_seconds", words, (), [((), text.since)])
        words = "How long the last reading that worked took, counting included."
        yield families.gauge("numafit_reading_duration_seconds", words, (), [((), text.took)])
