"""hwloc's synthetic strings -> a host that nobody has: ``pack:2 numa:3 core:5 pu:2``.

Read are the levels from the outside to the inside, each ``TYPE:COUNT`` or a bare count, with
``memory=`` for NUMA nodes in brackets, and ``[numa]`` for nodes beside the objects before them.
Numbering is hwloc's default: CPUs one after the other, a core's threads next to each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, MAX_CELLS, HostCell, HostInfo, PagePool
from numafit.readers import bounds

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
_EXPECTED = "levels such as 'pack:2 numa:3 core:5 pu:2'"
DEFAULT_BYTES = 1 << 30
"""Of a NUMA node that says nothing of its memory: hwloc's default, too."""


@dataclass(slots=True)
class _Level:
    kind: str
    count: int
    memory: int = DEFAULT_BYTES
    beside: bool = False


def is_synthetic(text: str) -> bool:
    """Whether this is a synthetic string rather than the name of a file."""
    return bool(re.fullmatch(r"[\[\]A-Za-z0-9:()=,* ]+", text)) and ":" in text


def host_of_synthetic(text: str, name: str = "synthetic") -> HostInfo:
    """Raises ``InputError`` with the level at fault."""
    if len(text) > bounds.SYNTHETIC:
        raise InputError(None, "synthetic", text, f"at most {bounds.SYNTHETIC} characters")
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
    threads = _below(inner, "core")
    packages = _below(inner, "package")
    return HostInfo(
        tuple(_cell(n, total // nodes, threads, packages, memory) for n in range(nodes)), name
    )


def _words(text: str) -> list[str]:
    # blanks inside brackets belong to the attributes
    return re.findall(r"(?:\([^)]*\)|[^\s(])+", text)


def _level(word: str) -> _Level:
    found = _LEVEL.fullmatch(word)
    if found is None or bool(found["open"]) != bool(found["close"]):
        raise InputError(None, "synthetic", word, _EXPECTED)
    kind = found["type"].lower()
    if kind and not _CACHE.fullmatch(kind) and kind not in _TYPES:
        raise InputError(
            None, "synthetic", word, f"a level of {', '.join(sorted(_TYPES))} or L1-L5"
        )
    count = int(found["count"] or 1)
    if not count or (not kind and not found["count"]):
        raise InputError(None, "synthetic", word, "a count of 1 or more")
    level = _Level(_TYPES.get(kind, kind), count, beside=bool(found["open"]))
    if level.beside and (level.kind != "numa" or count != 1):
        raise InputError(None, "synthetic", word, "[numa], one node beside each object")
    for part in (found["attributes"] or "").replace(",", " ").split():
        _attribute(level, part, word)
    return level


def _attribute(level: _Level, part: str, word: str) -> None:
    key, _, value = part.partition("=")
    if key == "size":
        return  # of a cache
    size = _SIZE.fullmatch(value)
    if key != "memory" or level.kind != "numa" or size is None:
        raise InputError(None, "synthetic", word, "memory=SIZE of NUMA nodes, or size=SIZE")
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
    if inner[-1].kind != "pu":
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


def _cell(n: int, cpus: int, threads: int, in_package: int, memory: int) -> HostCell:
    first = n * cpus
    own = range(first, first + cpus)
    # a core's threads are next to each other; nodes inside a core cut it
    step = min(threads, cpus)
    socket = None
    if in_package > 1 and (cpus <= in_package):
        socket = first // in_package
    pages = memory // 4096
    return HostCell(
        id=n,
        cpuset=frozenset(own),
        pcpuset=frozenset(own),
        memory_mb=memory >> 20,
        siblings=tuple(frozenset(own[at : at + step]) for at in range(0, cpus, step)),
        page_pools=(PagePool(4, pages),) if pages else (),
        socket=socket,
    )
