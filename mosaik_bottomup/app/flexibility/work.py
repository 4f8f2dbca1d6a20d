"""One start hour's offers, in a process that keeps its place in the run."""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from mosaik_bottomup.case import build
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.reserve.offers import SIGN, Offer, OfferRules, courses, offers
from mosaik_bottomup.reserve.products import DURATIONS_MIN
from mosaik_bottomup.reserve.verify import Check, checks
from mosaik_bottomup.reserve.walk import Walk
from mosaik_bottomup.scenario import Scenario, parse

MINUTES_PER_HOUR = 60
_place: dict[str, Walk] = {}
"""Where this process is in which scenario."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What was found for one start hour."""

    hour: int
    offers: tuple[Offer, ...]
    checks: tuple[Check, ...]
    """Empty unless asked for."""


def find(scenario: str, hour: int, verify: bool) -> Hour:
    """Return the offers of blocks that begin ``hour`` hours after the run.

    Parameters
    ----------
    scenario
        TOML text. Hours of one scenario are best asked in ascending order: the process
        goes on from where it is.
    hour
        Counted from the start.
    verify
        Whether to call them too.
    """
    settled = parse(scenario)
    run = settled.run
    step = run.steps_in(hour)
    gate = gate_step(settled, step)
    walk = _place.get(scenario)
    if walk is None or walk.step > gate:
        walk = Walk.begin(build(settled))
        _place.clear()
        _place[scenario] = walk
    walk.to(gate)
    rules = offer_rules(settled)
    ahead = courses(walk, step, rules)
    durations = block_steps(settled, hour)
    found = tuple(it for way in SIGN for it in offers(ahead, way, durations, rules))
    called: tuple[Check, ...] = ()
    if verify:
        real, after = walk.fork().to(step), rules.rebound_steps
        called = tuple(checks(real, found, _flow(scenario), after))
    return Hour(hour, found, called)


def gate_step(scenario: Scenario, step: int) -> int:
    """Return the last step in which an offer for a block can be made.

    The first of the run for blocks whose gate closes before it.
    """
    before = scenario.reserve.gate_min / MINUTES_PER_HOUR / scenario.run.step_h
    return max(step - math.ceil(before), 0)


def offer_rules(scenario: Scenario) -> OfferRules:
    """Return how a scenario's offers are made."""
    reserve = scenario.reserve
    deviations = 0.0
    if scenario.forecast.error_scale:
        deviations = NormalDist().inv_cdf(reserve.security_probability)
    after = scenario.run.steps_in(reserve.rebound_h)
    return OfferRules(reserve.firm_share, after, deviations)


def block_steps(scenario: Scenario, hour: int = 0) -> tuple[int, ...]:
    """Return the durations in steps, of those blocks that end within the run."""
    run = scenario.run
    left = run.steps - run.steps_in(hour)
    lengths = (run.steps_in(minutes / MINUTES_PER_HOUR) for minutes in DURATIONS_MIN)
    return tuple(steps for steps in lengths if steps <= left)


@lru_cache(maxsize=1)
def _flow(scenario: str) -> PowerFlow:
    settled = parse(scenario)
    return PowerFlow(_place[scenario].case.network, settled.grid.engine)
