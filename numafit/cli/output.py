"""What every command prints with: tables for people, JSON for machines."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TextIO

import click

from numafit.cli.layout import line_length, stacked, terminal_width, widths_of, wrapped
from numafit.cpuset import format_cpu_list
from numafit.errors import printable, shorten
from numafit.extras import need

NOTHING = "-"
MOST_NAMES = 3
"""Names of many that a sentence has."""


class _Formats(click.Choice[str]):
    """``old``: what ``table`` was called before, which is still taken and not listed."""

    def __init__(self, formats: Sequence[str], old: str | None) -> None:
        super().__init__(formats)
        self._old = old

    def convert(self, value: Any, *where: Any) -> Any:
        return super().convert("table" if value == self._old else value, *where)


def format_option(
    *formats: str, text: str = "How to print the answer.", old: str | None = None
) -> Callable[[Any], Any]:
    """``--format`` with ``table``, which is the default, ``json``, and others where a command has
    them. ``text``: its help; ``old``: another word for ``table`` that is taken."""
    return click.option(
        "--format",
        "output",
        type=_Formats(["table", *formats], old),
        default="table",
        show_default=True,
        help=text,
    )


def say(text: str, err: bool = False) -> None:
    """A sentence, or lines of them: on a terminal broken between words, elsewhere whole."""
    if is_terminal(sys.stderr if err else sys.stdout):
        text = "\n".join(line for one in text.split("\n") for line in _broken(one))
    click.echo(text, err=err)


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _broken(line: str) -> Iterator[str]:
    """As many lines as the terminal needs for it, those after the first set in."""
    words = line.lstrip(" ")
    margin = " " * (len(line) - len(words))
    # one column is left free: some terminals go on to the next line behind the last
    first, *more = wrapped(words, terminal_width() - len(margin) - 3)
    yield margin + first
    yield from (f"{margin}  {one}" for one in more)


def print_json(value: object) -> None:
    """One document, indented, in a stable order."""
    click.echo(json.dumps(value, indent=2))


def print_csv(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Lines that end in a newline alone; what is not there is empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(heads)
    lines.writerows(rows)
    click.echo(text.getvalue(), nl=False)


def save_picture(figure: Any, path: str) -> None:
    """Write a matplotlib Figure, in the format that the name of the file ends in."""
    known = figure.canvas.get_supported_filetypes()
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    if ending not in known:
        raise click.BadParameter(
            f"{shorten(path)}: expected a name that ends in .png, .svg or .pdf.",
            param_hint="--picture",
        )
    figure.savefig(path)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()
) -> None:
    """A table as wide as it needs to be, at most as wide as the terminal. ``numbers``: the columns
    that are set to the right. Where the words of a row do not fit beside each other, it is a block
    with a line per column."""
    texts = [[NOTHING if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = widths_of(columns, texts, numbers)
    if widths is None:
        click.echo("\n".join(stacked(columns, texts)) + "\n")
        return
    console = need("rich.console", "cli").Console(highlight=False)
    table = need("rich.table", "cli").Table(box=need("rich.box", "cli").SIMPLE_HEAD, pad_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, justify="right" if name in numbers else "left", width=width)
    text = need("rich.text", "cli").Text
    for row in texts:
        # Text, so that brackets in a name are not markup
        table.add_row(
            *(text("\n".join(wrapped(cell, n))) for cell, n in zip(row, widths, strict=True))
        )
    with console.capture() as printed:
        console.print(table)
    # rich fills each line up to the table's width, and puts an empty one around it
    lines = [line.rstrip() for line in printed.get().splitlines()]
    click.echo("\n".join(line for line in lines if line) + "\n")


def columns_that_fit(widths: Sequence[int]) -> int:
    """How many columns, from the first on, ``print_table`` sets without folding a cell."""
    for n in range(len(widths), 0, -1):
        if line_length(widths[:n]) <= terminal_width():
            return n
    return 0


def listed(names: Sequence[str]) -> str:
    """``a, b, c and 4 more``."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def cpu_text(cpus: Iterable[int]) -> str | None:
    return format_cpu_list(cpus) or None


def size_text(mebibytes: int) -> str:
    """``16384`` -> ``"16 GiB"``."""
    return f"{mebibytes >> 10} GiB" if mebibytes and not mebibytes % 1024 else f"{mebibytes} MiB"


def and_text(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + list(words[-1:]))
