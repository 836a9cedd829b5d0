"""What the script ``numafit`` starts with: Ctrl-C is one line and status 130 from here on.

It stands beside ``numafit``, so that not even the import of that comes first; numpy makes an
ImportError of a KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal


def main() -> int:
    """The command line, in a process of its own; the exit status."""
    # a command that was started to ignore Ctrl-C, as nohup does it, goes on ignoring it
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from numafit.cli import main

    return main()


def _end(_signal: int, _frame: object) -> None:
    # no exception, which somebody on the way up could take for something else; a command changes
    # nothing that would have to be put in order
    try:
        os.write(2, b"numafit: interrupted\n")
    finally:
        os._exit(130)
