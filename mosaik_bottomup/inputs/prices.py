"""What the day-ahead market asks: a DK1-2024-like model, or the user's own series."""

from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs import csv_series
from mosaik_bottomup.inputs.clock import (
    DAYS_PER_YEAR,
    HOURS_PER_YEAR,
    LOCAL_ZONE,
    SECONDS_PER_HOUR,
    Clock,
    hour_of_year,
)
from mosaik_bottomup.inputs.weather import Weather

DKK_PER_EUR = 7.46

# Regression on the hourly day-ahead prices of DK1 in 2024 (Energinet) and the weather
# of Aarhus in 2024 (Open-Meteo), in EUR/MWh; cross-validated R2 0.57. Spikes above
# 200 EUR/MWh do not occur in it.
# fmt: off
_WINTER_BY_HOUR = np.array([
    91.5, 88.5, 86.7, 83.9, 83.5, 87.0, 96.8, 113.0, 123.1, 122.8, 122.8, 122.9,
    121.0, 117.8, 117.2, 119.0, 122.4, 130.4, 133.9, 126.6, 113.1, 105.0, 101.1, 94.6,
])
_SUMMER_BY_HOUR = np.array([
    94.0, 87.6, 84.0, 82.3, 82.5, 87.3, 103.0, 116.5, 113.5, 99.5, 87.4, 79.9,
    75.2, 71.7, 69.1, 71.2, 79.4, 99.9, 119.0, 139.4, 146.4, 128.5, 111.8, 99.6,
])
# fmt: on
_WINTER_MONTHS = (10, 11, 12, 1, 2, 3)
_WIND_WINTER, _WIND_SUMMER = -65.7, -68.9
"""At full output of the wind turbines."""
_SUN_WINTER, _SUN_SUMMER = -118.7, -27.0
"""Per kW/m2 of global radiation."""
_COLD_PER_K = 1.0
_COLD_BELOW_C = 10.0
_WEEKEND = -20.9
_SATURDAY = 5
_RATED_WIND_M_S = 7.0
"""Wind at 10 m at which the country's turbines are taken to be at full output."""
_WIND_SMOOTHING_H = 9
"""Turbines are spread over the country: a front takes hours to pass."""

_DAY_RESIDUAL = (0.5, 20.0)
_HOUR_RESIDUAL = (0.85, 18.0)
"""What the regression leaves: first-order autoregressive by day and by hour, as
autocorrelation and standard deviation in EUR/MWh."""
_STANDARD_TIME = "Etc/GMT-1"

_CSV_COLUMNS = (
    csv_series.Column(
        "day_ahead",
        {
            "DKK kWh-1": 1.0,
            "DKK MWh-1": 1e-3,
            "EUR MWh-1": DKK_PER_EUR * 1e-3,
            "EUR kWh-1": DKK_PER_EUR,
        },
    ),
)


def model_day_ahead_dkk_per_kwh(
    weather: Weather, clock: Clock, rng: np.random.Generator | None = None
) -> FloatArray:
    """DK1-2024-like synthetic price driven by the weather, (steps,).

    Constant within each hour, so it is the same whatever the step. Wind is smoothed
    over 9 h; in the first and last 4 h of the clock, over the hours there are.

    Parameters
    ----------
    weather, clock
        What drives it, and when.
    rng
        Draws what the regression leaves unexplained. Without it prices are those to be
        expected, and swing less than real ones: by the square root of R2.
    """
    seconds = (clock.index - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    hours, row = np.unique(seconds // SECONDS_PER_HOUR, return_inverse=True)

    def hourly(values: FloatArray) -> FloatArray:
        mean: FloatArray = np.bincount(row, values) / np.bincount(row)
        return mean

    local = pd.to_datetime(hours, unit="h", utc=True).tz_convert(LOCAL_ZONE)
    winter = np.isin(local.month.to_numpy(), _WINTER_MONTHS)
    hour = local.hour.to_numpy()
    sun_kw_m2 = hourly(weather.global_w_m2) / 1000.0
    cold_k = np.maximum(_COLD_BELOW_C - hourly(weather.ambient_c), 0.0)
    wind = _smoothed(np.clip(hourly(weather.wind_m_s) / _RATED_WIND_M_S, 0.0, 1.0) ** 3)
    price_eur_per_mwh = (
        np.where(winter, _WINTER_BY_HOUR[hour], _SUMMER_BY_HOUR[hour])
        + np.where(winter, _WIND_WINTER, _WIND_SUMMER) * wind
        + np.where(winter, _SUN_WINTER, _SUN_SUMMER) * sun_kw_m2
        + _COLD_PER_K * cold_k
        + _WEEKEND * (local.dayofweek.to_numpy() >= _SATURDAY)
    )
    if rng is not None:
        standard = pd.to_datetime(hours, unit="h", utc=True).tz_convert(_STANDARD_TIME)
        of_year = hour_of_year(standard).astype(np.int64)
        price_eur_per_mwh += _residuals_of_year(rng)[of_year]
    price: FloatArray = price_eur_per_mwh[row] * (DKK_PER_EUR / 1000.0)
    return price


def _residuals_of_year(rng: np.random.Generator) -> FloatArray:
    """Draw EUR/MWh for every hour of a year, whatever part of it is wanted."""

    def autoregressive(n: int, memory: float, spread: float) -> FloatArray:
        noise = rng.normal(0.0, spread * np.sqrt(1 - memory**2), n)
        noise[0] = rng.normal(0.0, spread)
        return np.array(list(accumulate(noise, lambda old, new: memory * old + new)))

    by_day = autoregressive(DAYS_PER_YEAR, *_DAY_RESIDUAL)
    return np.repeat(by_day, 24) + autoregressive(HOURS_PER_YEAR, *_HOUR_RESIDUAL)


def read_csv(path: Path, clock: Clock) -> FloatArray:
    """Day-ahead prices of the user in DKK/kWh, (steps,).

    The column is ``day_ahead [DKK kWh-1]``, or in DKK MWh-1, EUR MWh-1, EUR kWh-1; see
    `mosaik_bottomup.inputs.csv_series` for the file.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    prices: FloatArray = csv_series.read(path, _CSV_COLUMNS, clock)[0]
    return prices


def _smoothed(hourly: FloatArray) -> FloatArray:
    """Centred mean over the smoothing time, over what there is at the ends."""
    half = _WIND_SMOOTHING_H // 2
    total = np.concatenate([[0.0], np.cumsum(hourly)])
    hour = np.arange(hourly.size)
    first = np.maximum(hour - half, 0)
    end = np.minimum(hour + half + 1, hourly.size)
    mean: FloatArray = (total[end] - total[first]) / (end - first)
    return mean
