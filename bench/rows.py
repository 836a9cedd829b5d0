"""How long does it take to read a fleet from nova's rows, and how much memory does it keep?"""

from __future__ import annotations

import gc
import json
import tracemalloc

from bench import cases, stock
from bench.measure import cpu_time, prepared, take_turns
from bench.report import Row, faster
from numafit import Fleet

ROWS = 100_000
DISTINCT = 2_000
BEFORE = 0.75
"""The ratio at commit 9d9d4c8, which decoded each row whole: this file was run there too."""


def measure(count: int = ROWS) -> list[Row]:
    texts = [cases.topology(seed) for seed in range(DISTINCT)]
    rows = [(f"compute{n:06}", texts[n % DISTINCT], None) for n in range(count)]
    least = min(cpu_time(lambda: Fleet.from_nova_rows(rows)) for _ in range(2)) / count
    theirs = None
    if stock.missing() is None:
        nova = stock.Stock(texts[0])
        read = nova.objects.NUMATopology.obj_from_db_obj
        some = texts[:50]
        each = [prepared(read, lambda text=text: text, 1) for text in some]  # type: ignore[misc]
        theirs = sum(take_turns(each, 7)) / len(some)
    # all hosts differ in usage and in the pools' providers; the standard library's decoder reads
    # the same text in turn
    unlike = [
        (f"compute{n:06}", cases.topology(n, cpus=(32, 48, 64)), cases.pools(n, provider=str(n)))
        for n in range(DISTINCT)
    ]
    ours, decoder = take_turns(
        [
            lambda: cpu_time(lambda: Fleet.from_nova_rows(unlike)) / DISTINCT,
            lambda: (
                cpu_time(lambda: [json.loads(text) for row in unlike for text in row[1:]])
                / DISTINCT
            ),
        ],
        5,
    )
    gc.collect()
    tracemalloc.start()
    fleet = Fleet.from_nova_rows(rows)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / count
    if fleet._columns.slab is not None:  # a mapping of its own, which Python does not count
        kept += sum(array.nbytes for array in fleet.columns(copy=False).values()) / count
    tracemalloc.stop()
    assert len(fleet) == count
    return [
        faster(f"rows: {count:,} hosts from nova's JSON", "row", least, theirs, 40.0),
        Row(
            "rows: two cells of 32 to 64 CPUs, four PCI pools, no two alike",
            "row",
            ours,
            ratio=decoder / ours,
            ratio_of=f"json.loads / numafit, {BEFORE} before",
            at_least=3.0,
        ),
        Row("rows: memory kept", "host", least, ratio=kept, ratio_of="bytes a host", at_most=400.0),
    ]
