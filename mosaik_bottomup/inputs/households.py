"""What each home uses besides its heat pump and battery: drawn, or the user's own.

Four measured SimBench profiles are made into any number of different homes: each home
has one profile, its own energy per year, and on each day of the year a day of the same
kind from the weeks around it, moved by up to three quarters of an hour.
"""

import math
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaik_bottomup.arrays import BoolArray, FloatArray, write_protect
from mosaik_bottomup.data import simbench_file
from mosaik_bottomup.inputs import csv_series
from mosaik_bottomup.inputs.clock import (
    DAYS_PER_YEAR,
    Clock,
    hour_of_year,
    mean_of_parts,
)

_ZONE = "Europe/Berlin"
_YEAR = 2016
"""The calendar of the profiles."""
_STEP_S = 900
_QUARTERS_PER_DAY = 96
_QUARTER_H = 0.25
_DAYS_AROUND = 14
_QUARTERS_AROUND = 3
_SATURDAY, _SUNDAY = 5, 6
_HOMES_AT_ONCE = 5000


def draw_kw(
    homes: int,
    clock: Clock,
    rng: np.random.Generator,
    median_kwh_per_year: float = 3300.0,
    sigma: float = 0.4,
) -> FloatArray:
    """Draw the load of each home, (homes, steps).

    The draw covers the whole year: a home has the same load in the same hour of the
    year whatever the clock's start and length. Its energy over the 366 days is
    log-normal between homes, with the given median and `sigma` (of its logarithm).

    Raises
    ------
    ValueError
        If there are fewer than 0 homes, or median or sigma are out of range.
    """
    if homes < 0:
        raise ValueError(f"{homes} homes cannot be drawn")
    if not (median_kwh_per_year > 0.0 and sigma >= 0.0):
        raise ValueError(
            f"median of {median_kwh_per_year} kWh must be above 0, "
            f"sigma of {sigma} not below"
        )
    days = _profile_days()
    profile = rng.integers(days.shape[0], size=homes)
    year_kwh = median_kwh_per_year * np.exp(sigma * rng.standard_normal(homes))
    # many homes part by part: the same numbers, and memory for one part only
    parts = [
        slice(first, min(first + _HOMES_AT_ONCE, homes))
        for first in range(0, max(homes, 1), _HOMES_AT_ONCE)
    ]
    drawn_day = np.concatenate([_draw_days(_size(part), rng) for part in parts])
    shift = np.concatenate([_draw_shifts(_size(part), rng) for part in parts])
    # moving a day's quarters around keeps the day's energy
    day_kwh = days.sum(axis=2) * _QUARTER_H
    drawn_kwh = [
        day_kwh[profile[part, None], drawn_day[part]].sum(axis=1) for part in parts
    ]
    scale_kw = year_kwh / np.concatenate(drawn_kwh)

    fine = clock.refined(math.gcd(_STEP_S, clock.step_s))
    hour = hour_of_year(fine.local(_ZONE))
    day, quarter = np.divmod((hour / _QUARTER_H).astype(np.int64), _QUARTERS_PER_DAY)

    def load_kw(part: slice) -> FloatArray:
        moved = (quarter - shift[part][:, day]) % _QUARTERS_PER_DAY
        shares = days[profile[part, None], drawn_day[part][:, day], moved]
        return mean_of_parts(scale_kw[part, None] * shares, clock.step_s // fine.step_s)

    return np.concatenate([load_kw(part) for part in parts])


def read_csv(path: Path, homes: int, clock: Clock) -> FloatArray:
    """Load of each home as the user gives it, (homes, steps).

    The columns are ``home_0 [kW]``, ``home_1 [kW]`` and so on; see
    `mosaik_bottomup.inputs.csv_series` for the file.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    columns = [csv_series.Column(f"home_{row}", {"kW": 1.0}) for row in range(homes)]
    return csv_series.read(path, columns, clock)


@cache
def _profile_days() -> FloatArray:
    """Profiles cut into days of the wall clock, (profiles, days, quarters)."""
    with h5py.File(simbench_file()) as file:
        group = file["households"]
        series = np.array([group[name][:] for name in sorted(group)], dtype=float)
    wall = pd.date_range(f"{_YEAR}-01-01", periods=series.shape[1], freq=f"{_STEP_S}s")
    # the quarters skipped in March take the hour after, those doubled the first
    utc = wall.tz_localize(
        _ZONE, nonexistent=pd.Timedelta(hours=1), ambiguous=np.ones(wall.size, bool)
    ).tz_convert("UTC")
    start = pd.Timestamp(f"{_YEAR}-01-01", tz=_ZONE)
    row = (utc - start) // pd.Timedelta(seconds=_STEP_S)
    days: FloatArray = series[:, row].reshape(-1, DAYS_PER_YEAR, _QUARTERS_PER_DAY)
    return write_protect(days)


def _size(part: slice) -> int:
    return int(part.stop - part.start)


def _draw_days(homes: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """For each home and day of the year, the day it is like, (homes, days)."""
    like = _alike()
    candidates = np.argsort(~like, axis=1, kind="stable").astype(np.int16)
    chosen = (rng.random((homes, DAYS_PER_YEAR)) * like.sum(axis=1)).astype(np.int64)
    drawn: NDArray[np.int16] = candidates[np.arange(DAYS_PER_YEAR), chosen]
    return drawn


def _draw_shifts(homes: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """For each home and day, by how many quarters it is moved, (homes, days)."""
    size = homes, DAYS_PER_YEAR
    drawn = rng.integers(-_QUARTERS_AROUND, _QUARTERS_AROUND + 1, size=size)
    return drawn.astype(np.int8)


@cache
def _alike() -> BoolArray:
    """Which days may stand for which, (days, days): same kind, near in the year."""
    weekday = pd.date_range(f"{_YEAR}-01-01", periods=DAYS_PER_YEAR).dayofweek
    kind = np.select([weekday == _SATURDAY, weekday == _SUNDAY], [1, 2], 0)
    day = np.arange(DAYS_PER_YEAR)
    apart = np.abs(day[:, None] - day)
    apart = np.minimum(apart, DAYS_PER_YEAR - apart)
    alike: BoolArray = (kind[:, None] == kind) & (apart <= _DAYS_AROUND)
    return write_protect(alike)
