"""How does a fleet reach a process beside this one? As a file that is opened once there."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from numafit._engine import Prepared
from numafit.errors import InputError
from numafit.fleet import Fleet
from numafit.shared import open as opened
from numafit.shared import write

KEPT = 8
"""Fleets that a worker keeps open."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A fleet in a file."""

    path: str


@lru_cache(maxsize=KEPT)
def _opened(path: str) -> Fleet:
    try:
        return opened(path, check=False)
    except InputError as error:
        if os.path.exists(path):
            raise
        raise InputError(
            path,
            None,
            "nothing",
            "a fleet of the sweep",
            "A worker does not see the folder that fleets are lent in: give sweep(spool=...) one "
            "that every worker sees.",
        ) from error


def borrowed(value: Any) -> Any:
    """What a question gets: a fork of each fleet, which no other point sees it change."""
    match value:
        case Lent():
            return _opened(value.path).fork()
        case Fleet():
            return value.fork()
        case list() | tuple():
            return type(value)(map(borrowed, value))
        case dict():
            return {name: borrowed(one) for name, one in value.items()}
    return value


class Lender:
    """Lends fleets, and takes their files away at the end."""

    def __init__(self, spool: str | os.PathLike[str] | None, within: bool) -> None:
        self._spool = spool
        self._within = within
        """Do the workers share this process's memory?"""
        self._folder: str | None = None
        self._files: dict[int, tuple[Fleet, Lent]] = {}

    def lend(self, value: Any) -> Any:
        """The value as workers get it; ``borrowed`` turns it back."""
        match value:
            case Prepared():
                return value.request
            case Fleet() if not self._within:
                return self._file(value)
            case list() | tuple() if type(value) in (list, tuple):
                return type(value)(map(self.lend, value))
            case dict():
                return {name: self.lend(one) for name, one in value.items()}
        return value

    def _file(self, fleet: Fleet) -> Lent:
        known = self._files.get(id(fleet))
        if known is None:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="numafit-sweep-", dir=self._spool)
            path = os.path.join(self._folder, f"{len(self._files)}.fleet")
            write(fleet, path)
            known = self._files[id(fleet)] = (fleet, Lent(path))
        return known[1]

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
