"""Dispatch: who runs, when each area as a whole has been granted a power."""

import numba
import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.coordination.merit_order import MeritOrders

TOLERANCE_KW = 1e-9  # forgives the rounding of cumulated widths


def dispatch(
    orders: MeritOrders,
    least_kw: FloatArray,
    target_kw: FloatArray,
    low_kw: FloatArray,
    high_kw: FloatArray,
    worth_dkk_per_kwh: float,
) -> FloatArray:
    """Hand each area's power down its merit order, cheapest segments first.

    The marginal segment runs in part if it is divisible. If not it is left out, and
    its power goes to the next divisible ones that cost no more than it is worth. Where
    the envelope's lower end would be missed they are taken at any cost, and after them
    what was left out, whole.

    Parameters
    ----------
    orders
        Of ``a`` areas.
    least_kw : (n,) array
        Power of every site of the book in its first option.
    target_kw : (a,) array
        Power to hand out, must-run included.
    low_kw, high_kw : (a,) arrays
        Envelope.
    worth_dkk_per_kwh
        What a kWh short of the target costs.

    Returns
    -------
    (n,) array
        Power of each site.
    """
    power_kw = least_kw.copy()
    _fill(
        power_kw,
        orders.first,
        orders.width_kw,
        orders.site,
        orders.divisible,
        target_kw - orders.base_kw,
        low_kw - orders.base_kw,
        high_kw - orders.base_kw,
        orders.slope_dkk_per_kwh,
        worth_dkk_per_kwh,
    )
    return power_kw


@numba.njit(cache=True)
def _fill(
    power_kw: FloatArray,
    first: IntArray,
    width_kw: FloatArray,
    site: IntArray,
    divisible: BoolArray,
    target: FloatArray,
    low: FloatArray,
    high: FloatArray,
    slope: FloatArray,
    worth: float,
) -> None:
    closed = np.zeros(power_kw.size, np.bool_)  # sites whose next segment was left out
    left_out = np.full(width_kw.size, False)
    for a in range(target.size):
        given, passed = 0.0, False
        for s in range(first[a], first[a + 1]):
            i, width = site[s], width_kw[s]
            if closed[i]:
                continue
            too_dear = passed and slope[s] > worth
            room = (low[a] if too_dear else target[a]) - given
            if divisible[s]:
                part = min(width, max(room, 0.0))
            elif width <= room + TOLERANCE_KW and not passed:
                part = width
            else:
                closed[i], left_out[s] = True, True
                part, passed = 0.0, True
            power_kw[i] += part
            given += part
        for s in range(first[a], first[a + 1]):
            if given >= low[a] - TOLERANCE_KW:
                break
            if left_out[s] and given + width_kw[s] <= high[a] + TOLERANCE_KW:
                power_kw[site[s]] += width_kw[s]
                given += width_kw[s]
