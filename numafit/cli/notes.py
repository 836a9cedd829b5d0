"""What stands below the answers: what they left open, and which inventories were worked out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numafit.cli.output import listed, say
from numafit.errors import printable
from numafit.fleet import Fleet
from numafit.model.flavor import Flavor
from numafit.model.request import Request
from numafit.plurals import counted
from numafit.spans import Hosts

MOST_RESTING = 8
"""Hosts that a note names of those that take no guests."""


class Named(Protocol):
    """A flavor, or a guest."""

    @property
    def name(self) -> str: ...


Told = tuple[Named, Request]
Asked = tuple[Flavor, Request]


@dataclass(slots=True)
class Note:
    """One sentence that answers leave open, on the most of ``hosts`` for one of ``flavors``."""

    sentence: str
    hosts: int = 0
    flavors: list[str] = field(default_factory=list)


class Notes:
    """Of the hosts that were asked."""

    def __init__(self, parts: Sequence[tuple[Fleet, Hosts]]) -> None:
        """``parts``: fleets, each with the indices of its hosts that are asked."""
        self._parts = parts
        self._hosts = sum(len(fleet if hosts is None else hosts) for fleet, hosts in parts)

    def of(self, request: Request) -> dict[str, int]:
        """Sentence -> on how many hosts."""
        found: dict[str, int] = {}
        for fleet, hosts in self._parts:
            for sentence, number in fleet.not_judged(request, hosts).items():
                found[sentence] = found.get(sentence, 0) + number
        return found

    @property
    def derived(self) -> list[str]:
        """Resource classes whose inventories were worked out, on some host at least."""
        return sorted({name for fleet, hosts in self._parts for name in fleet.derived_of(hosts)})

    @property
    def disabled(self) -> list[tuple[str, str]]:
        """Hosts whose compute service takes no guests, each with the reason."""
        return [one for fleet, hosts in self._parts for one in fleet.disabled_of(hosts)]

    def show(self, asked: Iterable[Told], err: bool = False) -> None:
        """``lines``; ``err``: where the answer itself is for machines."""
        for line in self.lines(asked):
            say(line, err=err)

    def lines(self, asked: Iterable[Told]) -> list[str]:
        """One a kind, of flavors for which some answer was yes."""
        asked = list(asked)
        lines = []
        for note in self._merged(asked):
            some = "" if note.hosts == self._hosts else f", on {counted(note.hosts, 'host')}"
            whose = "" if len(note.flavors) == len(asked) else f" ({listed(note.flavors)}{some})"
            where = whose or (f" ({some[2:]})" if some else "")
            lines.append(printable(f"not judged: {note.sentence}{where}"))
        if resting := self.disabled:
            lines.append(printable(f"take no guests: {_with_reasons(resting)}"))
        if asked and (classes := self.derived):
            derived = "derived from the hosts, as nova-compute reports them"
            lines.append(f"{derived}: {', '.join(classes)}")
        return lines

    def _merged(self, asked: Sequence[Told]) -> list[Note]:
        notes: dict[str, Note] = {}
        for flavor, request in asked:
            for sentence, hosts in self.of(request).items():
                note = notes.setdefault(sentence, Note(sentence))
                note.hosts = max(note.hosts, hosts)
                note.flavors.append(flavor.name)
        return list(notes.values())

    def described(self, request: Request) -> list[dict[str, Any]]:
        """For machines: what is not judged, and on how many hosts."""
        found = self.of(request)
        return [{"what": sentence, "hosts": hosts} for sentence, hosts in found.items()]


def _with_reasons(resting: Sequence[tuple[str, str]]) -> str:
    more = len(resting) - MOST_RESTING
    named = [f"{name or 'host'} ({why})" for name, why in resting[:MOST_RESTING]]
    return ", ".join(named) + (f" and {counted(more, 'host')} more" if more > 0 else "")
