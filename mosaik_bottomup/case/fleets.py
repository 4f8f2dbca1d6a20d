"""The fleets of a scenario: its homes, dealt out to the aggregators."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import IntArray
from mosaik_bottomup.case.streams import Stream, rng
from mosaik_bottomup.devices import estimate, heat_pump, pv_battery
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.heat_pump import HeatPumpFleet
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import PlanningRules
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import Scenario

PERCENT = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Homes of one kind under contract with one aggregator."""

    name: str
    aggregator: str
    sites: HeatPumpSites | PvBatterySites


def aggregator_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of the aggregators."""
    count = scenario.aggregators.count
    return tuple(f"aggregator-{number + 1}" for number in range(count))


def draw_all_fleets(scenario: Scenario, home_area: IntArray) -> tuple[Fleet, ...]:
    """Return every aggregator's fleets, the sites dealt out in random order."""
    sites, run, planning = scenario.sites, scenario.run, scenario.planning
    population = Population(
        sites.heat_pumps,
        sites.pv_batteries,
        sites.inverter_share,
        sites.ua_w_per_k,
        sites.comfort_lower_c,
        sites.comfort_width_k,
        sites.pv_kwp,
        sites.battery_kwh,
        sites.battery_c_rate,
    )
    rules = PlanningRules(
        run.step_h,
        run.steps_in(planning.every_h),
        run.steps_in(planning.guard_h),
        run.steps_in(sites.min_run_h),
        planning.band_up_k,
        planning.band_margin_k,
        curtails_at_negative_price=sites.curtails_at_negative_price,
    )
    pumps, batteries = draw_fleets(population, home_area, rng(scenario, Stream.SITES))
    believed = believed_fleet(scenario, pumps)
    batteries = _with_band(batteries, scenario)
    dealer = rng(scenario, Stream.AGGREGATORS)
    count = scenario.aggregators.count
    of_pump = dealer.permutation(sites.heat_pumps) % count
    # the next aggregator in turn goes on, so that few sites still reach all of them
    of_battery = (dealer.permutation(sites.pv_batteries) + sites.heat_pumps) % count
    fleets = []
    for number in range(count):
        name = f"aggregator-{number + 1}"
        mine = np.flatnonzero(of_pump == number)
        if mine.size:
            fleet = heat_pump.take(pumps, mine)
            factor = scenario.grid.heat_pump_power_factor
            mine_believed = heat_pump.take(believed, mine)
            pump_sites = HeatPumpSites(fleet, rules, factor, mine_believed)
            fleets.append(Fleet(f"heat-pumps-{number + 1}", name, pump_sites))
        mine = np.flatnonzero(of_battery == number)
        if mine.size:
            battery_sites = PvBatterySites(pv_battery.take(batteries, mine), rules)
            fleets.append(Fleet(f"pv-batteries-{number + 1}", name, battery_sites))
    return tuple(fleets)


def believed_fleet(scenario: Scenario, pumps: HeatPumpFleet) -> HeatPumpFleet:
    """Return what homes believe of themselves, with the band that their guard keeps.

    Raises
    ------
    InputError
        If the guard's margin leaves nothing of a home's band.
    """
    sites, planning, step_h = scenario.sites, scenario.planning, scenario.run.step_h
    weather_k = scenario.forecast.error_scale * scenario.forecast.guard_margin_k
    error = sites.parameter_error_percent / PERCENT
    margin_k = np.full(len(pumps.site), planning.guard_margin_k + weather_k)
    believed = pumps
    if error:
        believed = estimate.mistaken(pumps, error, rng(scenario, Stream.ESTIMATES))
        spread_k = estimate.step_spread_k(believed, error, step_h)
        margin_k += planning.guard_margin_spreads * spread_k
    most_k = float(margin_k.max(initial=0.0))
    if not 2 * most_k < sites.comfort_width_k:
        remedy = (
            f"the guard keeps {most_k:.2f} K from both edges of a comfort band of "
            f"{sites.comfort_width_k:g} K; lower guard_margin_k, guard_margin_spreads, "
            "sites.parameter_error_percent or forecast.guard_margin_k"
        )
        raise InputError(
            [
                Problem(
                    scenario.name,
                    "planning.guard_margin_k",
                    f"{planning.guard_margin_k:g}",
                    remedy,
                )
            ]
        )
    return estimate.guarded(believed, margin_k)


def _with_band(
    batteries: pv_battery.PvBatteryFleet, scenario: Scenario
) -> pv_battery.PvBatteryFleet:
    """Return the batteries less the band they keep for the TSO."""
    reserve = scenario.reserve
    try:
        return pv_battery.keep_band(batteries, reserve.band_kw, reserve.band_h)
    except ValueError as error:
        value = f"{reserve.band_kw:g}"
        problem = Problem(scenario.name, "reserve.band_kw", value, str(error))
        raise InputError([problem]) from error
