"""nova.conf on the command line: which files are for which hosts, and what they change there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import click

from numafit.cli.output import say
from numafit.errors import InputError, printable, shorten
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostInfo
from numafit.plurals import counted
from numafit.readers.checks import nearest
from numafit.rules.config_over import ON_HOSTS, apply_over
from numafit.rules.inventories import INVENTORY_OPTIONS, SETS_ALONE, with_inventories
from numafit.rules.nova_config import NovaConfig, apply_config

_PACKING = "[compute] packing_host_numa_cells_allocation_strategy"


@dataclass(slots=True)
class _Seen:
    """What one configuration did to the hosts of stored sources."""

    hosts: int = 0
    changed: dict[str, set[int]] = field(default_factory=dict)
    """Option -> the hosts that it changed, by their number."""
    idle: Counter[str] = field(default_factory=Counter)


class Configs:
    """The files of ``--config`` and ``--config-dir``.

    ``FILE`` is for every host, ``GLOB=FILE`` for those whose name matches, on top of the files
    for all; ``--config-dir`` wins over both.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self._folders: tuple[str, ...] = tuple(given.get("config_dir") or ())
        self._files: list[tuple[str | None, str]] = list(map(_pattern, given.get("config") or ()))
        self._read: dict[tuple[str, ...], NovaConfig] = {}
        self._seen: dict[tuple[str, ...], _Seen] = {}
        self._matched: set[str] = set()
        self._names: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._files or self._folders)

    def _of(self, files: tuple[str, ...]) -> NovaConfig | None:
        if not files and not self._folders:
            return None
        if files not in self._read:
            from numafit.readers.nova_conf import read_nova_conf

            self._read[files] = read_nova_conf(files, self._folders)
        return self._read[files]

    def _files_for(self, name: str | None) -> tuple[str, ...]:
        """Those for all hosts, then those whose pattern matches."""
        first = [file for pattern, file in self._files if pattern is None]
        if name is None:
            return tuple(first)
        self._names[name] = None
        for pattern, file in self._files:
            if pattern is not None and fnmatchcase(name, pattern):
                self._matched.add(pattern)
                first.append(file)
        return tuple(first)

    @property
    def for_all(self) -> NovaConfig | None:
        """The configuration without the files of patterns; ``None`` where there is none."""
        return self._of(self._files_for(None))

    def of_host(self, name: str) -> NovaConfig | None:
        return self._of(self._files_for(name))

    def each(self) -> list[NovaConfig]:
        """What is for all hosts, and each file of a pattern for itself."""
        configs = [self.for_all]
        configs += [self._of((file,)) for pattern, file in self._files if pattern is not None]
        return [one for one in configs if one is not None]

    def aliases(self) -> tuple[str, ...]:
        """The texts of ``[pci] alias`` of all files, each once: guests are asked about on every
        host, so that what one file defines counts for all."""
        return tuple(dict.fromkeys(text for one in self.each() for text in one.aliases))

    def strategy(self) -> str | None:
        """Which host cells are tried first; ``None`` where no file is for all hosts.

        Raises InputError for a file of a pattern that says otherwise: a guest is asked about on
        all hosts in one way.
        """
        config = self.for_all
        for pattern, file in self._files:
            one = self._of((file,)) if pattern is not None else None
            if one is None or _PACKING not in one.given:
                continue
            if one.strategy != ("spread" if config is None else config.strategy):
                expected = f"the same as for the hosts that {pattern} does not match"
                hint = "Set it in a --config for all hosts, or ask by --strategy."
                raise InputError(file, _PACKING, one.pack_host_cells, expected, hint)
        return None if config is None else config.strategy

    def applied(self, host: HostInfo, hardware: bool) -> HostInfo:
        """``host`` under its configuration. ``hardware``: it shows the machine itself, so that the
        file makes all of what nova would report; else what the file sets changes."""
        files = self._files_for(host.name)
        config = self._of(files)
        if config is None:
            return host
        if hardware:
            return apply_config(host, config)
        over = apply_over(host, config)
        if not config.given & (ON_HOSTS | INVENTORY_OPTIONS.keys()):
            return over.host
        seen = self._seen.setdefault(files, _Seen())
        seen.hosts += 1
        for option in over.changed:
            seen.changed.setdefault(option, set()).add(seen.hosts)
        seen.idle.update(over.idle)
        return over.host

    def with_inventories(self, host: HostInfo, ratios: Limits | None) -> HostInfo:
        """``host``, already under its configuration, with inventories under it too."""
        files = self._files_for(host.name)
        config = self._of(files)
        found = with_inventories(host, config, ratios)
        seen = self._seen.get(files)
        options = {**INVENTORY_OPTIONS, **({} if host.cells else SETS_ALONE)}
        if config is not None and seen is not None:
            for option in sorted(config.given & options.keys()):
                if option in SETS_ALONE:
                    seen.idle -= Counter((option,))
                unset = replace(config, **options[option])
                if with_inventories(host, unset, ratios).provider != found.provider:
                    seen.changed.setdefault(option, set()).add(seen.hosts)
        return found

    def report(self) -> None:
        """One line for each configuration over stored hosts: what it changed."""
        self.need_matches()
        for files, seen in self._seen.items():
            say(printable(f"numafit: {' '.join(_line(self._names_of(files), seen))}"), err=True)

    def need_matches(self) -> None:
        """A pattern that matched no host is a UsageError."""
        for pattern, _file in self._files:
            if pattern is not None and pattern not in self._matched:
                names = [name for name in self._names if name]
                hint = nearest(pattern, names)
                raise click.UsageError(
                    f"--config {shorten(pattern)}=...: no host matches. {hint}".rstrip()
                )

    def _names_of(self, files: tuple[str, ...]) -> str:
        return " + ".join([*files, *self._folders])


def _line(files: str, seen: _Seen) -> Iterator[str]:
    if seen.changed:
        what = ", ".join(
            f"{option} of {counted(len(hosts), 'host')}" for option, hosts in seen.changed.items()
        )
        yield f"{files} changes {what}; the rest stays as it was stored"
    else:
        yield f"{files} changes nothing on {counted(seen.hosts, 'host')}"
    if seen.idle:
        idle = ", ".join(f"{option} on {counted(n, 'host')}" for option, n in seen.idle.items())
        yield f"(no bearing, for want of such cells or pages: {idle})"


def _pattern(text: str) -> tuple[str | None, str]:
    """``GLOB=FILE`` -> both; a file of that very name is a file."""
    pattern, equals, file = text.partition("=")
    if not equals or os.path.exists(text):
        return None, text
    if not pattern or not file:
        raise click.BadParameter(
            f"{shorten(text)}: expected FILE or GLOB=FILE.", param_hint="--config"
        )
    return pattern, file
