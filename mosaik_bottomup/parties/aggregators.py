"""The aggregators of a case."""

from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.coordination.clearing import AggregatorRules
from mosaik_bottomup.parties.rules import imbalance, market, solver
from mosaik_bottomup.parties.strategies import STRATEGIES
from mosaik_bottomup.scenario import Scenario


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
        market=market(scenario),
    )
    return Aggregator(rules, solver(scenario))
