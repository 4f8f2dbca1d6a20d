r"""What the energy in a battery is worth: the least cost of the rest of the horizon.

Backward dynamic programming over the stored energy, compiled, all batteries of a fleet
in one call:

.. math:: W_k(E) = \min_b\; h\,\pi_k(\ell + b) + \mathrm{wear}(b) + W_{k+1}(E')

over battery powers :math:`b`, linear between grid points; :math:`\ell` is the home's
own load less PV, :math:`\pi` import at one price and export at another.
"""

import numba
import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.devices.chunks import in_chunks


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
    kept: int,
) -> FloatArray:
    """Return W after each of the first ``kept`` steps, shape ``(n, kept, points)``.

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
    kept
        After how many steps: all that will be asked for.

    Raises
    ------
    ValueError
        If that is more than the horizon has.
    """
    if kept > net_kw.shape[1]:
        raise ValueError(f"{kept} steps are to be kept of {net_kw.shape[1]} planned")
    values = np.empty((low_kwh.size, kept, points))

    def fill(first: int, end: int) -> None:
        _fill_values(
            values,
            first,
            end,
            high_kwh - low_kwh,
            power_max_kw,
            efficiency,
            net_kw,
            import_dkk_per_kwh,
            export_dkk_per_kwh,
            surcharge_dkk_per_kwh,
            wear_dkk_per_kwh,
            end_value_dkk_per_kwh,
            step_h,
            ladder,
        )

    in_chunks(fill, low_kwh.size)
    return values


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill_values(
    values: FloatArray,
    first_site: int,
    end_site: int,
    width_kwh: FloatArray,
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
) -> None:
    kept, points = values.shape[1:]
    options = ladder.size + 1
    now, after = np.empty(points), np.empty(points)
    battery, wear = np.empty((options, points)), np.empty((options, points))
    cell, part = np.empty((options, points), np.uint32), np.empty((options, points))
    for i in range(first_site, end_site):
        spacing = width_kwh[i] / (points - 1)
        site = (power_max_kw[i], efficiency[i], spacing, step_h, wear_dkk_per_kwh)
        # where full power and its parts lead to is the same in every step
        for j in range(ladder.size):
            ask = ladder[j] * power_max_kw[i]
            _reach(ask, site, battery[j], wear[j], cell[j], part[j])
        for g in range(points):
            now[g] = -end_value_dkk_per_kwh * g * spacing
        for k in range(net_kw.shape[1] - 1, -1, -1):
            if k < kept:
                values[i, k] = now
            if k == 0:  # nobody asks what the start is worth
                break
            now, after = after, now
            now[:] = np.inf
            net = net_kw[i, k]
            _reach(-net, site, battery[-1], wear[-1], cell[-1], part[-1])
            for j in range(options):
                for g in range(points):
                    cost = exchange_dkk(
                        net + battery[j, g],
                        import_dkk_per_kwh[k],
                        export_dkk_per_kwh[k],
                        surcharge_dkk_per_kwh[i, k],
                        step_h,
                    )
                    at, u = cell[j, g], part[j, g]
                    cost += wear[j, g]
                    cost += (1 - u) * after[at] + u * after[at + 1]
                    now[g] = min(now[g], cost)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reach(
    ask_kw: float,
    site: tuple[float, float, float, float, float],
    battery_kw: FloatArray,
    wear_dkk: FloatArray,
    cell: IntArray,
    part: FloatArray,
) -> None:
    """Find what a battery does that is asked for a power, and where that leads."""
    power_max_kw, efficiency, spacing, step_h, wear_dkk_per_kwh = site
    last = cell.size - 1
    for g in range(cell.size):
        stored = g * spacing
        room_kw = (last * spacing - stored) / (efficiency * step_h)
        stock_kw = stored * efficiency / step_h
        battery = max(ask_kw, -min(power_max_kw, stock_kw))
        battery = min(battery, min(power_max_kw, room_kw))
        drawn, charged = min(battery, 0.0), max(battery, 0.0)
        to = stored + drawn * step_h / efficiency + charged * step_h * efficiency
        at = min(max(to / spacing, 0.0), float(last))
        battery_kw[g] = battery
        wear_dkk[g] = -drawn * wear_dkk_per_kwh * step_h
        cell[g] = min(int(at), last - 1)
        part[g] = at - cell[g]


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


@numba.njit(cache=True, nogil=True)
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
