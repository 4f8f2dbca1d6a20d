"""What a kWh of imbalance is settled at: a synthetic single price, or the user's own.

Nobody knows it before the hour is over, so it takes part in no forecast and no bid.
"""

from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs import csv_series
from mosaik_bottomup.inputs.clock import HOURS_PER_YEAR, Clock, hour_of_year
from mosaik_bottomup.inputs.prices import DKK_PER_EUR

HOURLY_MEMORY = 0.7
"""Autocorrelation of the system's state from hour to hour; taken, not fitted."""
CALM = 0.4307
"""The state is standard normal; within this band of its mean, a third of all hours,
nobody regulates."""
MEAN_BEYOND_CALM = 0.6596
"""Mean distance of the state from the band while it is outside:
``φ(c) / (1 - Φ(c)) - c`` with ``c`` = :data:`CALM` (mean of a truncated normal)."""
_STANDARD_TIME = "Etc/GMT-1"
_CSV_COLUMNS = (
    csv_series.Column(
        "imbalance",
        {
            "DKK kWh-1": 1.0,
            "DKK MWh-1": 1e-3,
            "EUR MWh-1": DKK_PER_EUR * 1e-3,
            "EUR kWh-1": DKK_PER_EUR,
        },
    ),
)


def synthetic_dkk_per_kwh(
    day_ahead_dkk_per_kwh: FloatArray,
    clock: Clock,
    spread_dkk_per_kwh: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Return a synthetic single imbalance price, (steps,).

    Not real, and not fitted to anything. The system's state ``z`` is first-order
    autoregressive from hour to hour: above a calm band it regulates up and the price
    is above day-ahead, below it down, inside it is the day-ahead price itself:
    ``π = day-ahead + spread · sign(z) · max(|z| − c, 0) / mean``. So the spread is the
    mean distance in the hours in which the system regulates. Constant within each
    hour, and the same whatever part of the year is wanted.

    Parameters
    ----------
    day_ahead_dkk_per_kwh
        Shape (steps,).
    clock
        When.
    spread_dkk_per_kwh
        Mean distance from day-ahead while regulated.
    rng
        Draws the state of every hour of the year.
    """
    noise = rng.normal(0.0, np.sqrt(1 - HOURLY_MEMORY**2), HOURS_PER_YEAR)
    noise[0] = rng.normal()
    state = np.array(
        list(accumulate(noise, lambda old, new: HOURLY_MEMORY * old + new))
    )
    beyond = np.sign(state) * np.maximum(np.abs(state) - CALM, 0.0) / MEAN_BEYOND_CALM
    hour = hour_of_year(pd.DatetimeIndex(clock.local(_STANDARD_TIME))).astype(np.int64)
    price: FloatArray = day_ahead_dkk_per_kwh + spread_dkk_per_kwh * beyond[hour]
    return price


def read_csv(path: Path, clock: Clock) -> FloatArray:
    """Return imbalance prices of the user in DKK/kWh, (steps,).

    The column is ``imbalance [DKK kWh-1]``, or in DKK MWh-1, EUR MWh-1, EUR kWh-1; see
    `mosaik_bottomup.inputs.csv_series` for the file.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    prices: FloatArray = csv_series.read(path, _CSV_COLUMNS, clock)[0]
    return prices
