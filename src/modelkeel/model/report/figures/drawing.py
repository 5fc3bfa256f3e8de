"""A figure as SVG to be placed inside HTML.

Colours are CSS variables, so that a figure follows the page into dark mode and print. Text stays
text. No identifier, link or style reaches beyond the figure, and the same input gives the same
bytes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import polars as pl

from modelkeel.model.evaluation.statistic import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Stand-ins that matplotlib understands; replaced by the variables of report.css.
INK, MUTED, GRID = "#100001", "#100002", "#100003"
MODEL, LINEAR, BASELINE, CARD = "#100004", "#100005", "#100006", "#100007"
ACCENTS = ["#100004", "#100008", "#100009", "#10000a", "#10000b", "#10000c"]
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    MODEL: "model",
    LINEAR: "linear",
    BASELINE: "baseline",
    CARD: "card",
    "#100008": "accent-2",
    "#100009": "accent-3",
    "#10000a": "accent-4",
    "#10000b": "accent-5",
    "#10000c": "accent-6",
}
WIDTH = 360.0

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "modelkeel",
    "text.parse_math": False,  # a dollar in a unit is a dollar
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.labelsize": 10,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
}


@dataclass(frozen=True)
class Drawing:
    """One figure: SVG markup and, for those who do not see it, what it shows."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Axes]]:
    """An empty figure of this size, in points, in the style of the page."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = _STYLE
    with matplotlib.rc_context(), warnings.catch_warnings():
        # a user's own style file must not change the report, nor a script without glyphs warn
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        figure.set_layout_engine("constrained", w_pad=4 / 72, h_pad=4 / 72)
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def svg_of(figure: Figure, name: str) -> str:
    """The figure as markup; `name` makes its identifiers its own within the page."""
    out = StringIO()
    nothing = dict.fromkeys(["Date", "Creator", "Format", "Type"])
    figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'^<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1">', text)
    tags = "".join(re.findall(r"<[^>]+>", text))
    # numbered, for matplotlib's own names change with the last bit of a coordinate
    used = dict.fromkeys(re.findall(r'(?:url\(|href=")#([\w-]+)', tags))
    names = {old: f"{name}-{number}" for number, old in enumerate(used)}

    def mend(tag: re.Match[str]) -> str:
        found = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag[0]).replace("xlink:href", "href")
        found = re.sub(
            r' id="([\w.-]+)"', lambda at: f' id="{names[at[1]]}"' if at[1] in names else "", found
        )
        found = re.sub(r'(url\(|href=")#([\w-]+)', lambda at: f"{at[1]}#{names[at[2]]}", found)
        found = re.sub("#10000[0-9a-f]", lambda at: f"var(--{_VARIABLES[at[0]]})", found)
        return re.sub(r"(\d\.\d{2})\d+", r"\1", found)

    text = re.sub(r"<[^>]+>", mend, text)  # within tags only: what people read stays as it is
    text = re.sub(r"<defs>\s*</defs>", "", text)
    return re.sub(r"\n\s*", "\n", text)


def number_ticks(axes: Axes, which: str) -> None:
    """Number the axis for people."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: _tick(value))


def _tick(value: float) -> str:
    text = f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return text.replace(",", "\u202f").replace("-", "\u2212")


def share_ticks(axes: Axes, which: str = "xy") -> None:
    """Number axes from 0 to 1 as per cent."""
    from matplotlib.ticker import PercentFormatter

    for axis in which:
        target = axes.xaxis if axis == "x" else axes.yaxis
        target.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        target.set_ticks([0, 0.25, 0.5, 0.75, 1])
    if "x" in which:
        axes.set_xlim(-0.02, 1.02)
    if "y" in which:
        axes.set_ylim(-0.02, 1.04)


def column(table: pl.DataFrame, name: str) -> FloatArray:
    """A column as numbers (n,), NaN where it is null."""
    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def percent_tick(value: float, _: object) -> str:
    """A tick as per cent, for a matplotlib formatter."""
    return f"{value * 100:.4g} %"
