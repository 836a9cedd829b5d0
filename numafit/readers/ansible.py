"""What Ansible reports -> results of its modules, each with the name of its host.

Read are the reports of its command line (``db-1 | CHANGED => {...}``, and ``db-1 | CHANGED | rc=0
>>`` before what a command printed) and those of its callback ``json`` (``{"plays": [...]}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from numafit.errors import InputError

_REPORT = re.compile(
    r"^(\S+) \| ([A-Z]+!?)(?: => (?=\{)| \| rc=-?[0-9]+ (?:\([a-z]+\) )?>>[ \t]*$\n?)", re.MULTILINE
)
_ONE_LINE = re.compile(r"^(\S+) \| [A-Z]+!? \| rc=-?[0-9]+ \| \(std(?:out|err)\)", re.MULTILINE)
_GOOD = ("SUCCESS", "CHANGED")
_HINT = "Leave its report out, or run the command there again."


def reports(text: str) -> list[tuple[str, str]] | None:
    """Host and the text of its result; ``None`` where the text has no reports.

    Raises ``InputError`` for a host that failed: its rows are missing.
    """
    found = list(_REPORT.finditer(text))
    if not found or text[: found[0].start()].strip():
        return None
    ends = [*(report.start() for report in found[1:]), len(text)]
    for report in found:
        if report[2] not in _GOOD:
            raise InputError(None, report[1], report[2], f"one of {', '.join(_GOOD)}", _HINT)
    return [(one[1], text[one.end() : end]) for one, end in zip(found, ends, strict=True)]


def refuse_one_line(text: str) -> None:
    """Raises ``InputError`` for reports of one line each, whose header would pass for an empty
    table: what was printed cannot be told from the ends of its lines."""
    found = _ONE_LINE.search(text)
    if found and not text[: found.start()].strip():
        expected = "what the command printed, line by line"
        hint = "Run ansible without -o (--one-line), or with -t to write a file for each host."
        raise InputError(None, found[1], "a report of one line", expected, hint)


def play_results(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where it stands, and the result, of every task and host of ``data["plays"]``.

    Raises ``InputError`` for a host that failed or was not reached.
    """
    for n, play in _each(data, "plays"):
        for m, task in _each(play, "tasks"):
            hosts = task.get("hosts")
            for host, result in hosts.items() if isinstance(hosts, dict) else ():
                way = f"plays[{n}].tasks[{m}].hosts.{host}"
                if not isinstance(result, dict):
                    continue
                for bad in ("failed", "unreachable"):
                    if result.get(bad) is True and not result.get("ignore_errors"):
                        raise InputError(None, way, bad, "a result", _HINT)
                yield way, result


def _each(data: Mapping[str, Any], key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    inner = data.get(key)
    if isinstance(inner, list):
        for n, one in enumerate(inner):
            if isinstance(one, dict):
                yield n, one
