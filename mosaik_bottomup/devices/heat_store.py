"""Many houses as one store of heat: what can be deferred, and what more be stored.

For the look-ahead each house is reduced to its slow mode (``house.slow_mode``), whose
dynamics are exact; what it can hold is a planning band around the state of rest.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.area_sums import area_means, area_sums
from mosaik_bottomup.devices.heat_pump import HeatPumpFleet, gains_kw
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.messages import Moment, StoreReport

SMOOTHING_H = 6.0
"""Time over which weather is averaged to place the band: two time constants of the
exchange between floor and air."""
TINY = 1e-9  # kW; an area without a home still needs a mean


def heat_store(
    fleet: HeatPumpFleet,
    rules: PlanningRules,
    temperature_c: FloatArray,
    outlook: Outlook,
    full_kw: FloatArray,
    areas: int,
    moment: Moment,
    reactive_kvar_per_kw: float,
) -> StoreReport:
    r"""Return all homes of each area as one store of heat above the band's lower edge.

    The slow mode obeys :math:`z' = \kappa z + (1 - \kappa)(T_a + q/U) + \lambda Q`;
    a K of it is :math:`C_f / l_f` of heat.

    Parameters
    ----------
    fleet, rules
        The homes, and how they plan.
    temperature_c : (n, 2) array
        Air and floor now.
    outlook
        Of the horizon.
    full_kw : (n, t) array
        Electric power at full heat.
    areas
        How many there are.
    moment
        What the report is about.
    reactive_kvar_per_kw
        Reactive power of a running machine.
    """
    slow = house.slow_mode(fleet.houses)
    keep = np.exp(-slow.rate_per_h * rules.step_h)
    gains = gains_kw(fleet, outlook.global_w_m2)
    warmth = outlook.ambient_c + gains / fleet.houses.envelope_kw_per_k[:, None]
    low_c, width_k = band(fleet, rules, slow, outlook, gains)
    per_k = slow.heat_kwh_per_k
    falls_k = low_c[:, 1:] - keep[:, None] * low_c[:, :-1]
    falls_k = falls_k - (1 - keep)[:, None] * warmth
    # what leaks within a step is not stored: (1 - keep) / (rate h) of it remains
    remains = (1 - keep) / (slow.rate_per_h * rules.step_h)
    gain = (fleet.heat_kw * remains)[:, None] / full_kw
    above_k = np.einsum("nc,nc->n", temperature_c, slow.weights) - low_c[:, 0]
    where = fleet.area, areas
    kept, capacity_kwh = area_means(keep, per_k * width_k, *where)
    most_kw = area_sums(full_kw, *where)
    none = np.zeros((areas, outlook.steps))
    return StoreReport(
        kind="heat_pumps",
        stored_kwh=area_sums(per_k * above_k, *where),
        capacity_kwh=np.repeat(capacity_kwh[:, None], outlook.steps + 1, axis=1),
        keep=kept,
        need_kwh=area_sums(per_k[:, None] * falls_k, *where),
        charge_gain=np.where(
            most_kw > 0,
            area_sums(full_kw * gain, *where) / np.maximum(most_kw, TINY),
            1.0,
        ),
        charge_max_kw=most_kw,
        discharge_loss=np.ones(areas),
        discharge_max_kw=np.zeros(areas),
        wear_dkk_per_kwh=0.0,
        fixed_kw=none,
        curtailable_kw=none,
        reactive_kvar=reactive_kvar_per_kw * most_kw.max(axis=1, initial=0.0),
        moment=moment,
    )


def band(
    fleet: HeatPumpFleet,
    rules: PlanningRules,
    slow: house.SlowMode,
    outlook: Outlook,
    gains: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the band of the slow mode: lower edge ``(n, t + 1)`` and width ``(n,)``.

    At rest, with the heating that holds the middle of the comfort band, the floor is
    :math:`Q / U_{if}` warmer than the air and the slow mode lies
    :math:`l_f Q / U_{if}` above it.
    """
    middle = (fleet.comfort_low_c + fleet.comfort_high_c)[:, None] / 2
    houses = fleet.houses
    loss = houses.envelope_kw_per_k[:, None] * (middle - outlook.ambient_c) - gains
    steps = max(round(SMOOTHING_H / rules.step_h), 1)
    loss = moving_mean(np.maximum(loss, 0), steps)
    offset = slow.weights[:, 1:] * loss / houses.floor_kw_per_k[:, None]
    low_c = fleet.comfort_low_c[:, None] + rules.band_margin_k + offset
    low_c = np.concatenate([low_c, low_c[:, -1:]], axis=1)
    comfort_k = fleet.comfort_high_c - fleet.comfort_low_c
    return low_c, comfort_k - rules.band_margin_k + rules.band_up_k


def moving_mean(series: FloatArray, width: int) -> FloatArray:
    """Return the mean of ``width`` values around each.

    At the start they are the first ``width``; at the end they are those that are left.
    """
    total = np.cumsum(np.pad(series, ((0, 0), (1, 0))), axis=1)
    at = np.arange(series.shape[1])
    first = np.maximum(at - width // 2, 0)
    last = np.minimum(first + width, series.shape[1])
    mean: FloatArray = (total[:, last] - total[:, first]) / (last - first)
    return mean
