"""The saved form of a fleet, under the name by which other programs import it."""

from numafit.columns.npz import _checksum, load, save

__all__ = ["_checksum", "load", "save"]
