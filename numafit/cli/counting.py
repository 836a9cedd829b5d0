"""Options of commands that place guests until hosts are full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from numafit.spans import DEFAULT_CAP


def counting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--cap`` and ``--threads``."""
    threads = click.option(
        "--threads",
        type=click.IntRange(1, 1024),
        default=1,
        show_default=True,
        help="Threads to count with.",
    )
    cap = click.option(
        "--cap",
        type=click.IntRange(1, 0xFFFFFFFF),
        default=DEFAULT_CAP,
        show_default=True,
        help="Stop counting on a host when so many fit.",
    )
    return cap(threads(function))


picture_option = click.option(
    "--picture", metavar="FILE", help="Draw it: .png, .svg or .pdf (numafit[plot])."
)
