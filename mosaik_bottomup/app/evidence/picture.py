"""The frontier as one picture: what each step down with the peak costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaik_bottomup.app.evidence.bootstrap import Interval
from mosaik_bottomup.app.evidence.frontier import NO_OVERLOAD_MINUTES, Frontier
from mosaik_bottomup.app.evidence.variants import REFERENCE

FILE = "frontier.svg"
PAPER = (27.0, 4.6)
"""Loading down by and cost up by, both in percent: what the SEGE 2023 paper reports."""
SIZE_INCHES = (7.2, 4.6)
COST_SHOWN_PERCENT = (-0.6, 8.0)
"""What costs more leaves the picture: it would hide the rest."""
LOOKS = {
    "two-stage": ("#0072b2", "o", "-", 2.6),
    "two-stage-no-rehearsal": ("#0072b2", "<", "--", 1.2),
    "two-stage-proportional": ("#0072b2", ">", ":", 1.2),
    "price-only-spread": ("#e69f00", "s", "", 1.2),
    "static-cap": ("#d55e00", "D", "-.", 1.2),
    "static-cap-2kw": ("#d55e00", "d", ":", 1.2),
    "packet": ("#009e73", "p", "--", 1.2),
    "price-iteration": ("#cc79a7", "^", "-.", 1.2),
    "optimum": ("#444444", "*", ":", 1.6),
}
"""Colour (of M. Okabe and K. Ito, safe for the colour-blind), symbol, line, width."""
NEEDED = {"peak_reduction_percent", "cost_change_percent", "overload_minutes"}
GREY = "#888888"
OTHER = (GREY, "x", ":", 1.0)


def write_picture(file: Path, found: Frontier, variants: Sequence[str]) -> None:
    """Draw mean cost change against mean peak reduction, a line for each variant.

    A hollow symbol is a point with overload in some seed. What costs more than is
    shown is named in the legend with what it costs at least.

    Parameters
    ----------
    file
        Its ending says the format, such as ``.svg`` or ``.png``.
    found
        Intervals by limit, variant and metric.
    variants
        Those to draw.
    """
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    for variant in variants:
        if variant != REFERENCE:
            _draw(axes, variant, [limit.get(variant, {}) for limit in found.values()])
    axes.plot(*PAPER, "X", color="black", markersize=9, label="the paper (other input)")
    axes.plot([], [], "o", color=GREY, mfc="white", label="hollow: overload in a seed")
    axes.axhline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set_ylim(*COST_SHOWN_PERCENT)
    axes.set_xlabel(f"peak loading below {REFERENCE}, lesser of the areas [%]")
    axes.set_ylabel(f"customers' cost against {REFERENCE} [%]")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    dateless = {"Date": None} if file.suffix == ".svg" else None
    # no random names, so that the same runs make the same file; and text stays text
    with rc_context({"svg.hashsalt": FILE, "svg.fonttype": "none"}):
        figure.savefig(file, metadata=dateless)


def _draw(axes: Axes, variant: str, points: Sequence[Mapping[str, Interval]]) -> None:
    colour, symbol, line, width = LOOKS.get(variant, OTHER)
    whole = [it for it in points if it.keys() >= NEEDED]
    if not whole:
        return
    reduction = [it["peak_reduction_percent"].mean for it in whole]
    cost = [it["cost_change_percent"].mean for it in whole]
    label = variant
    if min(cost) > COST_SHOWN_PERCENT[1]:
        label += f" (beyond the picture: {min(cost):+.1f} % and more)"
    axes.plot(reduction, cost, line, color=colour, linewidth=width, zorder=2)
    axes.plot([], [], symbol + line, color=colour, linewidth=width, label=label)
    for at, to, metrics in zip(reduction, cost, whole, strict=True):
        kept = metrics["overload_minutes"].mean <= NO_OVERLOAD_MINUTES
        axes.plot(
            at,
            to,
            symbol,
            markersize=6,
            markeredgecolor=colour,
            markerfacecolor=colour if kept else "white",
            zorder=3,
        )
        spread = metrics["cost_change_percent"]
        axes.vlines(at, spread.low, spread.high, colour, linewidth=0.8, zorder=1)
