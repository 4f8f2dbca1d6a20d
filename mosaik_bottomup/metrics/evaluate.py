"""All metrics of one run, flat: a number for each key of the table.

A number that does not exist (a rebound where nothing ever bound) is left out, so that
all that is there is finite; so are those that take the series of single homes where the
file keeps areas only.
"""

from collections.abc import Sequence

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics import (
    activations,
    comfort,
    cost,
    devices,
    imbalance,
    loading,
    messages,
)
from mosaik_bottomup.metrics.ageing import ageing
from mosaik_bottomup.metrics.fairness import aggregator_fairness
from mosaik_bottomup.metrics.table import PART_MARK
from mosaik_bottomup.results import Results

PERCENT = 100.0
MINUTES_PER_HOUR = 60.0
HOURS_PER_DAY = 24.0


def evaluate(run: Results) -> dict[str, float]:
    """Return all metrics of a run, by the keys of :data:`~.table.OF_A_RUN`.

    Of a run that was stopped they count the steps written.

    Raises
    ------
    ValueError
        If it holds no step.
    """
    if run.steps_written == 0:
        raise ValueError(f"{run.path} holds no step: the run was stopped at its start")
    return {
        **_loading(run),
        **_ageing(run),
        **_network(run),
        **_imbalance(run),
        **_activations(run),
        **_costs(run),
        **_devices(run),
        **_fairness(run),
        **_messages(run),
    }


def worst(key: str, names: Sequence[str], values: FloatArray) -> dict[str, float]:
    """Return the highest value under the key, and each under its part's name."""
    return _with_parts(key, names, values, float(values.max()))


def total(key: str, names: Sequence[str], values: FloatArray) -> dict[str, float]:
    """Return the sum under the key, and each value under its part's name."""
    return _with_parts(key, names, values, float(values.sum()))


def least(key: str, values: dict[str, float]) -> dict[str, float]:
    """Return the lowest value under the key, and each by its part; nothing of none."""
    if not values:
        return {}
    lowest = min(values.values())
    return _with_parts(key, list(values), np.array(list(values.values())), lowest)


def _with_parts(
    key: str, names: Sequence[str], values: FloatArray, whole: float
) -> dict[str, float]:
    each = zip(names, values.tolist(), strict=True)
    return {key: whole, **{f"{key}{PART_MARK}{name}": value for name, value in each}}


def _loading(run: Results) -> dict[str, float]:
    areas = run.entities["areas"]
    loading_percent = run.series("transformers", "loading")
    power_kw = run.series("transformers", "power_kw")
    limit_percent = loading.loading_limit_percent(run)
    quarters = loading.quarter_hour_means(loading_percent, run.time_s)
    reverse = loading_percent.max(axis=1, where=power_kw < 0.0, initial=0.0)
    over_h = loading.overloaded(loading_percent, limit_percent).sum(axis=1) * run.step_h
    overload_kwh = loading.overload_energy_kwh(
        loading_percent, limit_percent, power_kw, run.step_h
    )
    ramp_kw = loading.largest_ramp_kw(power_kw)
    return {
        **worst("peak_loading_percent", areas, quarters.max(axis=1)),
        **worst("loading_p999_percent", areas, loading.rare_loading_percent(quarters)),
        **worst("loading_mean_percent", areas, loading_percent.mean(axis=1)),
        **worst("reverse_peak_loading_percent", areas, reverse),
        **total("overload_minutes", areas, over_h * MINUTES_PER_HOUR),
        **total("overload_kwh", areas, overload_kwh),
        **worst("largest_ramp_kw", areas, ramp_kw),
        **worst("largest_ramp_kw_per_h", areas, ramp_kw / run.step_h),
        **_binding(run, loading_percent, limit_percent),
    }


def _binding(
    run: Results, loading_percent: FloatArray, limit_percent: FloatArray
) -> dict[str, float]:
    areas = run.entities["areas"]
    bound = loading.bound_steps(run)
    window_steps = round(loading.REBOUND_WINDOW_H / run.step_h)
    ratio = loading.rebound_ratio(loading_percent, limit_percent, bound, window_steps)
    there = np.isfinite(ratio)
    names = [name for name, is_there in zip(areas, there, strict=True) if is_there]
    return {
        **total("binding_steps", areas, bound.sum(axis=1).astype(np.float64)),
        **(worst("rebound_ratio", names, ratio[there]) if names else {}),
    }


def _ageing(run: Results) -> dict[str, float]:
    areas = run.entities["areas"]
    highest_c, used_h = ageing(run)
    rate = used_h / (run.steps_written * run.step_h)
    return {
        **worst("hot_spot_c", areas, highest_c),
        **worst("ageing_h", areas, used_h),
        **worst("ageing_rate_percent", areas, PERCENT * rate),
    }


def _network(run: Results) -> dict[str, float]:
    return {
        "voltage_min_pu": run.extreme("buses", "voltage", "min"),
        "voltage_max_pu": run.extreme("buses", "voltage", "max"),
        "line_loading_max_percent": run.extreme("lines", "loading", "max"),
    }


def _imbalance(run: Results) -> dict[str, float]:
    names = run.entities.get("aggregators", ())
    off_kwh = imbalance.imbalance_kwh(run)
    return {
        **total("imbalance_kwh", names, off_kwh),
        "imbalance_percent": imbalance.imbalance_percent(run),
        "off_day_ahead_percent": imbalance.off_day_ahead_percent(run),
        **total("traded_intraday_kwh", names, imbalance.traded_intraday_kwh(run)),
        **total("imbalance_cost_dkk", names, imbalance.imbalance_cost_dkk(run)),
    }


def _activations(run: Results) -> dict[str, float]:
    found = activations.activated(run)
    if not found:
        return {}
    rebounds = [at.rebound_ratio for at in found if at.rebound_ratio is not None]
    ordered_kwh = sum(abs(at.ordered_kwh) for at in found)
    delivered_kwh = sum(np.sign(at.ordered_kwh) * at.delivered_kwh for at in found)
    return {
        "activation_ordered_kwh": ordered_kwh,
        "activation_vetoed_kwh": sum(abs(at.vetoed_kwh) for at in found),
        "activation_delivered_percent": PERCENT * float(delivered_kwh) / ordered_kwh,
        "activation_error_percent": max(at.error_percent for at in found),
        **({"activation_rebound_ratio": max(rebounds)} if rebounds else {}),
    }


def _costs(run: Results) -> dict[str, float]:
    whole = {
        "customer_cost_dkk": cost.customer_cost_dkk(run),
        "customer_cost_raw_dkk": cost.customer_cost_raw_dkk(run),
    }
    if not run.keeps_sites:
        return whole
    _, cost_dkk = cost.home_costs_dkk(run)
    paid = cost.congestion_payments_dkk(run)
    return {
        **({} if paid is None else {"congestion_payment_dkk": paid[0]}),
        **whole,
        "home_cost_mean_dkk": cost.mean_or_zero(cost_dkk),
        "home_cost_worst_decile_dkk": cost.worst_decile(cost_dkk),
    }


def _devices(run: Results) -> dict[str, float]:
    outside_kh = comfort.comfort_violation_kh(run)
    if not run.keeps_sites:
        return {
            "comfort_violation_kh": float(outside_kh.sum()),
            "lock_out_violations": float(devices.lock_out_violations(run)),
            **total(
                "pv_curtailed_kwh", run.entities["areas"], devices.pv_curtailed_kwh(run)
            ),
        }
    starts = devices.heat_pump_starts(run)
    cycles = devices.battery_full_cycles(run)
    available_kwh, used_kwh, stays_kwh = devices.pv_energies_kwh(run)
    curtailed_kwh = devices.pv_curtailed_kwh(run)
    found = {
        "comfort_violation_kh": float(outside_kh.sum()),
        "comfort_homes": float(comfort.homes_affected(outside_kh)),
        "heat_pump_starts": float(starts),
        "heat_pump_starts_per_day": devices.starts_per_day(run),
        "lock_out_violations": float(devices.lock_out_violations(run)),
        "battery_full_cycles": cost.mean_or_zero(cycles),
        "battery_full_cycles_most": float(cycles.max(initial=0.0)),
        **total("pv_curtailed_kwh", run.entities["areas"], curtailed_kwh),
    }
    if used_kwh > 0.0:
        found["self_consumption_percent"] = PERCENT * stays_kwh / used_kwh
    if available_kwh > 0.0:
        lost = float(curtailed_kwh.sum()) / available_kwh
        found["pv_curtailed_percent"] = PERCENT * lost
    return found


def _fairness(run: Results) -> dict[str, float]:
    found = aggregator_fairness(run, loading.bound_steps(run))
    return least("fairness_aggregators", found)


def _messages(run: Results) -> dict[str, float]:
    links = run.entities.get("messages", ())
    found = total("messages_per_step", links, messages.messages_per_step(run))
    per_step = messages.message_bytes_per_step(run)
    if per_step is not None:
        found |= total("message_bytes_per_step", links, per_step)
    return found
