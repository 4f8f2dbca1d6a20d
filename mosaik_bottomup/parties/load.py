"""What a case's DSO can foresee of the load that nobody controls."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case import Case
from mosaik_bottomup.case.timing import forecast_reach_h
from mosaik_bottomup.coordination.load_forecast import LoadForecast
from mosaik_bottomup.grid.power_flow import area_sums
from mosaik_bottomup.inputs.clock import LOCAL_ZONE

HOURS_PER_DAY = 24
SATURDAY = 5


def load_forecast(
    case: Case,
) -> Callable[[int, int, int], tuple[FloatArray, FloatArray, FloatArray]]:
    """Return ``foresee(made_at, step, steps)``: areas' load, its margin and its drift.

    Perfect, or from what the meters of the homes without devices measured before.
    """
    scenario, network = case.scenario, case.network
    lead = scenario.run.warm_up_steps
    load_kw = area_sums(network, case.uncontrolled_kw)
    if not scenario.forecast.error_scale:
        none = np.zeros((2, 1, 1))
        return lambda made_at, step, steps: (
            load_kw[:, lead + step : lead + step + steps],
            none,
            none,
        )
    past = area_sums(network, case.past_uncontrolled_kw)
    first, day = lead + past.shape[1], case.calendar.day_steps
    measured = np.concatenate([past, load_kw], axis=1)
    days = -(-measured.shape[1] // day)
    # a day that is not over has not been measured to its end
    missing = days * day - measured.shape[1]
    measured = np.pad(measured, ((0, 0), (0, missing)), constant_values=np.nan)
    # days are 24 h from the first midnight, also where clocks are changed
    back = pd.Timedelta(seconds=past.shape[1] * scenario.run.step_s)
    begin = (case.series.clock.start - back).tz_convert(LOCAL_ZONE).tz_localize(None)
    weekend = pd.date_range(begin, periods=days).dayofweek >= SATURDAY
    forecast = LoadForecast(
        measured,
        np.asarray(weekend),
        history_days=past.shape[1] // day,
        longest_days=math.ceil(forecast_reach_h(scenario) / HOURS_PER_DAY),
        probability=scenario.dso.security_probability,
    )

    def foresee(
        made_at: int, step: int, steps: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        at = first + made_at, first + step, steps
        drift = forecast.drift_kw(*at)
        return forecast.expected_kw(*at), forecast.margin_kw(*at), drift

    return foresee
