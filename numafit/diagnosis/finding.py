"""One finding of ``numafit check``."""

from __future__ import annotations

from dataclasses import dataclass

from numafit.errors import InputError

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """``severity``: ``error`` (does not work), ``warning`` (does not do what was meant) or
    ``note``. ``rule``: its short name. ``where``: option, device or network. ``advice``: what to
    do, or empty."""

    severity: str
    rule: str
    where: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        text = f"{self.severity}: {self.where}: {self.what}"
        return f"{text}. {self.advice}" if self.advice else text


def refused(fault: InputError) -> Finding:
    """What nova-compute does not start with."""
    got = "not set" if fault.value is None else repr(fault.value)
    return Finding(
        ERROR, "nova-refuses", fault.key or "", f"{got}: expected {fault.expected}", fault.hint
    )
