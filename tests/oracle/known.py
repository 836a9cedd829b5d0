"""Faults of the engine that are known and not mended yet: the oracle imitates them meanwhile.

To be emptied. ``test_oracle.py`` has an example of each, and fails once it is mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

KNOWN: dict[str, str] = {
    "one ratio": "A host of which one allocation ratio is known and the other is not is held to"
    " neither.",
    "nothing of a provider": "With exact a request for no devices wants nothing, but is refused"
    " where placement has allocated some and a provider stands in two pools of the host.",
    "isolates nothing": "Thread policy isolate without a dedicated vCPU: the refusal says that 0"
    " whole free cores were wanted.",
    "pinned without vCPUs": "A guest cell with policy dedicated or mixed and no vCPU of any kind"
    " (hw:numa_cpus.N of an empty text) fits; nova refuses it.",
    "PF and VFs at once": "One request that matches a PF and its VFs takes the one, passes over the"
    " others and goes on to further pools; nova's compute node fails there (IndexError), and a"
    " guest fits where scheduler and compute node accept it.",
}
_imitated = set(KNOWN)


def imitated(fault: str) -> bool:
    return fault in _imitated


@contextmanager
def strictly() -> Iterator[None]:
    """The oracle as it should be."""
    before = set(_imitated)
    _imitated.clear()
    try:
        yield
    finally:
        _imitated.update(before)
