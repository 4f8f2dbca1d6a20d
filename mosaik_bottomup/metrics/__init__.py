"""The figures of a run, each computed from its results file alone.

Arrays are (entity, time); a step is ``step_h`` hours long. Consumption is positive.
"""

from mosaik_bottomup.metrics.comfort import (
    COMFORT_TOLERANCE_K,
    comfort_violation_kh,
    ran_recently,
)
from mosaik_bottomup.metrics.cost import customer_cost_dkk, customer_cost_raw_dkk
from mosaik_bottomup.metrics.loading import (
    LOADING_TOLERANCE_PERCENT,
    loading_limit_percent,
    overload_energy_kwh,
    overloaded,
)
from mosaik_bottomup.metrics.summary import summarise

__all__ = [
    "COMFORT_TOLERANCE_K",
    "LOADING_TOLERANCE_PERCENT",
    "comfort_violation_kh",
    "customer_cost_dkk",
    "customer_cost_raw_dkk",
    "loading_limit_percent",
    "overload_energy_kwh",
    "overloaded",
    "ran_recently",
    "summarise",
]
