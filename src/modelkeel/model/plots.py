"""The figures of the evaluation report, as SVG to be placed inside HTML.

Colours are CSS variables, so that a figure follows the page into dark mode and print. Text stays
text. No identifier, link or style reaches beyond the figure, and the same input gives the same
bytes.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from modelkeel.model.evaluation import Estimate, Evaluation, SliceResult
from modelkeel.model.metrics import METRICS

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
POINTS = 600  # drawn of the residuals: more only makes the file larger

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
class Words:
    """What the figures call things."""

    unit: str
    meanings: Mapping[str, str]  # class to what it means
    slices: Mapping[str, str]  # "sex=0" to what to call it

    def outcome(self, name: str) -> str:
        """A class in words."""
        return plain(self.meanings.get(name, name))

    def slice(self, part: SliceResult) -> str:
        """A slice within its column."""
        return plain(self.slices.get(part.key, part.label))


@dataclass(frozen=True)
class Drawing:
    """One figure: SVG markup and, for those who do not see it, what it shows."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str


def plain(text: object) -> str:
    """Text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def short(text: str, size: int) -> str:
    """At most ``size`` characters, an ellipsis standing for the rest."""
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


def number(value: float | None, *, sign: bool = False, share: bool = False) -> str:
    """A number for people: three figures, thin spaces between thousands, a true minus."""
    if value is None or not math.isfinite(value):
        return "\u2013"
    size = abs(value)
    places = 3 if share or size < 0.995 else 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    if not share and 0 < size < 0.0995:
        places = min(9, 2 - math.floor(math.log10(size)))
    text = f"{value:{'+' if sign else ''},.{places}f}".replace(",", "\u202f")
    if places and not share and (text.endswith("00") or float(value).is_integer()):
        text = text.rstrip("0").rstrip(".")
    if not text.strip("+-0."):
        text = text.strip("+-")
    return text.replace("-", "\u2212")


@contextmanager
def _figure(height: float, width: float = WIDTH) -> Iterator[tuple[Figure, Axes]]:
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


def _svg(figure: Figure, name: str) -> str:
    out = StringIO()
    nothing = dict.fromkeys(["Date", "Creator", "Format", "Type"])
    figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'^<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1">', text)
    tags = "".join(re.findall(r"<[^>]+>", text))
    used = set(re.findall(r'(?:url\(|href=")#([\w-]+)', tags))

    def mend(tag: re.Match[str]) -> str:
        found = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag[0]).replace("xlink:href", "href")
        found = re.sub(
            r' id="([\w.-]+)"', lambda at: f' id="{name}-{at[1]}"' if at[1] in used else "", found
        )
        found = re.sub(r'(url\(|href=")#', rf"\1#{name}-", found)
        found = re.sub("#10000[0-9a-f]", lambda at: f"var(--{_VARIABLES[at[0]]})", found)
        return re.sub(r"(\d\.\d{2})\d+", r"\1", found)

    text = re.sub(r"<[^>]+>", mend, text)  # within tags only: what people read stays as it is
    text = re.sub(r"<defs>\s*</defs>", "", text)
    return re.sub(r"\n\s*", "\n", text)


def _ticks(axes: Axes, which: str) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: _tick(value))


def _tick(value: float) -> str:
    text = f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return text.replace(",", "\u202f").replace("-", "\u2212")


def _shares(axes: Axes, which: str = "xy") -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in which:
        target = axes.xaxis if axis == "x" else axes.yaxis
        target.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        target.set_ticks([0, 0.25, 0.5, 0.75, 1])
    if "x" in which:
        axes.set_xlim(-0.02, 1.02)
    if "y" in which:
        axes.set_ylim(-0.02, 1.04)


def _column(table: pl.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


# --- the headline ------------------------------------------------------------------------------


def headline(found: Estimate, at_least: float | None, words: Words) -> Drawing | None:
    """The uplift with its interval, beside nothing gained and the target."""
    if found.value is None:
        return None
    marks = [0.0, found.value, *(v for v in (found.low, found.high, at_least) if v is not None)]
    span = (max(marks) - min(marks)) or 1.0
    with _figure(74) as (figure, axes):
        axes.set_ylim(-1, 1.35)
        axes.set_xlim(min(marks) - 0.1 * span, max(marks) + 0.1 * span)
        axes.grid(visible=False)
        axes.set_yticks([])
        _ticks(axes, "x")
        axes.axvline(0, color=MUTED, linewidth=1.2, ymax=0.76)
        if at_least is None or abs(at_least) > 0.2 * span:
            sides = ["center", "center"]
        else:  # side by side, each to the outside of its line
            sides = ["right", "left"] if at_least >= 0 else ["left", "right"]
        axes.text(0, 0.98, "today", ha=sides[0], va="bottom", color=MUTED, fontsize=9.5)
        if at_least is not None:
            axes.axvline(at_least, color=INK, linewidth=1.4, linestyle=(0, (3, 2)), ymax=0.76)
            axes.text(at_least, 0.98, "target", ha=sides[1], va="bottom", fontsize=9.5)
        if found.low is not None and found.high is not None:
            axes.plot(
                [found.low, found.high],
                [0, 0],
                color=MODEL,
                linewidth=10,
                alpha=0.3,
                solid_capstyle="butt",
            )
        axes.plot([found.value], [0], "o", color=MODEL, markersize=10, markeredgecolor=CARD)
        svg = _svg(figure, "headline")
    return Drawing(
        "headline",
        "",
        "",
        f"Better than today by {number(found.value, sign=True)} {plain(words.unit)} per decision, "
        f"interval {number(found.low, sign=True)} to {number(found.high, sign=True)}"
        + (f", target {number(at_least, sign=True)}" if at_least is not None else ""),
        svg,
    )


# --- classification ----------------------------------------------------------------------------


def _curve_lines(axes: Axes, table: pl.DataFrame, classes: Sequence[str], words: Words) -> None:
    x = _column(table, table.columns[0])
    if "linear" in table.columns:
        axes.plot(x, _column(table, "linear"), color=LINEAR, linewidth=1.6, label="linear model")
    several = len(classes) > 2
    if several:
        for place, name in enumerate(classes):
            axes.plot(
                x,
                _column(table, f"model {name}"),
                color=ACCENTS[1 + place % (len(ACCENTS) - 1)],
                linewidth=1,
                label=short(words.outcome(name), 22),
            )
    label = "model, mean of classes" if several else "model"
    axes.plot(x, _column(table, "model"), color=MODEL, linewidth=2.2, label=label)


def roc(evaluation: Evaluation, words: Words) -> Drawing | None:
    """True against false positive rate."""
    table = evaluation.tables.get("roc.csv")
    if table is None or table["model"].is_null().all():
        return None
    with _figure(290) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3)))
        _curve_lines(axes, table, evaluation.classes, words)
        _shares(axes)
        axes.set_xlabel("false alarms: share of the others called so")
        axes.set_ylabel("found: share of the class called so")
        axes.legend(loc="lower right")
        svg = _svg(figure, "roc")
    auc = evaluation.scores["model"]["roc_auc"]
    return Drawing(
        "roc",
        "Ranking",
        "Higher and further left is better; the dashed line is a coin.",
        f"ROC curve of the model, area {number(auc.value, share=True)}"
        + _against(evaluation, "roc_auc"),
        svg,
    )


def _against(evaluation: Evaluation, name: str) -> str:
    linear = evaluation.scores.get("linear", {}).get(name)
    return f"; linear model {number(linear.value, share=True)}" if linear else ""


def precision_recall(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Precision against recall."""
    table = evaluation.tables.get("precision_recall.csv")
    if table is None or table["model"].is_null().all():
        return None
    shares = evaluation.class_shares
    base = shares[evaluation.classes[1]] if len(shares) == 2 else 1 / max(len(shares), 1)
    with _figure(290) as (figure, axes):
        axes.axhline(base, color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3)))
        _curve_lines(axes, table, evaluation.classes, words)
        _shares(axes)
        two = len(shares) == 2
        what = f"“{short(words.outcome(evaluation.classes[1]), 24)}”" if two else "the class"
        axes.set_xlabel(f"found: share of {what} called so")
        axes.set_ylabel("right: share of the calls that hold")
        axes.legend(loc="lower left")
        svg = _svg(figure, "pr")
    found = evaluation.scores["model"]["average_precision"]
    return Drawing(
        "pr",
        "Precision and recall",
        "Higher is better; the dashed line is a model without skill.",
        f"Precision-recall curve, average precision {number(found.value, share=True)}"
        + _against(evaluation, "average_precision"),
        svg,
    )


def calibration(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Predicted against observed, in bins of equal size."""
    table = evaluation.tables.get("calibration.csv")
    if table is None or not table.height:
        return None
    regression = evaluation.task == "regression"
    x, y = _column(table, "model_predicted"), _column(table, "model_observed")
    low, high = _column(table, "model_low"), _column(table, "model_high")
    with _figure(290) as (figure, axes):
        top = 1.0
        bottom = 0.0
        if regression:
            every = np.r_[x, y, high, low]
            bottom, top = float(np.nanmin(every)), float(np.nanmax(every))
        axes.plot(
            [bottom, top], [bottom, top], color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3))
        )
        if "linear_predicted" in table.columns:
            axes.plot(
                _column(table, "linear_predicted"),
                _column(table, "linear_observed"),
                "-o",
                color=LINEAR,
                linewidth=1.2,
                markersize=3.5,
                label="linear model",
            )
        axes.vlines(x, low, high, color=MODEL, alpha=0.45, linewidth=2)
        axes.plot(x, y, "-o", color=MODEL, markersize=5, markeredgecolor=CARD, label="model")
        if regression:
            _ticks(axes, "x")
            _ticks(axes, "y")
            axes.set_xlabel("mean forecast of the bin")
            axes.set_ylabel("mean of what happened")
        else:
            _shares(axes)
            two = len(evaluation.classes) == 2
            what = f"“{short(words.outcome(evaluation.classes[1]), 24)}”" if two else "each class"
            axes.set_xlabel(f"predicted probability of {what}")
            axes.set_ylabel("observed share")
        axes.legend(loc="upper left")
        svg = _svg(figure, "calibration")
    pairs = ", ".join(
        f"{number(a)} predicted {number(b)} observed" for a, b in zip(x, y, strict=True)
    )
    return Drawing(
        "calibration",
        "Does it mean what it says?",
        "On the dashed line, predicted and observed agree. "
        f"Bars: {evaluation.confidence:.0%} interval of each bin.".replace("%", " %"),
        f"Calibration in {len(x)} bins: {pairs}",
        svg,
    )


def value_by_threshold(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Mean payoff by the probability from which the action is taken."""
    table = evaluation.tables.get("value_by_threshold.csv")
    if table is None:
        return None
    unit = plain(words.unit)
    x = _column(table, "threshold")
    with _figure(290) as (figure, axes):
        today = float(table["baseline"][0])
        axes.axhline(today, color=BASELINE, linewidth=1.4, linestyle=(0, (4, 3)), label="today")
        if "linear" in table.columns:
            axes.plot(
                x, _column(table, "linear"), color=LINEAR, linewidth=1.5, label="linear model"
            )
        axes.plot(x, _column(table, "model"), color=MODEL, linewidth=2.2, label="model")
        if evaluation.threshold is not None:
            axes.axvline(evaluation.threshold, color=INK, linewidth=1)
            left = evaluation.threshold > 0.5
            axes.annotate(
                f"best by the payoff: {evaluation.threshold:.0%}".replace("%", " %"),
                (evaluation.threshold, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-5 if left else 5, -2),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top",
                fontsize=9.5,
            )
        axes.set_xlim(-0.02, 1.02)
        axes.margins(y=0.12)
        _shares(axes, "x")
        _ticks(axes, "y")
        action = plain(evaluation.threshold_action or "act")
        what = words.outcome(evaluation.classes[1])
        axes.set_xlabel(f"“{short(action, 16)}” from this probability of “{short(what, 18)}”")
        axes.set_ylabel(f"{short(unit, 18)} per decision")
        axes.legend(loc="best")
        svg = _svg(figure, "threshold")
    best = int(np.nanargmax(_column(table, "model")))
    return Drawing(
        "threshold",
        "Value by threshold",
        "Where the curve is flat, the exact threshold matters little.",
        f"Value per decision by threshold; greatest at {x[best]:.2f} with "
        f"{number(float(table['model'][best]))} {unit}; today {number(today)}",
        svg,
    )


# --- regression --------------------------------------------------------------------------------


def _drawn(evaluation: Evaluation) -> pl.DataFrame | None:
    table = evaluation.tables.get("residuals.csv")
    if table is None or not table.height:
        return None
    if table.height <= POINTS:
        return table
    rows: list[int] = np.linspace(0, table.height - 1, POINTS).round().astype(int).tolist()
    return table.select(pl.all().gather(rows))


def predicted_actual(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Each forecast against what happened."""
    table = _drawn(evaluation)
    if table is None:
        return None
    x, y = _column(table, "prediction"), _column(table, "actual")
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    with _figure(290) as (figure, axes):
        axes.plot(x, y, "o", color=MODEL, alpha=0.4, markersize=3.4, markeredgewidth=0)
        axes.plot(ends, ends, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
        _ticks(axes, "x")
        _ticks(axes, "y")
        axes.set_xlabel("forecast")
        axes.set_ylabel("what happened")
        svg = _svg(figure, "predicted")
    return Drawing(
        "predicted",
        "Forecast and outcome",
        f"On the dashed line, the forecast was right. {len(x)} of {number(evaluation.n)} rows.",
        f"Scatter of forecast and outcome, R² {number(evaluation.scores['model']['r2'].value)}",
        svg,
    )


def residuals(evaluation: Evaluation, words: Words) -> Drawing | None:
    """How far and to which side the forecasts miss."""
    table = evaluation.tables.get("residuals.csv")
    if table is None or not table.height:
        return None
    miss = -_column(table, "residual")
    low, middle, high = (float(v) for v in np.quantile(miss, [0.05, 0.5, 0.95]))
    with _figure(290) as (figure, axes):
        ends = np.quantile(miss, [0.005, 0.995]) if len(miss) > 200 else (miss.min(), miss.max())
        first, last = min(0.0, float(ends[0])), max(0.0, float(ends[1]))
        if first == last:
            first, last = -1.0, 1.0
        bins = np.linspace(first, last, 41).tolist()
        axes.hist(np.clip(miss, first, last), bins=bins, color=MODEL, alpha=0.75)
        axes.axvline(0, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.16)
        for place, side, text in ((0.02, "left", "← too low"), (0.98, "right", "too high →")):
            axes.text(place, 0.98, text, transform=axes.transAxes, ha=side, va="top", color=MUTED)
        _ticks(axes, "x")
        axes.set_xlabel("forecast minus what happened")
        axes.set_ylabel("rows")
        svg = _svg(figure, "residuals")
    return Drawing(
        "residuals",
        "How far off",
        f"Nine misses in ten lie between {number(low, sign=True)} and {number(high, sign=True)}; "
        f"half are below {number(middle, sign=True)}. The farthest are drawn at the edge.",
        f"Histogram of misses, median {number(middle, sign=True)}, "
        f"90 % between {number(low, sign=True)} and {number(high, sign=True)}",
        svg,
    )


# --- slices and effects ------------------------------------------------------------------------


def _dots(
    evaluation: Evaluation,
    name: str,
    pick: Callable[[SliceResult], Estimate],
    overall: Estimate,
    label: str,
    zero: bool,
    words: Words,
) -> str:
    rows: list[tuple[str, SliceResult | None]] = []
    for place, part in enumerate(evaluation.slices):
        if place == 0 or evaluation.slices[place - 1].column != part.column:
            rows.append((short(plain(part.column), 26), None))
        rows.append((short(words.slice(part), 22), part))
    with _figure(52 + 17.5 * len(rows)) as (figure, axes):
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.grid(visible=False, axis="y")
        if zero:
            axes.axvline(0, color=MUTED, linewidth=1.2)
        if overall.value is not None:
            axes.axvline(overall.value, color=MODEL, linewidth=1.1, linestyle=(0, (4, 3)))
        for at, (_, drawn) in enumerate(rows):
            if drawn is None:
                continue
            found = pick(drawn)
            if found.value is None:
                axes.annotate(
                    "no value",
                    (0.5, at),
                    xycoords=("axes fraction", "data"),
                    ha="center",
                    va="center",
                    color=MUTED,
                    fontsize=8.5,
                )
                continue
            faint = 0.45 if drawn.small else 1.0
            if found.low is not None and found.high is not None:
                axes.plot([found.low, found.high], [at, at], color=MODEL, alpha=0.5 * faint, lw=3)
            axes.plot(
                [found.value],
                [at],
                "o",
                color=CARD if drawn.small else MODEL,
                markeredgecolor=MODEL,
                markeredgewidth=1.4,
                markersize=6,
            )
        axes.set_yticks(range(len(rows)), [text for text, _ in rows])
        for tick, (_, drawn) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_color(MUTED if drawn else INK)
            tick.set_fontweight("normal" if drawn else "bold")
        _ticks(axes, "x")
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(label)
        return _svg(figure, name)


def slice_drawings(evaluation: Evaluation, words: Words) -> list[Drawing]:
    """Dot and interval of each slice: the primary measure, and the uplift."""
    if not evaluation.slices:
        return []
    metric = METRICS[evaluation.primary]
    hint = "Dashed: all rows. Hollow: too few rows to judge by."

    def alt(pick: Callable[[SliceResult], Estimate]) -> str:
        return "; ".join(
            f"{plain(part.column)} {words.slice(part)}: {number(pick(part).value)}"
            for part in evaluation.slices
        )

    return [
        Drawing(
            "slices-metric",
            metric.label,
            f"{'Right' if metric.better == 'higher' else 'Left'} is better. {hint}",
            f"{metric.label} by slice. {alt(lambda part: part.metric)}",
            _dots(
                evaluation,
                "slices-metric",
                lambda part: part.metric,
                evaluation.scores["model"][metric.name],
                metric.label,
                False,
                words,
            ),
        ),
        Drawing(
            "slices-uplift",
            "Better than today by",
            f"Left of zero, the slice is worse off than today. {hint}",
            f"Uplift per decision by slice. {alt(lambda part: part.uplift)}",
            _dots(
                evaluation,
                "slices-uplift",
                lambda part: part.uplift,
                evaluation.uplift,
                f"{short(plain(words.unit), 22)} per decision",
                True,
                words,
            ),
        ),
    ]


def effect_drawings(evaluation: Evaluation, words: Words) -> list[Drawing]:
    """One small figure a feature, all on one scale, the strongest first."""
    table = evaluation.tables.get("effects.csv")
    if table is None or not table.height:
        return []
    strength = (
        table.group_by("feature", "class")
        .agg((pl.col("prediction").max() - pl.col("prediction").min()).alias("span"))
        .group_by("feature")
        .agg(pl.col("span").max())
        .sort(["span", "feature"], descending=[True, False])
    )
    low, high = float(table["prediction"].min()), float(table["prediction"].max())  # type: ignore[arg-type]
    pad = 0.06 * (high - low or 1.0)
    limits = (low - pad, high + pad)
    return [
        _effect(
            f"effect-{place}", table.filter(feature=name), float(span), limits, evaluation, words
        )
        for place, (name, span) in enumerate(strength.rows())
    ]


def _effect(
    name: str,
    table: pl.DataFrame,
    span: float,
    limits: tuple[float, float],
    evaluation: Evaluation,
    words: Words,
) -> Drawing:
    title = plain(table["feature"][0])
    kind = table["kind"][0]
    classes = table["class"].unique(maintain_order=True).to_list()
    shares = evaluation.task == "classification"
    tall = 40 + 15.5 * table["value"].n_unique() if kind == "category" else 0
    with _figure(max(180.0, tall), width=280.0) as (figure, axes):
        for place, label in enumerate(classes):
            one = table.filter(pl.col("class") == label)
            y = _column(one, "prediction")
            color = MODEL if len(classes) == 1 else ACCENTS[1 + place % (len(ACCENTS) - 1)]
            text = short(words.outcome(label), 18)
            if kind == "category":
                if len(classes) == 1:
                    order = np.argsort(y, kind="stable")
                else:
                    order = np.arange(len(y))[::-1]
                axes.hlines(range(len(y)), limits[0], y[order], color=GRID, linewidth=1)
                axes.plot(y[order], range(len(y)), "o", color=color, markersize=6, label=text)
                labels = [short(plain(one["value"][int(at)]), 18) for at in order]
                axes.set_yticks(range(len(y)), labels)
                axes.set_ylim(-0.6, len(y) - 0.4)
            else:
                x = np.array([float(value) for value in one["value"]])
                axes.plot(x, y, "-o", color=color, markersize=3.6, label=text)
        if kind == "category":
            axes.set_xlim(*limits)
            axes.grid(visible=False, axis="y")
            _ticks(axes, "x")
            axes.locator_params(axis="x", nbins=5)
            if shares:
                axes.xaxis.set_major_formatter(_percent)
        else:
            axes.set_ylim(*limits)
            _ticks(axes, "x")
            _ticks(axes, "y")
            if table["value"].n_unique() <= 5:
                axes.set_xticks(sorted({float(value) for value in table["value"]}))
                axes.margins(x=0.1)
            else:
                axes.locator_params(axis="x", nbins=5)
            axes.locator_params(axis="y", nbins=5)
            if shares:
                axes.yaxis.set_major_formatter(_percent)
        if len(classes) > 1:
            axes.legend(loc="best", fontsize=8)
        svg = _svg(figure, name)
    points = round(span * 100)
    moves = f"{points} point{'s' * (points != 1)}" if shares else number(span)
    return Drawing(
        name,
        title,
        f"moves it by up to {moves}",
        f"Mean prediction by {title}: "
        + ", ".join(
            f"{plain(value)} {number(found)}"
            for value, found in zip(table["value"], table["prediction"], strict=True)
        ),
        svg,
    )


def _percent(value: float, _: object) -> str:
    return f"{value * 100:.4g} %"
