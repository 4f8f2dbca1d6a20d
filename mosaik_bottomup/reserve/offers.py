"""Find, by trial, the most power that can be held for a block beside the schedule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mosaik_bottomup.reserve.trial import Activation, Trial, call
from mosaik_bottomup.reserve.walk import Walk

GRID_KW = 2.5
"""Offers of one aggregator are whole multiples of it."""
PARTS = 16
"""Into so many parts the aggregators' maxima are cut to find what all hold at once."""
CHECKED = (1.0, 0.5)
"""An activation may call for part of an offer: these parts of it are tried."""

type Direction = Literal["up", "down"]
SIGN: dict[Direction, float] = {"up": -1.0, "down": 1.0}
"""Upward regulation is less consumption."""


@dataclass(frozen=True, slots=True)
class OfferRules:
    """How offers are made."""

    firm_share: float
    """Part of what perfect forecasts allow that is offered."""
    rebound_steps: int
    """How far ahead the rebound is looked at."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be held in every step of a block, in one direction."""

    step: int
    """First of the block."""
    steps: int
    direction: Direction
    alone_kw: Mapping[str, float]
    """Most of each aggregator while the others follow their schedules."""
    most_kw: float
    """Most of all together, with perfect forecasts."""
    firm_kw: Mapping[str, float]
    """What each aggregator offers; all can be called at once."""

    @property
    def total_kw(self) -> float:
        """What the portfolio offers."""
        return sum(self.firm_kw.values())

    def part(self, power_kw: float) -> dict[str, float]:
        """Return the activation that calls so much of it, never beyond the offer."""
        total = self.total_kw
        share = min(power_kw / total, 1.0) if total > 0 else 0.0
        return {n: SIGN[self.direction] * share * p for n, p in self.firm_kw.items()}


def offers(
    walk: Walk, direction: Direction, durations: tuple[int, ...], rules: OfferRules
) -> Iterator[Offer]:
    """Yield the offers of the blocks that begin where the walk is.

    Parameters
    ----------
    walk
        The negotiation, at the first step of the blocks.
    direction
        Less (``up``) or more consumption (``down``).
    durations
        Steps of each block, ascending: what cannot be held for a short one cannot for
        a long one.
    rules
        How they are made.
    """
    names = sorted(walk.parties.aggregators)
    bound = dict.fromkeys(names, np.inf)
    for steps in durations:
        plain = call(walk, {}, steps, foreseen=True)
        alone: dict[str, float] = {}
        for g, name in enumerate(names):
            # the first guess: how far the merit orders reach in every step
            side = -plain.low_kw[g] if direction == "up" else plain.high_kw[g]
            guess = max(min(float(side.min()), bound[name]), 0.0)
            alone[name] = _most_alone(walk, name, guess, direction, steps)
        bound = alone
        share = _most_together(walk, alone, direction, steps)
        most = {name: share * power for name, power in alone.items()}
        firm = _firm(walk, most, direction, steps, rules)
        yield Offer(walk.step, steps, direction, alone, sum(most.values()), firm)


def _most_alone(
    walk: Walk, name: str, guess_kw: float, direction: Direction, steps: int
) -> float:
    """Bisect on the grid; the guess itself is tried first."""
    sign = SIGN[direction]

    def holds(parts: int) -> bool:
        return _holds(call(walk, {name: sign * parts * GRID_KW}, steps, foreseen=True))

    low, high = 0, int(guess_kw / GRID_KW) + 1
    trial = high - 1
    while high - low > 1:
        if holds(trial):
            low = trial
        else:
            high = trial
        trial = (low + high) // 2
    return low * GRID_KW


def _most_together(
    walk: Walk, alone_kw: Mapping[str, float], direction: Direction, steps: int
) -> float:
    """Return the part of what each could hold alone that all can hold at once."""
    low, high, trial = 0, PARTS + 1, PARTS
    while high - low > 1:
        if _holds(
            call(
                walk, _signed(alone_kw, trial / PARTS, direction), steps, foreseen=True
            )
        ):
            low = trial
        else:
            high = trial
        trial = (low + high) // 2
    return low / PARTS


def _firm(
    walk: Walk,
    most_kw: Mapping[str, float],
    direction: Direction,
    steps: int,
    rules: OfferRules,
) -> dict[str, float]:
    """Keep a part back, and lower it until parts of it hold and rebound securely."""
    share = rules.firm_share
    while share > 0:
        firm = {n: GRID_KW * int(share * p / GRID_KW) for n, p in most_kw.items()}
        if all(
            _holds(
                call(
                    walk,
                    _signed(firm, part, direction),
                    steps,
                    rules.rebound_steps,
                    foreseen=True,
                )
            )
            for part in CHECKED
        ):
            return firm
        share = share - 1 / PARTS if any(firm.values()) else 0.0
    return dict.fromkeys(most_kw, 0.0)


def _signed(
    power_kw: Mapping[str, float], share: float, direction: Direction
) -> Activation:
    return {name: SIGN[direction] * share * p for name, p in power_kw.items()}


def _holds(trial: Trial) -> bool:
    return trial.is_delivered and trial.is_secure
