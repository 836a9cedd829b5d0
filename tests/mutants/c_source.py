"""Mutants of C: tokens changed in place. What does not compile afterwards is left out by the trial.

Comments, strings, assertions and preprocessor lines are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .mutant import Mutant, change

RULES = (
    *("pair.h", "cell.h", "cell.c", "demand.h", "demand.c", "bits.h", "fit.c", "pin.c", "order.c"),
    *("net.c", "assign.c", "closest.c", "hitting_set.c", "refuse.c", "resources.c", "resources.h"),
    *("pci.c", "pci_bound.c", "pci_exact.c", "pci_reach.h", "capacity.c", "capacity_books.c"),
    *("capacity_mix.c", "cell_filter.c", "cell_filter.h", "scan.c", "scan_plan.c"),
    *("two_cell_hosts.c", "claim.c", "shared.c", "derive.c"),
)
"""The files of src/ that decide, count, take or give back; the others hold columns and words."""
LEFT_OUT = {"src/shared.c": re.compile(r"^static void lock\(.*?^}\n", re.S | re.M)}
"""Who waits for whom is no rule: ThreadSanitizer and the tests of threads look at it."""

TOKEN = re.compile(
    r"""(?P<skip>/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'
        |^[ \t]*\#(?:\\\n|[^\n])*|\b(?:_Static_assert|static_assert|assert)\s*\([^;]*;)
    |(?P<number>\b(?:0x[\da-fA-F]+|\d+)(?:\.\d+|p\d+)?[uUlL]*\b)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<operator>->|\+\+|--|<<=|>>=|[-+*/%&|^]=|<=|>=|==|!=|&&|\|\||<<|>>|[-+*/%&|^~!<>=?:,;()\[\]{}.])
    """,
    re.S | re.M | re.X,
)
BINARY = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "&": "|", "|": "&", "^": "&", "<<": ">>",
    ">>": "<<", "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "*=": "+=", "/=": "*=",
    "^=": "|=", "<<=": ">>=", ">>=": "<<=", "++": "--", "--": "++",
}  # fmt: skip
NAMES = {
    "true": "false", "false": "true", "INT64_MAX": "0", "INT64_MIN": "0", "INT32_MAX": "0",
    "INT32_MIN": "0", "UINT32_MAX": "0u", "NF_NONE": "0u", "MANY": "1",
}  # fmt: skip
KEYWORDS = {"return", "case", "sizeof", "else", "do"}


def mutants(root: Path) -> Iterator[Mutant]:
    members = neighbours((root / "numafit/include/numafit/numafit.h").read_text())
    for name in RULES:
        file = f"src/{name}"
        yield from of_file(file, (root / file).read_text(), members)


def neighbours(header: str) -> dict[str, str]:
    """Each member of an enumeration of the header, and the one that stands next to it."""
    found: dict[str, str] = {}
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    for body in re.findall(r"\benum\b[^{;]*\{(.*?)\}", header, re.S):
        names = re.findall(r"\b(NF_[A-Z0-9_]+)\s*(?:=[^,]*)?(?:,|$)", body)
        found.update(zip(names, names[1:] + names[:1], strict=True))
    return found


def of_file(file: str, text: str, members: dict[str, str]) -> Iterator[Mutant]:
    tokens = [m for m in TOKEN.finditer(text) if m.lastgroup != "skip"]
    left_out = LEFT_OUT[file].search(text) if file in LEFT_OUT else None
    for i, token in enumerate(tokens):
        if left_out and left_out.start() <= token.start() < left_out.end():
            continue
        before = tokens[i - 1] if i else None
        start, end = token.span()
        word = token.group()
        if token.lastgroup == "number":
            for number in other_numbers(word):
                yield change(file, text, start, end, number)
        elif token.lastgroup == "name":
            if word in ("if", "while") and tokens[i + 1].group() == "(":
                first, last = tokens[i + 1].end(), closing(tokens, i + 1).start()
                yield change(file, text, first, last, f"!({text[first:last]})")
            elif new := NAMES.get(word) or members.get(word):
                yield change(file, text, start, end, new)
        elif word == "?":
            yield change(file, text, start, start, "&& 0 ")
            yield change(file, text, start, start, "|| 1 ")
        elif word in "!~":
            yield change(file, text, start, end, "")
        elif word in BINARY and (word in ("++", "--") or is_operand(before)):
            yield change(file, text, start, end, BINARY[word])


def is_operand(token: re.Match[str] | None) -> bool:
    """May what stands here be the left side of an operator?"""
    if token is None:
        return False
    if token.lastgroup == "name":
        return token.group() not in KEYWORDS
    return token.lastgroup == "number" or token.group() in (")", "]")


def closing(tokens: list[re.Match[str]], opening: int) -> re.Match[str]:
    depth = 0
    for token in tokens[opening:]:
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            return token
    raise ValueError("a parenthesis that is not closed")


def other_numbers(word: str) -> list[str]:
    found = re.fullmatch(r"(\d+|0x[\da-fA-F]+)([uUlL]*)", word)
    if not found:
        return []
    value, suffix = int(found[1], 0), found[2]
    return [f"{other}{suffix}" for other in {value + 1, max(value - 1, 0)} - {value}]
