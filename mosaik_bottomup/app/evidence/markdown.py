"""A comparison as a Markdown table, for a README or a paper."""

from mosaik_bottomup.app.evidence.bootstrap import Interval
from mosaik_bottomup.app.evidence.comparison import MISSING, Intervals
from mosaik_bottomup.app.evidence.spread import BELOW_SPREAD
from mosaik_bottomup.app.evidence.variants import REFERENCE

FILE = "compare.md"
CHANGE = "cost_change_percent"
COLUMNS = (
    ("peak_reduction_percent", "peak lower by [%]", "z.1f"),
    (BELOW_SPREAD, "below ties spread [%]", "z.1f"),
    (CHANGE, f"cost against {REFERENCE} [%]", "+z.2f"),
    ("cost_gap_to_optimum_percent", "cost above the optimum [%]", "z.2f"),
    ("peak_loading_percent", "highest loading [%]", "z.1f"),
    ("overload_minutes", "overload [min]", "z.0f"),
    ("comfort_violation_kh", "discomfort [K·h]", "z.1f"),
    ("imbalance_percent", "imbalance [%]", "z.2f"),
)
"""Metric, heading and form."""


def markdown(found: Intervals) -> str:
    """Return a row for each variant: means, and the interval of its cost's change."""
    lines = [
        _row(["strategy", *(heading for _, heading, _ in COLUMNS)]),
        _row(["---"] * (1 + len(COLUMNS))),
    ]
    for variant, metrics in found.items():
        cells = [_cell(name, metrics.get(name), form) for name, _, form in COLUMNS]
        lines.append(_row([variant, *cells]))
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(name: str, each: Interval | None, form: str) -> str:
    if each is None:
        return MISSING
    mean = format(each.mean, form)
    if name != CHANGE or each.low == each.high:
        return mean
    return f"{mean} ({format(each.low, form)} … {format(each.high, form)})"
