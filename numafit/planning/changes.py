"""What if the fleet were another? Changes as values, so that they travel, print and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from numafit.errors import InvalidValue, MisuseError
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.hostinfo import HostInfo
from numafit.model.request import Request
from numafit.planning.trace import Trace
from numafit.plurals import counted


@dataclass(frozen=True, slots=True)
class Add:
    """``count`` more hosts like this one."""

    host: HostInfo
    count: int = 1

    def __post_init__(self) -> None:
        fields.instance("host", self.host, HostInfo)
        fields.number("count", self.count, 1, 10_000_000, "hosts")

    def __str__(self) -> str:
        name = self.host.name
        return f"{self.count:,} more {name}" if name else counted(self.count, "more host")


@dataclass(frozen=True, slots=True)
class Remove:
    """No more hosts whose name is like ``match`` (``*`` and ``?`` as in a shell)."""

    match: str

    def __str__(self) -> str:
        return f"without {self.match}"


@dataclass(frozen=True, slots=True)
class Set:
    """Hosts whose name is like ``match`` with other settings: the keywords of ``Fleet.set``."""

    match: str = "*"
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.match}: {said}"


@dataclass(frozen=True, slots=True)
class Ask:
    """Guests of this flavor ask for something else: for what ``request`` says."""

    flavor: str
    request: Request

    def __post_init__(self) -> None:
        fields.text("flavor", self.flavor)
        fields.instance("request", self.request, Request)

    def __str__(self) -> str:
        return f"another {self.flavor}"


Change = Add | Remove | Set | Ask


def matching(fleet: Fleet, match: str) -> list[int]:
    """Indices of hosts by name. Raises MisuseError where there is none."""
    found = [n for n, name in enumerate(fleet.names) if name and fnmatchcase(name, match)]
    if not found:
        raise MisuseError(f"match={match!r}: no host of the fleet has such a name")
    return found


def changed(fleet: Fleet, changes: Sequence[Change]) -> Fleet:
    """A fork of the fleet with these changes, one after the other."""
    fork = fleet.fork()
    for n, change in enumerate(changes):
        match change:
            case Add():
                fork = fork.with_hosts(change.host, change.count)
            case Remove():
                fork.remove(matching(fork, change.match))
            case Set():
                fork.set(matching(fork, change.match), **change.settings)
            case Ask():
                pass  # it changes guests: ``asked_for``
            case _:
                raise InvalidValue(f"changes[{n}]", change, "an Add, a Remove, a Set or an Ask")
    return fork


def asked_for(trace: Trace, changes: Sequence[Change]) -> Trace:
    """The trace with what its guests ask for after these changes. Raises MisuseError for a flavor
    that it does not have."""
    requests = dict(zip(trace.names, trace.requests, strict=True))
    for change in changes:
        if isinstance(change, Ask):
            if change.flavor not in requests:
                raise MisuseError(f"flavor={change.flavor!r}: no guest of the trace is of it")
            requests[change.flavor] = change.request
    return replace(trace, requests=tuple(requests.values()))
