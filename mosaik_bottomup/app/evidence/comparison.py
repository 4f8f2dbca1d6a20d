"""What strategies are worth beside price-only: means over seeds, as table and words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from mosaik_bottomup.app.evidence.bootstrap import Interval, interval
from mosaik_bottomup.app.evidence.campaign import Point, Record
from mosaik_bottomup.app.evidence.variants import REFERENCE, VARIANTS
from mosaik_bottomup.parties import STRATEGIES

type Intervals = dict[str, dict[str, Interval]]
"""By variant and metric."""

WIDTH = 164
"""Of the table where there is no terminal to ask for it."""
CELL_WIDTH = 13
"""Takes an interval such as -0.52 … +0.21 in one line."""
MISSING = "-"
CHANGE = "change of "
"""Stands before a metric to mean its difference from the reference's, seed by seed."""

COLUMNS = (
    ("cost_change_percent", "cost change [%]", "+z.2f"),
    ("cost_gap_to_optimum_percent", "cost above optimum [%]", "z.2f"),
    ("peak_reduction_percent", "peak reduction [%]", "z.1f"),
    ("overload_minutes", "overload [min]", "z.0f"),
    (f"{CHANGE}overload_minutes", "change of overload [min]", "+z.0f"),
    ("comfort_violation_kh", "discomfort [K h]", "z.3f"),
    ("imbalance_percent", "imbalance [%]", "z.1f"),
    ("customers_worse_off_percent", "customers worse off [%]", "z.0f"),
)
"""Metric, heading and form; what has no ``change`` and is no value is a paired
difference by its nature."""


def intervals(
    records: Sequence[Record], variants: Sequence[str], limit_percent: float | None
) -> Intervals:
    """Return mean and interval of every metric, and of its paired differences.

    Parameters
    ----------
    records
        Of any runs, the reference's among them.
    variants
        Those to tell of. One without a run is left out.
    limit_percent
        The limit.

    Returns
    -------
    intervals
        Over the seeds whose run has the metric; of changes, whose reference at the
        same limit has it, too.
    """
    by_point = {record.point: record.metrics for record in records}
    found: Intervals = {}
    for variant in variants:
        values: dict[str, list[float]] = {}
        for point, metrics in by_point.items():
            if (point.variant, point.limit_percent) != (variant, limit_percent):
                continue
            reference = by_point.get(Point(REFERENCE, point.seed, limit_percent), {})
            for name, value in metrics.items():
                values.setdefault(name, []).append(value)
                if name in reference:
                    change = value - reference[name]
                    values.setdefault(CHANGE + name, []).append(change)
        if values:
            found[variant] = {name: interval(them) for name, them in values.items()}
    return found


def as_json(found: Intervals) -> dict[str, Any]:
    """Return what ``--json`` prints: values, without their changes."""
    strategies = {
        variant: {
            name: asdict(each)
            for name, each in metrics.items()
            if not name.startswith(CHANGE)
        }
        for variant, metrics in found.items()
    }
    return {"reference": REFERENCE, "strategies": strategies}


def table(found: Intervals, heading: str) -> Table:
    """Lay variants below each other: mean, and the interval under it."""
    grid = Table(title=Text(heading), title_justify="left", header_style="bold")
    grid.add_column("", overflow="fold", no_wrap=True)
    for _, label, _ in COLUMNS:
        grid.add_column(Text(label), justify="right", min_width=CELL_WIDTH)
    for variant, metrics in found.items():
        style = "dim" if variant == REFERENCE else ""
        cells = [cell(metrics.get(name), form) for name, _, form in COLUMNS]
        grid.add_row(Text(variant), *cells, style=style)
    return grid


def cell(each: Interval | None, form: str) -> Text:
    """Write a mean with its interval below it, which is left out if it is a point."""
    if each is None:
        return Text(MISSING)
    mean = format(each.mean, form)
    if each.low == each.high:
        return Text(mean)
    return Text.assemble(
        mean, "\n", (f"{format(each.low, form)} … {format(each.high, form)}", "dim")
    )


def summary(found: Intervals, seeds: int) -> str:
    """Say in a paragraph what the table shows."""
    over = "1 seed" if seeds == 1 else f"{seeds} seeds"
    said = [f"Means over {over}, compared with {REFERENCE} seed by seed."]
    for variant in ("two-stage", *found):
        metrics = found.get(variant, {})
        if variant != REFERENCE and "cost_change_percent" in metrics:
            said.append(_of_variant(variant, metrics))
            break
    said += _of_optimum(found.get("optimum", {}))
    if seeds == 1:
        said.append("One seed has no interval: more of them tell how sure this is.")
    return " ".join(said)


def _of_variant(variant: str, metrics: Mapping[str, Interval]) -> str:
    text = (
        f"{variant} changes the customers' cost by "
        f"{words(metrics['cost_change_percent'], '+z.2f')} %"
    )
    if "peak_reduction_percent" in metrics:
        reduction = words(metrics["peak_reduction_percent"], "z.1f")
        text += f" and lowers the peak in every area by at least {reduction} %"
    if "overload_minutes" in metrics:
        text += f", with {words(metrics['overload_minutes'], '.0f')} min of overload"
    if "cost_gap_to_optimum_percent" in metrics:
        gap = words(metrics["cost_gap_to_optimum_percent"], "z.2f")
        held = STRATEGIES[VARIANTS[variant].strategy].asks_dso
        at = "its limits and end state" if held else "its end state without any limit"
        text += f"; it is {gap} % above the least cost at {at}"
    return text + "."


def _of_optimum(metrics: Mapping[str, Interval]) -> list[str]:
    if "limit_cost_percent" not in metrics:
        return []
    cost = words(metrics["limit_cost_percent"], "z.2f")
    return [f"The limits cost the optimum itself {cost} %."]


def words(each: Interval, form: str) -> str:
    """Write a mean with its interval in one line."""
    mean = format(each.mean, form)
    if each.low == each.high:
        return mean
    return f"{mean} ({format(each.low, form)} to {format(each.high, form)})"
