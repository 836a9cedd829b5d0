"""Inputs made from others: values of JSON replaced, removed and doubled; bytes likewise."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 64, 255, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 63,
    1 << 70, 0.5, 1e300, "", "0", "0-", "5-2", "^", "^0", "0-3", "0-65535", "0-8191", "\x00",
    "\x1b[2J", "\ud800", "x" * 5000, [], {}, [[]], [None], {"": None}, [0, 0], ["0", "0"], [-1],
    [1 << 40], "4KiB", "1GiB", "\u0663", "0000:00:00.0", "*", "a:b", "1.0", "nan", "inf", "$a",
    "1" * 400, 10**400, "{}", "[]", "null", "-1", " ", "a b", "..", "/", "true", "dedicated",
)  # fmt: skip
TOKENS = (
    b"0-65535", b"-1", b"99999999999999999999", b"\r", b"\n", b"\0", b"<", b">", b"&", b'"', b"'",
    b"{", b"}", b"[", b"]", b":", b",", b"=", b"$", b"%", b"*", b"&a", b"*a", b"<<", b"^", b"0x",
    b"nan", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"(", b")", b"?", b"!!", b"---", b"..",
    b"/", b"1e309", b"NaN", b"\\u0000", b"\\ud800", b"true", b"null", b"|", b"\t", b"+-+",
)  # fmt: skip
_NUMBERS = (b"0", b"-1", b"1", b"65535", b"65536", b"2147483648", b"9" * 23, b"1e9", b"1.5")


def mutated(data: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    """``data`` with a few changes; JSON stays JSON more often than not."""
    if dice.random() < 0.6:
        try:
            # as in 'topology': two texts with a NUL between them
            parts = [json.loads(part) if part else None for part in data.split(b"\0")]
        except (ValueError, RecursionError):
            parts = []
        if parts:
            found = [b"" if part is None else _text(_bent(part, dice)) for part in parts]
            return b"\0".join(found)
    return _mangled(data, others, dice)


def _text(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return b"{}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a decoded value with each of its keys."""
    todo = [value]
    while todo:
        holder = todo.pop()
        if isinstance(holder, dict | list):
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                todo.append(holder[key])


def _bent(original: Any, dice: random.Random) -> Any:
    # in a list of its own, so that the whole can be replaced too
    data = [copy.deepcopy(original)]
    for _change in range(dice.choice((1, 1, 1, 2, 2, 3, 5))):
        found = list(_places(data))
        holder, key = dice.choice(found)
        other, name = dice.choice(found)
        value = holder[key]
        kind = dice.randrange(7)
        if kind == 0 and holder is not data:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        elif kind == 1:
            holder[dice.choice((f"{key}x", "", key[:-1], "id", "name"))] = holder.pop(key)
        elif kind == 2 and not isinstance(other[name], dict | list):
            holder[key] = other[name]
        elif kind == 3 and isinstance(value, str):
            at = dice.randrange(len(value) + 1)
            token = dice.choice(TOKENS).decode("latin-1")
            holder[key] = value[:at] + token + value[at + dice.randrange(3) :]
        elif kind == 4 and isinstance(value, str) and value[:1] in ("{", "["):
            try:
                holder[key] = _text(_bent(json.loads(value), dice)).decode("utf-8", "replace")
            except (ValueError, RecursionError):
                holder[key] = value[1:]
        elif kind == 4:
            holder[key] = [value]
        else:
            holder[key] = copy.deepcopy(dice.choice(ODD))
    return data[0]


def _mangled(original: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    data = bytearray(original)
    for _change in range(dice.choice((1, 1, 2, 3, 5, 10))):
        at = dice.randrange(len(data) + 1)
        kind = dice.randrange(8)
        if kind == 0:
            data[at : at + 1] = bytes((dice.randrange(256),))
        elif kind == 1:
            data[at:at] = dice.choice(TOKENS)
        elif kind == 2:
            del data[at : at + dice.choice((1, 2, 8, 64))]
        elif kind == 3:
            some = bytes(data[at : at + dice.choice((1, 4, 16, 64, 512))])
            data[at:at] = some * dice.choice((1, 2, 10))
        elif kind == 4:
            del data[at:]
        elif kind == 5 and others:
            other = dice.choice(others)
            start = dice.randrange(len(other) + 1)
            data[at:at] = other[start : start + dice.choice((4, 32, 256))]
        elif kind == 6 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif numbers := list(re.finditer(rb"[0-9]+", bytes(data))):
            number = dice.choice(numbers)
            data[number.start() : number.end()] = dice.choice(_NUMBERS)
    return bytes(data)
