"""What do configuration files hold, before oslo.config opens them? Every assignment in its place.

Asked by oslo.config's own parser of lines, so that both agree on what a line, a key and a value
is. What must not reach oslo.config is refused here: it would open a FIFO, print tracebacks for
what is not text, visit the places that ``config_source`` names, and follow options that name each
other until memory or stack end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from numafit.errors import InputError
from numafit.extras import need
from numafit.readers import bounds
from numafit.readers.textfile import read_text

# as string.Template has it: $$ is a dollar, $name and ${name} are options
_DOLLAR = re.compile(r"\\?\$(?:\$|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})?", re.IGNORECASE)


class Assignment(NamedTuple):
    """``number``: of the file, counted from 0; later files win."""

    number: int
    file: str
    section: str
    key: str
    value: str

    @property
    def place(self) -> str:
        return f"[{self.section}] {self.key}"


def read_assignments(names: Sequence[str], wanted: Collection[str]) -> list[Assignment]:
    """All assignments of the files, in their order. ``wanted``: the keys whose values are used.

    Raises ``InputError`` with the file and its line, or the section and key at fault.
    """
    found: list[Assignment] = []
    left = bounds.CONF_BYTES
    lines = bounds.CONF_LINES
    for number, name in enumerate(names):
        text = read_text(name, limit=bounds.CONF_BYTES, empty=True)
        left -= len(text)
        # as open() ends lines: at a carriage return, too
        split = io.StringIO(text, newline=None).readlines()
        lines -= len(split)
        if left < 0 or lines < 0:
            expected = f"at most {bounds.CONF_BYTES} bytes and {bounds.CONF_LINES} lines in all"
            raise InputError(name, None, f"{len(split)} lines", expected)
        found += _assignments(number, name, split)
    _check(found, wanted)
    return found


def _assignments(number: int, name: str, lines: list[str]) -> list[Assignment]:
    parsing: Any = need("oslo_config.iniparser", "openstack")
    found: list[Assignment] = []

    class Parser(parsing.BaseParser):  # type: ignore[misc]
        section: str | None = None

        def new_section(self, section: str) -> None:
            self.section = section

        def assignment(self, key: str, value: list[str]) -> None:
            if not self.section:
                raise parsing.ParseError("no [section] stands before it", self.lineno, key)
            found.append(Assignment(number, name, self.section, key, "\n".join(value)))

    try:
        Parser().parse(lines)
    except parsing.ParseError as error:
        raise InputError(
            name,
            f"line {error.lineno}",
            error.line,
            "[section] lines, and lines of option = value",
            f"{error.msg}.",
        ) from None
    return found


def _check(found: list[Assignment], wanted: Collection[str]) -> None:
    naming: list[tuple[Assignment, list[str]]] = []
    count = length = 0
    for one in found:
        if one.key == "config_source":
            raise InputError(
                one.file,
                one.place,
                one.value,
                "options that stand in the file itself",
                "Give the values that come from the other source in a file of their own.",
            )
        if one.key not in wanted:
            continue
        length += len(one.value)
        if len(one.value) > bounds.CONF_VALUE or length > bounds.CONF_VALUES:
            expected = f"at most {bounds.CONF_VALUE} characters"
            expected += f", and {bounds.CONF_VALUES} of all options that are read"
            raise InputError(one.file, one.place, one.value, expected)
        if "$" in one.value and (names := _named(one.value)):
            naming.append((one, names))
            count += len(names)
            if count > bounds.CONF_REFERENCES:
                expected = f"at most {bounds.CONF_REFERENCES} names of options behind $ in all"
                raise InputError(one.file, one.place, one.value, expected)
    keys = {one.key for one, _names in naming}
    for one, names in naming:
        if any(name.rpartition(".")[2] in keys for name in names):
            raise InputError(
                one.file,
                one.place,
                one.value,
                "no option behind $ that names another option itself",
                "Write the value itself in place of the option that $ names ($$ is a dollar).",
            )


def _named(value: str) -> list[str]:
    """The options that a value names behind ``$``."""
    found = []
    for match in _DOLLAR.finditer(value):
        name = match[1] or match[2]
        # \$ is a dollar too
        if name and not match[0].startswith("\\"):
            found.append(name)
    return found
