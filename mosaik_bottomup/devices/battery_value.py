r"""What the energy in a battery is worth: the least cost of the rest of the horizon.

Backward dynamic programming over the stored energy, compiled, all batteries of a fleet
in one call:

.. math:: W_k(E) = \min_b\; h\,\pi_k(\ell + b) + \mathrm{wear}(b) + W_{k+1}(E')

over battery powers :math:`b`, linear between grid points; :math:`\ell` is the home's
own load less PV, :math:`\pi` import at one price and export at another.
"""

import numba
import numpy as np

from mosaik_bottomup.arrays import FloatArray


@numba.njit(cache=True)
def battery_values(
    low_kwh: FloatArray,
    high_kwh: FloatArray,
    power_max_kw: FloatArray,
    efficiency: FloatArray,
    net_kw: FloatArray,
    import_dkk_per_kwh: FloatArray,
    export_dkk_per_kwh: FloatArray,
    surcharge_dkk_per_kwh: FloatArray,
    wear_dkk_per_kwh: float,
    end_value_dkk_per_kwh: float,
    step_h: float,
    ladder: FloatArray,
    points: int,
) -> FloatArray:
    """Return W for batteries, shape ``(n, t + 1, points)``.

    Parameters
    ----------
    low_kwh, high_kwh, power_max_kw, efficiency : (n,) arrays
    net_kw : (n, t) array
        Own load less PV.
    import_dkk_per_kwh, export_dkk_per_kwh : (t,) arrays
    surcharge_dkk_per_kwh : (n, t) array
        Congestion price on the net exchange.
    wear_dkk_per_kwh
        Cost of each kWh discharged.
    end_value_dkk_per_kwh
        What a stored kWh is worth at the end of the horizon.
    step_h
        Length of a step.
    ladder : (m,) array
        Battery powers considered, as parts of full power; self-consumption is always
        considered too.
    points
        Size of the grid.
    """
    n, steps = net_kw.shape
    values = np.empty((n, steps + 1, points))
    for i in range(n):
        spacing = (high_kwh[i] - low_kwh[i]) / (points - 1)
        for g in range(points):
            values[i, steps, g] = -end_value_dkk_per_kwh * g * spacing
        for k in range(steps - 1, -1, -1):
            after = values[i, k + 1]
            for g in range(points):
                stored = g * spacing
                charge = min(
                    power_max_kw[i],
                    ((points - 1) * spacing - stored) / (efficiency[i] * step_h),
                )
                discharge = min(power_max_kw[i], stored * efficiency[i] / step_h)
                best = np.inf
                for j in range(ladder.size + 1):
                    ask = -net_kw[i, k]
                    if j < ladder.size:
                        ask = ladder[j] * power_max_kw[i]
                    battery = min(max(ask, -discharge), charge)
                    cost = exchange_dkk(
                        net_kw[i, k] + battery,
                        import_dkk_per_kwh[k],
                        export_dkk_per_kwh[k],
                        surcharge_dkk_per_kwh[i, k],
                        step_h,
                    )
                    if battery < 0:
                        cost -= battery * wear_dkk_per_kwh * step_h
                        to = stored + battery * step_h / efficiency[i]
                    else:
                        to = stored + battery * step_h * efficiency[i]
                    at = min(max(to / spacing, 0.0), points - 1.0)
                    cell = min(int(at), points - 2)
                    part = at - cell
                    cost += (1 - part) * after[cell] + part * after[cell + 1]
                    best = min(best, cost)
                values[i, k, g] = best
    return values


@numba.njit(cache=True)
def values_at(
    values: FloatArray, spacing_kwh: FloatArray, above_low_kwh: FloatArray
) -> FloatArray:
    """Return W of ``(n, j)`` stored energies from one step's ``(n, points)`` values."""
    result = np.empty_like(above_low_kwh)
    last = values.shape[1] - 1
    for i in range(above_low_kwh.shape[0]):
        for j in range(above_low_kwh.shape[1]):
            at = min(max(above_low_kwh[i, j] / spacing_kwh[i], 0.0), float(last))
            cell = min(int(at), last - 1)
            part = at - cell
            result[i, j] = (1 - part) * values[i, cell] + part * values[i, cell + 1]
    return result


@numba.njit(cache=True)
def exchange_dkk(
    net_kw: float,
    import_dkk_per_kwh: float,
    export_dkk_per_kwh: float,
    surcharge_dkk_per_kwh: float,
    step_h: float,
) -> float:
    """Return what a step of net exchange costs: import at one price, export at another.

    The congestion price is charged on import and paid on export.
    """
    price = import_dkk_per_kwh if net_kw > 0 else export_dkk_per_kwh
    return step_h * net_kw * (price + surcharge_dkk_per_kwh)
