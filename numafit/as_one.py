"""What changes in the engine and in Python as one, where Ctrl-C or want of memory comes between."""

from __future__ import annotations

from collections.abc import Callable


def as_one(
    begin: Callable[[], object], begun: Callable[[], bool], rest: Callable[[], object]
) -> bool:
    """``begin`` and then ``rest``, or neither; ``begin`` may decline: its False is the answer.

    ``begin`` is one call that nothing interrupts, and ``begun`` says whether it has done its work.
    What ends ``rest`` early is raised once ``rest`` was asked again, from its start: it has to come
    to the same end however much of it was done.
    """
    try:
        if begin() is False:
            return False
        rest()
    except BaseException:
        if begun():
            rest()
        raise
    return True
