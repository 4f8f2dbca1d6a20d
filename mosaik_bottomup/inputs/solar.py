"""What one kWp of photovoltaics yields in given weather."""

import math

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts
from mosaik_bottomup.inputs.weather import Weather

_SUN_STEP_S = 300
"""The sun's path is averaged over steps of this length."""
_ALBEDO = 0.2
_HIGHEST_BEAM_W_M2 = 1000.0
"""Clear sky at normal incidence; a record beyond it, at a low sun, is diffuse."""
_POWER_PER_K = -0.004
"""Crystalline silicon, relative to 25 degC."""
_REFERENCE_W_M2 = 1000.0
_REFERENCE_C = 25.0
_LEAST_SINE = 0.087
"""Of the sun's height, 5 deg: nearer the horizon a ratio to it means nothing."""


def generation_kw_per_kwp(
    weather: Weather,
    clock: Clock,
    latitude_deg: float,
    longitude_deg: float,
    tilt_deg: float,
    azimuth_deg: float,
    performance: float = 0.86,
) -> FloatArray:
    """Mean AC power of each step per kWp, (steps,), generation positive, at most 1.

    Hay and Davies' sky model, Faiman's cell temperature and a linear temperature
    coefficient, all by pvlib (Anderson et al., J. Open Source Softw. 8 (2023) 5994,
    doi:10.21105/joss.05994). The beam is turned onto the plane by the ratio of the mean
    cosines over the part of the step when the sun is up (Duffie and Beckman, *Solar
    Engineering of Thermal Processes*, 4th ed., eq. 2.14.5).

    Parameters
    ----------
    azimuth_deg
        180 is south.
    performance
        Share that inverter, wiring, soiling and mismatch leave.
    """
    # pvlib takes 0.6 s to import: only runs with photovoltaics pay for it
    from pvlib import irradiance, temperature

    cos_zenith, cos_incidence = _mean_cosines(
        clock, latitude_deg, longitude_deg, tilt_deg, azimuth_deg
    )
    height = np.maximum(cos_zenith, _LEAST_SINE)
    beam_w_m2 = (weather.global_w_m2 - weather.diffuse_w_m2) / height
    beam_w_m2 = np.where(cos_zenith > 0.0, beam_w_m2, 0.0)
    beam_w_m2 = np.minimum(beam_w_m2, _HIGHEST_BEAM_W_M2)
    diffuse_w_m2 = weather.global_w_m2 - beam_w_m2 * cos_zenith
    sky_w_m2 = irradiance.haydavies(
        tilt_deg,
        azimuth_deg,
        dhi=diffuse_w_m2,
        dni=beam_w_m2,
        dni_extra=irradiance.get_extra_radiation(clock.index).to_numpy(),
        projection_ratio=cos_incidence / height,
    )
    ground_w_m2 = irradiance.get_ground_diffuse(tilt_deg, weather.global_w_m2, _ALBEDO)
    plane_w_m2 = beam_w_m2 * cos_incidence + sky_w_m2 + ground_w_m2
    cell_c = temperature.faiman(plane_w_m2, weather.ambient_c, weather.wind_m_s)
    efficiency = performance * (1.0 + _POWER_PER_K * (cell_c - _REFERENCE_C))
    yield_kw: FloatArray = np.clip(plane_w_m2 / _REFERENCE_W_M2 * efficiency, 0.0, 1.0)
    return yield_kw


def _mean_cosines(
    clock: Clock,
    latitude_deg: float,
    longitude_deg: float,
    tilt_deg: float,
    azimuth_deg: float,
) -> tuple[FloatArray, FloatArray]:
    """Mean cosines of zenith and incidence, (steps,) each; 0 while the sun is down."""
    from pvlib import irradiance, solarposition

    fine = clock.refined(math.gcd(_SUN_STEP_S, clock.step_s))
    middle = fine.index + pd.Timedelta(seconds=fine.step_s / 2)
    sun = solarposition.get_solarposition(middle, latitude_deg, longitude_deg)
    zenith_deg, azimuth = sun["zenith"].to_numpy(), sun["azimuth"].to_numpy()
    cos_zenith = np.maximum(np.cos(np.radians(zenith_deg)), 0.0)
    facing = irradiance.aoi_projection(tilt_deg, azimuth_deg, zenith_deg, azimuth)
    cos_incidence = np.where(cos_zenith > 0.0, np.maximum(facing, 0.0), 0.0)
    parts = clock.step_s // fine.step_s
    return mean_of_parts(cos_zenith, parts), mean_of_parts(cos_incidence, parts)
