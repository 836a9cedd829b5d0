"""Who comes: options that make a trace of a mix of flavors, or read one."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from numafit.cli.notes import Asked
from numafit.cli.numbers import Number
from numafit.cli.output import NOTHING, print_table, say
from numafit.cli.requests import Guests
from numafit.cli.shares import shares_of
from numafit.errors import InputError, printable, shorten
from numafit.planning.trace import LIFETIMES, STAYS, Trace
from numafit.planning.trace_flavors import InFlavors, StandIn, in_flavors
from numafit.plurals import counted
from numafit.readers.vm_traces import FORMS, Size, VmTrace, form_of, read_azure

GUESTS = 1000
"""Who come, where a mix says nothing else."""
PER_HOUR = 10.0
MOST_SIZES = 12
"""Sizes of a trace that the table names."""
_NAMES = ("mix", "count", "per_hour", "stay", "lifetime", "seed", "trace", "form", "machine", "as")
_MACHINE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,11})(?::(\d{1,9}))?", re.ASCII)
_SIZE = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,11})(?:x(\d{1,4}))?", re.ASCII)

_OPTIONS = (
    click.option(
        "--mix",
        metavar="NAME[=WEIGHT]",
        multiple=True,
        help="These flavors come, in these shares (default: all of FLAVORS, equally often).",
    ),
    click.option(
        "--guests",
        "count",
        type=click.IntRange(1, 10_000_000),
        help=f"How many come (default: {GUESTS}; of a trace: all). Of a trace, the first.",
    ),
    click.option(
        "--per-hour",
        type=Number(0, min_open=True),
        help=f"How many come in an hour, on average (default: {PER_HOUR:g}).",
    ),
    click.option(
        "--stay",
        type=Number(0, min_open=True),
        help="How many hours each stays, on average (default: for good).",
    ),
    click.option(
        "--lifetime",
        type=click.Choice(LIFETIMES),
        help=f"How the hours vary (default: {LIFETIMES[0]}).",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option(
        "--trace",
        metavar="FILE",
        help="Guests of a trace, in place of a mix: Azure's for packing of 2020, Huawei-East-1, "
        "Alibaba's GPU pods of 2023, or one of your own (flavor,start,end), compressed or not.",
    ),
    click.option(
        "--trace-format",
        "form",
        type=click.Choice(list(FORMS)),
        help="The form of the trace (default: what it looks like).",
    ),
    click.option(
        "--machine",
        metavar="CPUSxMIB[:ID]",
        help="Azure's sizes are parts of a machine: it has so many CPUs and MiB here, and is that "
        "of this machineId (default: the smallest).",
    ),
    click.option(
        "--as",
        metavar="CPUSxMIB[xGPUS]=FLAVOR",
        multiple=True,
        help="Guests of this size of the trace are of this flavor.",
    ),
)


def coming_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets one argument, ``coming``."""

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> Any:
        return function(*args, coming=Coming({n: kwargs.pop(n) for n in _NAMES}), **kwargs)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


@dataclass(slots=True)
class Coming:
    """``found``: what became of a trace that was read; ``None``: the guests are of a mix."""

    given: dict[str, Any]
    found: InFlavors | None = None

    @property
    def seed(self) -> int:
        return int(self.given["seed"])

    def trace(self, guests: Guests, read: Callable[[], list[Asked]]) -> tuple[Trace, list[Asked]]:
        """The trace, and the flavors that it is of. ``read``: what reads those of FLAVORS."""
        given = self.given
        file: str | None = given["trace"]
        other = ("mix", "per_hour", "stay", "lifetime") if file else ("form", "machine", "as")
        for name in other:
            if given[name]:
                option = "--trace-format" if name == "form" else f"--{name.replace('_', '-')}"
                how = "does not go with --trace" if file else "speaks of a --trace"
                raise click.UsageError(f"{option} {how}.")
        if file:
            return self._read(file, read())
        mix = shares_of("--mix", given["mix"])
        if mix:
            guests.only(list(mix))
        wanted = read()
        requests = {flavor.name: (request, mix.get(flavor.name, 1.0)) for flavor, request in wanted}
        trace = Trace.of_mix(
            requests,
            given["count"] or GUESTS,
            given["per_hour"] or PER_HOUR,
            given["stay"] or STAYS,
            given["lifetime"] or LIFETIMES[0],
            self.seed,
        )
        return trace, wanted

    def _read(self, file: str, wanted: list[Asked]) -> tuple[Trace, list[Asked]]:
        vms = _vms(file, self.given["form"] or form_of(file), self.given["machine"])
        named = dict(
            _named(text, [flavor.name for flavor, _ in wanted]) for text in self.given["as"]
        )
        found = self.found = in_flavors(vms, wanted, named, self.given["count"])
        if not len(found.trace):
            sizes = ", ".join(str(one.size) for one in found.stand_ins[:3])
            if not sizes:
                rows = (f"{counted(n, 'row')}: {why}" for why, n in found.passed_over.items())
                sizes = "; ".join(("no guests", *rows))
            hint = "Name flavors for its sizes with --as." if found.stand_ins else ""
            raise InputError(file, None, sizes, "guests that a flavor of FLAVORS stands for", hint)
        return found.trace, wanted

    def described(self) -> dict[str, Any] | None:
        """For machines: which flavor stands for each size of the trace, and what none does."""
        if self.found is None:
            return None
        return {
            "guests": len(self.found.trace),
            "left_out": self.found.left_out,
            "sizes": [
                {"size": str(one.size), "guests": one.guests, "flavor": one.flavor}
                for one in self.found.stand_ins
            ],
            "passed_over": dict(self.found.passed_over),
        }

    def show(self, err: bool) -> None:
        """What became of the trace; ``err``: where the answer itself is for machines."""
        if self.found is None:
            return
        if not err:
            _show_sizes(self.found.stand_ins)
        if self.found.left_out:
            some = [one for one in self.found.stand_ins if one.flavor is None]
            named = "; ".join(str(one.size) for one in some[:3])
            more = f"; and {counted(len(some) - 3, 'more size')}" if len(some) > 3 else ""
            whom = f"{counted(self.found.left_out, 'guest')} of the trace"
            why = f"no flavor has what they ask for ({named}{more})"
            say(printable(f"left out: {whom}, because {why}"), err=err)
        for why, rows in self.found.passed_over.items():
            say(f"passed over: {counted(rows, 'row')} of the trace: {why}", err=err)


def _show_sizes(stand_ins: Sequence[StandIn]) -> None:
    shown = stand_ins[:MOST_SIZES]
    rows = [(str(one.size), one.guests, one.flavor or NOTHING) for one in shown]
    print_table(("of the trace", "guests", "as flavor"), rows, numbers=("guests",))
    rest = stand_ins[MOST_SIZES:]
    if rest:
        guests = counted(sum(one.guests for one in rest), "guest")
        say(f"and {counted(len(rest), 'more size')}, of {guests}")


def _vms(file: str, form: str, machine: str | None) -> VmTrace:
    if form != "azure":
        if machine is not None:
            raise click.UsageError("--machine speaks of Azure's traces.")
        return FORMS[form](file)
    found = _MACHINE.fullmatch(machine or "")
    if found is None:
        raise click.BadParameter(
            f"{'not given' if machine is None else shorten(machine)}: expected CPUSxMIB[:ID], the "
            "CPUs and MiB of the machine that Azure's sizes are parts of, such as 64x262144.",
            param_hint="--machine",
        )
    cpus, memory, number = found.groups()
    return read_azure(file, int(cpus), int(memory), None if number is None else int(number))


def _named(text: str, flavors: Sequence[str]) -> tuple[Size, str]:
    size, equals, name = text.partition("=")
    found = _SIZE.fullmatch(size)
    if not equals or found is None:
        raise click.BadParameter(
            f"{shorten(text)}: expected CPUSxMIB[xGPUS]=FLAVOR.", param_hint="--as"
        )
    if name not in flavors:
        raise click.BadParameter(
            f"{shorten(text)}: expected one of {', '.join(flavors[:12])}.", param_hint="--as"
        )
    cpus, memory, gpus = found.groups()
    return Size(int(cpus), int(memory), int(gpus or 0)), name
