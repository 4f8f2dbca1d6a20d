"""An aggregator in the negotiation: what it tells the DSO, and then its sites."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.activation import (
    ActivatedPower,
    activated_power,
    refuse_unless,
    vetoed_kw,
)
from mosaik_bottomup.coordination.dispatch import dispatch
from mosaik_bottomup.coordination.intraday import IntradayMarket, Position
from mosaik_bottomup.coordination.merit_order import (
    Curve,
    MeritOrders,
    merit_orders,
    simplify,
)
from mosaik_bottomup.coordination.operator import open_envelope
from mosaik_bottomup.coordination.site_cap import cap_sites
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    INDIFFERENCE_DKK_PER_KWH,
    Activation,
    AreaOffer,
    BidBook,
    CongestionPrices,
    Dispatch,
    Envelope,
    Moment,
    StoreOffer,
    StoreReport,
)

TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded


@dataclass(frozen=True, slots=True)
class AggregatorRules:
    """How an aggregator clears."""

    areas: int
    step_h: float
    imbalance: Imbalance
    segments: int
    """Most segments per area that go into an optimisation."""
    asks_dso: bool
    """Whether the DSO is asked before anything is dispatched."""
    follows_schedule: bool
    """Whether it clears against what it sold; else every site takes its cheapest."""
    indifference_dkk_per_kwh: float = INDIFFERENCE_DKK_PER_KWH
    """What differs by less costs the same to a site, and then sooner comes first."""
    market: IntradayMarket | None = None
    """Where schedules are traded once they are sold, if anywhere."""

    def deviation(self, moment: Moment) -> Imbalance:
        """Return what a kWh beside the schedule costs at a moment."""
        if self.market is None:
            return self.imbalance
        return self.market.deviation(moment, self.imbalance)


@dataclass(slots=True, eq=False)
class AggregatorRecord:
    """What one step came to, per area where not said otherwise."""

    offer_low_kw: FloatArray
    offer_high_kw: FloatArray
    plan_kw: FloatArray
    envelope_low_kw: FloatArray
    envelope_high_kw: FloatArray
    cleared_kw: FloatArray
    dispatched_kw: FloatArray
    schedule_kw: float
    day_ahead_kw: float
    traded_kw: float
    activation_ordered_kw: float
    """Of portfolio and areas together."""
    activation_vetoed_kw: float


@dataclass(slots=True, eq=False)
class _Round:
    """What is known between the bids of a step and its dispatch."""

    book: BidBook
    sizes: dict[str, int]
    orders: MeritOrders
    curves: list[Curve]
    target_kw: float | None
    plan_kw: FloatArray
    imbalance: Imbalance
    activated: ActivatedPower | None = None
    """None where no activation runs; of areas, what they can."""
    ordered_kw: float = 0.0
    held_kw: FloatArray | None = None
    """What areas with activations of their own are to draw; NaN in the others."""

    @property
    def base_kw(self) -> FloatArray:
        """Must-run of each area."""
        return self.orders.base_kw


@dataclass(slots=True, eq=False)
class Aggregator:
    """One aggregator: its rules, its schedule and where it is in the negotiation."""

    rules: AggregatorRules
    solver: Solver
    position: Position = field(default_factory=Position)
    """What was sold and traded for each step."""
    activations: list[Activation] = field(default_factory=list)
    """What the transmission system operator has ordered so far."""
    record: AggregatorRecord | None = None
    """The last real step."""
    _rehearsed_kw: dict[int, dict[int, float]] = field(default_factory=dict)
    _open: _Round | None = None

    @property
    def schedule_kw(self) -> dict[int, float]:
        """What is to be delivered in each step that is sold."""
        return self.position.schedule_kw

    def hear_fleets(
        self, said: Mapping[str, StoreReport | BidBook]
    ) -> StoreOffer | AreaOffer | dict[str, Dispatch]:
        """Return an offer to the DSO, or set-points where nobody is to be asked.

        Parameters
        ----------
        said
            What each of its fleets said, by name; all of one kind and moment.
        """
        reports = [it for _, it in sorted(said.items()) if isinstance(it, StoreReport)]
        books = {name: it for name, it in said.items() if isinstance(it, BidBook)}
        if len({it.moment for it in said.values()}) != 1 or (reports and books):
            raise InvariantError("fleets of one aggregator speak of different things")
        if reports:
            reactive = np.sum([it.reactive_kvar for it in reports], axis=0)
            return StoreOffer(reports, reactive, reports[0].moment)
        return self._plan(books)

    def hear_dso(
        self, said: CongestionPrices | Envelope
    ) -> CongestionPrices | dict[str, Dispatch]:
        """Return what to pass on to the fleets."""
        if isinstance(said, CongestionPrices):
            return said
        opened, self._open = self._open, None
        if opened is None or said.moment != opened.book.moment:
            raise InvariantError(f"{said.moment}: envelope does not answer the offer")
        plan = opened.plan_kw
        if opened.target_kw is not None:
            opened.target_kw -= vetoed_kw(said)
        if said.site_cap_kw is not None:
            capped = self._round(cap_sites(opened.book, said.site_cap_kw), opened.sizes)
            cleared, capped.plan_kw = capped.plan_kw, plan
            return self._dispatch(capped, cleared, said)
        if ((plan >= said.low_kw) & (plan <= said.high_kw)).all():
            # a convex problem's optimum stays one when bounds it respects are added
            return self._dispatch(opened, plan, said)
        cleared = self._clear(opened, said.low_kw, said.high_kw)
        return self._dispatch(opened, cleared, said)

    def hear_activation(self, order: Activation, step: int) -> None:
        """Take an order of the transmission system operator; it holds from now on.

        Parameters
        ----------
        order
            Several that run at a time add up.
        step
            It is now.

        Raises
        ------
        ValueError
            If it cannot be followed: there is no schedule to deviate from, no such
            area, it has begun already, or one of the same name is there.
        """
        rules = self.rules
        refuse_unless(
            order, step, rules.areas, rules.follows_schedule, self.activations
        )
        self.activations.append(order)

    def _plan(self, books: dict[str, BidBook]) -> AreaOffer | dict[str, Dispatch]:
        # in one order, however they arrived: it decides how ties are broken
        books = dict(sorted(books.items()))
        book = join(list(books.values()))
        opened = self._round(book, {name: it.area.size for name, it in books.items()})
        if not self.rules.asks_dso:
            last = book.moment.last and book.moment.rehearsal is not None
            commit = book.moment.rehearsal if last else None
            free = open_envelope(self.rules.areas, book.moment, commit=commit)
            return self._dispatch(opened, opened.plan_kw, free)
        self._open = opened
        reactive = self._area_sums(book, np.maximum(book.reactive_kvar, 0))
        return AreaOffer(
            plan_kw=opened.plan_kw,
            base_kw=opened.base_kw,
            slopes_dkk_per_kwh=[slope for slope, _ in opened.curves],
            widths_kw=[width for _, width in opened.curves],
            target_kw=opened.target_kw,
            reactive_max_kvar=reactive,
            moment=book.moment,
            activation_kw=None if (now := opened.activated) is None else now.whole_kw,
            area_activation_kw=None if now is None else now.by_area_kw,
        )

    def _round(self, book: BidBook, sizes: dict[str, int]) -> _Round:
        """Return a book's merit orders, and the plan on them."""
        rules, unbound = self.rules, np.full(self.rules.areas, np.inf)
        orders = merit_orders(book, rules.areas, rules.step_h)
        curves = [simplify(curve, rules.segments) for curve in orders.curves]
        target = self._target(book.moment)
        imbalance = rules.deviation(book.moment)
        opened = _Round(book, sizes, orders, curves, target, unbound, imbalance)
        activated = None
        if target is not None and book.moment.rehearsal is None:
            activated = activated_power(
                self.activations, book.moment.step, self.rules.areas
            )
        if activated is None or activated.in_areas:
            opened.plan_kw = self._clear(opened, -unbound, unbound)
        if activated is not None:
            self._activate(opened, activated)
        return opened

    def _activate(self, opened: _Round, activated: ActivatedPower) -> None:
        """Plan anew with activations.

        An area with one of its own is to draw what it would without any, and that; what
        it cannot, no other area makes good.
        """
        assert opened.target_kw is not None
        unbound, by_area = np.full(self.rules.areas, np.inf), activated.by_area_kw
        opened.ordered_kw, opened.activated = activated.total_kw, activated
        if activated.in_areas:
            top = opened.orders.top_kw
            held = np.clip(opened.plan_kw + by_area, opened.base_kw, top)
            there = np.where(by_area == 0, 0.0, held - opened.plan_kw)
            opened.held_kw = np.where(by_area == 0, np.nan, held)
            opened.activated = ActivatedPower(activated.whole_kw, there)
        opened.target_kw += opened.activated.total_kw
        opened.imbalance = self.rules.imbalance.during_activation()
        opened.plan_kw = self._clear(opened, -unbound, unbound)

    def _target(self, moment: Moment) -> float | None:
        """Return what was sold; a rehearsal is free where nothing is."""
        if not self.rules.follows_schedule:
            return None
        return self.position.schedule_kw.get(moment.step)

    def _clear(
        self, opened: _Round, low_kw: FloatArray, high_kw: FloatArray
    ) -> FloatArray:
        curves = opened.curves
        if opened.held_kw is not None:
            held = np.clip(opened.held_kw, low_kw, high_kw)
            low_kw = np.where(np.isnan(held), low_kw, held)
            high_kw = np.where(np.isnan(held), high_kw, held)
        if opened.target_kw is None:  # solved in closed form, however long they are
            curves = opened.orders.curves
        return clear(
            curves,
            opened.base_kw,
            low_kw,
            high_kw,
            opened.target_kw,
            opened.imbalance,
            self.rules.step_h,
            opened.book.moment.step,
            self.solver,
            self.rules.indifference_dkk_per_kwh,
        )

    def _dispatch(
        self, opened: _Round, cleared_kw: FloatArray, envelope: Envelope
    ) -> dict[str, Dispatch]:
        book, moment = opened.book, envelope.moment
        worth = self._worth_dkk_per_kwh(opened, cleared_kw)
        power = dispatch(
            opened.orders,
            book.power_kw[:, 0],
            cleared_kw,
            envelope.low_kw,
            envelope.high_kw,
            worth,
        )
        sums = self._area_sums(book, power)
        _check_envelope(sums, opened.base_kw, envelope)
        if moment.rehearsal is not None:
            rehearsed = self._rehearsed_kw.setdefault(moment.rehearsal, {})
            rehearsed[moment.step] = float(sums.sum())
            if envelope.commit is not None:
                market, found = self.rules.market, self._rehearsed_kw[envelope.commit]
                self.position.close(market, moment.now, found)
                self._rehearsed_kw = {}
        else:
            self.record = AggregatorRecord(
                opened.base_kw,
                opened.orders.top_kw,
                opened.plan_kw,
                envelope.low_kw,
                envelope.high_kw,
                cleared_kw,
                sums,
                *self.position.of_step(moment.step),
                opened.ordered_kw,
                vetoed_kw(envelope),
            )
        ends = np.cumsum(list(opened.sizes.values()))[:-1]
        parts = np.split(power, ends)
        return {
            name: Dispatch(part, envelope.again, envelope.commit, moment)
            for name, part in zip(opened.sizes, parts, strict=True)
        }

    def _worth_dkk_per_kwh(self, opened: _Round, cleared_kw: FloatArray) -> float:
        """Return what a kWh less than cleared costs beside the bids: imbalance."""
        imbalance, target = opened.imbalance, opened.target_kw
        if target is None:
            return 0.0
        if cleared_kw.sum() > target + TOLERANCE_KW:
            return -imbalance.above_dkk_per_kwh
        return imbalance.below_dkk_per_kwh

    def _area_sums(self, book: BidBook, values: FloatArray) -> FloatArray:
        sums = np.bincount(book.area, weights=values, minlength=self.rules.areas)
        return sums.astype(np.float64)


def _check_envelope(
    sums_kw: FloatArray, base_kw: FloatArray, envelope: Envelope
) -> None:
    over = sums_kw - np.maximum(envelope.high_kw, base_kw)
    if not (over <= TOLERANCE_KW).all():
        raise InvariantError(
            f"{envelope.moment}: area {int(over.argmax())} is dispatched "
            f"{over.max():g} kW beyond its envelope"
        )


def join(books: list[BidBook]) -> BidBook:
    """Return one book of all fleets, each site's last option repeated where short."""
    most = max(book.power_kw.shape[1] for book in books)

    def widen(table: FloatArray) -> FloatArray:
        return np.pad(table, ((0, 0), (0, most - table.shape[1])), mode="edge")

    return BidBook(
        np.concatenate([book.area for book in books]),
        np.concatenate([widen(book.power_kw) for book in books]),
        np.concatenate([widen(book.cost_dkk) for book in books]),
        np.concatenate(
            [
                np.pad(
                    book.divisible,
                    ((0, 0), (0, most - book.power_kw.shape[1])),
                    constant_values=True,
                )
                for book in books
            ]
        ),
        np.concatenate([book.reactive_kvar for book in books]),
        books[0].moment,
    )
