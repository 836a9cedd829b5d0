"""CPU lists as people and kernels write them (``0-3,8,^2``) <-> sets of CPU ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

MAX_CPU_ID = 65535
"""Largest CPU id accepted from text: eight times the largest ``NR_CPUS`` Linux builds with."""
MAX_NAMED = 4 * (MAX_CPU_ID + 1)
"""CPUs that one list may name, each counted as often as it stands in a rule."""


def parse_cpu_list(text: str, *, limit: int = MAX_CPU_ID) -> frozenset[int]:
    """Parse ``"1-4,^3,6"`` into ``{1, 2, 4, 6}``, by the rules of nova's CPU options.

    A rule is an id, a range ``A-B``, or either of them behind ``^``, which takes it away again
    wherever it stands. Blanks and empty rules are passed over.

    Raises ``ValueError`` that names the rule at fault; ids above ``limit`` are refused, so that
    a typing error cannot ask for a set of two thousand million members, and so is a list that
    names more than ``MAX_NAMED`` CPUs by repeating its ranges.
    """
    taken: set[int] = set()
    dropped: set[int] = set()
    named = 0
    rules = cpu_list_rules(text, lambda digits, rule: _cpu_id(digits, rule, limit))
    for excluded, low, high in rules:
        named += high - low
        if named > MAX_NAMED:
            raise ValueError(f"the ranges name more than {MAX_NAMED} CPUs, most of them again")
        (dropped if excluded else taken).update(range(low, high + 1))
    return frozenset(taken - dropped)


def cpu_list_rules(text: str, number: Callable[[str, str], int]) -> Iterator[tuple[bool, int, int]]:
    """The rules of a CPU list in their order: behind ``^`` or not, first id, last id.

    ``number`` reads an id from its digits; its second argument is the rule, for messages.
    Raises ``ValueError`` where a range runs backwards, and what ``number`` raises.
    """
    # a rule that stands twice says nothing new
    for part in dict.fromkeys(text.split(",")):
        rule = part.strip()
        if not rule:
            continue
        excluded = rule[0] == "^"
        first, dash, last = (rule[1:] if excluded else rule).partition("-")
        low = number(first.strip(), rule)
        high = number(last.strip(), rule) if dash else low
        if low > high:
            raise ValueError(f"range {quoted(rule)} runs backwards; write the lower CPU first")
        yield excluded, low, high


def quoted(rule: str) -> str:
    """A rule for a message: one at fault may be as long as its file."""
    return repr(rule) if len(rule) <= 40 else f"{rule[:40]!r}..."


def _cpu_id(digits: str, rule: str, limit: int) -> int:
    # int() also takes '1_000', ' +5 ' and digits of other scripts; nobody means those here
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{quoted(rule)} is not a CPU id, a range A-B or ^ before one of them")
    if len(digits) > 9 or int(digits) > limit:
        raise ValueError(f"CPU id in {quoted(rule)} is larger than {limit}")
    return int(digits)


def format_cpu_list(cpus: Iterable[int]) -> str:
    """The shortest list that ``parse_cpu_list`` reads back: ``{1, 2, 3, 6}`` -> ``"1-3,6"``."""
    parts: list[str] = []
    start = last = None
    for cpu in sorted(cpus):
        if last is not None and cpu == last + 1:
            last = cpu
            continue
        if start is not None:
            parts.append(_span(start, last))
        start = last = cpu
    if start is not None:
        parts.append(_span(start, last))
    return ",".join(parts)


def cpu_words(cpus: Collection[int]) -> str:
    """``CPU 3``, ``CPUs 3-5``."""
    return f"{'CPU' if len(cpus) == 1 else 'CPUs'} {format_cpu_list(cpus)}"


def _span(start: int, last: int | None) -> str:
    return str(start) if last is None or last == start else f"{start}-{last}"
