"""How far is long work? Said to a function, on a bar in a terminal or a notebook, or to nobody."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from numafit.errors import InvalidValue, MissingExtra
from numafit.extras import need

Told = Callable[[Any, Any], object]
"""Called with what is done and what there is in all."""
Progress = bool | Told | None
"""``None``: a bar, once work has taken ``PATIENCE``, where somebody looks and tqdm is there
(``numafit[progress]``); ``True``: a bar from the beginning, which needs tqdm; ``False``: none."""
PATIENCE = 2.0
"""Seconds."""
SECONDS = "s"
"""The unit of work that ends by its time."""
TICK = 0.25
"""Seconds between two looks at the clock."""


def checked(progress: Any) -> Progress:
    """Raises InvalidValue for what is none."""
    if progress is None or isinstance(progress, bool) or callable(progress):
        found: Progress = progress
        return found
    raise InvalidValue("progress", progress, "True, False, None or a function of two numbers")


class Shown:
    """Steps of work, as a context manager: its value is called with how many more are done.
    ``total``: of how many, ``None``: not known; ``unit``: what one is called."""

    def __init__(self, progress: Progress, total: float | None, unit: str) -> None:
        self._told: Told | None = None
        self._bar: Any = None
        self._done: float = 0
        self._total = total
        if callable(progress):
            self._told = progress
        elif progress or (progress is None and _watched()):
            self._bar = _bar(total, unit, asked=bool(progress))

    @property
    def to_nobody(self) -> bool:
        return self._told is None and self._bar is None

    def __enter__(self) -> Callable[[float], None]:
        return self._more

    def _more(self, more: float) -> None:
        self._done += more
        if self._told is not None:
            self._told(self._done, self._total)
        elif self._bar is not None:
            self._bar.update(more)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class Elapsing:
    """Work that ends by its time: ``seconds`` at the most. What is done is then the time."""

    def __init__(self, progress: Progress, seconds: float) -> None:
        self._shown = Shown(progress, seconds, SECONDS)
        self._seconds = seconds
        self._ended = threading.Event()
        self._clock: threading.Thread | None = None

    def __enter__(self) -> None:
        if not self._shown.to_nobody:
            # work that counts nothing has nobody but another thread to say where it is
            self._clock = threading.Thread(target=self._tick, daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        started, said = time.monotonic(), 0.0
        with self._shown as more:
            while not self._ended.wait(TICK):
                now = min(time.monotonic() - started, self._seconds)
                # a function of the user's that fails must not end the work
                with suppress(Exception):
                    more(round(now - said, 2))
                said = now

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._clock is not None:
            self._clock.join()


def _watched() -> bool:
    """Does somebody look at what goes to standard error? Bars of workers would mix."""
    # where nobody has imported it yet, this is no worker's process
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    return _in_notebook() or bool(sys.stderr is not None and sys.stderr.isatty())


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _bar(total: float | None, unit: str, asked: bool) -> Any:
    """tqdm's; one that nobody asked for comes late and leaves nothing behind."""
    try:
        # without ipywidgets the notebook's bar warns, and a line of text does
        module = "tqdm.std"
        if _in_notebook():
            with suppress(ImportError):
                need("ipywidgets", "notebook")
                module = "tqdm.notebook"
        tqdm = need(module, "progress").tqdm
    except MissingExtra:
        if asked:
            raise
        return None
    how: dict[str, Any] = {} if asked else {"delay": PATIENCE, "leave": False}
    if unit == SECONDS:
        how["bar_format"] = "{percentage:3.0f}%|{bar}| at most {total:.0f} s"
    return tqdm(total=total, unit=unit, file=sys.stderr, **how)
