"""The verbs of Fleet and Host, for the gate: run under callgrind, a dump of counts each.

``python -m bench.binding LIBMARKS [VERB]...``: the library with callgrind's marks, and which of
them (default: all).
"""

from __future__ import annotations

import ctypes
import gc
import sys

from bench.verbs import verbs

CALLS = 10


def mark(name: str) -> str:
    """A verb's name as callgrind's marks take it."""
    return name.replace(".", "__").replace(" ", "_")


def main() -> None:
    marks = ctypes.CDLL(sys.argv[1])
    found = verbs()
    gc.disable()
    for name in sys.argv[2:] or found:
        work = found[name]
        for _ in range(3):
            work()
        marks.marks_start()
        for _ in range(CALLS):
            work()
        marks.marks_end(mark(name).encode())
        print(name)


if __name__ == "__main__":
    main()
