"""The command line: one file a command. ``numafit.cli:main`` is the entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from numafit.errors import MissingExtra, NumafitError, printable

COMMANDS = {
    "fit": "numafit.cli.fit",
    "capacity": "numafit.cli.capacity",
    "show": "numafit.cli.show",
    "replay": "numafit.cli.replay",
    "discover": "numafit.cli.discover",
    "check": "numafit.cli.check",
    "multiqueue": "numafit.cli.multiqueue",
}
"""Name -> module, imported when it is asked for; each has a click command named ``command``."""

MOST_WORDS = 1200
"""Characters of a complaint; an argument that it repeats may be as long as the system allows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status: 0 yes, 1 no, 2 bad input, 130 interrupted."""
    if sys.stdout is None:
        return complain("standard output is closed: nothing can be answered")
    try:
        from numafit.cli.group import run

        status = run(arguments)
        sys.stdout.flush()
        return status
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        return complain(str(MissingExtra("click", "cli")))
    except NumafitError as error:
        return complain(str(error))
    except MemoryError:
        return complain("the memory that this process may have is used up")
    except BrokenPipeError:
        # the reader, such as 'head', has seen enough; Python flushes once more at exit
        _forget_output()
        return 0
    except OSError as error:
        # what cannot be written is not an answer, and must not end like one
        _forget_output()
        return complain(f"standard output: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130


def _forget_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str, hint: str = "") -> int:
    """One line on standard error, whatever a hostile file put into it; the exit status."""
    words = printable(" ".join(text.split()))
    if len(words) > MOST_WORDS:
        words = words[:MOST_WORDS] + "..."
    print(f"numafit: {words}{hint}", file=sys.stderr)
    return 2
