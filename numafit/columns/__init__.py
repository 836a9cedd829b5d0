"""Names to numbers and back: what a fleet knows, as one array for each thing."""

from numafit.columns.columns import Columns

__all__ = ["Columns"]
