"""Where on a host does a guest land? CPU by CPU, with its pages and devices (``numafit[plot]``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numafit.errors import InvalidValue
from numafit.extras import need
from numafit.model import fields
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.placement import Placement, PlacementCell
from numafit.planning import figures
from numafit.plurals import counted
from numafit.views import words

USED, FREE, SHARED = figures.GREY, figures.LIGHT, "#f4ecd2"
GUEST = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.PINK, figures.SKY, figures.RED)
BESIDE = {1: (1, 24), 2: (2, 14)}
"""Host cells -> how many of them stand beside each other, and how many cores in a row of each."""
OTHERS = (4, 8)
MARGIN, HEAD, LINE = 1.0, 1.4, 1.0
"""In units of a thread's square."""


def placement_picture(host: HostInfo, placement: Placement, title: str = "") -> Any:
    """A Figure of the host as it was before, and of what the guest takes there.

    Each square is a CPU, those above each other are threads of one core. vCPUs have the colour of
    their guest cell and their number, ``E`` are emulator threads. Raises InvalidValue where a cell
    of the placement is none of the host's.
    """
    fields.instance("host", host, HostInfo)
    fields.instance("placement", placement, Placement)
    ids = {cell.id for cell in host.cells}
    for one in placement.cells:
        if one.host_cell not in ids:
            raise InvalidValue("placement", one.host_cell, f"cells of the host: {sorted(ids)}")
    beside, in_row = BESIDE.get(len(host.cells), OTHERS)
    panels = [_panel(host, cell, placement, in_row) for cell in host.cells]
    wide = in_row + MARGIN
    rows = [panels[n : n + beside] for n in range(0, len(panels), beside)]
    tall = sum(max(panel.height for panel in row) + MARGIN for row in rows)
    scale = figures.WIDTH / (wide * beside)
    figure = figures.figure(max(tall * scale, 0.6) + 0.3, title or _title(host, placement))
    axes = figure.subplots()
    y = 0.0
    for row in rows:
        for n, panel in enumerate(row):
            _draw(axes, panel, n * wide, y, min(max(scale * 30, 7.0), 10.0))
        y += max(panel.height for panel in row) + MARGIN
    axes.set_xlim(0, wide * beside)
    axes.set_ylim(max(y, 1.0), 0)
    axes.set_aspect("equal")
    axes.axis("off")
    _legend(figure, placement, {colour for panel in panels for colour in panel.colours.values()})
    return figure


@dataclass(frozen=True, slots=True)
class _Panel:
    """One host cell: a colour and a text for each CPU, lines below them."""

    title: str
    in_row: int
    cores: list[list[int]]
    colours: dict[int, str]
    texts: dict[int, str]
    lines: list[tuple[str, str]]

    @property
    def threads(self) -> int:
        return max(map(len, self.cores), default=1)

    @property
    def height(self) -> float:
        rows = -(-len(self.cores) // self.in_row)
        return HEAD + rows * (self.threads + 0.35) + LINE * len(self.lines)


def _panel(host: HostInfo, cell: HostCell, placement: Placement, in_row: int) -> _Panel:
    cores = words.cores(cell)
    state = {"pinned": USED, "dedicated": FREE, "both": FREE, "shared": SHARED}
    colours = {cpu: state[words.state(cell, cpu)] for core in cores for cpu in core}
    texts: dict[int, str] = {}
    lines = []
    for n, one in enumerate(placement.cells):
        if one.host_cell != cell.id:
            continue
        colour = GUEST[n % len(GUEST)]
        for vcpu, cpu in one.pinning.items():
            colours[cpu], texts[cpu] = colour, str(vcpu)
        for cpu in one.reserved:
            colours[cpu], texts[cpu] = colour, "E"
        lines.append((_taken(cell, one), colour))
    node = [one for one in placement.pci if one.numa_node == cell.id]
    lines += [(f"{one.count} x {_device(one.info.tags, one.info)}", figures.INK) for one in node]
    free = len(cell.pcpuset - cell.pinned_cpus)
    title = f"host cell {cell.id}: {free} of {counted(len(cell.pcpuset), 'CPU')} free"
    return _Panel(title, in_row, cores, colours, texts, lines)


def _taken(cell: HostCell, one: PlacementCell) -> str:
    """Its memory, in pages where they are of a size, and vCPUs that have no square."""
    floating = f", {counted(len(one.cpuset), 'shared vCPU')}" if one.cpuset else ""
    pool = next((pool for pool in cell.page_pools if pool.size_kib == one.pagesize), None)
    if pool is None:
        return f"{words.memory(one.memory_mb)} of memory{floating}"
    taken, free = one.memory_mb * 1024 // pool.size_kib, pool.total - pool.used - pool.reserved
    return f"{taken:,} of {free:,} free {words.page_size(pool.size_kib)} pages{floating}"


def _device(tags: Any, info: Any) -> str:
    kind = tags.get("physical_network") or tags.get("dev_type") or ""
    return figures.plain(f"{info.vendor_id}:{info.product_id} {kind}".strip())


def _title(host: HostInfo, placement: Placement) -> str:
    cells = list(dict.fromkeys(one.host_cell for one in placement.cells))
    vcpus = sum(len(one.cpuset) + len(one.pcpuset) for one in placement.cells)
    name = host.name or "the host"
    if not cells:
        return f"{name}: the guest is bound to no cell"
    where = ", ".join(map(str, sorted(cells)))
    return (
        f"{name}: {counted(vcpus, 'vCPU')} in {counted(len(placement.cells), 'guest cell')} "
        f"on host {'cell' if len(cells) == 1 else 'cells'} {where}"
    )


def _draw(axes: Any, panel: _Panel, x: float, y: float, size: float) -> None:
    rectangle = need("matplotlib.patches", "plot").Rectangle
    axes.text(x + 0.1, y + HEAD - 0.5, panel.title, fontsize=size, va="bottom", color=figures.INK)
    y += HEAD
    step = panel.threads + 0.35
    for n, core in enumerate(panel.cores):
        left, top = x + n % panel.in_row, y + n // panel.in_row * step
        for t, cpu in enumerate(core):
            axes.add_patch(
                rectangle((left + 0.06, top + t + 0.04), 0.88, 0.92, facecolor=panel.colours[cpu])
            )
            if cpu in panel.texts:
                axes.text(
                    left + 0.5,
                    top + t + 0.52,
                    panel.texts[cpu],
                    fontsize=size * 0.8,
                    ha="center",
                    va="center",
                    color="white" if panel.colours[cpu] in DARK else figures.INK,
                )
    y += -(-len(panel.cores) // panel.in_row) * step
    for n, (text, colour) in enumerate(panel.lines):
        at = y + n * LINE
        axes.add_patch(rectangle((x + 0.06, at + 0.2), 0.6, 0.6, facecolor=colour))
        axes.text(x + 1.0, at + 0.5, text, fontsize=size * 0.9, va="center", color=figures.INK)


DARK = (figures.BLUE, figures.GREEN, figures.RED)


def _legend(figure: Any, placement: Placement, there: set[str]) -> None:
    patch = need("matplotlib.patches", "plot").Patch
    kinds = [
        (f"guest cell {n}", GUEST[n % len(GUEST)])
        for n in range(min(len(placement.cells), len(GUEST)))
    ]
    others = (("used by others", USED), ("free, dedicated", FREE), ("for shared vCPUs", SHARED))
    kinds += [(label, colour) for label, colour in others if colour in there]
    figure.legend(
        handles=[patch(facecolor=colour, label=label) for label, colour in kinds],
        loc="outside lower left",
        ncols=4,
        handlelength=1.0,
        handleheight=1.0,
        frameon=False,
        fontsize="small",
    )
