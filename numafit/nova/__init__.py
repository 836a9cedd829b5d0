"""The drop-in for nova 34: numafit's answers behind nova's own names.

The only room that imports nova. ``install()`` puts numafit in the place of nova's fitting code in
the running process, ``uninstall()`` takes it out again; ``numafit.nova.filters`` and
``numafit.nova.weighers`` are for the scheduler's options and patch nothing.
"""

from numafit.nova.installing import install, uninstall

__all__ = ["install", "uninstall"]
