"""What every test may count on."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Ctrl-C is heard, also where tests run in the background of a script: shells start such
    commands with SIGINT ignored, and so do their children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
