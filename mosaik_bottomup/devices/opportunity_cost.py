r"""What a state is worth: the least cost of serving the rest of the horizon from it.

Backward dynamic programming on a small grid of each site's one planning state,
compiled, all sites of a fleet in one call:

.. math:: W_k(x) = \min_j\; h\,\pi_k(p_j) + \mathrm{wear}(p_j) + W_{k+1}(x'_j)

between grid points linear. A *heat pump's* state is the slow mode of its house, on a
grid that moves with the planning band; leaving the band costs a stated price per K, so
that a plan never has to be infeasible (the comfort guard, not the plan, decides).
A *battery's* state is its stored energy.
"""

import numba
import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray

PENALTY_DKK_PER_K = 20.0
"""Price of each K and step outside the planning band; some 10 times what the heat in
it costs, so that no tariff can buy it."""


@numba.njit(cache=True)
def heat_pump_values(
    low_c: FloatArray,
    spacing_c: FloatArray,
    keep: FloatArray,
    drift_c: FloatArray,
    lift_c: FloatArray,
    power_kw: FloatArray,
    price_dkk: FloatArray,
    inverter: BoolArray,
    end_value_dkk_per_k: FloatArray,
    points: int,
) -> FloatArray:
    """Return W for heat pumps, shape ``(n, t + 1, points)``.

    Parameters
    ----------
    low_c : (n, t + 1) array
        Lower edge of the planning band at the start of each step.
    spacing_c : (n, t + 1) array
        Distance of grid points.
    keep : (n,) array
        Part of the state that remains after a step.
    drift_c : (n, t) array
        What weather and gains add in a step.
    lift_c : (n,) array
        What a step of full heat adds.
    power_kw : (n, t) array
        Electric power at full heat.
    price_dkk : (n, t) array
        Cost of one kW held for a step, congestion price included.
    inverter : (n,) array
        Whether half power is an option.
    end_value_dkk_per_k : (n,) array
        What a K is worth at the end of the horizon.
    points
        Size of the grid.
    """
    n, steps = drift_c.shape
    values = np.empty((n, steps + 1, points))
    for i in range(n):
        for g in range(points):
            values[i, steps, g] = -end_value_dkk_per_k[i] * g * spacing_c[i, steps]
        for k in range(steps - 1, -1, -1):
            after = values[i, k + 1]
            low, spacing = low_c[i, k + 1], spacing_c[i, k + 1]
            cost = price_dkk[i, k] * power_kw[i, k]
            for g in range(points):
                rest = keep[i] * (low_c[i, k] + g * spacing_c[i, k]) + drift_c[i, k]
                best = np.inf
                for j in range(3):
                    if j == 1 and not inverter[i]:
                        continue
                    at = (rest + 0.5 * j * lift_c[i] - low) / spacing
                    best = min(best, 0.5 * j * cost + interpolate(after, at, spacing))
                values[i, k, g] = best
    return values


@numba.njit(cache=True)
def interpolate(values: FloatArray, at: float, spacing_c: float) -> float:
    """Return W at grid position ``at``, with the penalty outside the planning band."""
    last = values.size - 1
    worth: float
    if at <= 0:
        slope = min(values[1] - values[0], 0.0)
        worth = values[0] + at * (slope - PENALTY_DKK_PER_K * spacing_c)
    elif at >= last:
        worth = values[last] + (at - last) * PENALTY_DKK_PER_K * spacing_c
    else:
        g = int(at)
        part = at - g
        worth = (1 - part) * values[g] + part * values[g + 1]
    return worth


@numba.njit(cache=True)
def values_at(
    values: FloatArray, low_c: FloatArray, spacing_c: FloatArray, state_c: FloatArray
) -> FloatArray:
    """Return W of ``(n, j)`` states from one step's ``(n, points)`` values."""
    result = np.empty_like(state_c)
    for i in range(state_c.shape[0]):
        for j in range(state_c.shape[1]):
            at = (state_c[i, j] - low_c[i]) / spacing_c[i]
            result[i, j] = interpolate(values[i], at, spacing_c[i])
    return result


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
