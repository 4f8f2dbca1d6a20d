"""The points of a sweep as pages show them: means over seeds, and the main metrics."""

import pandas as pd

from mosaik_bottomup.app.sweep.table import DONE, About
from mosaik_bottomup.metrics.table import OF_A_RUN

MAIN_METRICS = (
    "customer_cost_dkk",
    "peak_loading_percent",
    "overload_minutes",
    "comfort_violation_kh",
    "imbalance_percent",
    "ageing_h",
)
"""What pictures show, as far as it differs between points."""


def at_points(about: About) -> pd.DataFrame:
    """Return a row for each point and strategy: axes, and means over the seeds."""
    done = about.table[about.table["status"] == DONE]
    by = ["point", *about.axes, "strategy"]
    means: pd.DataFrame = (
        done.groupby(by, sort=False)[about.metrics].mean().reset_index()
    )
    return means


def shown_metrics(points: pd.DataFrame) -> list[str]:
    """Return the main metrics that are not the same everywhere."""
    return [
        name for name in MAIN_METRICS if name in points and points[name].nunique() > 1
    ]


def titled(name: str) -> str:
    """Return a metric's key in words, with its unit."""
    unit = OF_A_RUN[name].unit
    ends = {"percent", "minutes", "dkk", "kh", "h", "kwh", "kw"}
    words = name.split("_")
    words = words[:-1] if words[-1] in ends else words
    return f"{' '.join(words)} [{unit}]"


def positions(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return where values lie between the lowest (0) and the highest (1), and these.

    What is no number lies in the order in which it comes.
    """
    if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
        low, high = float(values.min()), float(values.max())
        return (values - low) / ((high - low) or 1.0), [f"{low:.4g}", f"{high:.4g}"]
    codes, names = pd.factorize(values)
    last = max(len(names) - 1, 1)
    return pd.Series(codes / last, values.index), [str(names[0]), str(names[-1])]
