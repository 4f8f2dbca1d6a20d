"""What ``show --json`` prints: a run summed up as nested dicts of plain JSON."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mosaik_bottomup.metrics.activations import activated
from mosaik_bottomup.metrics.comfort import comfort_violation_kh
from mosaik_bottomup.metrics.cost import customer_cost_dkk, customer_cost_raw_dkk
from mosaik_bottomup.metrics.devices import heat_pump_starts, pv_curtailed_kwh
from mosaik_bottomup.metrics.imbalance import (
    delivered_kwh,
    imbalance_cost_dkk,
    imbalance_kwh,
    scheduled_kwh,
    traded_intraday_kwh,
)
from mosaik_bottomup.metrics.loading import (
    PERCENT,
    loading_limit_percent,
    overload_energy_kwh,
    overloaded,
)
from mosaik_bottomup.results import Results, read

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
            kind: results.number(kind)
            for kind in ("heat_pumps", "pv_batteries", "households")
        },
        "customer_cost_dkk": customer_cost_dkk(results),
        "customer_cost_raw_dkk": customer_cost_raw_dkk(results),
        "comfort_violation_kh": float(comfort_violation_kh(results).sum()),
        # it takes each heat pump's series
        "heat_pump_starts": heat_pump_starts(results) if results.keeps_sites else None,
        "aggregators": aggregator_figures(results),
        "schedule_checks": schedule_checks(results),
        "activations": activation_figures(results),
        "voltage_min_pu": results.extreme("buses", "voltage", "min"),
        "voltage_max_pu": results.extreme("buses", "voltage", "max"),
        "line_loading_max_percent": results.extreme("lines", "loading", "max"),
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


def activation_figures(results: Results) -> dict[str, dict[str, float | None]]:
    """Return each activation's figures, by when it began and who was ordered."""
    return {
        f"{datetime.fromtimestamp(int(results.time_s[at.first]), UTC):%d %b %H:%M}Z "
        f"{at.aggregator}": {
            "minutes": at.steps * results.step_h * MINUTES_PER_HOUR,
            "ordered_kwh": at.ordered_kwh,
            "vetoed_kwh": at.vetoed_kwh,
            "delivered_kwh": at.delivered_kwh,
            "error_percent": at.error_percent,
            "rebound_percent": None
            if at.rebound_ratio is None
            else PERCENT * at.rebound_ratio,
        }
        for at in activated(results)
    }


def aggregator_figures(results: Results) -> dict[str, dict[str, float]]:
    """Return the energies and the imbalance of each aggregator, by its name."""
    if "aggregators" not in results.entities:
        return {}
    scheduled = scheduled_kwh(results)
    delivered = delivered_kwh(results)
    imbalance = imbalance_kwh(results)
    traded = traded_intraday_kwh(results)
    cost_dkk = imbalance_cost_dkk(results)
    return {
        name: {
            "scheduled_kwh": float(scheduled[row]),
            "delivered_kwh": float(delivered[row]),
            "traded_intraday_kwh": float(traded[row]),
            "imbalance_kwh": float(imbalance[row]),
            "imbalance_cost_dkk": float(cost_dkk[row]),
        }
        for row, name in enumerate(results.entities["aggregators"])
    }


def schedule_checks(results: Results) -> dict[str, dict[str, Any]]:
    """Return what the DSO's check found of the schedules, by the time they were sold.

    Empty where no DSO checked any.
    """
    rounds = results.series("areas", "check_rounds")
    margin_percent = results.series("areas", "check_margin_percent")
    overload_kw = results.series("areas", "check_overload_kw")
    areas = results.entities["areas"]
    found: dict[str, dict[str, Any]] = {}
    for step in np.flatnonzero(np.isfinite(rounds[0])).tolist():
        at = datetime.fromtimestamp(int(results.time_s[step]), UTC)
        found[at.isoformat(timespec="minutes")] = {
            "rounds": int(rounds[0, step]),
            **{
                f"{key}.{area}": float(values[row, step])
                for key, values in (
                    ("margin_percent", margin_percent),
                    ("overload_kw", overload_kw),
                )
                for row, area in enumerate(areas)
            },
        }
    return found
