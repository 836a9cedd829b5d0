"""The saved form of a fleet, under the name by which other programs import it."""

from numafit.columns.npz import checksum_of as _checksum
from numafit.columns.npz import load, save

__all__ = ["_checksum", "load", "save"]
