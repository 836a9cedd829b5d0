"""How numbers of things read."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``1 host``, ``2 hosts``, ``1,200 hosts``."""
    plural = {"memory": "memory"}.get(thing, f"{thing}s")
    return f"{number:,} {thing if number == 1 else plural}"
