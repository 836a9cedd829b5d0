"""The guests that a plan of moves may speak of: of a nova database, or claims in a file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from numafit.cli.notes import Told
from numafit.cli.numbers import Number
from numafit.cli.output import print_table, size_text
from numafit.cli.servers import read as read_servers
from numafit.cli.sources import HostSources
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.holding import Holding
from numafit.planning.drain import SECONDS
from numafit.planning.move_plan import Step, rows
from numafit.planning.movers import Guest

_OPTIONS = (
    click.option(
        "--claims",
        "claim_files",
        metavar="FILE",
        multiple=True,
        help="Guests that the hosts' usage has: one line of Claim.to_json() each.",
    ),
    click.option(
        "--stay",
        metavar="NAME",
        multiple=True,
        help="A guest that must not be moved, by its name or uuid; of a file of claims 'line 3'.",
    ),
    click.option(
        "--seconds",
        type=Number(0.0, 86400.0),
        default=SECONDS,
        show_default=True,
        help="How long to look.",
    ),
)


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--claims``, ``--stay`` and ``--seconds``."""
    return functools.reduce(lambda inner, option: option(inner), reversed(_OPTIONS), function)


def guests_of(sources: HostSources, files: Sequence[str]) -> dict[str, Guest]:
    """By names that are told apart. UsageError where no source has any guests."""
    databases: Sequence[str] = sources.given["nova_db"]
    if not databases and not files:
        raise click.UsageError("Which guests are there? Give --nova-db, or --claims beside hosts.")
    found: dict[str, Guest] = {}
    for source in databases:
        for server in read_servers(source):
            found[server.label if server.label not in found else server.uuid] = server
    for file in files:
        for n, line in _lines(file):
            try:
                name = f"line {n}" if len(files) == 1 else f"{file} line {n}"
                found[name] = Holding.from_json(line)
            except InputError as error:
                raise error.within(file, f"line {n}") from None
    return found


def _lines(file: str) -> list[tuple[int, str]]:
    try:
        with open(file, encoding="utf-8") as opened:
            return [(n, line) for n, line in enumerate(opened, 1) if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(file, None, None, "text in UTF-8", f"{error}.") from None


def one_fleet(fleets: Sequence[Fleet]) -> Fleet:
    """All hosts in one, so that guests may go from each to each."""
    first, *others = fleets
    for other in others:
        first = first + other
    return first


def show_steps(steps: Sequence[Step], gain: bool = False) -> None:
    heads = ("step", "guest", "from", "to", "memory", *(("gain",) * gain))
    lines = [(*row[:4], size_text(row[4]), *(row[5:] if gain else ())) for row in rows(steps)]
    if lines:
        print_table(heads, lines, numbers=("step", "memory", "gain") if gain else heads[::4])


@dataclass(frozen=True, slots=True)
class _Moved:
    name: str


def asked_by(steps: Sequence[Step]) -> list[Told]:
    """What guests that are moved ask of where they go, for notes on what that leaves open."""
    once = {step.number: step for step in steps}.values()
    return [(_Moved(step.guest), step.request) for step in once if step.request is not None]


def described_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Memory is MiB; ``cells`` are those of the host it goes to, with the CPUs that it holds."""
    return [
        {
            "guest": step.guest,
            "from": step.source,
            "to": step.target,
            "memory_mb": step.memory_mb,
            "gain": step.gain,
            "cells": [
                {"host_cell": cell.host_cell, "cpus": sorted(cell.pinning.values())}
                for cell in step.placement.cells
            ],
        }
        for step in steps
    ]
