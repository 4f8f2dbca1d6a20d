"""What a run's file says before the first step: names and fixed values of all parties.

Sites of one kind are one group, fleet after fleet in the order of the case. Where the
file keeps areas only, it has the areas of each such group instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.case import Case
from mosaik_bottomup.case.fleets import Fleet
from mosaik_bottomup.devices.heat_pump import cop
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.results.layout import BY_AREA, REDUCED

KINDS = ("heat_pumps", "pv_batteries")
PERCENT = 100.0
LINKS = ("fleets-aggregators", "aggregators-operator")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a party's values stand in a group."""

    group: str
    rows: slice


def attributes(case: Case) -> dict[str, str | int | float]:
    """Return the root attributes that tell which run it is."""
    scenario = case.scenario
    return {
        "scenario": scenario.to_toml(),
        "scenario_name": scenario.name,
        "seed": scenario.run.seed,
        "strategy": scenario.run.strategy,
        "voltage_min_pu": scenario.grid.voltage_min_pu,
        "voltage_max_pu": scenario.grid.voltage_max_pu,
        "parameter_error_percent": scenario.sites.parameter_error_percent,
    }


def entities(case: Case) -> dict[str, Sequence[str]]:
    """Return the names of all entities, by group of the file."""
    parties = all_entities(case)
    if keeps_sites(case):
        return parties
    kept = {name: of for name, of in parties.items() if name not in REDUCED}
    areas = {f"{name}{BY_AREA}": parties["areas"] for name in REDUCED if parties[name]}
    return kept | areas


def keeps_sites(case: Case) -> bool:
    """Return whether the file keeps every site, home, bus and line."""
    return case.scenario.results.detail == "sites"


def all_entities(case: Case) -> dict[str, Sequence[str]]:
    """Return the names of all that says something, by group of what it says."""
    network = case.network
    return {
        "areas": network.areas,
        "aggregators": case.aggregators,
        "portfolios": [f"{g} {a}" for g in case.aggregators for a in network.areas],
        **{
            kind: [site for fleet in of_kind(case, kind) for site in _sites(fleet)]
            for kind in KINDS
        },
        "households": network.home_names,
        "transformers": network.areas,
        "buses": network.bus_names,
        "lines": network.line_names,
        "congestion_points": network.points.names,
        "messages": LINKS,
    }


def places(case: Case) -> dict[str, list[Place]]:
    """Return where the values of each fleet and aggregator stand, by its name."""
    found: dict[str, list[Place]] = {}
    areas = len(case.network.areas)
    for row, name in enumerate(case.aggregators):
        found[name] = [
            Place("aggregators", slice(row, row + 1)),
            Place("portfolios", slice(row * areas, (row + 1) * areas)),
        ]
    for kind in KINDS:
        first = 0
        for fleet in of_kind(case, kind):
            end = first + len(_sites(fleet))
            found[fleet.name] = [Place(kind, slice(first, end))]
            found[fleet.aggregator].append(Place(kind, slice(first, end)))
            first = end
    return found


def static(
    case: Case, start: Mapping[str, Mapping[str, ArrayLike]]
) -> dict[str, dict[str, ArrayLike]]:
    """Return the fixed values, by group of the file and variable.

    Parameters
    ----------
    case
        The run.
    start
        State at the start of the run, by kind of site and variable.
    """
    every = all_static(case, start)
    if keeps_sites(case):
        return every
    areas = len(case.network.areas)
    kept = {name: of for name, of in every.items() if name not in REDUCED}
    for name in every.keys() & set(REDUCED):
        area = np.asarray(every[name]["area"])
        number = np.bincount(area[area >= 0], minlength=areas)
        kept[f"{name}{BY_AREA}"] = {"number": number}
    return kept


def all_static(
    case: Case, start: Mapping[str, Mapping[str, ArrayLike]]
) -> dict[str, dict[str, ArrayLike]]:
    """Return the same of all that says something."""
    network, grid = case.network, case.scenario.grid
    price = case.scenario.aggregators.imbalance_price_dkk_per_kwh
    rating_kva = network.transformers.rating_kva
    return {
        "areas": {
            "limit": rating_kva * np.array(grid.loading_limit_percent) / PERCENT,
            "rating": rating_kva,
        },
        "aggregators": {"imbalance_price": np.full(len(case.aggregators), price)},
        "congestion_points": {"limit": network.points.limit_kva},
        "households": {"area": network.home_area},
        "buses": {"area": network.bus_area},
        "lines": {"area": network.line_area},
        **{
            kind: {**_of_sites(case, kind), **start[kind]}
            for kind in KINDS
            if of_kind(case, kind)
        },
    }


def of_kind(case: Case, kind: str) -> list[Fleet]:
    """Return the fleets of one kind of site."""
    return [fleet for fleet in case.fleets if fleet.sites.kind == kind]


def site_column(case: Case, kind: str, name: str) -> IntArray:
    """Return ``area``, ``home`` or ``aggregator`` of all sites of a kind, ``(n,)``."""
    if name == "aggregator":
        columns = [
            np.full(len(_sites(fleet)), case.aggregators.index(fleet.aggregator))
            for fleet in of_kind(case, kind)
        ]
    else:
        columns = [getattr(fleet.sites.fleet, name) for fleet in of_kind(case, kind)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])


def _sites(fleet: Fleet) -> tuple[str, ...]:
    return fleet.sites.fleet.site


def _of_sites(case: Case, kind: str) -> dict[str, ArrayLike]:
    columns: dict[str, ArrayLike] = {
        name: site_column(case, kind, name) for name in ("area", "aggregator", "home")
    }
    parts = [_parameters(case, fleet) for fleet in of_kind(case, kind)]
    for name in parts[0]:
        columns[name] = np.concatenate([part[name] for part in parts])
    return columns


def _parameters(case: Case, fleet: Fleet) -> dict[str, FloatArray]:
    if isinstance(fleet.sites, PvBatterySites):
        batteries = fleet.sites.fleet
        return {
            "capacity_kwh": batteries.capacity_kwh,
            "energy_low_kwh": batteries.low_kwh,
            "energy_high_kwh": batteries.high_kwh,
            "efficiency": batteries.efficiency,
            "power_max_kw": batteries.power_max_kw,
            "pv_kwp": batteries.pv_kwp,
        }
    return _heat_pump_parameters(case, fleet.sites)


def _heat_pump_parameters(case: Case, sites: HeatPumpSites) -> dict[str, FloatArray]:
    run, pumps = case.scenario.run, sites.fleet
    counted = slice(run.warm_up_steps, run.warm_up_steps + run.steps)
    return {
        "comfort_low_c": pumps.comfort_low_c,
        "comfort_high_c": pumps.comfort_high_c,
        "air_kwh_per_k": pumps.houses.air_kwh_per_k,
        "floor_kwh_per_k": pumps.houses.floor_kwh_per_k,
        "cop_mean": cop(case.series.ambient_c[counted], pumps.inverter).mean(axis=1),
        "guard_steps": np.full(len(pumps.site), float(sites.rules.guard_steps)),
    }
