"""The DSO in the negotiation: congestion prices ahead, envelopes now, and rehearsals.

It knows its limits, its forecast of the uncontrolled load, and the aggregators' sums
per area; no message to it names a site.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.look_ahead import AreaAhead, congestion_prices, pool
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.stage_two import (
    Allocation,
    Room,
    Secured,
    secure,
)
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
)

OVERLOAD_KW = 1e-3  # an overload smaller than this is a solver's rounding
FEEDBACK = 0.5
"""How much of stage 2's congestion price a rehearsal feeds back into the next."""

type LookAhead = Literal["none", "store", "rehearsal", "combined"]


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What the DSO expects of ``t`` steps."""

    uncontrolled_kw: FloatArray
    """Shape ``(a, t)``."""
    uncontrolled_kvar: FloatArray
    """Shape ``(a, t)``."""
    import_dkk_per_kwh: FloatArray
    """Retail price, shape ``(t,)``."""
    export_dkk_per_kwh: FloatArray
    """Shape ``(t,)``."""


@dataclass(frozen=True, slots=True)
class DsoRules:
    """How the DSO secures."""

    areas: int
    step_h: float
    imbalance: Imbalance
    allocation: Allocation
    look_ahead: LookAhead
    rehearses: bool
    rounds: int
    """Most rounds of one rehearsal."""
    first_margin: float
    """Part of the limit that the look-ahead leaves free in the first round."""
    margin_step: float
    """How much more it leaves where a rehearsal still finds an overload."""


@dataclass(slots=True, eq=False)
class _Rehearsal:
    """What one round of a rehearsal found."""

    margin: FloatArray
    overload_kw: FloatArray
    price_dkk_per_kwh: dict[int, FloatArray]
    """Stage 2's price by step."""
    feedback_dkk_per_kwh: dict[int, FloatArray]
    """The price it was held with."""


@dataclass(slots=True, eq=False)
class SystemOperator:
    """The DSO.

    Parameters
    ----------
    rules
        How it secures.
    solver
        What solves its problems.
    forecast
        ``forecast(step, steps)``: what it knows now of the steps from ``step`` on.
    capability
        ``capability(reactive_kvar)``: highest import and export in kW at the meters
        that keep the loading within its limit at that reactive power; shapes
        ``(a, t)``.
    """

    rules: DsoRules
    solver: Solver
    forecast: Callable[[int, int], Forecast]
    capability: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    record: dict[str, FloatArray] = field(default_factory=dict)
    """The last real step."""
    rehearsals: list[_Rehearsal] = field(default_factory=list)
    """The rounds of the last day rehearsed."""
    _held: _Rehearsal | None = None
    """The round the congestion prices of the day come from."""
    _ahead: tuple[int, FloatArray] | None = None
    _in_rehearsal: bool = False

    def hear(
        self, offers: Mapping[str, StoreOffer | AreaOffer]
    ) -> dict[str, CongestionPrices | Envelope]:
        """Return the answer to every aggregator.

        Parameters
        ----------
        offers
            What each aggregator said, by name; all of one kind and moment.
        """
        moments = {it.moment for it in offers.values()}
        # in one order, however they arrived: sums are rounded by it
        stores = {k: v for k, v in sorted(offers.items()) if isinstance(v, StoreOffer)}
        areas = {k: v for k, v in sorted(offers.items()) if isinstance(v, AreaOffer)}
        if len(moments) != 1 or (stores and areas):
            raise InvariantError("aggregators speak of different things")
        moment = moments.pop()
        if moment.rehearsal is not None:
            self._enter(moment)
        if stores:
            prices = CongestionPrices(self._look_ahead(stores, moment), moment)
            return dict.fromkeys(stores, prices)
        return self._secure(areas, moment)

    def _enter(self, moment: Moment) -> None:
        """Begin a round of rehearsal when its first step comes up."""
        if moment.rehearsal == 0 and (self._held is None or not self._in_rehearsal):
            self.rehearsals = []
            self._in_rehearsal = True
        if moment.rehearsal == len(self.rehearsals):
            self.rehearsals.append(self._next_round())
            self._held = self.rehearsals[-1]

    def _next_round(self) -> _Rehearsal:
        rules = self.rules
        if not self.rehearsals:
            margin = np.full(rules.areas, rules.first_margin)
            return _Rehearsal(margin, np.zeros(rules.areas), {}, {})
        last = self.rehearsals[-1]
        found = last.overload_kw > OVERLOAD_KW
        margin = last.margin + np.where(found, rules.margin_step, 0.0)
        feedback = {}
        for step, price in last.price_dkk_per_kwh.items():
            before = last.feedback_dkk_per_kwh.get(step, np.zeros(rules.areas))
            feedback[step] = (1 - FEEDBACK) * before + FEEDBACK * price
        return _Rehearsal(margin, np.zeros(rules.areas), {}, feedback)

    def _look_ahead(
        self, offers: Mapping[str, StoreOffer], moment: Moment
    ) -> FloatArray:
        rules = self.rules
        stores = pool([store for offer in offers.values() for store in offer.stores])
        steps = stores[0].need_kwh.shape[1]
        ahead = self.forecast(moment.step, steps)
        price = np.zeros((rules.areas, steps))
        held = self._held
        if held is not None and rules.look_ahead == "rehearsal":
            for step, feedback in held.feedback_dkk_per_kwh.items():
                if 0 <= step - moment.step < steps:
                    price[:, step - moment.step] += feedback
        if rules.look_ahead in ("store", "combined"):
            margin = np.zeros(rules.areas) if held is None else held.margin
            reactive = np.sum([it.reactive_max_kvar for it in offers.values()], axis=0)
            kvar = ahead.uncontrolled_kvar + reactive[:, None]
            most, least = self.capability(kvar)
            for a in range(rules.areas):
                keep = max(1 - margin[a], 0.0)
                area_ahead = AreaAhead(
                    ahead.uncontrolled_kw[a],
                    keep * most[a],
                    keep * least[a],
                    ahead.import_dkk_per_kwh,
                    ahead.export_dkk_per_kwh,
                )
                price[a] = congestion_prices(
                    stores, a, area_ahead, rules.step_h, self.solver
                )
        if moment.rehearsal is None:
            self._ahead = (moment.step, price)
        return price

    def _secure(
        self, offers: Mapping[str, AreaOffer], moment: Moment
    ) -> dict[str, CongestionPrices | Envelope]:
        rules = self.rules
        now = self.forecast(moment.step, 1)
        reactive = np.sum([it.reactive_max_kvar for it in offers.values()], axis=0)
        most, least = self.capability(now.uncontrolled_kvar + reactive[:, None])
        free = moment.rehearsal is not None and not rules.rehearses
        if free:  # sold without asking: a rehearsal that nobody secures
            most, least = np.full_like(most, np.inf), np.full_like(least, np.inf)
        room = Room(now.uncontrolled_kw[:, 0], most[:, 0], least[:, 0])
        granted = secure(
            list(offers.values()),
            room,
            rules.imbalance,
            rules.allocation,
            rules.step_h,
            self.solver,
        )
        again, commit = False, None
        if moment.rehearsal is not None:
            again, commit = self._judge(granted, moment)
        else:
            self.record = self._make_record(granted, room, moment)
        return {
            name: Envelope(granted.low_kw[g], granted.high_kw[g], again, commit, moment)
            for g, name in enumerate(offers)
        }

    def _judge(self, granted: Secured, moment: Moment) -> tuple[bool, int | None]:
        """Note a rehearsed step; after the last, say whether to rehearse again."""
        round_ = self.rehearsals[-1]
        round_.overload_kw = np.maximum(round_.overload_kw, granted.overload_kw)
        round_.price_dkk_per_kwh[moment.step] = granted.price_dkk_per_kwh
        if not moment.last:
            return False, None
        secure_ = bool((round_.overload_kw <= OVERLOAD_KW).all())
        more = len(self.rehearsals) < self.rules.rounds and self.rules.rehearses
        by_feedback = self.rules.look_ahead == "rehearsal"
        by_margin = self.rules.look_ahead == "combined" and not secure_
        if more and (by_feedback or by_margin):
            return True, None
        worst = [float(it.overload_kw.sum()) for it in self.rehearsals]
        # the last of the best: later rounds know more
        best = max(range(len(worst)), key=lambda r: (-round(worst[r], 6), r))
        self._held = self.rehearsals[best]
        self._in_rehearsal = False
        return False, best

    def _make_record(
        self, granted: Secured, room: Room, moment: Moment
    ) -> dict[str, FloatArray]:
        ahead = np.zeros(self.rules.areas)
        if self._ahead is not None:
            start, price = self._ahead
            ahead = price[:, min(moment.step - start, price.shape[1] - 1)]
        return {
            "import_limit_kw": room.import_kw,
            "export_limit_kw": room.export_kw,
            "uncontrolled_forecast_kw": room.uncontrolled_kw,
            "congestion_price": granted.price_dkk_per_kwh,
            "look_ahead_price": ahead,
            "forecast_overload_kw": granted.overload_kw,
        }
