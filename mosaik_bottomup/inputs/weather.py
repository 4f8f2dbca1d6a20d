"""What the weather is in each step: a test reference year, or the user's own.

Test reference years (TRY 2010) of Deutscher Wetterdienst and BBSR, as shipped by the
package demandlib: 15 German regions, of which 2 is Rostock on the Baltic coast and 3
Hamburg; hourly, a mean year without a 29 February (28 February is repeated).
"""

import importlib.util
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mosaik_bottomup.arrays import FloatArray, write_protect
from mosaik_bottomup.inputs import csv_series
from mosaik_bottomup.inputs.clock import (
    DAYS_PER_YEAR,
    HOURS_PER_YEAR,
    SECONDS_PER_HOUR,
    Clock,
    hour_of_year,
    mean_of_parts,
)

_FOLDER = "vdi/resources_weather"
_WIND, _TEMPERATURE, _BEAM, _DIFFUSE = 7, 8, 13, 14
"""Columns of the file."""
_LEAP_DAY_HOUR = 59 * 24
_ZONE = "Etc/GMT-1"  # the files are in Central European Time all year: UTC+1
_ZONE_DEG = 15.0
_DEGREES_PER_HOUR = 15.0
_SOLAR_TIME_REGIONS = (2, 3, 4, 9, 12)
"""Where radiation was measured; there it is given in true solar time."""
_HIGHEST_WIND_M_S = 25.0  # hourly means above this are outliers of the record
_FINE_STEP_S = 300
"""Finer than any change within the hour that we give to the hourly record."""
_PARTS_PER_HOUR = SECONDS_PER_HOUR // _FINE_STEP_S

_CSV_COLUMNS = (
    csv_series.Column("ambient", {"degC": 1.0}, low=-60.0, high=60.0),
    csv_series.Column("global", {"W m-2": 1.0}, low=0.0, high=1500.0),
    csv_series.Column("diffuse", {"W m-2": 1.0}, low=0.0, high=1500.0),
    csv_series.Column("wind", {"m s-1": 1.0}, low=0.0, high=80.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Weather:
    """Means over each step, all (steps,); radiation on a horizontal plane."""

    ambient_c: FloatArray
    global_w_m2: FloatArray
    diffuse_w_m2: FloatArray
    wind_m_s: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _ReferenceYear:
    """Hourly means, all (HOURS_PER_YEAR,), and where they were measured."""

    latitude_deg: float
    longitude_deg: float
    ambient_c: FloatArray
    wind_m_s: FloatArray
    beam_w_m2: FloatArray
    diffuse_w_m2: FloatArray


def read_try(region: int, clock: Clock, offset_k: float = 0.0) -> Weather:
    """Weather of a test reference year, on any calendar year's clock.

    Temperature and wind are interpolated linearly between the middles of the hours.
    Radiation keeps the energy of every hour of the file and follows the sun's height
    within it; where the file gives it in true solar time it is moved to the clock.

    Parameters
    ----------
    region
        1 to 15.
    offset_k
        Added to the temperature, e.g. -5 for a design winter.

    Raises
    ------
    ValueError
        If there is no such region.
    """
    year = _read_file(region)
    fine = clock.refined(math.gcd(_FINE_STEP_S, clock.step_s))
    parts = clock.step_s // fine.step_s
    middle_h = hour_of_year(fine.local(_ZONE)) + fine.step_h / 2.0
    start_h = hour_of_year(clock.local(_ZONE))
    in_solar_time = region in _SOLAR_TIME_REGIONS
    if in_solar_time:
        day = clock.local(_ZONE).dayofyear.to_numpy()
        start_h = start_h + _solar_lead_h(day, year.longitude_deg)
    height = _sun_height(year, in_solar_time)
    beam = _shaped_mean(year.beam_w_m2, height, start_h, clock.step_h)
    diffuse = _shaped_mean(year.diffuse_w_m2, height, start_h, clock.step_h)
    wind = np.minimum(year.wind_m_s, _HIGHEST_WIND_M_S)
    return Weather(
        ambient_c=mean_of_parts(_interpolated(year.ambient_c, middle_h), parts)
        + offset_k,
        global_w_m2=beam + diffuse,
        diffuse_w_m2=diffuse,
        wind_m_s=mean_of_parts(_interpolated(wind, middle_h), parts),
    )


def read_csv(path: Path, clock: Clock, offset_k: float = 0.0) -> Weather:
    """Weather of the user: ambient, global and diffuse radiation, wind.

    The columns are ``ambient [degC]``, ``global [W m-2]``, ``diffuse [W m-2]`` and
    ``wind [m s-1]``; see `mosaik_bottomup.inputs.csv_series` for the file. Diffuse
    radiation beyond global is a fault of the instruments and is taken as global.

    Raises
    ------
    InputError
        With everything that is wrong with the file.
    """
    ambient_c, global_w_m2, diffuse_w_m2, wind_m_s = csv_series.read(
        path, _CSV_COLUMNS, clock
    )
    return Weather(
        ambient_c=ambient_c + offset_k,
        global_w_m2=global_w_m2,
        diffuse_w_m2=np.minimum(diffuse_w_m2, global_w_m2),
        wind_m_s=wind_m_s,
    )


@lru_cache(maxsize=2)
def _read_file(region: int) -> _ReferenceYear:
    # find_spec finds the folder without importing the package
    spec = importlib.util.find_spec("demandlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("demandlib, which carries the weather, is missing")
    path = Path(spec.origin).parent / _FOLDER / f"TRY2010_{region:02d}_Jahr.dat"
    if not path.is_file():
        raise ValueError(f"no test reference year for region {region}; take 1 to 15")
    head, rows = path.read_text(encoding="utf-8").split("***\n")
    north = re.search(r"(\d+)°(\d+)'N", head)
    east = re.search(r"(\d+)°(\d+)'O", head)
    if north is None or east is None:
        raise ValueError(f"{path} does not say where its station is")
    columns = (_TEMPERATURE, _WIND, _BEAM, _DIFFUSE)
    table = np.loadtxt(rows.splitlines(), usecols=columns, unpack=True)
    leap_day = table[:, _LEAP_DAY_HOUR - 24 : _LEAP_DAY_HOUR]
    before, after = np.split(table, [_LEAP_DAY_HOUR], axis=1)
    return write_protect(
        _ReferenceYear(
            int(north[1]) + int(north[2]) / 60.0,
            int(east[1]) + int(east[2]) / 60.0,
            *np.concatenate([before, leap_day, after], axis=1),
        )
    )


def _solar_lead_h(day: ArrayLike, longitude_deg: float) -> FloatArray:
    """By how much true solar time is ahead of Central European Time."""
    # pvlib takes 0.6 s to import: only runs that need it pay for it
    from pvlib.solarposition import equation_of_time_spencer71

    equation_min: FloatArray = np.asarray(equation_of_time_spencer71(day))
    mean_h = (longitude_deg - _ZONE_DEG) / _DEGREES_PER_HOUR
    return mean_h + equation_min / 60.0


def _sun_height(year: _ReferenceYear, in_solar_time: bool) -> FloatArray:
    """Sine of the sun's height in the middle of each fine part of the year, >= 0."""
    from pvlib.solarposition import declination_spencer71

    day = np.arange(1, DAYS_PER_YEAR + 1)[:, None]
    hour = (np.arange(24 * _PARTS_PER_HOUR) + 0.5) / _PARTS_PER_HOUR
    lead_h = 0.0 if in_solar_time else _solar_lead_h(day, year.longitude_deg)
    turn = np.radians(_DEGREES_PER_HOUR * (hour + lead_h - 12.0))
    tilt = declination_spencer71(day)
    latitude = math.radians(year.latitude_deg)
    height: FloatArray = (
        math.sin(latitude) * np.sin(tilt)
        + math.cos(latitude) * np.cos(tilt) * np.cos(turn)
    ).ravel()
    return np.maximum(height, 0.0)


def _interpolated(hourly: FloatArray, hour: FloatArray) -> FloatArray:
    """Value at each `hour` of the year, given means over the hours."""
    middles = np.arange(HOURS_PER_YEAR) + 0.5
    return np.interp(hour, middles, hourly, period=HOURS_PER_YEAR)


def _shaped_mean(
    hourly: FloatArray, height: FloatArray, start_h: FloatArray, width_h: float
) -> FloatArray:
    """Mean over each [start, start + width] of hourly radiation that follows `height`.

    Following the sun keeps the beam constant through the hour: held radiation would
    make a beam without bounds of the few minutes around sunrise.
    """
    shape = height.reshape(HOURS_PER_YEAR, _PARTS_PER_HOUR)
    mean = shape.mean(axis=1, keepdims=True)
    # what was recorded in an hour without sun is held
    shape = np.where(mean > 0.0, shape / np.where(mean > 0.0, mean, 1.0), 1.0)
    fine = (hourly[:, None] * shape).ravel()
    # a day more than the year: a step may reach past its end
    fine = np.concatenate([fine, fine[: 24 * _PARTS_PER_HOUR]]) / _PARTS_PER_HOUR
    total = np.concatenate([[0.0], np.cumsum(fine)])
    edges = np.arange(total.size) / _PARTS_PER_HOUR
    start = np.mod(start_h, HOURS_PER_YEAR)
    gained = np.interp(start + width_h, edges, total) - np.interp(start, edges, total)
    # differences of the running total leave rounding errors at night
    shaped: FloatArray = np.maximum(gained, 0.0) / width_h
    return shaped
