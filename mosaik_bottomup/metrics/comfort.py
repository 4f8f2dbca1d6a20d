"""How far, how long and in how many homes the comfort band was left."""

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import BY_AREA, Results

COMFORT_TOLERANCE_K = 1e-6
"""Forgives rounding in a house's exact step."""


def comfort_violation_kh(results: Results) -> FloatArray:
    """Return how far and long homes were outside their comfort band, (home, time).

    Of a file that keeps areas only, it is that of all homes of an area, (area, time).

    Below the band every kelvin counts, ``h·(low − Ti)``. Above it, ``h·(Ti − high)``
    counts only where the home's heat pump has run in the step or in the guard's
    horizon before it: warmth the weather alone brings is not the device's doing.
    (Whether it ran before the first step is not in the file and counts as not.)
    """
    if f"heat_pumps{BY_AREA}" in results.entities:
        return results.series(f"heat_pumps{BY_AREA}", "outside_kh")
    if "heat_pumps" not in results.entities:
        return np.empty((0, results.steps_written))
    home = results.static["heat_pumps"]
    own_doing = ran_recently(
        results.series("heat_pumps", "on") > 0, home["guard_steps"].astype(np.int64)
    )
    air_c = results.series("heat_pumps", "air_c")
    low_c, high_c = (home[f"comfort_{edge}_c"][:, None] for edge in ("low", "high"))
    return outside_k(air_c, low_c, high_c, own_doing) * results.step_h


def outside_k(
    air_c: FloatArray, low_c: FloatArray, high_c: FloatArray, own_doing: BoolArray
) -> FloatArray:
    """Return how far homes are outside their band; above it by their own doing only."""
    beyond_k = np.maximum(low_c - air_c, np.where(own_doing, air_c - high_c, 0.0))
    return np.where(beyond_k > COMFORT_TOLERANCE_K, beyond_k, 0.0)


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
