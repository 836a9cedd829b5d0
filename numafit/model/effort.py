"""How many steps may a regular expression take on the few digits of an address?

``re`` goes back and tries again: ``(((.*)*)*)*x`` takes hours on four digits. There is no way to
stop it, so that patterns of a configuration file are judged before they are asked.
"""

from __future__ import annotations

import re

MAX_EFFORT = 10_000
MAX_LENGTH = 4000
_DIGITS = 4
"""The longest field: a domain."""
_TOO_MUCH = MAX_EFFORT + 1
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\\\]])*\]", re.DOTALL)
_TIMES = re.compile(r"(?:[*+?]|\{([0-9]*)(,?)([0-9]*)\})[?+]?")


def effort(pattern: str) -> int:
    """An upper bound of the ways in which ``re`` may try to match up to four characters; more
    than ``MAX_EFFORT``: nobody counted further."""
    if len(pattern) > MAX_LENGTH or "#" in pattern:  # a comment may hide what follows it
        return _TOO_MUCH
    # of each open group: ways of its branches so far, and of the branch that is being read
    groups = [[0, 1]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        ways, single = 1, True
        if char == "(":
            groups.append([0, 1])
            at += 2 if pattern.startswith("(?", at) else 1
            continue
        if char == "|":
            groups[-1] = [sum(groups[-1]), 1]
            at += 1
            continue
        if char == ")" and len(groups) > 1:
            ways, single = sum(groups.pop()), False
        at = _after(pattern, at)
        if times := _TIMES.match(pattern, at):
            ways = _repeated(ways, single, times)
            at = times.end()
        groups[-1][1] = min(groups[-1][1] * ways, _TOO_MUCH)
    return min(sum(map(sum, groups)), _TOO_MUCH)


def _after(pattern: str, at: int) -> int:
    """Where the character or class of characters at ``at`` ends."""
    if pattern[at] == "\\":
        return at + 2
    found = _CLASS.match(pattern, at) if pattern[at] == "[" else None
    return found.end() if found else at + 1


def _repeated(ways: int, single: bool, times: re.Match[str]) -> int:
    kind = times[0][0]
    if kind == "{":
        low, comma, high = times[1], times[2], times[3]
        if single and not comma:
            return 1
        most = int((high if comma and high else low)[:4] or 0)
        if comma and not high:
            most += _DIGITS + 1
    else:
        most = 1 if kind == "?" else _DIGITS + 1
    if single:
        return min(most, _DIGITS) + 1
    return _TOO_MUCH if most > 16 else min((1 + ways) ** most, _TOO_MUCH)
