"""The QoS guard: which options keep a home within its comfort band, for ever.

An option is admissible if after it (i) heating without pause keeps the air at or above
the lower bound for the whole guard horizon and (ii) not heating at all keeps it at or
below the upper bound, lock-outs of the compressor included. The house is a monotone
system, so whoever stays admissible always has a next admissible option while the
weather is no worse than assumed. Testing only the next step is not enough: a cold
floor takes hours to warm up.
"""

from dataclasses import dataclass

import numba
import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices.house import StepResponse

TOLERANCE_K = 1e-9  # forgives the rounding of sums of temperatures


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """What moves the air of ``n`` houses over the guard horizon.

    ``k`` steps are covered, each looks ``m`` steps ahead.
    """

    response: StepResponse
    drive_c: FloatArray
    """What weather and gains add in each step, shape ``(n, k + m, 2)``."""
    heat_c: FloatArray
    """What full heat adds in a step, shape ``(n, 2)``."""
    of_state: FloatArray
    """Air temperature 0, 1, ... m steps on per K of air and floor.

    Shape ``(n, m + 1, 2)``.
    """
    low_c: FloatArray
    high_c: FloatArray


def build_guard(
    response: StepResponse,
    ambient_c: FloatArray,
    gains_kw: FloatArray,
    heat_kw: FloatArray,
    low_c: FloatArray,
    high_c: FloatArray,
    ahead: int,
) -> Guard:
    """Precompute the guard for every state a plan may be asked about.

    Parameters
    ----------
    response
        Of ``n`` houses.
    ambient_c : (k + ahead,) array
        Forecast; entry ``j`` is the weather of the step that starts in state ``j``.
    gains_kw : (n, k + ahead) array
    heat_kw : (n,) array
        Full output.
    low_c, high_c : (n,) arrays
        Comfort band of the air.
    ahead
        Guard horizon in steps.
    """
    n = gains_kw.shape[0]
    drive = (
        response.per_ambient[:, None] * ambient_c[:, None]
        + response.per_gain_kw[:, None] * gains_kw[:, :, None]
    )
    heat = response.per_heat_kw * heat_kw[:, None]
    of_state = np.empty((n, ahead + 1, 2))
    power = np.broadcast_to(np.eye(2), (n, 2, 2))
    of_state[:, 0] = power[:, 0]
    for j in range(ahead):
        power = response.transition @ power
        of_state[:, j + 1] = power[:, 0]
    return Guard(response, drive, heat, of_state, low_c, high_c)


def breach_k(guard: Guard, at: int, temperature_c: FloatArray) -> FloatArray:
    """Return by how much the band must be left from states, whatever is done.

    Parameters
    ----------
    guard
        For ``n`` houses.
    at
        Which of the guard's ``k`` steps begins in these states.
    temperature_c : (n, j, 2) array
        Air and floor of ``j`` alternatives.

    Returns
    -------
    (n, j) array
        Degrees below the band when heated without pause plus degrees above it when
        not heated at all; zero for a state from which the band can be kept.
    """
    idle_kw = np.zeros(temperature_c.shape[:2])
    unlocked = np.zeros(idle_kw.shape, dtype=np.int64)
    return locked_breach_k(guard, at, temperature_c, idle_kw, unlocked)


def locked_breach_k(
    guard: Guard,
    at: int,
    temperature_c: FloatArray,
    heat_kw: FloatArray,
    locked_steps: IntArray,
) -> FloatArray:
    """Return :func:`breach_k` of options that must be held for a while first.

    All are looked at to the same end, however long they are locked: who saw farther
    with one option than with another would take what is yet unseen for the better.

    Parameters
    ----------
    guard
        For ``n`` houses.
    at
        Which of the guard's ``k`` steps begins in these states.
    temperature_c : (n, j, 2) array
        Air and floor of ``j`` alternatives.
    heat_kw : (n, j) array
        What each holds.
    locked_steps : (n, j) array
        For how many steps from now on.

    Returns
    -------
    (n, j) array
        The farthest it gets beside the band while locked, plus the breach from then on.

    Raises
    ------
    ValueError
        If the guard does not cover all the steps that are looked at.
    """
    ahead = guard.of_state.shape[1] - 1
    covered, last = guard.drive_c.shape[1], at + max(ahead, locked_steps.max(initial=0))
    if at < 0 or last > covered:
        raise ValueError(f"a guard of {covered} steps was asked for {at} to {last}")
    return _breaches_k(
        guard.response.transition,
        guard.response.per_heat_kw,
        guard.drive_c[:, at:],
        guard.heat_c,
        guard.of_state,
        guard.low_c,
        guard.high_c,
        temperature_c,
        heat_kw,
        locked_steps,
    )


@numba.njit(cache=True)
def _breaches_k(
    transition: FloatArray,
    per_heat_kw: FloatArray,
    drive_c: FloatArray,
    heat_c: FloatArray,
    of_state: FloatArray,
    low_c: FloatArray,
    high_c: FloatArray,
    temperature_c: FloatArray,
    heat_kw: FloatArray,
    locked_steps: IntArray,
) -> FloatArray:
    """Walk each option of each house through its lock-out and the horizon after it."""
    n, options, _ = temperature_c.shape
    breach = np.empty((n, options))
    ahead = of_state.shape[1] - 1
    for i in range(n):
        aa, af = transition[i, 0, 0], transition[i, 0, 1]
        fa, ff = transition[i, 1, 0], transition[i, 1, 1]
        for j in range(options):
            air, floor = temperature_c[i, j, 0], temperature_c[i, j, 1]
            locked, farthest = locked_steps[i, j], 0.0
            for k in range(locked):
                farthest = max(farthest, low_c[i] - air, air - high_c[i])
                air, floor = (
                    aa * air + af * floor + drive_c[i, k, 0],
                    fa * air + ff * floor + drive_c[i, k, 1],
                )
                air += per_heat_kw[i, 0] * heat_kw[i, j]
                floor += per_heat_kw[i, 1] * heat_kw[i, j]
            coldest = warmest = of_state[i, 0, 0] * air + of_state[i, 0, 1] * floor
            # what is added to the state's part: without heat, and heated without pause
            idle_air, idle_floor, full_air, full_floor = 0.0, 0.0, 0.0, 0.0
            for m in range(max(ahead - locked, 0)):
                drive = drive_c[i, locked + m]
                idle_air, idle_floor = (
                    aa * idle_air + af * idle_floor + drive[0],
                    fa * idle_air + ff * idle_floor + drive[1],
                )
                full_air, full_floor = (
                    aa * full_air + af * full_floor + drive[0] + heat_c[i, 0],
                    fa * full_air + ff * full_floor + drive[1] + heat_c[i, 1],
                )
                remains = of_state[i, m + 1, 0] * air + of_state[i, m + 1, 1] * floor
                coldest = min(coldest, remains + full_air)
                warmest = max(warmest, remains + idle_air)
            below, above = max(low_c[i] - coldest, 0.0), max(warmest - high_c[i], 0.0)
            breach[i, j] = farthest + (below + above)
    return breach


def admissible(breach: FloatArray, offered: BoolArray) -> BoolArray:
    """Return which offered options keep the band; where none does, the least bad one.

    Parameters
    ----------
    breach : (n, j) array
        From :func:`breach_k`.
    offered : (n, j) array
        Options the machine itself allows, at least one per site.
    """
    good = offered & (breach <= TOLERANCE_K)
    least = np.where(offered, breach, np.inf).argmin(axis=1)
    good[np.arange(least.size), least] = True
    return good
