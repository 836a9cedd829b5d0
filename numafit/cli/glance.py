"""Answers of many hosts: which of them are asked and shown, and all of them at a glance."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt

from numafit.cli.output import and_text, print_table, say
from numafit.errors import shorten
from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.plurals import counted
from numafit.readers.checks import nearest
from numafit.views.refused import reasons

MOST_HOSTS = 20
"""Hosts whose answers are printed one below the other; more do not fit a screen."""
MOST_NAMES = 3
"""Hosts with room that a summary names."""

match_option = click.option(
    "--match",
    "patterns",
    metavar="GLOB",
    multiple=True,
    help="Only hosts whose name matches, such as 'xeon-*'; may be given several times.",
)
_OPTIONS = (
    click.option(
        "--only",
        type=click.Choice(["fits", "refused"]),
        help="Only answers of this kind.",
    ),
    click.option(
        "--by-host",
        is_flag=True,
        help=f"Each host's answer, also of more than {MOST_HOSTS} hosts.",
    ),
)


Services = Mapping[str, str]
"""Name of a host -> that of its nova-compute, where a source tells another one."""


def name_matches(name: str, patterns: Sequence[str], service: str = "") -> bool:
    """Whether a host of this name is asked, by it or by the name of its nova-compute; without
    patterns every host is."""
    known = (name, service or name)
    return not patterns or any(fnmatchcase(word, one) for one in patterns for word in known)


def need_matches(
    option: str, patterns: Sequence[str], names: Iterable[str], services: Services
) -> None:
    """A pattern that matches no host is a UsageError."""
    known = list(dict.fromkeys(filter(None, names)))
    for pattern in patterns:
        if not any(name_matches(name, (pattern,), services.get(name, "")) for name in known):
            hint = nearest(pattern, [*known, *services.values()]) or (
                f"There are {', '.join(known[:MOST_NAMES])}"
                + (", ..." if len(known) > MOST_NAMES else ".")
            )
            raise click.UsageError(f"{option} {shorten(pattern)}: no host matches. {hint}")


@dataclass(frozen=True, slots=True)
class Glance:
    """What is to be shown: hosts whose names match one of ``patterns`` (none: all), answers of
    one kind (``fits``, ``refused``) or both, and whether each host has lines of its own.
    ``option``: the one that gives the patterns."""

    patterns: tuple[str, ...] = ()
    only: str | None = None
    by_host: bool = False
    option: str = "--match"

    def hosts(self, fleets: Sequence[Fleet], services: Services) -> ChosenHosts:
        """Those that match; a pattern that matches none is a UsageError."""
        names = [fleet.names for fleet in fleets]
        need_matches(self.option, self.patterns, chain.from_iterable(names), services)
        return ChosenHosts(
            [
                (
                    fleet,
                    np.flatnonzero(
                        [name_matches(name, self.patterns, services.get(name, "")) for name in some]
                    ),
                )
                for fleet, some in zip(fleets, names, strict=True)
            ]
        )

    def shows(self, fits: bool) -> bool:
        return self.only is None or (self.only == "fits") == fits


@dataclass(frozen=True, slots=True)
class ChosenHosts:
    """Indices of each fleet."""

    parts: list[tuple[Fleet, npt.NDArray[np.intp]]]

    def asked(self, request: Request, options: FitOptions) -> AskedHosts:
        return AskedHosts(
            [
                (fleet, indices, fleet.scan(request, options, hosts=indices))
                for fleet, indices in self.parts
            ],
            request,
            options,
        )


class Answered(NamedTuple):
    """``host``: its name; several hosts may have the same. ``number``: in ``fleet``."""

    host: str
    found: Placement | Refusal
    fleet: Fleet
    number: int


@dataclass(frozen=True, slots=True)
class AskedHosts:
    """One request on all of these hosts: what a scan says, and each answer where it is wanted."""

    parts: list[tuple[Fleet, npt.NDArray[np.intp], npt.NDArray[np.bool_]]]
    request: Request
    options: FitOptions

    @property
    def number(self) -> int:
        return sum(len(fits) for _fleet, _indices, fits in self.parts)

    @property
    def fitting(self) -> int:
        return sum(int(np.count_nonzero(fits)) for _fleet, _indices, fits in self.parts)

    def shown(self, glance: Glance) -> int:
        """Hosts whose answers are of the kind to be shown."""
        fits = self.fitting
        return fits * glance.shows(True) + (self.number - fits) * glance.shows(False)

    def names(self, fits: bool) -> Iterator[str]:
        for fleet, indices, found in self.parts:
            names = fleet.names
            for n in indices[found == fits].tolist():
                yield names[n] or f"host {n}"

    def answers(self, glance: Glance) -> Iterator[Answered]:
        """Each host with its whole answer, in the order of the hosts."""
        for fleet, indices, found in self.parts:
            names = fleet.names
            for n, fits in zip(indices.tolist(), found.tolist(), strict=True):
                if glance.shows(fits):
                    yield Answered(names[n], fleet.fit_on(self.request, n, self.options), fleet, n)


def print_summary(name: str, asked: AskedHosts, glance: Glance) -> None:
    """How many hosts take the flavor called ``name``, and why the others do not."""
    fits = asked.fitting
    say(f"{name}: fits on {fits:,} of {counted(asked.number, 'host')}{_named(asked, glance)}")
    if fits == asked.number or not glance.shows(False):
        return
    refused = Glance(only="refused")
    found = reasons(one.found for one in asked.answers(refused) if isinstance(one.found, Refusal))
    print_table(
        ("hosts", "why not", "nearest miss"),
        ((one.hosts, one.words, one.miss or None) for one in found),
        numbers=("hosts",),
    )


def _named(asked: AskedHosts, glance: Glance) -> str:
    if asked.fitting in (0, asked.number) or not glance.shows(True):
        return ""
    names = list(asked.names(True))
    more = len(names) - MOST_NAMES
    listed = names if more <= 0 else [*names[:MOST_NAMES], f"{more} more"]
    return ": " + and_text(listed)


def glance_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets one argument, ``glance``."""

    @functools.wraps(function)
    def command(*args: Any, only: str | None, by_host: bool, **kwargs: Any) -> Any:
        return function(*args, glance=Glance(only=only, by_host=by_host), **kwargs)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
