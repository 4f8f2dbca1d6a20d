"""Who takes part in a case: fleets, aggregators and the DSO, ready to negotiate."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray, IntArray, write_protect
from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.case import Case
from mosaik_bottomup.case.fleets import Fleet
from mosaik_bottomup.case.streams import Stream
from mosaik_bottomup.case.timing import calendar as case_calendar
from mosaik_bottomup.case.timing import forecast_reach_h
from mosaik_bottomup.coordination.aggregator import Aggregator, AggregatorRules
from mosaik_bottomup.coordination.congestion_points import SharedLimits
from mosaik_bottomup.coordination.intraday import IntradayMarket
from mosaik_bottomup.coordination.load_forecast import LoadForecast
from mosaik_bottomup.coordination.operator import (
    Forecast,
    Operator,
    SharedCapability,
)
from mosaik_bottomup.coordination.price_iteration import PricingOperator
from mosaik_bottomup.coordination.rehearsal import RehearsalRules
from mosaik_bottomup.coordination.site_cap import CappingOperator
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.system_operator import DsoRules, SystemOperator
from mosaik_bottomup.devices.agent import FleetAgent, Sites
from mosaik_bottomup.devices.control import ControlledSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.packets import Packets
from mosaik_bottomup.devices.thermostat import thermostat_offer
from mosaik_bottomup.devices.told import Told
from mosaik_bottomup.grid.headroom import Headroom, limits_kw
from mosaik_bottomup.grid.headroom_fit import fit
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.grid.power_flow import area_sums
from mosaik_bottomup.grid.shared_headroom import fit_shared, shared_limits_kw
from mosaik_bottomup.inputs.clock import LOCAL_ZONE
from mosaik_bottomup.inputs.forecast import Forecast as Foresight
from mosaik_bottomup.inputs.series import Series
from mosaik_bottomup.scenario import Scenario, StrategyName

HOURS_PER_DAY = 24
PERCENT = 100.0
SATURDAY = 5

_STARTS: WeakKeyDictionary[Foresight, dict[tuple[Any, ...], Any]]
_STARTS = WeakKeyDictionary()
"""States after the warm-up, as long as anybody has the forecast it was run on."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """What the parties of a strategy do."""

    control: Literal["plan", "thermostat", "packets", "told"]
    """What chooses a site's bids: its own plan by prices, a thermostat that knows none,
    random requests for packets, or a dispatch made beforehand."""
    follows_schedule: bool
    """Aggregators clear against what they sold; else each site does what it likes."""
    dso: Literal["absent", "envelopes", "site cap", "surcharge"]
    """How the DSO keeps the limits, if anybody asks it."""

    @property
    def asks_dso(self) -> bool:
        """Whether the DSO is asked before anything is dispatched."""
        return self.dso != "absent"

    @property
    def secured(self) -> bool:
        """Whether the DSO's limits bind everybody."""
        return self.dso == "envelopes"


STRATEGIES: dict[StrategyName, Strategy] = {
    "thermostat": Strategy("thermostat", False, "absent"),
    "price-only": Strategy("plan", False, "absent"),
    "stage-one": Strategy("plan", True, "absent"),
    "two-stage": Strategy("plan", True, "envelopes"),
    "static-cap": Strategy("plan", False, "site cap"),
    "packet": Strategy("packets", True, "envelopes"),
    "packet-unlimited": Strategy("packets", True, "absent"),
    "price-iteration": Strategy("plan", False, "surcharge"),
    "optimum": Strategy("told", False, "absent"),
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


def fleet_forecast(case: Case, homes: IntArray) -> Callable[[int, int, int], Outlook]:
    """Return what a fleet can foresee; step 0 is the first of the run."""
    source, lead = case.forecast, case.scenario.run.warm_up_steps

    def at(made_at: int, step: int, steps: int) -> Outlook:
        return outlook(source.at(lead + made_at, lead + step, steps), homes)

    return at


def fleet_agent(
    case: Case, fleet: Fleet, told_kw: FloatArray | None = None
) -> FleetAgent:
    """Return a fleet's agent, warmed up to the start of the run.

    The warm-up is price-only whatever the strategy, so that all start alike; but that
    of a thermostat is its own. It would find houses that planned for the night's prices
    all cold at once, and heat them in step for half a day. The warm-up is lived
    through once for all cases that share fleet and forecast.

    Parameters
    ----------
    case, fleet
        What takes part.
    told_kw : (n, t) array, optional
        What each site is told to take in each step, where the strategy is to tell it.

    Raises
    ------
    ValueError
        If the strategy tells sites what to do and nothing is told, or the other way
        round.
    """
    scenario = case.scenario
    strategy = STRATEGIES[scenario.run.strategy]
    looks_ahead = scenario.dso.look_ahead != "none"
    sites: Sites = fleet.sites
    if strategy.control == "thermostat":
        sites = ControlledSites(fleet.sites, thermostat_offer, plans=False)
    agent = FleetAgent(
        sites,
        calendar(scenario),
        len(case.network.areas),
        fleet_forecast(case, fleet.sites.fleet.home),
        reports=strategy.dso == "surcharge" or (strategy.secured and looks_ahead),
        pays_surcharge=strategy.dso == "surcharge",
    )
    agent.start(_start(case, fleet, sites, strategy.control))
    if (strategy.control == "told") != (told_kw is not None):
        raise ValueError(
            f"strategy {scenario.run.strategy} and set-points made beforehand: "
            "one is never without the other"
        )
    if strategy.control == "packets":
        number = case.fleets.index(fleet)
        seed = (scenario.run.seed, Stream.PACKETS, number)
        mean_time_h = scenario.alternatives.packet_mean_time_h
        packets = Packets(seed, mean_time_h)
        agent.sites = ControlledSites(fleet.sites, packets.offer, plans=True)
    elif told_kw is not None:
        agent.sites = ControlledSites(fleet.sites, Told(told_kw).offer, plans=False)
    return agent


def _start(case: Case, fleet: Fleet, sites: Sites, control: str) -> Any:
    """Return the state of a fleet after the warm-up, which nobody can write into."""
    areas, steps = len(case.network.areas), case.scenario.run.warm_up_steps
    days = replace(case.calendar, gates=None, trade_every_steps=0)
    key = fleet, control == "thermostat", days, areas, steps
    known = _STARTS.setdefault(case.forecast, {})
    if key not in known:
        foresee = fleet_forecast(case, fleet.sites.fleet.home)
        agent = FleetAgent(sites, days, areas, foresee, reports=False)
        agent.warm_up(steps)
        known[key] = write_protect(agent.state)
    return known[key]


def aggregator(scenario: Scenario) -> Aggregator:
    """Return an aggregator as the scenario's strategy wants it."""
    strategy = STRATEGIES[scenario.run.strategy]
    rules = AggregatorRules(
        areas=len(scenario.grid.area_names),
        step_h=scenario.run.step_h,
        imbalance=imbalance(scenario),
        segments=scenario.aggregators.segments,
        asks_dso=strategy.asks_dso,
        follows_schedule=strategy.follows_schedule,
        indifference_dkk_per_kwh=scenario.planning.indifference_dkk_per_kwh,
        market=_market(scenario),
    )
    return Aggregator(rules, solver(scenario))


@lru_cache(maxsize=1)
def fit_headroom(network: Network) -> Headroom:
    """Return the DSO's model of its transformers, fitted on power flows."""
    return write_protect(fit(network, np.random.default_rng(0)))


def system_operator(
    case: Case, headroom: Headroom, correction: Callable[[], FloatArray]
) -> Operator:
    """Return the DSO as the scenario's strategy wants it.

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
    source, lead = case.forecast, scenario.run.warm_up_steps
    foresee = _load_forecast(case)
    tan_phi = float(np.tan(np.arccos(scenario.grid.household_power_factor)))
    limit_percent = np.array(scenario.grid.loading_limit_percent)

    def forecast(made_at: int, step: int, steps: int) -> Forecast:
        part = source.at(lead + made_at, lead + step, steps)
        load, margin, drift = foresee(made_at, step, steps)
        return Forecast(
            load,
            tan_phi * load,
            part.import_dkk_per_kwh,
            part.export_dkk_per_kwh,
            margin,
            drift,
        )

    def capability(reactive_kvar: FloatArray) -> tuple[FloatArray, FloatArray]:
        return limits_kw(
            headroom,
            limit_percent,
            reactive_kvar,
            correction(),
            dso.loading_margin_percent,
        )

    strategy, other = STRATEGIES[scenario.run.strategy], scenario.alternatives
    if strategy.dso == "site cap":
        return CappingOperator(areas, other.site_cap_kw, forecast, capability)
    if strategy.dso == "surcharge":
        return PricingOperator(
            areas,
            other.surcharge_rounds,
            other.surcharge_gain_dkk_per_kwh,
            forecast,
            capability,
        )
    rules = DsoRules(
        areas=areas,
        step_h=scenario.run.step_h,
        imbalance=imbalance(scenario),
        allocation=dso.allocation,
        rehearsal=RehearsalRules(
            areas=areas,
            look_ahead=dso.look_ahead,
            secured=day_ahead.rehearsal,
            rounds=day_ahead.rounds,
            first_margin=day_ahead.first_margin_percent / PERCENT,
            margin_step=day_ahead.margin_step_percent / PERCENT,
            reserve=day_ahead.reserve_percent / PERCENT,
        ),
        market=_market(scenario),
    )
    shared = _shared_capability(case, headroom)
    return SystemOperator(rules, solver(scenario), forecast, capability, shared)


def calendar(scenario: Scenario) -> Calendar:
    """Return the calendar of a scenario; who follows no schedule trades none."""
    made = case_calendar(scenario)
    if STRATEGIES[scenario.run.strategy].follows_schedule:
        return made
    return replace(made, trade_every_steps=0)


def _shared_capability(case: Case, headroom: Headroom) -> SharedCapability | None:
    """Return what the limits that areas share leave to meters; None without any."""
    points, dso = case.network.points, case.scenario.dso
    if not points.names:
        return None
    model = fit_shared(case.network, headroom, np.random.default_rng(0))

    def shared(reactive_kvar: FloatArray) -> SharedLimits:
        behind_kvar = points.member @ reactive_kvar
        import_kw, export_kw = shared_limits_kw(
            model, behind_kvar, dso.loading_margin_percent
        )
        return SharedLimits(points.member, import_kw, export_kw)

    return shared


def _market(scenario: Scenario) -> IntradayMarket:
    return IntradayMarket(calendar(scenario), scenario.intraday.cost_dkk_per_kwh)


def _load_forecast(
    case: Case,
) -> Callable[[int, int, int], tuple[FloatArray, FloatArray, FloatArray]]:
    """Return ``foresee(made_at, step, steps)``: areas' load, its margin and its drift.

    Perfect, or from what the meters of the homes without devices measured before.
    """
    scenario, network = case.scenario, case.network
    lead = scenario.run.warm_up_steps
    load_kw = area_sums(network, case.uncontrolled_kw)
    if not scenario.forecast.error_scale:
        none = np.zeros((2, 1, 1))
        return lambda made_at, step, steps: (
            load_kw[:, lead + step : lead + step + steps],
            none,
            none,
        )
    past = area_sums(network, case.past_uncontrolled_kw)
    first, day = lead + past.shape[1], case.calendar.day_steps
    measured = np.concatenate([past, load_kw], axis=1)
    days = -(-measured.shape[1] // day)
    # a day that is not over has not been measured to its end
    missing = days * day - measured.shape[1]
    measured = np.pad(measured, ((0, 0), (0, missing)), constant_values=np.nan)
    # days are 24 h from the first midnight, also where clocks are changed
    back = pd.Timedelta(seconds=past.shape[1] * scenario.run.step_s)
    begin = (case.series.clock.start - back).tz_convert(LOCAL_ZONE).tz_localize(None)
    weekend = pd.date_range(begin, periods=days).dayofweek >= SATURDAY
    forecast = LoadForecast(
        measured,
        np.asarray(weekend),
        history_days=past.shape[1] // day,
        longest_days=math.ceil(forecast_reach_h(scenario) / HOURS_PER_DAY),
        probability=scenario.dso.security_probability,
    )

    def foresee(
        made_at: int, step: int, steps: int
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        at = first + made_at, first + step, steps
        drift = forecast.drift_kw(*at)
        return forecast.expected_kw(*at), forecast.margin_kw(*at), drift

    return foresee


def deviation_fee(scenario: Scenario) -> float:
    """Return the DSO's fee in DKK/kWh; none where it has checked no schedule."""
    strategy = STRATEGIES[scenario.run.strategy]
    checked = strategy.secured and strategy.follows_schedule
    return scenario.dso.deviation_fee_dkk_per_kwh if checked else 0.0


def imbalance(scenario: Scenario) -> Imbalance:
    """Return what bids take a kWh beside a schedule to cost."""
    price = scenario.aggregators.imbalance_price_dkk_per_kwh + deviation_fee(scenario)
    return Imbalance(price, price, scenario.activations.shortfall_dkk_per_kwh)


def solver(scenario: Scenario) -> Solver:
    """Return who solves the stages."""
    folder = scenario.solver.write_lp
    return Solver(scenario.solver.name, Path(folder) if folder else None)
