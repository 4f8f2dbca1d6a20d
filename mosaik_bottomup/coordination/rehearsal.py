"""The rounds of a rehearsal: what each found, and whether another is held."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import Moment

OVERLOAD_KW = 1e-3  # an overload smaller than this is a solver's rounding
FEEDBACK = 0.5
"""How much of stage 2's congestion price a round feeds back into the next."""

type LookAhead = Literal["none", "store", "rehearsal", "combined"]


@dataclass(frozen=True, slots=True)
class RehearsalRules:
    """How a day is rehearsed."""

    areas: int
    look_ahead: LookAhead
    """``rehearsal`` goes on with the prices it found, for all rounds. ``combined`` goes
    on with a larger margin until nothing is short of room, and if anything is still
    overloaded after all rounds begins anew with the prices it finds: they reach homes
    that sums over a fleet miss. Else one round is held."""
    secured: bool
    """Whether the DSO secures what is rehearsed; else it is sold without asking."""
    rounds: int
    """Most rounds by margin, and most rounds by prices fed back."""
    first_margin: float
    """Part of the limit that the look-ahead leaves free in the first round."""
    margin_step: float
    """How much more it leaves where a round still finds an area short of room."""
    reserve: float
    """Part of the limit that must-run is to leave free: the day never goes quite as
    rehearsed, as what costs a home the same may be done now or a little later."""

    def feeds_back(self, number: int) -> bool:
        """Return whether a round is held with prices that earlier ones found."""
        return self.look_ahead == "rehearsal" or (
            self.look_ahead == "combined" and number >= self.rounds
        )


def most_rounds(look_ahead: LookAhead, rounds: int) -> int:
    """Return how many rounds a rehearsal may take, of both kinds together."""
    return 2 * rounds if look_ahead == "combined" else rounds


@dataclass(slots=True, eq=False)
class Round:
    """What one round was held with, and what it found."""

    margin: FloatArray
    """Part of the limit the look-ahead left free, ``(a,)``."""
    feedback_dkk_per_kwh: dict[int, FloatArray]
    """The congestion price fed back so far, by step."""
    overload_kw: FloatArray
    """Highest overload, ``(a,)``."""
    shortage_kw: FloatArray
    """Highest shortage of the reserve, ``(a,)``."""
    feeds_back: bool
    """Whether it is held with those prices instead of the look-ahead's."""
    price_dkk_per_kwh: dict[int, FloatArray] = field(default_factory=dict)
    """Stage 2's congestion price, by step."""


@dataclass(frozen=True, slots=True, eq=False)
class ScheduleCheck:
    """What the DSO found when it checked schedules before they were sold."""

    rounds: int
    """Rounds held."""
    margin: FloatArray
    """Part of the limit the look-ahead left free in the round that was sold, ``(a,)``.
    """
    overload_kw: FloatArray
    """Highest overload in it that nothing on offer could avoid, ``(a,)``."""


@dataclass(slots=True, eq=False)
class Rehearsal:
    """The rehearsal of the latest day."""

    rules: RehearsalRules
    rounds: list[Round] = field(default_factory=list)
    held: Round | None = None
    """The round that is going on, or that became the schedule."""
    _going_on: bool = False

    def enter(self, moment: Moment) -> None:
        """Begin a day, or a round, when its first step comes up."""
        if moment.rehearsal is None:
            return
        if not self._going_on:
            self.rounds, self._going_on = [], True
        if moment.rehearsal == len(self.rounds):
            self.held = self._next_round()
            self.rounds.append(self.held)

    def note(
        self,
        moment: Moment,
        price_dkk_per_kwh: FloatArray,
        overload_kw: FloatArray,
        shortage_kw: FloatArray,
    ) -> tuple[bool, int | None]:
        """Note a rehearsed step; after the last one, say how it goes on.

        Returns
        -------
        again
            Whether another round is to be held.
        commit
            The round that becomes the schedule, if none is.
        """
        now = self.rounds[-1]
        now.overload_kw = np.maximum(now.overload_kw, overload_kw)
        now.shortage_kw = np.maximum(now.shortage_kw, shortage_kw)
        now.price_dkk_per_kwh[moment.step] = price_dkk_per_kwh
        if not moment.last:
            return False, None
        if self.rules.secured and self._goes_on(now):
            return True, None
        worst = [
            [round(float(kw.sum()), 6) for kw in (it.overload_kw, it.shortage_kw)]
            for it in self.rounds
        ]
        # the last of the best: later rounds know more
        best = min(range(len(worst)), key=lambda r: (worst[r], -r))
        self.held, self._going_on = self.rounds[best], False
        return False, best

    def check(self) -> ScheduleCheck:
        """Return what was found of the day that was sold last.

        Raises
        ------
        InvariantError
            If none was.
        """
        if self.held is None:
            raise InvariantError("nothing has been rehearsed, and nothing is checked")
        return ScheduleCheck(len(self.rounds), self.held.margin, self.held.overload_kw)

    def _goes_on(self, now: Round) -> bool:
        mode, held = self.rules.look_ahead, len(self.rounds)
        if mode == "combined" and held < self.rules.rounds:
            return bool((now.shortage_kw > OVERLOAD_KW).any())
        if mode == "combined":
            secure = any((it.overload_kw <= OVERLOAD_KW).all() for it in self.rounds)
            return not secure and held < most_rounds(mode, self.rules.rounds)
        return mode == "rehearsal" and held < self.rules.rounds

    def _next_round(self) -> Round:
        none = np.zeros(self.rules.areas)
        feeds_back = self.rules.feeds_back(len(self.rounds))
        if not self.rounds or feeds_back != self.rounds[-1].feeds_back:
            return Round(none + self.rules.first_margin, {}, none, none, feeds_back)
        last = self.rounds[-1]
        short = last.shortage_kw > OVERLOAD_KW
        margin = last.margin + np.where(short, self.rules.margin_step, 0.0)
        feedback = {
            step: FEEDBACK * price
            + (1 - FEEDBACK) * last.feedback_dkk_per_kwh.get(step, none)
            for step, price in last.price_dkk_per_kwh.items()
        }
        return Round(margin, feedback, none, none, feeds_back)
