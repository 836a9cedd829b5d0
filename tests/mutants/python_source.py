"""Mutants of Python: operators, conditions and constants, found in the syntax tree and changed in
the text. Annotations, decorators, docstrings and the words of messages are left alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from .mutant import Mutant, change

ROOMS = ("numafit/model", "numafit/rules")
OPERATORS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is": "is not",
    "is not": "is", "in": "not in", "not in": "in", "and": "or", "or": "and", "+": "-", "-": "+",
    "*": "+", "//": "*", "/": "*", "%": "+", "&": "|", "|": "&", "^": "&", "<<": ">>", ">>": "<<",
    "**": "*",
}  # fmt: skip
WRITTEN = re.compile(
    "|".join(
        rf"\b{name}\b".replace(" ", r"\s+") if name[0].isalpha() else re.escape(name)
        for name in sorted(OPERATORS, key=len, reverse=True)
    )
)


def mutants(root: Path) -> Iterator[Mutant]:
    for room in ROOMS:
        for path in sorted((root / room).glob("*.py")):
            yield from of_file(f"{room}/{path.name}", path.read_text())


def of_file(file: str, text: str) -> Iterator[Mutant]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()

    def at(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def start(node: ast.expr) -> int:
        return at(node.lineno, node.col_offset)

    def end(node: ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return at(node.end_lineno, node.end_col_offset)

    for node in visited(ast.parse(text)):
        if isinstance(node, ast.Compare | ast.BoolOp | ast.BinOp):
            for left, right in pairwise(operands(node)):
                gap = text[end(left) : start(right)]
                if found := WRITTEN.search(gap):
                    new = OPERATORS[re.sub(r"\s+", " ", found.group())]
                    yield change(
                        file, text, end(left) + found.start(), end(left) + found.end(), new
                    )
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield change(file, text, start(node), start(node.operand), "")
        elif isinstance(node, ast.Constant):
            for new in other_values(node.value):
                yield change(file, text, start(node), end(node), new)
        for test in conditions(node):
            here = text[start(test) : end(test)]
            yield change(file, text, start(test), end(test), f"(not ({here}))")


def operands(node: ast.Compare | ast.BoolOp | ast.BinOp) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return node.values if isinstance(node, ast.BoolOp) else [node.left, node.right]


def conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        return [node.test]
    return node.ifs if isinstance(node, ast.comprehension) else []


def other_values(value: object) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1), str(value - 1)]
    if isinstance(value, str) and value and " " not in value:
        return [repr(value + "x")]
    return []


def visited(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that a program's answers depend on."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not left_alone(child):
                yield from visited(child)


def left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            return node.value.func.id == "TypeVar"
        return isinstance(target, ast.Name) and target.id in ("__all__", "__slots__")
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)
