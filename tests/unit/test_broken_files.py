"""Files that were cut, mistyped or made up: an InputError, or a host that the engine can hold."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Host, InputError, InvalidRequest, Request, guest_topology
from numafit.readers.flavors import flavors_from, image_from
from numafit.readers.hostfile import host_from_mapping
from numafit.readers.nova_rows import host_from_nova
from numafit.readers.textfile import load, parse_json
from numafit.readers.yamltext import parse_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = Path(__file__).parent / "data" / "nova_rows.json"
GUEST = Request(guest_topology(Flavor("p2", 2, 64, {"hw:cpu_policy": "dedicated"})))
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 3, 64, 1 << 20, 1 << 31, 1 << 63, 1 << 70, 0.5, 1e300, "", "0", "0-",
    "5-2", "^", "^0", "0-3", "0-65535", "\x00", "\x1b[2J", "\ud800", "x" * 5000, [], {}, [[]],
    [None], {"": None}, [0, 0], ["0", "0"], [-1], [1 << 40], "4KiB", "1GiB", "\u0663",
)  # fmt: skip

TYPED = "{}[]:,\"'-&*!|\t\n0 x^#"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a decoded value with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def bent(original: Any, dice: random.Random) -> Any:
    """A copy with one to three values replaced, removed, doubled or swapped."""
    data = copy.deepcopy(original)
    for _change in range(dice.randint(1, 3)):
        found = list(places(data))
        if not found:
            break
        holder, key = dice.choice(found)
        kind = dice.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind == 1:
            holder[f"{key}x"] = holder.pop(key)
        elif kind == 2:
            other, name = dice.choice(found)
            if name in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = copy.deepcopy(other[name])
        else:
            holder[key] = dice.choice(ODD)
    return data


def ask_host(host: Any) -> None:
    made = Host(host)
    made.check()
    answer = made.fit(GUEST)
    if answer:
        claim = made.claim(answer)
        made.release(claim)
    else:
        assert str(answer)
        assert all(cell.message for cell in answer.cells)


def from_host_file(data: Any) -> None:
    ask_host(host_from_mapping(data, "f"))


def from_row(data: Any) -> None:
    ask_host(host_from_nova(data, None, file="f"))


def from_flavors(data: Any) -> None:
    for flavor in flavors_from(data, "f"):
        guest_topology(flavor, image_from({"properties": {}}))


def from_image(data: Any) -> None:
    guest_topology(Flavor("f", 4, 4096), image_from(data, "f"))


def stored() -> Any:
    dump = next(iter(json.loads(ROWS.read_text()).values()))
    return json.loads(dump["compute_nodes"][0]["numa_topology"])


CASES: list[tuple[str, Callable[[Any], None], Any]] = [
    ("dual-xeon", from_host_file, load(EXAMPLES / "hosts" / "dual-xeon.yaml")),
    ("edge-gold", from_host_file, load(EXAMPLES / "hosts" / "edge-gold.json")),
    ("row", from_row, stored()),
    ("flavors", from_flavors, load(EXAMPLES / "flavors.json")),
    ("flavor", from_flavors, load(EXAMPLES / "flavor-router.json")),
    ("image", from_image, load(EXAMPLES / "images" / "vnf-router.json")),
]


def fault(read: Callable[[Any], None], data: Any) -> InputError | InvalidRequest | None:
    """What is wrong with ``data``; any other exception is a fault of ours."""
    try:
        read(data)
    except (InputError, InvalidRequest) as error:
        return error
    return None


@pytest.mark.parametrize(("name", "read", "original"), CASES, ids=[case[0] for case in CASES])
def test_bent_values_are_refused_or_work(
    name: str, read: Callable[[Any], None], original: Any
) -> None:
    dice = random.Random(name)
    refused = 0
    for _case in range(700):
        error = fault(read, bent(original, dice))
        if isinstance(error, InputError):
            refused += 1
            assert error.file == "f"
            assert error.expected
            assert len(str(error)) < 1000
        elif error is not None:
            assert error.nova_exception
            assert len(str(error)) < 1000
    assert refused > 50


@pytest.mark.parametrize("path", ["hosts/edge-gold.json", "hosts/dual-xeon.yaml"])
def test_cut_and_mistyped_text(path: str) -> None:
    whole = (EXAMPLES / path).read_text(encoding="utf-8")
    parse = parse_json if path.endswith("json") else parse_yaml
    dice = random.Random(path)
    refused = 0
    for _case in range(400):
        at = dice.randrange(len(whole))
        rest = "" if dice.random() < 0.3 else dice.choice(TYPED) + whole[at + 1 :]
        error = fault(
            lambda text: ask_host(host_from_mapping(parse(text, "f"), "f")), whole[:at] + rest
        )
        if isinstance(error, InputError):
            refused += 1
            assert error.file == "f"
    assert refused > 100
