"""A host as a picture: SVG, with no font, script or file from elsewhere."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from numafit.cpuset import format_cpu_list
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.views import words

COLOURS = {
    "pinned": ("#3d5a80", "#ffffff", "pinned"),
    "dedicated": ("#98c1d9", "#1b2a3a", "dedicated, free"),
    "shared": ("#f2e3bc", "#4a3f1d", "shared"),
    "both": ("#cfe0c3", "#243b1c", "free, shared or dedicated"),
}
"""State of a CPU -> fill, text, words of the legend."""

_GAP, _PAD, _LINE = 14, 12, 17
_THREAD_W, _THREAD_H, _CORE_GAP = 26, 16, 5
_BAR_H = 12
_TEXT = "#22303c"
_DIM = "#5c6b78"
_STYLE = "font-family:Helvetica,Arial,sans-serif"


class _Drawing:
    """Shapes so far."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def box(self, x: float, y: float, w: float, h: float, fill: str, more: str = "") -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" {more}/>'
        )

    def text(
        self, x: float, y: float, text: str, size: int = 12, fill: str = _TEXT, more: str = ""
    ) -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" {more}>'
            f"{escape(text)}</text>"
        )


def host_svg(host: HostInfo) -> str:
    """Cells side by side: cores with their threads, page pools as bars, networks and devices at
    their cell, distances below."""
    cells = host.cells
    columns = 1 if len(cells) < 2 else 2 if len(cells) <= 4 else 4
    inner = max((_core_columns(cell, columns) for cell in cells), default=4)
    cell_w = max(inner * _core_width(cells) + 2 * _PAD, 250)
    width = columns * cell_w + (columns + 1) * _GAP
    drawing = _Drawing()
    drawing.text(_GAP, 28, host.name or "host", 18, more='font-weight="bold"')
    y = _legend(drawing, host, 44)
    for first in range(0, len(cells), columns):
        row = cells[first : first + columns]
        height = max(_cell(_Drawing(), host, cell, 0, 0, cell_w, inner) for cell in row)
        for n, cell in enumerate(row):
            x = _GAP + n * (cell_w + _GAP)
            drawing.box(x, y, cell_w, height, "#ffffff", 'stroke="#9aa7b1" rx="6"')
            _cell(drawing, host, cell, x, y, cell_w, inner)
        y += height + _GAP
    if not cells:
        drawing.text(_GAP, y + 12, "no NUMA topology", fill=_DIM)
        y += 2 * _GAP
    y = _distances(drawing, host, y)
    width = max(width, 420)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{y:g}" '
        f'viewBox="0 0 {width:g} {y:g}" role="img" aria-label={quoteattr(host.name or "host")} '
        f'style="{_STYLE}"><rect width="100%" height="100%" fill="#f6f8f9"/>'
        + "".join(drawing.parts)
        + "</svg>\n"
    )


def _threads(cells: tuple[HostCell, ...]) -> int:
    return max((len(core) for cell in cells for core in words.cores(cell)), default=1)


def _core_width(cells: tuple[HostCell, ...]) -> float:
    return _threads(cells) * _THREAD_W + _CORE_GAP


def _core_columns(cell: HostCell, columns: int) -> int:
    """Cores in a row, so that pictures stay about as wide as a page."""
    most = {1: 16, 2: 8, 4: 4}[columns]
    return max(1, min(len(words.cores(cell)), most))


def _legend(drawing: _Drawing, host: HostInfo, y: float) -> float:
    present = {words.state(cell, cpu) for cell in host.cells for cpu in cell.cpuset | cell.pcpuset}
    x = float(_GAP)
    for state, (fill, _text, label) in COLOURS.items():
        if state in present:
            drawing.box(x, y - 10, 12, 12, fill, 'rx="2"')
            drawing.text(x + 17, y, label, 11, _DIM)
            x += 17 + 6.2 * len(label) + 16
    return y + _GAP


def _cell(
    drawing: _Drawing, host: HostInfo, cell: HostCell, x: float, y: float, w: float, columns: int
) -> float:
    """Draw a cell; its height."""
    at = y + _PAD + 6
    drawing.text(x + _PAD, at, words.cell_title(cell), 13, more='font-weight="bold"')
    used = f"{words.memory(cell.memory_usage)} of " if cell.memory_usage else ""
    drawing.text(
        x + w - _PAD, at, used + words.memory(cell.memory_mb), 12, _DIM, 'text-anchor="end"'
    )
    at = _cores(drawing, host.cells, cell, x + _PAD, at + 10, columns)
    for pool in cell.page_pools:
        at = _bar(drawing, pool, x + _PAD, at, w - 2 * _PAD)
    lines = [f"near {words.networks(cell)}"] if words.networks(cell) else []
    for line in lines + [words.pool(found) for found in words.pools_at(host, cell)]:
        at += _LINE
        drawing.text(x + _PAD, at, _cut(line, w - 2 * _PAD), 12)
    return at + _PAD - y


def _cut(text: str, width: float) -> str:
    room = int(width / 6.2)
    return text if len(text) <= room else text[: room - 1] + "…"


def _cores(
    drawing: _Drawing,
    cells: tuple[HostCell, ...],
    cell: HostCell,
    x: float,
    y: float,
    columns: int,
) -> float:
    step, cores = _core_width(cells), words.cores(cell)
    for n, core in enumerate(cores):
        left, top = x + n % columns * step, y + n // columns * (_THREAD_H + _CORE_GAP)
        for t, cpu in enumerate(core):
            state = words.state(cell, cpu)
            fill, text, label = COLOURS[state]
            at = left + t * _THREAD_W
            title = f"<title>CPU {cpu}: {label}; core {format_cpu_list(core)}</title>"
            drawing.parts.append(
                f'<g>{title}<rect x="{at:g}" y="{top:g}" width="{_THREAD_W}" height="{_THREAD_H}" '
                f'fill="{fill}" stroke="#ffffff"/><text x="{at + _THREAD_W / 2:g}" '
                f'y="{top + 12:g}" font-size="10" text-anchor="middle" fill="{text}">'
                f"{cpu}</text></g>"
            )
    rows = -(-len(cores) // columns)
    return y + rows * (_THREAD_H + _CORE_GAP) + 4


def _bar(drawing: _Drawing, pool: PagePool, x: float, y: float, w: float) -> float:
    free = pool.total - pool.used - pool.reserved
    drawing.text(x, y + 10, words.page_size(pool.size_kib), 11, _DIM)
    left, room = x + 48, w - 48 - 92
    drawing.box(left, y, room, _BAR_H, "#e3e9ed", 'rx="2"')
    if pool.total > 0:
        used = room * min(pool.used / pool.total, 1.0)
        held = min(room * min(pool.reserved / pool.total, 1.0), room - used)
        drawing.box(left, y, used, _BAR_H, "#3d5a80", 'rx="2"')
        drawing.box(left + used, y, held, _BAR_H, "#9aa7b1")
    label = f"{words.memory(max(free, 0) * pool.size_kib >> 10)} free"
    drawing.text(x + w, y + 10, label, 11, _DIM, 'text-anchor="end"')
    return y + _BAR_H + 5


def _distances(drawing: _Drawing, host: HostInfo, y: float) -> float:
    if not host.distances:
        return y
    drawing.text(_GAP, y + 12, "distances", 12, _DIM)
    step, left, top = 30, _GAP + 34, y + 30
    least = min(min(row) for row in host.distances)
    most = max(max(row) for row in host.distances)
    for n, cell in enumerate(host.cells):
        for x, at in ((left + n * step + step / 2, top), (left - 12, top + 15 + n * 18)):
            drawing.text(x, at, str(cell.id), 11, _DIM, 'text-anchor="middle"')
    for n, row in enumerate(host.distances):
        for m, value in enumerate(row):
            shade = 0.12 + 0.5 * (value - least) / (most - least) if most > least else 0.12
            x, at = left + m * step, top + 4 + n * 18
            drawing.box(x, at, step - 2, 16, "#3d5a80", f'fill-opacity="{shade:.2f}" rx="2"')
            drawing.text(x + step / 2 - 1, at + 12, str(value), 10, more='text-anchor="middle"')
    return top + 18 * len(host.distances) + _GAP
