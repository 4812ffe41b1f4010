"""Figures that follow the reader's theme: line art as inline SVG, its colours as CSS variables.

    fig, ax = plots.figure(height=2.6)
    ax.plot(depth, field, color=plots.SERIES[0])
    plots.show(fig, alt="The field grows by two pixels a layer.")

The constants are ordinary colours for matplotlib, and at the same time marks: `show` replaces each by its variable
(see `pixelwise.palette`), so use them, or leave colours to the style, in everything that is drawn.
"""

import hashlib
import html
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle
from torch import Tensor

from pixelwise import palette
from pixelwise.arithmetic import Layer, receptive_fields, seen_units
from pixelwise.data import VOID

INK = palette.LIGHT["ink"]
PAPER = palette.LIGHT["paper"]
RAISED = palette.LIGHT["raised"]
MUTED = palette.LIGHT["muted"]
GRID = palette.LIGHT["grid"]
SERIES = [palette.LIGHT[role] for role in palette.LIGHT if role.startswith("series-")]

# Maps for `imshow`. A raster cannot follow the theme: its low (or middle) end is transparent and lets the paper show.
HEAT = LinearSegmentedColormap.from_list("pixelwise-heat", ["#2f86d600", "#2f86d6ff"])
DIVERGING = LinearSegmentedColormap.from_list(
    "pixelwise-diverging", ["#e0782aff", "#e0782a00", "#2f86d600", "#2f86d6ff"]
)

STYLE = {
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(color=SERIES),
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "patch.edgecolor": INK,
    "hatch.color": MUTED,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "font.size": 11,
    "image.interpolation": "none",
    "image.cmap": "gray",
    "svg.fonttype": "none",
    "svg.hashsalt": "pixelwise",
}

_ROLES = {colour: palette.variable(role) for role, colour in palette.LIGHT.items()}
_FIGURE_CSS = (
    ".pw-figure{margin:1.5rem 0;color:var(--pw-ink)}"
    ".pw-figure svg{display:block;width:100%;height:auto;margin:0 auto;overflow:visible;background:none}"
    # The page's own face: matplotlib measured in a wider one, so nothing collides.
    ".pw-figure svg text{font-family:var(--pw-font-sans,system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif)}"
    ".pw-figure svg image{image-rendering:pixelated}"
    ".pw-figure figcaption{margin:.6rem auto 0;max-width:60ch;font-size:.9em;color:var(--pw-muted);text-align:center}"
)
# Below this size, in points, stand indices and powers: 0.7 of the text that they belong to.
_SMALLEST_TEXT = 7.8
_serial = itertools.count(1)


def figure(
    width: float = 6.4, height: float = 3.2, ncols: int = 1, nrows: int = 1, **subplots: object
) -> tuple[Figure, Axes | np.ndarray]:
    """Return a figure in the course's style and its axes (one, or an array of them).

    `width` and `height` are in inches; on the page the figure takes the width of the text, or of the phone, and keeps
    its proportions. `subplots` goes to `Figure.subplots` (`sharey=True`, `width_ratios=…`).
    """
    # Matplotlib makes ticks and legends when it draws, from the settings of that moment: set them for the process.
    matplotlib.rcParams.update(STYLE)
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(nrows, ncols, **subplots)


class Shown:
    """What a cell shows: HTML for a page or a notebook, a description anywhere else."""

    def __init__(self, markup: str, described: str) -> None:
        self.markup, self.described = markup, described

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return self.described


def show(fig: Figure, alt: str, caption: str | None = None) -> Shown:
    """Draw `fig` and return an object that a notebook displays as an inline, themed, scalable SVG.

    `alt` is what a reader who cannot see the figure is told: what it shows, not how it looks. `caption` is plain text
    below it. Raises `ValueError` when `alt` is empty.
    """
    if not alt.strip():
        raise ValueError("A figure needs an alt text that says what it shows.")
    drawn = io.StringIO()
    FigureCanvasSVG(fig).print_svg(drawn, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    width_px = fig.get_figwidth() * 96 * 1.05
    svg = _themed(drawn.getvalue(), alt, width_px)
    below = f"<figcaption>{html.escape(caption, quote=False)}</figcaption>" if caption else ""
    style = f"<style>{palette.css('.pw-figure')}{_FIGURE_CSS}</style>"
    return Shown(f'<figure class="pw-figure">{style}{svg}{below}</figure>', f"[figure: {alt}]")


def table(columns: Mapping[str, Sequence[object]]) -> Shown:
    """Return a table with one column per heading; numbers stand right, with thin spaces between thousands."""

    def written(value: object) -> str:
        if isinstance(value, int):
            return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        return f"{value:g}" if isinstance(value, float) else str(value)

    def cell(kind: str, value: object, numeric: bool) -> str:
        side = "right" if numeric else "left"
        return f'<{kind} style="text-align:{side}">{html.escape(written(value), quote=False)}</{kind}>'

    numeric = [any(isinstance(value, (int, float)) for value in values) for values in columns.values()]
    head = "".join(cell("th", name, right) for name, right in zip(columns, numeric, strict=True))
    lines = list(zip(*columns.values(), strict=True))
    body = "".join(
        f"<tr>{''.join(cell('td', value, right) for value, right in zip(line, numeric, strict=True))}</tr>"
        for line in lines
    )
    described = "\n".join(" | ".join(map(written, line)) for line in [tuple(columns), *lines])
    return Shown(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", described)


def picture(ax: Axes, image: Tensor, title: str = "") -> None:
    """Draw an image (3, H, W), values from 0 to 1, without ticks."""
    ax.imshow(image.permute(1, 2, 0).clamp(0, 1).cpu())
    bare(ax, title)


def label_map(ax: Axes, labels: Tensor, colours: Sequence[str], title: str = "") -> None:
    """Draw labels (H, W) without ticks: `colours` has one for each class, and void is the paper of the page."""
    known = np.ma.masked_equal(labels.cpu().numpy(), VOID)
    ax.imshow(known, cmap=ListedColormap(list(colours)), vmin=-0.5, vmax=len(colours) - 0.5)
    bare(ax, title)


def numbers(ax: Axes, values: Tensor, title: str = "", boxes: Sequence[tuple[int, int, int]] = ()) -> None:
    """Draw whole numbers (H, W) in a grid, zeros faint, and frames around squares of them: (row, column, side)."""
    height, width = values.shape
    for i, j in np.ndindex(height, width):
        number = int(values[i, j])
        written = f"{number}".replace("-", "\N{MINUS SIGN}")
        ax.text(j, i, written, ha="center", va="center", color=INK if number else MUTED)
    ax.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, color=GRID, lw=0.8)
    ax.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, color=GRID, lw=0.8)
    for (row, column, side), colour in zip(boxes, SERIES, strict=False):
        corner, side = (column - 0.45, row - 0.45), side - 0.1
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, lw=2.4))
    ax.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6), aspect="equal")
    bare(ax, title)


def class_legend(fig: Figure, names: Sequence[str], colours: Sequence[str], columns: int = 3) -> None:
    """Put the names of classes and their colours below all axes of a figure."""
    handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    fig.legend(handles=handles, loc="outside lower center", ncols=columns)


def bare(ax: Axes, title: str = "") -> None:
    """Leave ticks and frame out, and set a small title."""
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, size=10)
    ax.spines[:].set_visible(False)


def cut(ax: Axes, layers: Sequence[Layer], n: int, unit: int) -> None:
    """Draw a cut through a stack along its width: every map's units at the centres of what they see.

    `n` is the input's length in pixels. The units that reach `unit` of the last map are filled, and a cone joins them.
    """
    fields = list(receptive_fields(layers))
    seen = seen_units(layers, unit, n)
    length = n
    for level, (field, mine) in enumerate(zip(fields, seen, strict=True)):
        if level:
            length = layers[level - 1].output_shape((1, length, length))[2]
            below = fields[level - 1]
            ends = [(field, mine[0], level), (field, mine[-1], level)]
            ends += [(below, seen[level - 1][-1], level - 1), (below, seen[level - 1][0], level - 1)]
            corners = [
                (at.start[1] + u * at.jump[1] + (0.36 if i in (1, 2) else -0.36), row)
                for i, (at, u, row) in enumerate(ends)
            ]
            ax.add_patch(Polygon(corners, facecolor=SERIES[0], alpha=0.13, edgecolor="none"))
        for u in range(length):
            centre = field.start[1] + u * field.jump[1]
            chosen = SERIES[1] if level == len(layers) else SERIES[0]
            ax.add_patch(
                Rectangle(
                    (centre - 0.36, level - 0.19),
                    0.72,
                    0.38,
                    facecolor=chosen if u in mine else "none",
                    edgecolor=chosen if u in mine else MUTED,
                    linewidth=0.8,
                )
            )
    ax.set_xlim(-0.8, n - 0.2)
    ax.set_ylim(-0.45, len(layers) + 0.45)
    ax.set_yticks(range(len(fields)), ["input", *(layer.name or f"layer {i}" for i, layer in enumerate(layers, 1))])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _themed(svg: str, alt: str, width_px: float) -> str:
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r"font: (\S+px) [^;\"]*", r"font-size: \1", svg)
    box = re.search(r'viewBox="([^"]*)"', svg)
    viewbox = box.group(1) if box else ""
    svg = re.sub(r"font-size: (\S+)px", partial(_lettering, width=float(viewbox.split()[2])), svg)
    for colour, variable in _ROLES.items():
        svg = svg.replace(colour, variable)
    # Every figure on a page shares one space of ids; matplotlib starts each at figure_1.
    mark = f"pw{next(_serial)}-{hashlib.sha256(svg.encode()).hexdigest()[:6]}-"
    # It also gives equal images one id each time it draws them; the first stands for all.
    met: set[str] = set()
    svg = re.sub(r' id="([^"]*)"', lambda found: "" if found[1] in met or met.add(found[1]) else found[0], svg)
    svg = re.sub(r'(\bid=")', rf"\1{mark}", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{mark}", svg)
    rest = svg.split(">", 1)[1]
    label = html.escape(alt)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="{viewbox}" style="max-width:{width_px:.0f}px" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{rest}'
    )


def _lettering(found: re.Match[str], width: float) -> str:
    """Return a size that grows on a phone, where the drawing shrinks more than its lettering should.

    The site's style sheet sets both factors: of the size, and of the drawing's width for the least size of a text.
    """
    size = f"calc({found[1]}px * var(--pw-lettering, 1))"
    if float(found[1]) > _SMALLEST_TEXT:
        size = f"max({size}, calc({width:g}px * var(--pw-least-lettering, 0)))"
    return f"font-size: {size}"
