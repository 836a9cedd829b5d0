"""The drop-in for nova 34: numafit's answers behind nova's own names.

The only room that imports nova. ``install()`` puts numafit in the place of nova's fitting code in
the running process, ``uninstall()`` takes it out again; ``numafit.nova.filters`` and
``numafit.nova.weighers`` are for the scheduler's options and patch nothing. ``python -m
numafit.nova nova-compute`` starts a service of nova with numafit installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numafit.nova.installing import install, uninstall

__all__ = ["install", "uninstall"]


def __getattr__(name: str) -> Any:
    # on first use: a service of nova must be able to patch threading before nova is imported
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from numafit.nova import installing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("nova", "oslo_log"):
            raise
        raise ImportError(
            "numafit.nova works inside nova: install numafit into nova's own environment and "
            "run it with the Python of that"
        ) from error
    return getattr(installing, name)
