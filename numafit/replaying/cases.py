"""Files of recorded cases: the format of numafit's test vectors, and logs with such cases in them.

One case a line, as JSON, plain or compressed by gzip. Of a line that does not begin with a brace
only what follows ``numafit-case:`` is read, so that a log of nova in shadow mode is such a file.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import Any

from numafit.errors import InputError
from numafit.readers.textfile import parse_json

MARK = "numafit-case:"
_GZIP = b"\x1f\x8b"
Case = dict[str, Any]


def read(path: str | os.PathLike[str]) -> Iterator[tuple[int, Case]]:
    """(line number, case) for each case of a file. Raises InputError that names file and line."""
    file = os.fspath(path)
    found = False
    try:
        for number, line in enumerate(_lines(file), 1):
            text = line.strip()
            if not text.startswith("{"):
                text = text.partition(MARK)[2].strip()
            if not text:
                continue
            found = True
            yield number, _case(file, number, text)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(file, None, str(error), "a readable file of cases, one a line") from None
    if not found:
        hint = "Shadow mode writes them to nova's log as lines with 'numafit-case:'."
        raise InputError(file, None, "no case", "at least one recorded case", hint)


def _lines(file: str) -> Iterator[str]:
    with open(file, "rb") as raw:
        packed = raw.read(2) == _GZIP
    if packed:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            yield from lines
    else:
        with open(file, encoding="utf-8") as lines:
            yield from lines


def _case(file: str, number: int, text: str) -> Case:
    try:
        case = parse_json(text)
    except InputError as error:
        raise InputError(file, f"line {number}", error.value, error.expected) from None
    if not isinstance(case, dict) or not isinstance(case.get("id"), str):
        raise InputError(file, f"line {number}", case, "a case: an object with an 'id'")
    return case


def question_of(case: Case) -> str:
    """Which question a case asks: named in it, or told by what it holds."""
    for key in ("question", "kind"):
        if isinstance(case.get(key), str):
            return str(case[key])
    for key, question in (
        ("steps", "sequences"),
        ("cap", "capacity"),
        ("allow_threads", "cpu_topology"),
        ("host", "fit"),
    ):
        if key in case:
            return question
    return "constraints"
