"""What has a sweep answered so far? One line of JSON a point, in a file that grows.

The first line says of which sweep. A line is written whole or, where the writer is ended in the
middle of it, is the last: it is cut off when the sweep goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from numafit.errors import InputError

Row = dict[str, Any]
_HINT = "Give another file, or remove this one to ask everything anew."


class Book:
    """The file of ``to=``; of ``None`` nothing is kept."""

    def __init__(self, path: str | os.PathLike[str] | None, sweep: Mapping[str, Any]) -> None:
        self.known: dict[int, list[Row]] = {}
        self._file: IO[bytes] | None = None
        if path is None:
            return
        self._path = os.fspath(path)
        # "a" would write where somebody else has gone on
        with open(self._path, "ab"):
            pass
        file = open(self._path, "r+b")  # noqa: SIM115
        try:
            self._begin(file, dict(sweep))
        except BaseException:
            file.close()
            raise
        self._file = file

    def _begin(self, file: IO[bytes], sweep: dict[str, Any]) -> None:
        first, end = True, 0
        for n, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            value = self._line(n, line)
            if first:
                self._same(value, sweep)
            else:
                self._answered(n, value, sweep["points"])
            first, end = False, end + len(line)
        file.truncate(end)
        file.seek(end)
        if first:
            _write(file, sweep)

    def _line(self, n: int, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise InputError(
                self._path, f"line {n}", line[:80], "a line that sweep() wrote", _HINT
            ) from None

    def _same(self, value: Any, sweep: Mapping[str, Any]) -> None:
        if not isinstance(value, dict) or value.keys() != sweep.keys():
            raise InputError(
                self._path, "line 1", value, "the beginning of a sweep's answers", _HINT
            )
        for key, wanted in sweep.items():
            if value[key] != wanted:
                raise InputError(
                    self._path, key, value[key], f"{wanted!r}, as of this sweep", _HINT
                )

    def _answered(self, n: int, value: Any, points: int) -> None:
        match value:
            case {"point": int(number), "rows": list(rows)} if 0 <= number < points:
                self.known[number] = rows
            case _:
                raise InputError(
                    self._path, f"line {n}", value, "an answer to one of the points", _HINT
                )

    def add(self, number: int, rows: Sequence[Row]) -> None:
        if self._file is not None:
            _write(self._file, {"point": number, "rows": rows})

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _write(file: IO[bytes], value: Any) -> None:
    file.write(json.dumps(value).encode() + b"\n")
    file.flush()
