"""The one tree of errors: what went wrong, where, and what would have been right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SHOWN = 80
ENGINE = ("numafit._engine", "numafit._header", "numafit._slab")
"""The compiled modules."""
NOT_BUILT = (
    "numafit's engine is not built. In a source tree run 'make build', or install a wheel and "
    "start Python from another folder."
)


def shorten(value: object, limit: int = _SHOWN) -> str:
    """``repr(value)``, cut so that a hostile file cannot fill a terminal."""
    if isinstance(value, str) and len(value) > limit:
        return repr(value[:limit]) + f"... ({len(value)} characters)"
    text = ""
    try:
        # piece by piece: aliases of YAML make values whose whole text fits into no memory
        for piece in _pieces(value, limit):
            text += piece
            if len(text) > limit:
                return text[:limit] + "..."
    except (RecursionError, ValueError):
        return f"<a {type(value).__name__} too deep or too long to show>"
    return text


def _pieces(value: object, limit: int) -> Iterator[str]:
    """``repr(value)`` in parts."""
    kind = type(value)
    if kind is dict:
        yield "{"
        for n, (key, inner) in enumerate(value.items()):  # type: ignore[attr-defined]
            yield ", " if n else ""
            yield from _pieces(key, limit)
            yield ": "
            yield from _pieces(inner, limit)
        yield "}"
    elif kind is list or kind is tuple:
        yield "[" if kind is list else "("
        n = -1
        for n, inner in enumerate(value):  # type: ignore[arg-type]
            yield ", " if n else ""
            yield from _pieces(inner, limit)
        yield "]" if kind is list else ",)" if n == 0 else ")"
    elif kind is str or kind is bytes:
        yield repr(value[: limit + 1])  # type: ignore[index]
    else:
        yield repr(value)


def printable(text: str) -> str:
    """``text`` with control characters escaped, so that a name cannot steer a terminal."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


class NumafitError(Exception):
    """Base of every error that numafit raises on purpose."""


class InputError(NumafitError, ValueError):
    """A file, row or option that cannot be read.

    ``file`` (or ``None`` where the text did not come from a file), ``key`` (a path such as
    ``cells[0].siblings``), ``value`` as found, ``expected`` in words, ``hint``: what to do.
    """

    shown = _SHOWN
    """Characters of ``value`` in the message."""

    def __init__(
        self,
        file: str | None,
        key: str | None,
        value: object,
        expected: str,
        hint: str = "",
    ) -> None:
        super().__init__(file, key, value, expected, hint)
        self.file = file
        self.key = key
        self.value = value
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        # a key is as long as the file made it
        key = self.key if not self.key or len(self.key) <= 200 else f"{self.key[:200]}..."
        where = ": ".join(part for part in (self.file, key) if part)
        # half a surrogate cannot be written anywhere
        where = where.encode("utf-8", "backslashreplace").decode()
        text = f"{where}: " if where else ""
        text += f"got {shorten(self.value, self.shown)}, expected {self.expected}"
        return f"{text}. {self.hint}" if self.hint else text

    def within(self, file: str | None = None, key: str | None = None) -> InputError:
        """The same error seen from further out: ``file`` added, ``key`` prefixed."""
        inner = self.key or ""
        if key:
            glue = "" if not inner or inner.startswith("[") else "."
            if inner and key.startswith("line "):
                glue = ": "
            inner = f"{key}{glue}{inner}"
        return InputError(self.file or file, inner or None, self.value, self.expected, self.hint)


class InvalidRequest(NumafitError, ValueError):
    """A flavor, image or port that asks for something impossible or contradictory.

    ``nova_exception`` is the name of the class that nova raises for the same input (mostly of
    ``nova.exception``, in a few cases a builtin such as ``ValueError``). ``stage`` is ``"image"``
    when the image's properties could not be read at all, else ``"constraints"``.
    """

    def __init__(
        self,
        message: str,
        *,
        nova_exception: str,
        key: str | None = None,
        value: Any = None,
        stage: str = "constraints",
    ) -> None:
        super().__init__(message)
        self.nova_exception = nova_exception
        self.key = key
        self.value = value
        self.stage = stage

    def within(self, where: str) -> InvalidRequest:
        """The same error with ``where`` before its message."""
        return _rebuild_invalid(
            f"{where}: {self}", self.nova_exception, self.key, self.value, self.stage
        )

    def __reduce__(self) -> Any:
        return _rebuild_invalid, (str(self), self.nova_exception, self.key, self.value, self.stage)


def _rebuild_invalid(
    message: str, nova_exception: str, key: str | None, value: Any, stage: str
) -> InvalidRequest:
    return InvalidRequest(message, nova_exception=nova_exception, key=key, value=value, stage=stage)


class StalePlacement(NumafitError, RuntimeError):
    """A placement that no longer holds on its host: something else took what it needs."""


MOVED = "hosts have other indices since compact()"
"""Why who has an index, or a placement, of before gets StalePlacement."""


class MisuseError(NumafitError, ValueError):
    """A call that makes no sense, whatever the hosts hold: an argument of another type or out of
    bounds, a claim of another fleet. ``status`` is the engine's code."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.status)


class InvalidValue(MisuseError, InputError):
    """A value that a guest, a host, a placement or an option cannot have.

    One kind for all of them: a MisuseError to a program that made the value, an InputError to a
    reader, which adds the file. ``key`` names the argument, ``expected`` says what it may hold.
    """

    def __init__(self, key: str, value: object, expected: str, hint: str = "") -> None:
        InputError.__init__(self, None, key, value, expected, hint)
        self.status = 0

    def __reduce__(self) -> Any:
        return type(self), (self.key, self.value, self.expected, self.hint)


class SweepError(NumafitError, RuntimeError):
    """A sweep that cannot go on: a question failed, or its workers were lost."""


class MissingExtra(NumafitError, ImportError):
    """An optional library is not installed; the message says how to get it."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed. Run: pip install 'numafit[{extra}]'")
        self.module = module
        self.extra = extra

    def __reduce__(self) -> Any:
        return type(self), (self.module, self.extra)
