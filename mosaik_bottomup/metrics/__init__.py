"""The figures of a run, each computed from its results file alone.

Arrays are (entity, time); a step is ``step_h`` hours long. Consumption is positive.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import Results, read

LOADING_TOLERANCE_PERCENT = 1e-6
"""Forgives what a power flow's iteration leaves."""
COMFORT_TOLERANCE_K = 1e-6
"""Forgives rounding in a house's exact step."""
PERCENT = 100.0
MINUTES_PER_HOUR = 60.0


def summarise(path: str | Path) -> dict[str, Any]:
    """Return all figures of a run, as ``show --json`` prints them.

    Of a run that was stopped, they count the steps written; ``certificate`` is then
    empty, and wall and step times are ``None``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it is no results file.
    ValueError
        If it holds no step.
    """
    results = read(path)
    if results.steps_written == 0:
        raise ValueError(f"{path} holds no step: the run was stopped at its start")
    attrs = results.attrs
    return {
        "scenario": attrs["scenario_name"],
        "strategy": attrs["strategy"],
        "seed": attrs["seed"],
        "complete": results.complete,
        "steps": results.steps,
        "steps_written": results.steps_written,
        "step_s": results.step_s,
        "areas": area_figures(results),
        "sites": {
            kind: len(results.entities.get(kind, ()))
            for kind in ("heat_pumps", "pv_batteries", "households")
        },
        "customer_cost_dkk": customer_cost_dkk(results),
        "customer_cost_raw_dkk": customer_cost_raw_dkk(results),
        "comfort_violation_kh": float(comfort_violation_kh(results).sum()),
        "heat_pump_starts": heat_pump_starts(results),
        "aggregators": aggregator_figures(results),
        "voltage_min_pu": float(results.series("buses", "voltage").min()),
        "voltage_max_pu": float(results.series("buses", "voltage").max()),
        "line_loading_max_percent": float(
            results.series("lines", "loading").max(initial=0.0)
        ),
        "certificate": json.loads(str(attrs.get("certificate", "{}"))),
        "wall_time_s": attrs.get("wall_time_s"),
        "step_time_ms": {
            "median": attrs.get("step_time_ms_median"),
            "max": attrs.get("step_time_ms_max"),
        },
    }


def area_figures(results: Results) -> dict[str, dict[str, float]]:
    """Return the figures of each area, by its name."""
    loading_percent = results.series("transformers", "loading")
    power_kw = results.series("transformers", "power_kw")
    limit_percent = loading_limit_percent(results)
    over = overloaded(loading_percent, limit_percent)
    overload_kwh = overload_energy_kwh(
        loading_percent, limit_percent, power_kw, results.step_h
    )
    curtailed_kwh = pv_curtailed_kwh(results)
    return {
        name: {
            "limit_kva": float(results.static["areas"]["limit"][row]),
            "peak_loading_percent": float(loading_percent[row].max()),
            "overload_minutes": float(
                over[row].sum() * results.step_h * MINUTES_PER_HOUR
            ),
            "overload_kwh": float(overload_kwh[row]),
            "peak_kw": float(power_kw[row].max()),
            "reverse_peak_loading_percent": float(
                loading_percent[row].max(where=power_kw[row] < 0, initial=0.0)
            ),
            "pv_curtailed_kwh": float(curtailed_kwh[row]),
        }
        for row, name in enumerate(results.entities["areas"])
    }


def loading_limit_percent(results: Results) -> FloatArray:
    """Return each area's limit in percent of its transformer's rating, shape (area,).

    ``100 · limit / rating``, both in kVA.
    """
    areas = results.static["areas"]
    return PERCENT * areas["limit"] / areas["rating"]


def overloaded(loading_percent: FloatArray, limit_percent: FloatArray) -> BoolArray:
    """Return where a loading exceeds its limit, shape (area, time)."""
    return loading_percent > limit_percent[:, None] + LOADING_TOLERANCE_PERCENT


def overload_energy_kwh(
    loading_percent: FloatArray,
    limit_percent: FloatArray,
    power_kw: FloatArray,
    step_h: float,
) -> FloatArray:
    """Return the active energy above the limit, shape (area,).

    ``Σ_k h · |P_k| · (1 − limit / loading_k)`` over the overloaded steps: what would
    have to go for the loading to come down to the limit at the same power factor.
    """
    over = overloaded(loading_percent, limit_percent)
    share = 1.0 - limit_percent[:, None] / np.where(over, loading_percent, np.inf)
    energy: FloatArray = np.where(over, share * np.abs(power_kw), 0.0).sum(1) * step_h
    return energy


def pv_curtailed_kwh(results: Results) -> FloatArray:
    """Return the PV energy not used, ``Σ_ik h · curtailed_ik``, shape (area,)."""
    areas = len(results.entities["areas"])
    if "pv_batteries" not in results.entities:
        return np.zeros(areas)
    by_site_kwh = results.series("pv_batteries", "curtailed_kw").sum(1) * results.step_h
    rows = results.static["pv_batteries"]["area"].astype(np.int64)
    by_area_kwh = np.zeros(areas)
    np.add.at(by_area_kwh, rows, by_site_kwh)
    return by_area_kwh


def customer_cost_raw_dkk(results: Results) -> float:
    """Return what all customers with a device paid: bills and battery wear."""
    return float(
        results.series("heat_pumps", "bill_dkk").sum()
        + results.series("pv_batteries", "bill_dkk").sum()
        + results.series("pv_batteries", "wear_dkk").sum()
    )


def customer_cost_dkk(results: Results) -> float:
    """Return the raw cost less the worth of what is stored at the end beyond the start.

    A kWh of electricity that need not be bought later is worth the run's mean import
    price, so that no run looks cheap by leaving houses cold and batteries empty:
    ``raw − mean(π) · (stored heat + stored charge)``.
    """
    price_dkk_per_kwh = float(results.series("market", "import_price").mean())
    stored_kwh = float(
        stored_heat_kwh(results).sum() + stored_charge_kwh(results).sum()
    )
    return customer_cost_raw_dkk(results) - price_dkk_per_kwh * stored_kwh


def stored_heat_kwh(results: Results) -> FloatArray:
    """Return heat kept beyond the start, as electricity, shape (home,).

    ``(Ci·ΔTi + Cf·ΔTf) / COP``, from the start of the run to its end, with the home's
    mean coefficient of performance.
    """
    if "heat_pumps" not in results.entities:
        return np.empty(0)
    home = results.static["heat_pumps"]
    air_k = results.series("heat_pumps", "air_c")[:, -1] - home["start_air_c"]
    floor_k = results.series("heat_pumps", "floor_c")[:, -1] - home["start_floor_c"]
    heat_kwh = home["air_kwh_per_k"] * air_k + home["floor_kwh_per_k"] * floor_k
    return heat_kwh / home["cop_mean"]


def stored_charge_kwh(results: Results) -> FloatArray:
    """Return charge kept beyond the start, at the meter, shape (site,).

    ``η·ΔE``: what discharging it gives with the one-way efficiency η.
    """
    if "pv_batteries" not in results.entities:
        return np.empty(0)
    site = results.static["pv_batteries"]
    end_kwh = results.series("pv_batteries", "energy_kwh")[:, -1]
    return site["efficiency"] * (end_kwh - site["start_energy_kwh"])


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


def heat_pump_starts(results: Results) -> int:
    """Return how often a heat pump went from off to on between two recorded steps."""
    on = results.series("heat_pumps", "on") > 0
    return int((on[:, 1:] & ~on[:, :-1]).sum())


def aggregator_figures(results: Results) -> dict[str, dict[str, float]]:
    """Return the energies and the imbalance of each aggregator, by its name.

    ``imbalance = Σ_k h · |delivered_k − schedule_k|``: a surplus in one step does not
    make good for a lack in another. Its cost is that times the imbalance price. A step
    for which nothing was sold (NaN) has no imbalance.
    """
    if "aggregators" not in results.entities:
        return {}
    schedule_kw = results.series("aggregators", "schedule_kw")
    delivered_kw = results.series("aggregators", "delivered_kw")
    scheduled_kwh = np.nansum(schedule_kw, axis=1) * results.step_h
    delivered_kwh = delivered_kw.sum(axis=1) * results.step_h
    imbalance_kwh = (
        np.nansum(np.abs(delivered_kw - schedule_kw), axis=1) * results.step_h
    )
    price_dkk_per_kwh = results.static["aggregators"]["imbalance_price"]
    return {
        name: {
            "scheduled_kwh": float(scheduled_kwh[row]),
            "delivered_kwh": float(delivered_kwh[row]),
            "imbalance_kwh": float(imbalance_kwh[row]),
            "imbalance_cost_dkk": float(imbalance_kwh[row] * price_dkk_per_kwh[row]),
        }
        for row, name in enumerate(results.entities["aggregators"])
    }
