"""How long does it take to read a fleet from nova's rows, and how much memory does it keep?"""

from __future__ import annotations

import gc
import tracemalloc

from bench import cases, stock
from bench.measure import cpu_time, prepared, take_turns
from bench.report import Row, faster
from numafit import Fleet

ROWS = 100_000
DISTINCT = 2_000


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
    gc.collect()
    tracemalloc.start()
    fleet = Fleet.from_nova_rows(rows)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    assert len(fleet) == count
    return [
        faster(f"rows: {count:,} hosts from nova's JSON", "row", least, theirs, 10.0),
        Row("rows: memory kept", "host", least, ratio=kept, ratio_of="bytes a host", at_most=400.0),
    ]
