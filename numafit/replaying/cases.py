"""Files of recorded cases: the format of numafit's test vectors, and logs with such cases in them.

One case a line, as JSON, plain or compressed by gzip. Of a line that does not begin with a brace
only what follows ``numafit-case:`` is read, so that a log of nova in shadow mode is such a file.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from numafit.errors import InputError
from numafit.readers import bounds
from numafit.readers.textfile import open_regular, parse_json

MARK = "numafit-case:"
_GZIP = b"\x1f\x8b"
Case = dict[str, Any]


def read(path: str | os.PathLike[str]) -> Iterator[tuple[int, Case]]:
    """(line number, case) for each case of a file. Raises InputError that names file and line."""
    file = os.fspath(path)
    found = False
    try:
        for number, line in enumerate(_lines(file), 1):
            if line.isspace():
                continue
            text = _decoded(file, number, line).strip()
            if not text.startswith("{"):
                text = text.partition(MARK)[2].strip()
            if not text:
                continue
            found = True
            yield number, _case(file, number, text)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(file, None, str(error), "a readable file of cases, one per line") from None
    if not found:
        hint = "Shadow mode writes them to nova's log as lines with 'numafit-case:'."
        raise InputError(file, None, "no case", "at least one recorded case", hint)


def _lines(file: str) -> Iterator[bytes]:
    with open_regular(file) as raw:
        size = os.fstat(raw.fileno()).st_size
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        # a log that is not packed may grow while it is read
        left, lines_left = sys.maxsize, bounds.case_lines(size)
        stream: BinaryIO = raw
        if packed:
            left = bounds.case_bytes(size)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
        while line := stream.readline(bounds.CASE_BYTES):
            left -= len(line)
            lines_left -= 1
            if len(line) >= bounds.CASE_BYTES or left < 0 or lines_left < 0:
                expected = f"lines of at most {bounds.CASE_BYTES} bytes, and fewer of them"
                raise InputError(file, None, line, expected)
            yield line


def _decoded(file: str, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = line[error.start : error.start + 4]
        raise InputError(file, f"line {number}", found, "UTF-8 text") from None


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
