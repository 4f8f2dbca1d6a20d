"""Who takes part in a case: fleets, aggregators and the DSO, ready to negotiate."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.case import PERCENT, Case, Fleet
from mosaik_bottomup.coordination.aggregator import Aggregator, AggregatorRules
from mosaik_bottomup.coordination.rehearsal import RehearsalRules
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.system_operator import (
    DsoRules,
    Forecast,
    SystemOperator,
)
from mosaik_bottomup.devices.agent import FleetAgent
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.thermostat import ThermostatSites
from mosaik_bottomup.grid.headroom import Headroom, limits_kw
from mosaik_bottomup.grid.headroom_fit import fit
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.inputs.forecast import PerfectForecast
from mosaik_bottomup.inputs.series import Series
from mosaik_bottomup.scenario import Scenario, StrategyName


@dataclass(frozen=True, slots=True)
class Strategy:
    """What the parties of a strategy do."""

    priced: bool
    """Sites plan by prices; else a thermostat and self-consumption rule them."""
    follows_schedule: bool
    """Aggregators clear against what they sold; else each site does what it likes."""
    secured: bool
    """The DSO is asked before anything is dispatched."""


STRATEGIES: dict[StrategyName, Strategy] = {
    "thermostat": Strategy(priced=False, follows_schedule=False, secured=False),
    "price-only": Strategy(priced=True, follows_schedule=False, secured=False),
    "stage-one": Strategy(priced=True, follows_schedule=True, secured=False),
    "two-stage": Strategy(priced=True, follows_schedule=True, secured=True),
}


def outlook(series: Series, homes: IntArray) -> Outlook:
    """Return what a fleet in the given homes sees of the series."""
    return Outlook(
        series.ambient_c,
        series.global_w_m2,
        series.import_dkk_per_kwh,
        series.export_dkk_per_kwh,
        series.pv_kw_per_kwp,
        series.household_kw[homes],
    )


def fleet_forecast(case: Case, homes: IntArray) -> Callable[[int, int], Outlook]:
    """Return what a fleet can foresee; step 0 is the first of the run."""
    source, lead = PerfectForecast(case.series), case.scenario.run.warm_up_steps

    def at(step: int, steps: int) -> Outlook:
        return outlook(source.at(lead + step, steps), homes)

    return at


def fleet_agent(case: Case, fleet: Fleet) -> FleetAgent:
    """Return a fleet's agent, warmed up to the start of the run.

    The warm-up is price-only whatever the strategy, so that all start alike.
    """
    scenario = case.scenario
    strategy = STRATEGIES[scenario.run.strategy]
    agent = FleetAgent(
        fleet.sites,
        case.calendar,
        len(case.network.areas),
        fleet_forecast(case, fleet.sites.fleet.home),
        reports=strategy.secured and scenario.dso.look_ahead != "none",
    )
    agent.warm_up(scenario.run.warm_up_steps)
    if not strategy.priced:
        agent.sites = ThermostatSites(fleet.sites)
    return agent


def aggregator(scenario: Scenario) -> Aggregator:
    """Return an aggregator as the scenario's strategy wants it."""
    strategy = STRATEGIES[scenario.run.strategy]
    rules = AggregatorRules(
        areas=len(scenario.grid.areas),
        step_h=scenario.run.step_h,
        imbalance=_imbalance(scenario),
        segments=scenario.aggregators.segments,
        secured=strategy.secured,
        follows_schedule=strategy.follows_schedule,
    )
    return Aggregator(rules, _solver(scenario))


def fit_headroom(network: Network) -> Headroom:
    """Return the DSO's model of its transformers, fitted on power flows."""
    return fit(PowerFlow(network), np.random.default_rng(0))


def system_operator(
    case: Case, headroom: Headroom, correction: Callable[[], FloatArray]
) -> SystemOperator:
    """Return the DSO.

    Parameters
    ----------
    case
        What it works on.
    headroom
        Its model of the transformers.
    correction
        ``correction()``: what it has learned so far from measured loadings, ``(a,)``.
    """
    scenario = case.scenario
    dso, day_ahead, areas = scenario.dso, scenario.day_ahead, len(case.network.areas)
    source, lead = PerfectForecast(case.series), scenario.run.warm_up_steps
    uncontrolled = case.uncontrolled_kw
    member = (case.network.home_area == np.arange(areas)[:, None]).astype(float)
    tan_phi = float(np.tan(np.arccos(scenario.grid.household_power_factor)))
    limit_percent = np.array(scenario.grid.loading_limit_percent)

    def forecast(step: int, steps: int) -> Forecast:
        part = source.at(lead + step, steps)
        load = member @ uncontrolled[:, lead + step : lead + step + steps]
        return Forecast(
            load, tan_phi * load, part.import_dkk_per_kwh, part.export_dkk_per_kwh
        )

    def capability(reactive_kvar: FloatArray) -> tuple[FloatArray, FloatArray]:
        return limits_kw(
            headroom,
            limit_percent,
            reactive_kvar,
            correction(),
            dso.loading_margin_percent,
        )

    rules = DsoRules(
        areas=areas,
        step_h=scenario.run.step_h,
        imbalance=_imbalance(scenario),
        allocation=dso.allocation,
        rehearsal=RehearsalRules(
            areas=areas,
            look_ahead=dso.look_ahead,
            secured=day_ahead.rehearsal,
            rounds=day_ahead.rounds,
            first_margin=day_ahead.first_margin_percent / PERCENT,
            margin_step=day_ahead.margin_step_percent / PERCENT,
        ),
    )
    return SystemOperator(rules, _solver(scenario), forecast, capability)


def _imbalance(scenario: Scenario) -> Imbalance:
    price = scenario.aggregators.imbalance_price_dkk_per_kwh
    return Imbalance(price, price)


def _solver(scenario: Scenario) -> Solver:
    folder = scenario.solver.write_lp
    return Solver(scenario.solver.name, Path(folder) if folder else None)
