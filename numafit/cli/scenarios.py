"""``--scenario "NAME: CHANGE; CHANGE"``: what is changed before the guests come."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from numafit.cli.notes import Asked
from numafit.errors import InvalidRequest, MisuseError, shorten
from numafit.model.flavor import Flavor
from numafit.model.guest import Limits
from numafit.model.request import Request
from numafit.planning.changes import Add, Ask, Change, Remove, Set
from numafit.readers.checks import nearest
from numafit.readers.hostfile import read_host_file
from numafit.rules.inventories import with_inventories

HELP = (
    "Compare with the hosts after changes: 'add COUNT HOST_FILE', 'remove HOSTS', 'set HOSTS "
    "KEY=VALUE...', 'flavor NAME KEY=VALUE...', one or several with ';' between them. HOSTS is a "
    "name or a pattern with * and ?. May be given several times."
)
AS_IT_IS = "as it is"
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)
_PAGES = re.compile(r"(\d{1,12})(K|M|G)(?:i?B)?:(\d{1,12})", re.ASCII)
_KIB = {"K": 1, "M": 1 << 10, "G": 1 << 20}
_SIZES = {"vcpus": "vcpus", "ram": "memory_mb", "disk": "disk_gb"}

Scenario = tuple[str, tuple[Change, ...]]


def scenarios(
    texts: Sequence[str], wanted: Sequence[Asked], request: Callable[[Flavor], Request]
) -> list[Scenario]:
    """The state as it is, and each scenario. ``wanted``: flavors that a change may be about;
    ``request``: what another one asks for."""
    found: dict[str, tuple[Change, ...]] = {AS_IT_IS: ()}
    for text in texts:
        name, colon, changes = text.partition(":")
        name = name.strip()
        if not colon or not name:
            raise _wrong(text, "NAME: CHANGE, with ';' between several changes")
        if name in found:
            raise _wrong(text, f"a name of its own in place of {name!r}")
        flavors = {flavor.name: flavor for flavor, _request in wanted}
        made = [_change(text, part, flavors, request) for part in changes.split(";")]
        found[name] = tuple(made)
    return list(found.items())


def _wrong(text: str, expected: str, hint: str = "") -> click.BadParameter:
    words = f"{shorten(text.strip())}: expected {expected}. {hint}".rstrip()
    return click.BadParameter(words, param_hint="--scenario")


def _change(
    text: str, part: str, flavors: dict[str, Flavor], request: Callable[[Flavor], Request]
) -> Change:
    try:
        words = shlex.split(part)
    except ValueError as error:
        raise _wrong(text, f"words of a shell ({error})") from None
    match words:
        case ["add", count, file]:
            if not _WHOLE.fullmatch(count) or not 0 < int(count) <= 1_000_000:
                raise _wrong(part, "add COUNT HOST_FILE, a count from 1 to 1000000")
            return Add(with_inventories(read_host_file(file)), int(count))
        case ["remove", hosts]:
            return Remove(hosts)
        case ["set", hosts, first, *more]:
            return Set(hosts, _settings(part, _pairs(part, [first, *more])))
        case ["flavor", name, first, *more]:
            if name not in flavors:
                hint = nearest(name, list(flavors)) or f"There are {', '.join([*flavors][:12])}."
                raise _wrong(part, "the name of a flavor that comes", hint)
            flavors[name] = _flavor(part, flavors[name], _pairs(part, [first, *more]))
            try:
                return Ask(name, request(flavors[name]))
            except InvalidRequest as error:
                raise _wrong(part, f"a flavor that nova takes ({error})") from None
        case [verb, *_] if verb in ("add", "remove", "set", "flavor"):
            forms = {"add": "COUNT HOST_FILE", "remove": "HOSTS"}
            form = forms.get(verb, f"{'HOSTS' if verb == 'set' else 'NAME'} KEY=VALUE...")
            raise _wrong(part, f"{verb} {form}")
    raise _wrong(part, "add, remove, set or flavor")


def _pairs(part: str, words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    found = {key: value for key, _equals, value in pairs}
    if not all(key and equals for key, equals, _ in pairs) or len(found) < len(pairs):
        raise _wrong(part, "KEY=VALUE, each key once")
    return found


def _settings(part: str, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Keywords of ``Fleet.set``."""
    known: dict[str, Callable[[str], Any]] = {
        "dedicated_cpus": str,
        "shared_cpus": str,
        "reserved_pages": lambda value: _reserved(part, value),
        "ratios": lambda value: _ratios(part, value),
        "traits": lambda value: [one for one in value.split(",") if one],
    }
    for key in pairs:
        if key not in known:
            raise _wrong(part, f"one of {', '.join(known)}, not {key}", nearest(key, list(known)))
    return {key: known[key](value) for key, value in pairs.items()}


def _reserved(part: str, value: str) -> dict[int, int]:
    """``1G:4,2M:100``: pages of each cell."""
    found = {}
    for one in value.split(","):
        size = _PAGES.fullmatch(one)
        if size is None:
            raise _wrong(part, "reserved_pages=SIZE:PAGES,... such as 1G:4, of each cell")
        found[int(size[1]) * _KIB[size[2]]] = int(size[3])
    return found


def _ratios(part: str, value: str) -> Limits:
    cpu, comma, ram = value.partition(",")
    try:
        if comma:
            return Limits(float(cpu), float(ram))
    except (ValueError, MisuseError):
        pass
    raise _wrong(part, "ratios=CPU,RAM, the allocation ratios of both, such as 4,1")


def _flavor(part: str, flavor: Flavor, pairs: Mapping[str, str]) -> Flavor:
    """The flavor with other numbers, and extra specs that are set or, with no value, taken out."""
    sizes: dict[str, Any] = {}
    specs = dict(flavor.extra_specs)
    for key, value in pairs.items():
        if key in _SIZES:
            if not _WHOLE.fullmatch(value):
                raise _wrong(part, f"a whole number for {key}")
            sizes[_SIZES[key]] = int(value)
        elif ":" not in key:
            raise _wrong(
                part, f"vcpus, ram, disk or an extra spec such as hw:numa_nodes, not {key}"
            )
        elif value:
            specs[key] = value
        else:
            specs.pop(key, None)
    try:
        return replace(flavor, **sizes, extra_specs=specs)
    except MisuseError as error:
        raise _wrong(part, str(error)) from None
