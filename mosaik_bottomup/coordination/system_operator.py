"""The DSO in the negotiation: congestion prices ahead, envelopes now, and rehearsals.

It knows its limits, its forecast of the uncontrolled load, and the aggregators' sums
per area; no message to it names a site.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import Room
from mosaik_bottomup.coordination.intraday import IntradayMarket
from mosaik_bottomup.coordination.look_ahead import (
    AreaAhead,
    congestion_prices,
)
from mosaik_bottomup.coordination.operator import (
    Capability,
    Forecast,
    SharedCapability,
    area_record,
    less_margin,
    less_sums,
    room_of_step,
)
from mosaik_bottomup.coordination.pooled_stores import pool, sums
from mosaik_bottomup.coordination.rehearsal import (
    Rehearsal,
    RehearsalRules,
    Round,
    ScheduleCheck,
)
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.stage_two import Allocation, Secured, secure
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
    StoreReport,
)


@dataclass(frozen=True, slots=True)
class DsoRules:
    """How the DSO secures."""

    areas: int
    step_h: float
    imbalance: Imbalance
    allocation: Allocation
    rehearsal: RehearsalRules
    market: IntradayMarket | None = None
    """Where schedules are traded once they are sold, if anywhere."""

    def deviation(self, moment: Moment) -> Imbalance:
        """Return what a kWh beside the schedule costs at a moment."""
        if self.market is None:
            return self.imbalance
        return self.market.deviation(moment, self.imbalance)

    def sells(self, moment: Moment) -> bool:
        """Return whether a rehearsal is to sell a day, and not only to trade."""
        if moment.rehearsal is None:
            return False
        return self.market is None or self.market.sells(moment)


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
        ``forecast(made_at, step, steps)``: what it knows in step ``made_at`` of the
        steps from ``step`` on.
    capability
        ``capability(reactive_kvar)``: highest import and export in kW at the meters
        that keep the loading within its limit at that reactive power; shapes
        ``(a, t)``.
    shared
        The limits that areas share, alike; None where they share none.
    """

    CARRIES: ClassVar[tuple[str, ...]] = ("_ahead", "_day")
    """From one real step into the next."""
    rules: DsoRules
    solver: Solver
    forecast: Callable[[int, int, int], Forecast]
    capability: Capability
    shared: SharedCapability | None = None
    record: dict[str, FloatArray] = field(default_factory=dict)
    """The last real step."""
    _ahead: tuple[int, FloatArray] | None = None
    _day: Rehearsal = field(init=False)
    _checked: ScheduleCheck | None = None
    """What the check of the schedules sold in this step has found."""

    def __post_init__(self) -> None:
        self._day = Rehearsal(self.rules.rehearsal)

    @property
    def rehearsals(self) -> list[Round]:
        """The rounds of the last day rehearsed."""
        return self._day.rounds

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
        if self.rules.sells(moment):
            self._day.enter(moment)
        if stores:
            prices = CongestionPrices(self._look_ahead(stores, moment), moment)
            return dict.fromkeys(stores, prices)
        return self._secure(areas, moment)

    def _look_ahead(
        self, offers: Mapping[str, StoreOffer], moment: Moment
    ) -> FloatArray:
        rules = self.rules
        stores = pool([store for offer in offers.values() for store in offer.stores])
        steps = stores[0].need_kwh.shape[1]
        ahead = self.forecast(moment.now, moment.step, steps)
        price = np.zeros((rules.areas, steps))
        held, mode = self._day.held, rules.rehearsal.look_ahead
        if held is not None and held.feeds_back:
            for step, feedback in held.feedback_dkk_per_kwh.items():
                if 0 <= step - moment.step < steps:
                    price[:, step - moment.step] += feedback
        elif mode in ("store", "combined"):
            margin = np.zeros(rules.areas) if held is None else held.margin
            reactive = np.sum([it.reactive_max_kvar for it in offers.values()], axis=0)
            kvar = ahead.uncontrolled_kvar + reactive[:, None]
            most, least = self.capability(kvar)
            most, least, _ = less_margin(most, least, ahead.margin_kw)
            price += self._priced(
                stores, ahead, ahead.uncontrolled_kw, margin, most, least
            )
            if self.shared is not None:
                tree = less_sums(self.shared(kvar), ahead.margin_kw)
                # of a limit, as much as of all its areas: they all get more if it does
                kept = [margin[each].min() for each in tree.member]
                above = self._priced(
                    [sums(store, tree.member) for store in stores],
                    ahead,
                    tree.total(ahead.uncontrolled_kw),
                    np.array(kept),
                    tree.import_kw,
                    tree.export_kw,
                )
                price += tree.spread(above.T).T
        if moment.rehearsal is None:
            self._ahead = (moment.step, price)
        return price

    def _priced(
        self,
        stores: list[StoreReport],
        ahead: Forecast,
        load_kw: FloatArray,
        margin: FloatArray,
        import_kw: FloatArray,
        export_kw: FloatArray,
    ) -> FloatArray:
        """Return the prices ahead of some congestion points, each field ``(p, t)``."""
        keep = np.maximum(1 - margin, 0.0)[:, None]
        bounds = zip(load_kw, keep * import_kw, keep * export_kw, strict=True)
        retail = ahead.import_dkk_per_kwh, ahead.export_dkk_per_kwh
        rules, solver = self.rules, self.solver
        prices = [
            congestion_prices(
                stores, p, AreaAhead(*bound, *retail), rules.step_h, solver
            )
            for p, bound in enumerate(bounds)
        ]
        return np.array(prices).reshape(load_kw.shape)

    def _secure(
        self, offers: Mapping[str, AreaOffer], moment: Moment
    ) -> dict[str, CongestionPrices | Envelope]:
        rules = self.rules
        room = room_of_step(self.forecast, self.capability, offers, moment, self.shared)
        if moment.rehearsal is not None and not rules.rehearsal.secured:
            # sold without asking: a rehearsal that nobody secures
            unbound = np.full(rules.areas, np.inf)
            room = replace(room, import_kw=unbound, export_kw=unbound, shared=None)
        granted = secure(
            list(offers.values()),
            room,
            rules.deviation(moment),
            rules.allocation,
            rules.step_h,
            self.solver,
        )
        again, commit = False, None
        if rules.sells(moment):
            # an overload above areas counts as theirs: all of them are to do more
            overload = granted.overload_kw + room.above.spread(
                granted.shared_overload_kw
            )
            least = np.sum([it.base_kw for it in offers.values()], axis=0)
            more = np.sum([it.flexible_kw for it in offers.values()], axis=0)
            short = room.shortage_kw(least, least + more, rules.rehearsal.reserve)
            again, commit = self._day.note(
                moment, granted.price_dkk_per_kwh, overload, short
            )
            if commit is not None and rules.rehearsal.secured:
                self._checked = self._day.check()
        elif moment.rehearsal is not None:  # what is traded is secured as it is
            commit = moment.rehearsal if moment.last else None
        else:
            self.record = self._make_record(granted, room, moment)
        activated = any(offer.activation_kw is not None for offer in offers.values())
        return {
            name: Envelope(
                granted.low_kw[g],
                granted.high_kw[g],
                again,
                commit,
                moment,
                vetoed_kw=float(granted.vetoed_kw[g]) if is_activated else None,
                area_vetoed_kw=granted.area_vetoed_kw[g] if is_activated else None,
                plain_low_kw=granted.plain_low_kw[g] if activated else None,
                plain_high_kw=granted.plain_high_kw[g] if activated else None,
            )
            for g, (name, is_activated) in enumerate(
                (name, offer.activation_kw is not None)
                for name, offer in offers.items()
            )
        }

    def _make_record(
        self, granted: Secured, room: Room, moment: Moment
    ) -> dict[str, FloatArray]:
        checked, self._checked = self._checked, None
        ahead = np.zeros(self.rules.areas)
        if self._ahead is not None:
            start, price = self._ahead
            ahead = price[:, min(moment.step - start, price.shape[1] - 1)]
        return area_record(
            room,
            congestion_price=granted.price_dkk_per_kwh,
            look_ahead_price=ahead,
            overload_kw=granted.overload_kw,
            check=checked,
        )
