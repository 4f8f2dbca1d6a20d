"""The figures of a run, each computed from its results file alone.

Arrays are (entity, time); a step is ``step_h`` hours long. Consumption is positive.
:data:`METRICS` says what each key means and in which unit it is.
"""

from mosaik_bottomup.metrics.comfort import (
    COMFORT_TOLERANCE_K,
    comfort_violation_kh,
    ran_recently,
)
from mosaik_bottomup.metrics.cost import (
    customer_cost_dkk,
    customer_cost_raw_dkk,
    home_costs_dkk,
)
from mosaik_bottomup.metrics.evaluate import evaluate
from mosaik_bottomup.metrics.loading import (
    LOADING_TOLERANCE_PERCENT,
    bound_steps,
    load_duration_percent,
    loading_limit_percent,
    overload_energy_kwh,
    overloaded,
    quarter_hour_means,
)
from mosaik_bottomup.metrics.optimality import (
    against_optimum,
    capture_percent,
    peak_at_cost_percent,
)
from mosaik_bottomup.metrics.relative import relative
from mosaik_bottomup.metrics.summary import summarise
from mosaik_bottomup.metrics.table import METRICS, Metric, metric, metrics_markdown

__all__ = [
    "COMFORT_TOLERANCE_K",
    "LOADING_TOLERANCE_PERCENT",
    "METRICS",
    "Metric",
    "against_optimum",
    "bound_steps",
    "capture_percent",
    "comfort_violation_kh",
    "customer_cost_dkk",
    "customer_cost_raw_dkk",
    "evaluate",
    "home_costs_dkk",
    "load_duration_percent",
    "loading_limit_percent",
    "metric",
    "metrics_markdown",
    "overload_energy_kwh",
    "overloaded",
    "peak_at_cost_percent",
    "quarter_hour_means",
    "ran_recently",
    "relative",
    "summarise",
]
