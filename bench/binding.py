"""The binding's operations, for the gate: run under callgrind, a dump of counts each.

``python -m bench.binding LIBMARKS``: the library with callgrind's marks.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

from bench import cases
from numafit import Fleet, Host, Placement

CALLS = 50


def operations() -> dict[str, Callable[[], Any]]:
    text = cases.topology(5, cpus=32, used=0.25)
    host, request = Host.from_nova(text), cases.request(cases.PINNED_4)
    refused = cases.request(cases.TOO_LARGE)
    fleet = Fleet([Host.from_nova(cases.topology(seed)) for seed in range(4)])
    placement = host.fit(request)
    assert isinstance(placement, Placement)

    def read_out() -> Any:
        made = host.fit(request)
        assert isinstance(made, Placement)
        return made.cells

    return {
        "python_fit": lambda: host.fit(request),
        "python_fit_read": read_out,
        "python_refused": lambda: host.fit(refused),
        "python_claim_release": lambda: host.release(host.claim(placement)),
        "python_scan": lambda: fleet.scan(request),
        "python_capacity": lambda: fleet.capacity(request),
        "python_schedule": lambda: [fleet.release(c) for c in fleet.schedule([request]) if c],
    }


def main() -> None:
    marks = ctypes.CDLL(sys.argv[1])
    gc.disable()
    for name, work in operations().items():
        for _ in range(3):
            work()
        marks.marks_start()
        for _ in range(CALLS):
            work()
        marks.marks_end(name.encode())
        print(name)


if __name__ == "__main__":
    main()
