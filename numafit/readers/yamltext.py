"""YAML text -> decoded values, built from the parser's events rather than by recursion.

Why not ``yaml.safe_load``: it keeps the last of two equal keys, follows an alias into its own
anchor, lets a few lines of aliases expand without bound, and turns ``081:00`` or ``0010`` into
numbers that nobody wrote. The parser (PyYAML, on libyaml where it is there) only splits the
text here; what the pieces mean is decided below.
"""

from __future__ import annotations

import math
import re
from types import ModuleType
from typing import Any, Final

from numafit.errors import InputError
from numafit.readers import bounds

_TAG = "tag:yaml.org,2002:"
_MERGE: Final = object()
_OPEN: Final = object()
_NO_KEY: Final = object()
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
# YAML ends lines at these
_DIRECTIVE = re.compile(r"[\n\r\x85\u2028\u2029]%")
_TRUE = frozenset(("true", "yes", "on"))


def parse_yaml(text: str, file: str | None = None) -> Any:
    """The one document of ``text``: mappings with text keys, lists, text, numbers, booleans, null.

    Aliases and merge keys (``<<: *name``) are followed. Raises ``InputError`` whose key is the
    way to the value at fault, or ``line L, column C`` where the text is not YAML.
    """
    yaml = _module(file)
    directives = len(_DIRECTIVE.findall(text))
    if directives > bounds.YAML_DIRECTIVES:
        expected = f"at most {bounds.YAML_DIRECTIVES} lines that begin with %"
        raise InputError(file, None, f"{directives} of them", expected)
    builder = _Builder(yaml)
    try:
        # PyYAML has the fast loader only where it was built with libyaml
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except InputError as error:
        raise error.within(file) from None
    except yaml.YAMLError as error:
        raise _syntax_error(error, file) from None
    return builder.result(file)


def _module(file: str | None) -> ModuleType:
    try:
        import yaml
    except ImportError:
        raise InputError(
            file,
            None,
            "no PyYAML",
            "PyYAML, which reads YAML files",
            "pip install 'numafit[yaml]', or write the file as JSON.",
        ) from None
    return yaml


def _syntax_error(error: Any, file: str | None) -> InputError:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else None
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    what = ", ".join(word for word in words if word) or "text that is not YAML"
    return InputError(file, where, what, "YAML")


class _Frame:
    """A collection that is being filled. ``key``: of the value that comes next."""

    __slots__ = ("anchor", "key", "merged", "start", "value")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None, start: int) -> None:
        self.value = value
        self.anchor = anchor
        self.start = start
        self.key: Any = _NO_KEY
        self.merged: list[dict[str, Any]] = []


class _Builder:
    """Takes events in order; holds open collections, anchors, and the count of nodes."""

    def __init__(self, yaml: Any) -> None:
        self._resolve = yaml.resolver.Resolver().resolve
        self._scalar_node = yaml.ScalarNode
        self._steps = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._open_mapping,
            yaml.SequenceStartEvent: self._open_sequence,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.DocumentStartEvent: self._document,
        }
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._documents: list[Any] = []
        self._started = 0

    def take(self, event: Any) -> None:
        step = self._steps.get(type(event))
        if step is not None:
            step(event)

    def result(self, file: str | None) -> Any:
        if not self._documents:
            raise InputError(file, None, "no document", "a YAML document")
        return self._documents[0]

    def _document(self, event: Any) -> None:
        self._started += 1
        if self._started > 1:
            raise self._error("a second document", event, "one document in a file")
        self._anchors.clear()

    def _open_mapping(self, event: Any) -> None:
        self._open(event, {}, "map")

    def _open_sequence(self, event: Any) -> None:
        self._open(event, [], "seq")

    def _open(self, event: Any, value: dict[str, Any] | list[Any], kind: str) -> None:
        if event.tag not in (None, "!", _TAG + kind):
            raise self._error(event.tag, event, "a value without a tag")
        top = self._stack[-1] if self._stack else None
        if top and isinstance(top.value, dict) and top.key is _NO_KEY:
            raise self._error("a collection as a key", event, "a key in text")
        if len(self._stack) >= bounds.YAML_DEPTH:
            raise self._error("deeper nesting", event, f"at most {bounds.YAML_DEPTH} levels")
        self._count(1, event)
        if event.anchor:
            self._anchors[event.anchor] = (_OPEN, 0)
        self._stack.append(_Frame(value, event.anchor, self._nodes))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            for merged in frame.merged:
                for key, value in merged.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, self._nodes - frame.start + 1)
        self._place(frame.value, event)

    def _scalar(self, event: Any) -> None:
        self._count(1, event)
        value = self._decode(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._place(value, event)

    def _alias(self, event: Any) -> None:
        value, size = self._anchors.get(event.anchor, (None, -1))
        name = f"*{event.anchor}"
        if size < 0:
            raise self._error(name, event, "an alias of an anchor that stands before it")
        if value is _OPEN:
            raise self._error(
                name, event, "an alias of a value that is complete", "This one contains itself."
            )
        self._count(size, event)
        self._place(value, event)

    def _count(self, size: int, event: Any) -> None:
        self._nodes += size
        if self._nodes > bounds.YAML_VALUES:
            raise self._error(
                f"more than {bounds.YAML_VALUES} values",
                event,
                f"at most {bounds.YAML_VALUES} values with all aliases written out",
            )

    def _place(self, value: Any, event: Any) -> None:
        if not self._stack:
            self._documents.append(value)
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            if value is _MERGE:
                raise self._error("<<", event, "<< as a key only")
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            self._set_key(frame, value, event)
        elif frame.key is _MERGE:
            frame.merged.extend(self._merged(value, event))
            frame.key = _NO_KEY
        elif value is _MERGE:
            raise self._error("<<", event, "<< as a key only")
        else:
            frame.value[frame.key] = value
            frame.key = _NO_KEY

    def _set_key(self, frame: _Frame, key: Any, event: Any) -> None:
        if key is not _MERGE and not isinstance(key, str):
            found = key if isinstance(key, bool | int | float) or key is None else "a value"
            raise self._error(found, event, "a key in text", "Put the key in quotes.")
        known = key in frame.value
        frame.key = key
        if known:
            raise self._error(key, event, "each key of a mapping once")

    def _merged(self, value: Any, event: Any) -> list[dict[str, Any]]:
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in found):
            raise self._error(value, event, "a mapping, or a list of mappings, behind <<")
        return found

    def _decode(self, event: Any) -> Any:
        text: str = event.value
        if event.tag in ("!", _TAG + "str"):
            return text
        if event.tag is not None:
            raise self._error(event.tag, event, "a value without a tag")
        tag = self._resolve(self._scalar_node, text, event.implicit).removeprefix(_TAG)
        if tag == "str":
            return text
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in _TRUE
        if tag == "int" and _INT.fullmatch(text):
            return int(text)
        if tag == "float" and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if tag == "merge":
            return _MERGE
        raise self._ambiguous(tag, event)

    def _ambiguous(self, tag: str, event: Any) -> InputError:
        expected = {
            "int": "a whole number in plain decimal digits",
            "float": "a finite number in plain decimal digits",
            "timestamp": "text or a number; YAML takes this for a date",
        }.get(tag, "text or a number")
        return self._error(event.value, event, expected, "If it is text, put it in quotes.")

    def _error(self, value: Any, event: Any, expected: str, hint: str = "") -> InputError:
        mark = event.start_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}"
        hint = f"{hint} See {where}." if hint else f"See {where}."
        return InputError(None, self._way() or None, value, expected, hint)

    def _way(self) -> str:
        way = ""
        for frame in self._stack:
            if isinstance(frame.value, list):
                way += f"[{len(frame.value)}]"
            elif isinstance(frame.key, str):
                way += f".{frame.key}" if way else frame.key
        return way
