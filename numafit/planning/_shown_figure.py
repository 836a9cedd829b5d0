"""matplotlib's Figure as a notebook shows it. Only ``numafit.planning.figures`` imports this, once
it is known that matplotlib is there."""

from __future__ import annotations

from matplotlib.figure import Figure

from numafit.planning.figures import png


class ShownFigure(Figure):
    """Belongs to no window of pyplot, so that many of them need not be closed."""

    def _repr_png_(self) -> bytes:
        return png(self)
