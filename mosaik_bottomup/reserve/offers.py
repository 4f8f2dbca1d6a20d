"""Find, by trial, the most power that can be held for a block beside the schedule."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mosaik_bottomup.reserve.trial import Called, Trial, call
from mosaik_bottomup.reserve.walk import Walk

GRID_KW = 2.5
"""Offers of one aggregator are whole multiples of it."""
PARTS = 16
"""Into so many parts the aggregators' maxima are cut to find what all hold at once."""
CHECKED = (0.5, 0.1)
"""An activation may call for part of an offer: these parts of it are tried too. What
does not even hold its schedule fails with the least of them."""

type Direction = Literal["up", "down"]
SIGN: dict[Direction, float] = {"up": -1.0, "down": 1.0}
"""Upward regulation is less consumption."""


@dataclass(frozen=True, slots=True)
class OfferRules:
    """How offers are made."""

    firm_share: float
    """Part of what held in all trials that is offered."""
    rebound_steps: int
    """How far ahead the rebound is looked at."""
    deviations: float
    """By how many standard deviations the adverse courses are off what is foreseen; 0:
    there are none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be held in every step of a block, in one direction."""

    step: int
    """First of the block."""
    steps: int
    direction: Direction
    alone_kw: Mapping[str, float]
    """Most of each aggregator while the others follow their schedules, if all comes as
    foreseen."""
    most_kw: float
    """Most of all together, in every course."""
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


def courses(walk: Walk, step: int, rules: OfferRules) -> tuple[Walk, ...]:
    """Return what may have come of a walk by a step, as far as is known now.

    Parameters
    ----------
    walk
        Where offers are made: at the gate closure of the block.
    step
        First of the block.
    rules
        How offers are made.

    Returns
    -------
    tuple
        As foreseen first, then the adverse courses if there are any.
    """
    away = (0.0, -rules.deviations, rules.deviations) if rules.deviations else (0.0,)
    return tuple(walk.imagine(each, step).to(step) for each in away)


def offers(
    ahead: Sequence[Walk],
    direction: Direction,
    durations: tuple[int, ...],
    rules: OfferRules,
) -> Iterator[Offer]:
    """Yield the offers of the blocks that begin where the courses are.

    Parameters
    ----------
    ahead
        The courses an offer must hold in, as foreseen first.
    direction
        Less (``up``) or more consumption (``down``).
    durations
        Steps of each block, ascending: what cannot be held for a short one cannot for
        a long one.
    rules
        How they are made.
    """
    foreseen = ahead[0]
    names = sorted(foreseen.parties.aggregators)
    bound = dict.fromkeys(names, float("inf"))
    for steps in durations:
        plain = call(foreseen, {}, steps)
        alone: dict[str, float] = {}
        for g, name in enumerate(names):
            # the first guess: how far the merit orders reach in every step
            side = -plain.low_kw[g] if direction == "up" else plain.high_kw[g]
            guess = max(min(float(side.min()), bound[name]), 0.0)
            alone[name] = _most_alone(foreseen, name, guess, direction, steps)
        bound = alone
        share = _most_together(ahead, alone, direction, steps)
        most = {name: share * power for name, power in alone.items()}
        firm = _firm(ahead, most, direction, steps, rules)
        yield Offer(foreseen.step, steps, direction, alone, sum(most.values()), firm)


def _most_alone(
    walk: Walk, name: str, guess_kw: float, direction: Direction, steps: int
) -> float:
    """Bisect on the grid; the guess itself is tried first."""
    sign = SIGN[direction]

    def holds(parts: int) -> bool:
        return _holds(call(walk, {name: sign * parts * GRID_KW}, steps))

    return _bisected(int(guess_kw / GRID_KW), holds) * GRID_KW


def _most_together(
    ahead: Sequence[Walk],
    alone_kw: Mapping[str, float],
    direction: Direction,
    steps: int,
) -> float:
    """Return the part of what each could hold alone that all hold in every course."""

    def holds(parts: int) -> bool:
        called = _signed(alone_kw, parts / PARTS, direction)
        return all(_holds(call(walk, called, steps)) for walk in ahead)

    return _bisected(PARTS, holds) / PARTS if any(alone_kw.values()) else 0.0


def _bisected(most: int, holds: Callable[[int], bool]) -> int:
    """Return the most that holds, from 0, which always does; `most` is tried first."""
    low, high, trial = 0, most + 1, most
    while high - low > 1:
        low, high = (trial, high) if holds(trial) else (low, trial)
        trial = (low + high) // 2
    return low


def _firm(
    ahead: Sequence[Walk],
    most_kw: Mapping[str, float],
    direction: Direction,
    steps: int,
    rules: OfferRules,
) -> dict[str, float]:
    """Keep a part back, and lower it until it and parts of it hold in every course.

    Of what is called in full the rebound is the largest.
    """
    share = rules.firm_share
    tried = [*((part, 0) for part in CHECKED), (1.0, rules.rebound_steps)]
    while share > 0:
        firm = {n: GRID_KW * int(share * p / GRID_KW) for n, p in most_kw.items()}
        if not any(firm.values()):
            break
        if all(
            _holds(call(walk, _signed(firm, part, direction), steps, after))
            for part, after in tried
            for walk in ahead
        ):
            return firm
        share -= 1 / PARTS
    return dict.fromkeys(most_kw, 0.0)


def _signed(
    power_kw: Mapping[str, float], share: float, direction: Direction
) -> Called:
    return {name: SIGN[direction] * share * p for name, p in power_kw.items()}


def _holds(trial: Trial) -> bool:
    return trial.is_delivered and trial.is_secure
