"""hwloc's synthetic strings -> a host that nobody has: ``pack:2 numa:3 core:5 pu:2``.

Read are the levels from the outside to the inside, each ``TYPE:COUNT`` or a bare count, with
``memory=`` for NUMA nodes and ``indexes=`` in brackets, and ``[numa]`` for nodes beside the objects
before them: what ``lstopo --of synthetic`` prints. Numbering without ``indexes=`` is hwloc's own:
CPUs one after the other, a core's threads next to each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, MAX_CELLS, HostCell, HostInfo, PagePool
from numafit.readers import bounds
from numafit.readers.synthetic_indexes import numbers_of

_LEVEL = re.compile(
    r"(?P<open>\[)?(?P<type>[A-Za-z0-9]*?)(?P<colon>:)?(?P<count>[0-9]{0,6})"
    r"(?:\((?P<attributes>[^)]*)\))?(?P<close>\])?"
)
_SIZE = re.compile(r"([0-9]{1,15})(kB|KiB|MB|MiB|GB|GiB|TB|TiB)?")
_BYTES = {None: 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_TYPES = {
    "machine": "machine", "group": "group", "die": "die", "pack": "package", "package": "package",
    "socket": "package", "sock": "package", "numa": "numa", "numanode": "numa", "node": "numa",
    "core": "core", "pu": "pu",
}  # fmt: skip
_CACHE = re.compile(r"l[1-5](?:i|d|cache|icache|dcache)?")
_NUMBERS = re.compile(r"indexes=[0-9,]*")
_EXPECTED = "levels such as 'pack:2 numa:3 core:5 pu:2'"
DEFAULT_BYTES = 1 << 30
"""Of a NUMA node that says nothing of its memory: hwloc's default, too."""


@dataclass(slots=True)
class _Level:
    kind: str
    count: int
    memory: int = DEFAULT_BYTES
    beside: bool = False
    indexes: str = ""


def is_synthetic(text: str) -> bool:
    """Whether this is a synthetic string rather than the name of a file."""
    return bool(re.fullmatch(r"[\[\]A-Za-z0-9:()=,* ]+", text)) and ":" in text


def host_of_synthetic(text: str, name: str = "synthetic") -> HostInfo:
    """Raises ``InputError`` with the level at fault."""
    if len(text) > bounds.SYNTHETIC_INDEXES or len(_NUMBERS.sub("", text)) > bounds.SYNTHETIC:
        expected = f"at most {bounds.SYNTHETIC} characters beside numbers of indexes="
        raise InputError(None, "synthetic", text, expected)
    levels = [_level(word) for word in _words(text)]
    if not levels:
        raise InputError(None, "synthetic", text, _EXPECTED)
    _name_levels(levels, text)
    inner = [level for level in levels if not level.beside]
    total = 1
    for level in inner:
        total *= level.count
        if total > bounds.CPU_IDS:
            raise InputError(None, "synthetic", text, f"at most {bounds.CPU_IDS} CPUs")
    numa_at = next((n for n, level in enumerate(levels) if level.kind == "numa"), None)
    nodes, memory = 1, DEFAULT_BYTES
    if numa_at is not None:
        memory = levels[numa_at].memory
        for level in levels[: numa_at + 1]:
            nodes *= level.count
    if nodes > MAX_CELLS:
        raise InputError(None, "synthetic", text, f"at most {MAX_CELLS} NUMA nodes")
    if total // nodes > MAX_CELL_CPUS:
        raise InputError(None, "synthetic", text, f"at most {MAX_CELL_CPUS} CPUs in one node")
    cpus = _numbers(inner[-1], total, inner)
    # where all is one node, no level is that of nodes
    ids = _numbers(levels[numa_at], nodes, inner) if numa_at is not None else range(1)
    sockets = _sockets(inner, total // nodes)
    threads = _below(inner, "core")
    cells = [
        _cell(ids[n], cpus[first : first + total // nodes], threads, sockets(first), memory)
        for n, first in enumerate(range(0, total, total // nodes))
    ]
    return HostInfo(tuple(sorted(cells, key=lambda cell: cell.id)), name)


def _numbers(level: _Level, total: int, inner: list[_Level]) -> Sequence[int]:
    """The numbers of a level's objects, in their order."""
    if not level.indexes:
        return range(total)
    widths = []
    width = 1
    for one in inner:
        width *= one.count
        widths.append((one.kind, width))
    words = [_kind(word) for word in level.indexes.split(":")]
    try:
        return numbers_of(":".join(words), total, widths)
    except InputError as error:
        raise error.within(key="synthetic") from None


def _sockets(inner: list[_Level], in_cell: int) -> Callable[[int], int | None]:
    """Logical number of a CPU -> the number of its package; ``None`` where cells span several."""
    in_package = _below(inner, "package")
    at = next((n for n, level in enumerate(inner) if level.kind == "package"), None)
    if at is None or in_cell > in_package:
        return lambda _cpu: None
    count = 1
    for level in inner[: at + 1]:
        count *= level.count
    numbers = _numbers(inner[at], count, inner)
    return lambda cpu: numbers[cpu // in_package]


def _words(text: str) -> list[str]:
    # blanks inside brackets belong to the attributes
    return re.findall(r"(?:\([^()]*\)|[^\s(])+", text)


def _level(word: str) -> _Level:
    found = _LEVEL.fullmatch(word)
    if found is None or bool(found["open"]) != bool(found["close"]):
        raise InputError(None, "synthetic", word, _EXPECTED)
    kind = _kind(found["type"])
    if kind and not _CACHE.fullmatch(kind) and kind not in _TYPES.values():
        raise InputError(
            None, "synthetic", word, f"a level of {', '.join(sorted(_TYPES))} or L1-L5"
        )
    count = int(found["count"] or 1)
    if not count or (not kind and not found["count"]):
        raise InputError(None, "synthetic", word, "a count of 1 or more")
    level = _Level(kind, count, beside=bool(found["open"]))
    if level.beside and (level.kind != "numa" or count != 1):
        raise InputError(None, "synthetic", word, "[numa], one node beside each object")
    for part in re.split(r" +|,(?=[a-z])", (found["attributes"] or "").strip()):
        if part:
            _attribute(level, part, word)
    return level


def _kind(word: str) -> str:
    """The one word that each type is called by; ``L2Cache`` is ``l2``."""
    word = word.lower()
    return _TYPES.get(word, word.removesuffix("cache") if _CACHE.fullmatch(word) else word)


def _attribute(level: _Level, part: str, word: str) -> None:
    key, _, value = part.partition("=")
    if key == "size":
        return  # of a cache
    if key == "indexes" and value:
        level.indexes = value
        return
    size = _SIZE.fullmatch(value)
    if key != "memory" or level.kind != "numa" or size is None:
        raise InputError(None, "synthetic", word, "memory=SIZE of NUMA nodes, size=SIZE, indexes=")
    level.memory = int(size[1]) * _BYTES[size[2]]


def _name_levels(levels: list[_Level], text: str) -> None:
    """Bare counts get their types from the inside out, as far as it matters here."""
    inner = [level for level in levels if not level.beside]
    for level, kind in zip(reversed(inner), ("pu", "core", "numa", "package"), strict=False):
        if not level.kind:
            level.kind = kind
    kinds = [level.kind for level in levels if level.kind and not _CACHE.fullmatch(level.kind)]
    single = [kind for kind in kinds if kind not in ("group", "machine")]
    if len(set(single)) != len(single):
        raise InputError(None, "synthetic", text, "each type of level once")
    if not inner or inner[-1].kind != "pu":
        raise InputError(None, "synthetic", text, "pu:COUNT as the last level")
    for level in levels:
        level.kind = level.kind or "group"


def _below(levels: list[_Level], kind: str) -> int:
    """CPUs of one object of a kind; 1: there is none of it."""
    at = next((n for n, level in enumerate(levels) if level.kind == kind), None)
    count = 1
    for level in levels[at + 1 :] if at is not None else ():
        count *= level.count
    return count


def _cell(
    number: int, own: Sequence[int], threads: int, socket: int | None, memory: int
) -> HostCell:
    """``own``: its CPUs, core by core."""
    # nodes inside a core cut it
    step = min(threads, len(own))
    pages = memory // 4096
    return HostCell(
        id=number,
        cpuset=frozenset(own),
        pcpuset=frozenset(own),
        memory_mb=memory >> 20,
        siblings=tuple(frozenset(own[at : at + step]) for at in range(0, len(own), step)),
        page_pools=(PagePool(4, pages),) if pages else (),
        socket=socket,
    )
