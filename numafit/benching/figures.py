"""What was measured, for people, programs and CI systems."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numafit.benching.junit import Case


@dataclass(frozen=True, slots=True)
class Figure:
    """``seconds`` of one ``unit`` (a host of many, a call, or a claim with its release); ``ratio``:
    how many hosts' memory is read in that time; ``at_most``: what it may be, ``None`` where nobody
    said."""

    question: str
    unit: str
    seconds: float
    ratio: float
    at_most: float | None = None

    @property
    def fault(self) -> str:
        """Why it is too much; empty: it is not."""
        if self.at_most is None or self.ratio <= self.at_most:
            return ""
        most = times(self.at_most)
        return f"{self.question}: {times(self.ratio)} x the memory pass, at most {most}"


@dataclass(frozen=True, slots=True)
class Measured:
    """``memory_pass``: seconds for 64 bytes of each of a host's ``cells_per_host`` cells."""

    hosts: int
    cells_per_host: int
    memory_pass: float
    figures: tuple[Figure, ...]

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON has; times are seconds."""
        return {
            "numafit": machine(),
            "hosts": self.hosts,
            "cells_per_host": self.cells_per_host,
            "memory_pass": self.memory_pass,
            "figures": [{**asdict(one), "fault": one.fault or None} for one in self.figures],
        }

    def cases(self) -> list[Case]:
        """For JUnit: the figures stand there where nothing failed, too."""
        return [
            Case(
                f"numafit.bench.{self.hosts}_hosts",
                one.question,
                f"{duration(one.seconds)} a {one.unit}, {times(one.ratio)} x the memory pass",
                one.fault,
                one.seconds,
            )
            for one in self.figures
        ]


def times(ratio: float) -> str:
    """``3.47``, ``305``, ``1,230``."""
    return f"{ratio:,.0f}" if ratio >= 1000 else f"{ratio:.3g}"


def duration(seconds: float) -> str:
    """Three digits with a unit that suits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1.0:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def cpu_model() -> str:
    """As Linux names it; elsewhere what Python knows."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    from numafit import __version__

    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
    }
