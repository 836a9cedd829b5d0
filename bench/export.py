"""How long does a scrape of 5,000 hosts x 60 flavors take, and reading them anew behind it?"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

from bench.measure import cpu_time
from bench.planning import LIMITS, catalogue
from bench.report import Row
from bench.wide import wide
from numafit.model.options import FitOptions
from numafit.serving.cache import Cache
from numafit.serving.counts import Counts, count
from numafit.serving.families import families, text_of
from numafit.serving.http import Server, url_of
from numafit.serving.reading import Reading, Wanted

HOSTS, FLAVORS = 5_000, 60
AT_MOST = 0.2
"""Seconds of a scrape."""
SCRAPE = """
import json, sys, time, urllib.request
url, packed, scrapes = sys.argv[1], sys.argv[2], int(sys.argv[3])
request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"} if packed else {})
took = []
for _ in range(scrapes):
    began = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        size = len(answer.read())
    took.append(time.perf_counter() - began)
print(json.dumps([sorted(took), size]))
"""


def scraped(url: str, packed: bool, scrapes: int = 20) -> tuple[float, float, int]:
    """By a process of its own: the median and the longest of so many, in seconds, and bytes."""
    command = [sys.executable, "-c", SCRAPE, url, "gzip" * packed, str(scrapes)]
    took, size = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return took[len(took) // 2], took[-1], size


def measure(hosts: int = HOSTS, flavors: int = FLAVORS) -> list[Row]:
    stock = {"VCPU": 400, "MEMORY_MB": 400_000}
    fleet = wide(hosts, seed=2, pools=4, nets=True, inventories=stock).fleet
    wanted = [Wanted(name, request) for name, request in catalogue(flavors).items()]
    options = FitOptions(limits=LIMITS)

    def read() -> Reading:
        return Reading([fleet], wanted, time.time(), options=options)

    found: list[Counts] = []
    counted = cpu_time(lambda: found.append(count(read())))
    written = cpu_time(lambda: text_of(families(found[0])))
    what = f"export: {hosts:,} hosts x {flavors} flavors"
    rows = [
        Row(f"{what}, counted", "all", counted),
        Row(f"{what}, written as text", "all", written),
    ]
    cache = Cache(read, 0.01)
    cache.refresh()
    server = Server("127.0.0.1", 0, cache)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for beside in ("", ", the longest beside readings"):
        if beside:
            cache.start()
        for words, packed in ((" with gzip", True), ("", False)):
            usual, longest, size = scraped(url_of(server), packed)
            took = longest if beside else usual
            name = f"{what}, scraped{words}{beside}"
            # what Prometheus asks for is gzip
            most = 1.0 if packed else None
            ratio, of = took / AT_MOST, f"of {AT_MOST} s, {size / 1e6:.1f} MB"
            rows.append(Row(name, "scrape", took, ratio=ratio, ratio_of=of, at_most=most))
    cache.stop(60)
    server.shutdown()
    server.server_close()
    return rows
