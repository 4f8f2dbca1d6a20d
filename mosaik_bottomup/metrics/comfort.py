"""How far, how long and in how many homes the comfort band was left."""

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import Results

COMFORT_TOLERANCE_K = 1e-6
"""Forgives rounding in a house's exact step."""


def comfort_violation_kh(results: Results) -> FloatArray:
    """Return how far and long homes were outside their comfort band, (home, time).

    Below the band every kelvin counts, ``h·(low − Ti)``. Above it, ``h·(Ti − high)``
    counts only where the home's heat pump has run in the step or in the guard's
    horizon before it: warmth the weather alone brings is not the device's doing.
    (Whether it ran before the first step is not in the file and counts as not.)
    """
    if "heat_pumps" not in results.entities:
        return np.empty((0, results.steps_written))
    home = results.static["heat_pumps"]
    air_c = results.series("heat_pumps", "air_c")
    below_k = home["comfort_low_c"][:, None] - air_c
    above_k = air_c - home["comfort_high_c"][:, None]
    own_doing = ran_recently(
        results.series("heat_pumps", "on") > 0, home["guard_steps"].astype(np.int64)
    )
    outside_k = np.maximum(below_k, np.where(own_doing, above_k, 0.0))
    return np.where(outside_k > COMFORT_TOLERANCE_K, outside_k, 0.0) * results.step_h


def ran_recently(on: BoolArray, window_steps: IntArray) -> BoolArray:
    """Return where a device ran in its last ``window_steps`` steps, this one included.

    Parameters
    ----------
    on
        Where it runs, shape (device, time).
    window_steps
        Length of each device's window, shape (device,).
    """
    # runs[:, k] counts the steps with the device on before step k.
    runs = np.concatenate([np.zeros((len(on), 1)), np.cumsum(on, axis=1)], axis=1)
    steps = np.arange(1, on.shape[1] + 1)
    first = np.maximum(steps[None, :] - window_steps[:, None], 0)
    recently: BoolArray = runs[:, 1:] > np.take_along_axis(runs, first, axis=1)
    return recently


def homes_affected(violation_kh: FloatArray) -> int:
    """Return in how many homes comfort was violated at all, of (home, time)."""
    return int((violation_kh > 0.0).any(axis=1).sum())
