"""What holds for several parties: calendar, market, fees, and who solves."""

from dataclasses import replace
from pathlib import Path

from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.case.timing import calendar as case_calendar
from mosaik_bottomup.coordination.intraday import IntradayMarket
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.parties.strategies import STRATEGIES
from mosaik_bottomup.scenario import Scenario


def calendar(scenario: Scenario) -> Calendar:
    """Return the calendar of a scenario; who follows no schedule trades none."""
    made = case_calendar(scenario)
    if STRATEGIES[scenario.run.strategy].follows_schedule:
        return made
    return replace(made, trade_every_steps=0)


def market(scenario: Scenario) -> IntradayMarket:
    """Return where schedules are traded once they are sold."""
    return IntradayMarket(calendar(scenario), scenario.intraday.cost_dkk_per_kwh)


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
