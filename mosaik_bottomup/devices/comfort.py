"""The QoS guard: which options keep a home within its comfort band, for ever.

An option is admissible if after it (i) heating without pause keeps the air at or above
the lower bound for the whole guard horizon and (ii) not heating at all keeps it at or
below the upper bound, lock-outs of the compressor included. The house is a monotone
system, so whoever stays admissible always has a next admissible option while the
weather is no worse than assumed. Testing only the next step is not enough: a cold
floor takes hours to warm up.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices.house import StepResponse

TOLERANCE_K = 1e-9  # forgives the rounding of sums of temperatures


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """Air temperature over the guard horizon, as an affine function of the state.

    ``k`` steps are covered, each looks ``m`` steps ahead.
    """

    response: StepResponse
    drive_c: FloatArray
    """What weather and gains add in each step, shape ``(n, k + m, 2)``."""
    of_state: FloatArray
    """Air temperature 0, 1, ... m steps on per K of air and floor.

    Shape ``(n, m + 1, 2)``.
    """
    unheated_c: FloatArray
    """Part that weather and gains add without heating, ``(n, k, m + 1)``."""
    heated_c: FloatArray
    """Part that they add when heated without pause, ``(n, k, m + 1)``."""
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
    n, k = gains_kw.shape[0], ambient_c.size - ahead
    drive = (
        response.per_ambient[:, None] * ambient_c[:, None]
        + response.per_gain_kw[:, None] * gains_kw[:, :, None]
    )
    heat = response.per_heat_kw * heat_kw[:, None]
    free, driven = np.zeros((n, k, 2)), np.zeros((n, k, 2))
    power = np.broadcast_to(np.eye(2), (n, 2, 2))
    of_state = np.empty((n, ahead + 1, 2))
    unheated, heated = np.zeros((n, k, ahead + 1)), np.zeros((n, k, ahead + 1))
    of_state[:, 0] = power[:, 0]
    for j in range(ahead):
        power = response.transition @ power
        weather = drive[:, j : j + k]
        free = np.einsum("nij,nkj->nki", response.transition, free) + weather
        driven = np.einsum("nij,nkj->nki", response.transition, driven) + weather
        driven += heat[:, None]
        of_state[:, j + 1] = power[:, 0]
        unheated[:, :, j + 1], heated[:, :, j + 1] = free[..., 0], driven[..., 0]
    return Guard(response, drive, of_state, unheated, heated, low_c, high_c)


def breach_k(
    guard: Guard, at: int, temperature_c: FloatArray, ahead: int | None = None
) -> FloatArray:
    """Return by how much the band must be left from states, whatever is done.

    Parameters
    ----------
    guard
        For ``n`` houses.
    at
        Which of the guard's ``k`` steps begins in these states.
    temperature_c : (n, j, 2) array
        Air and floor of ``j`` alternatives.
    ahead
        How many steps are looked ahead, if not all that the guard covers.

    Returns
    -------
    (n, j) array
        Degrees below the band when heated without pause plus degrees above it when
        not heated at all; zero for a state from which the band can be kept.
    """
    seen = slice(None if ahead is None else ahead + 1)
    from_state = np.einsum("nmc,njc->njm", guard.of_state[:, seen], temperature_c)
    coldest = (from_state + guard.heated_c[:, None, at, seen]).min(axis=2)
    warmest = (from_state + guard.unheated_c[:, None, at, seen]).max(axis=2)
    below = np.maximum(guard.low_c[:, None] - coldest, 0)
    above = np.maximum(warmest - guard.high_c[:, None], 0)
    breach: FloatArray = below + above
    return breach


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
    """
    response, ahead = guard.response, guard.of_state.shape[1] - 1
    breach, farthest = breach_k(guard, at, temperature_c), np.zeros(heat_kw.shape)
    for held in range(locked_steps.max(initial=0)):
        air = temperature_c[..., 0]
        beside = np.maximum(guard.low_c[:, None] - air, air - guard.high_c[:, None])
        farthest = np.maximum(farthest, beside)
        temperature_c = (
            np.einsum("nab,njb->nja", response.transition, temperature_c)
            + guard.drive_c[:, None, at + held]
            + response.per_heat_kw[:, None] * heat_kw[:, :, None]
        )
        left = max(ahead - held - 1, 0)
        later = farthest + breach_k(guard, at + held + 1, temperature_c, left)
        breach = np.where(locked_steps == held + 1, later, breach)
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
