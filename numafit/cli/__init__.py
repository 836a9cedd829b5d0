"""The command line: one file a command. ``main`` is what numafit_command and tests call."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from numafit.errors import ENGINE, NOT_BUILT, MissingExtra, NumafitError, printable

COMMANDS = {
    "fit": "Where a guest lands on each host, or why it does not fit.",
    "explain": "Why a guest does not fit, and the smallest changes by which it would.",
    "capacity": "How many more of each flavor fit, on each host and in all.",
    "headroom": "How much room each flavor has, what ends it, and what fragments will cost.",
    "stranded": "What is free on hosts and yet in reach of no flavor, and what would free it.",
    "export": "The same numbers for Prometheus, kept up to date, and how old they are.",
    "show": "Hosts: cells, cores, memory, pages, networks and devices.",
    "replay": "Where numafit and nova agree on recorded cases.",
    "discover": "Near which NUMA nodes physical networks and tunnels are, and nova.conf for it.",
    "check": "Contradictions between a host, its nova.conf and its neutron agents.",
    "servers": "Who sits on which CPU, cell and device of each host.",
    "move": "Can this server move to another host, or be resized?",
    "drain": "Can a host be emptied by live migrations, where to, in which order?",
    "plan-moves": "The fewest live migrations that make room for guests of a flavor.",
    "what-if": "How long the hosts last as guests come and go, with more hosts or other choices.",
    "report": "All that planners look at first, in one HTML file.",
    "bench": "How fast numafit is on this machine, beside its memory.",
    "multiqueue": "How many queues a guest's virtio interfaces get.",
}
"""Name -> short help. The module of that name in this package (``_`` for ``-``) is imported when it
is asked for; it has a click command named ``command``."""

MOST_WORDS = 1200
"""Characters of a complaint; an argument that it repeats may be as long as the system allows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0 yes, 1 no, 2 bad input or an answer that cannot be
    printed, 3 a defect of numafit, 130 interrupted. 1 is an answer: nothing else ends with it."""
    if sys.stdout is None:
        return complain("standard output is closed: nothing can be answered")
    try:
        from numafit.cli.group import run

        status = run(arguments)
        sys.stdout.flush()
        return status
    except ModuleNotFoundError as error:
        if error.name in ENGINE:
            return complain(NOT_BUILT)
        if error.name != "click":
            return _failed(error)
        return complain(str(MissingExtra("click", "cli")))
    except NumafitError as error:
        return complain(str(error))
    except MemoryError:
        return complain("the memory that this process may have is used up")
    except BrokenPipeError:
        # whoever reads has seen enough, such as 'head'; Python flushes once more at exit
        _forget_output()
        return complain("standard output: its reader ended before the answer did")
    except OSError as error:
        _forget_output()
        # what has no name is written to; readers name the files that they cannot read
        return complain(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except UnicodeEncodeError as error:
        _forget_output()
        lost = error.object[error.start]
        return complain(f"standard output: {error.encoding} has no {lost!a}: set PYTHONUTF8=1")
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    """What nobody thought of must not end like an answer."""
    if os.environ.get("NUMAFIT_TRACEBACK"):
        raise error
    complain(
        f"a defect of numafit, please report it: {type(error).__name__}: {error} "
        "(NUMAFIT_TRACEBACK=1 shows where)"
    )
    return 3


def _forget_output() -> None:
    _forget(sys.stdout)


def _forget(stream: TextIO) -> None:
    """What is left in a buffer is not written, or Python would fail at exit with a status of its
    own."""
    with suppress(OSError):  # it may be no file at all
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def complain(text: str, hint: str = "") -> int:
    """One line on standard error, whatever a hostile file put into it; the exit status. Where
    there is no standard error, the status alone tells."""
    words = printable(" ".join(text.split()))
    if len(words) > MOST_WORDS:
        words = words[:MOST_WORDS] + "..."
    if sys.stderr is not None:
        try:
            print(f"numafit: {words}{hint}", file=sys.stderr, flush=True)
        except OSError:
            _forget(sys.stderr)
    return 2
