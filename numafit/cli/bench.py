"""``numafit bench``: how fast is it on this machine?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from numafit.benching.figures import Measured, duration, times
from numafit.benching.junit import suite
from numafit.benching.questions import QUESTIONS, measure
from numafit.cli.numbers import Number
from numafit.cli.output import format_option, print_json, print_table
from numafit.errors import InputError
from numafit.plurals import counted
from numafit.readers.checks import nearest

MOST_HOSTS = 10_000_000
HEADS = ("question", "one", "time", "x memory pass")


@click.command()
@click.option(
    "--hosts",
    type=click.IntRange(1, MOST_HOSTS),
    default=100_000,
    show_default=True,
    help="Hosts of the fleet, each of two cells.",
)
@click.option(
    "--seconds",
    type=Number(0, 3600),
    default=5.0,
    show_default=True,
    help="How long to measure: the least of many turns counts.",
)
@click.option(
    "--at-most",
    "limits",
    metavar="QUESTION=RATIO",
    multiple=True,
    help="Fail where a question takes longer than RATIO memory passes.",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the figures as JSON too.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write them as JUnit XML too.")
@format_option("json")
def command(
    hosts: int,
    seconds: float,
    limits: Sequence[str],
    json_file: str | None,
    junit_file: str | None,
    output: str,
) -> int:
    """How fast is numafit on this machine?

    A fleet is made, half used, and asked: which hosts take a pinned guest on 1 GiB pages (scan),
    how many each takes (capacity), where it lands on one (fit), why a larger one does not fit
    (refusal), and to claim its place and release it. The memory pass is the time that numpy takes
    to read 64 bytes for each cell of a host. Times of two machines say little about each other;
    ratios to the pass do.

    \b
    Examples:
      numafit bench --hosts 10000 --seconds 1
      numafit bench --seconds 1 --at-most scan=5 --junit build/bench.xml

    Exit status: 0 measured, 1 a ratio is above its --at-most, 2 bad input.
    """
    found = measure(hosts, seconds, dict(map(_limit, limits)))
    if json_file is not None:
        Path(json_file).write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
    if junit_file is not None:
        Path(junit_file).write_text(suite("numafit bench", found.cases()), encoding="utf-8")
    if output == "json":
        print_json(found.as_dict())
    else:
        _show(found)
    return 1 if any(one.fault for one in found.figures) else 0


def _limit(text: str) -> tuple[str, float]:
    name, sign, number = text.rpartition("=")
    if not sign or name not in QUESTIONS:
        raise InputError(
            None, "--at-most", text, f"QUESTION=RATIO, of {', '.join(QUESTIONS)}",
            nearest(name, QUESTIONS),
        )  # fmt: skip
    try:
        ratio = float(number)
    except ValueError:
        ratio = 0.0
    if not 0.0 < ratio < float("inf"):
        raise InputError(None, f"--at-most {name}", number, "a number above 0")
    return name, ratio


def _show(found: Measured) -> None:
    about = found.as_dict()["numafit"]
    click.echo(
        f"numafit {about['version']}, Python {about['python']}, numpy {about['numpy']}, "
        f"{about['system']}, {about['cpu']}\n"
        f"{counted(found.hosts, 'host')}; memory pass: {duration(found.memory_pass)} a host"
    )
    rows = [
        (one.question, one.unit, duration(one.seconds), times(one.ratio)) for one in found.figures
    ]
    print_table(HEADS, rows, numbers=HEADS[2:])
    for one in found.figures:
        if one.fault:
            click.echo(one.fault)
