"""How an aggregator clears the bids of a step: its plan, what limits leave, powers."""

from dataclasses import dataclass, field, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.activation import ActivatedPower
from mosaik_bottomup.coordination.dispatch import dispatch
from mosaik_bottomup.coordination.intraday import IntradayMarket
from mosaik_bottomup.coordination.merit_order import (
    Curve,
    MeritOrders,
    merit_orders,
    simplify,
)
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.messages import INDIFFERENCE_DKK_PER_KWH, BidBook, Moment

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
class Clearing:
    """The bids of one step, and what is cleared on them."""

    rules: AggregatorRules
    solver: Solver
    book: BidBook
    sizes: dict[str, int]
    """How many rows of the book are each fleet's, in its order."""
    orders: MeritOrders
    curves: list[Curve]
    """Of each area, as long as an optimisation takes them."""
    target_kw: float | None
    imbalance: Imbalance
    activated: ActivatedPower | None = None
    """None where no activation runs; of areas, what they can."""
    ordered_kw: float = 0.0
    held_kw: FloatArray | None = None
    """What areas with activations of their own are to draw; NaN in the others."""
    plain: "Clearing | None" = None
    """The same if nothing were activated; None where it is that."""
    plan_kw: FloatArray = field(init=False)
    """Optimum without any envelope, shape ``(a,)``."""

    def __post_init__(self) -> None:
        self.plan_kw = self._cleared(*self._unbound)

    @property
    def base_kw(self) -> FloatArray:
        """Must-run of each area."""
        return self.orders.base_kw

    @property
    def _unbound(self) -> tuple[FloatArray, FloatArray]:
        wide = np.full(self.rules.areas, np.inf)
        return -wide, wide

    def with_activations(self, activated: ActivatedPower) -> "Clearing":
        """Return it planned anew with activations.

        An area with one of its own is to draw what it would without any, and that; what
        it cannot, no other area makes good.
        """
        assert self.target_kw is not None
        by_area, ordered_kw, held_kw = activated.by_area_kw, activated.total_kw, None
        if activated.in_areas:
            held = np.clip(self.plan_kw + by_area, self.base_kw, self.orders.top_kw)
            there = np.where(by_area == 0, 0.0, held - self.plan_kw)
            held_kw = np.where(by_area == 0, np.nan, held)
            activated = ActivatedPower(activated.whole_kw, there)
        return replace(
            self,
            target_kw=self.target_kw + activated.total_kw,
            imbalance=self.rules.imbalance.during_activation(),
            activated=activated,
            ordered_kw=ordered_kw,
            held_kw=held_kw,
            plain=self,
        )

    def within(self, low_kw: FloatArray, high_kw: FloatArray) -> FloatArray:
        """Return the plan itself if it is within bounds, else the best that is."""
        if ((self.plan_kw >= low_kw) & (self.plan_kw <= high_kw)).all():
            # a convex problem's optimum stays one when bounds it respects are added
            return self.plan_kw
        return self._cleared(low_kw, high_kw)

    def planned_kw(self) -> FloatArray:
        """Return the power of each site by the plan, shape ``(n,)``."""
        return self.powers_kw(self.plan_kw, *self._unbound)

    def powers_kw(
        self, cleared_kw: FloatArray, low_kw: FloatArray, high_kw: FloatArray
    ) -> FloatArray:
        """Return the power of each site, shape ``(n,)``, for powers of areas."""
        worth, least = self._worth_dkk_per_kwh(cleared_kw), self.book.power_kw[:, 0]
        return dispatch(self.orders, least, cleared_kw, low_kw, high_kw, worth)

    def area_sums(self, values: FloatArray) -> FloatArray:
        """Return what the sites' values add up to in each area."""
        areas = self.rules.areas
        sums = np.bincount(self.book.area, weights=values, minlength=areas)
        return sums.astype(np.float64)

    def _cleared(self, low_kw: FloatArray, high_kw: FloatArray) -> FloatArray:
        rules, curves = self.rules, self.curves
        if self.held_kw is not None:
            held = np.clip(self.held_kw, low_kw, high_kw)
            low_kw = np.where(np.isnan(held), low_kw, held)
            high_kw = np.where(np.isnan(held), high_kw, held)
        if self.target_kw is None:  # solved in closed form, however long they are
            curves = self.orders.curves
        return clear(
            curves,
            self.base_kw,
            low_kw,
            high_kw,
            self.target_kw,
            self.imbalance,
            rules.step_h,
            self.book.moment.step,
            self.solver,
            rules.indifference_dkk_per_kwh,
        )

    def _worth_dkk_per_kwh(self, cleared_kw: FloatArray) -> float:
        """Return what a kWh less than cleared costs beside the bids: imbalance."""
        if self.target_kw is None:
            return 0.0
        if cleared_kw.sum() > self.target_kw + TOLERANCE_KW:
            return -self.imbalance.above_dkk_per_kwh
        return self.imbalance.below_dkk_per_kwh


def open_clearing(
    rules: AggregatorRules,
    solver: Solver,
    book: BidBook,
    sizes: dict[str, int],
    target_kw: float | None,
) -> Clearing:
    """Return a step's bids as merit orders, and the plan on them.

    Parameters
    ----------
    rules, solver
        How it is cleared, and what solves it.
    book
        Bids of all fleets, see `join`.
    sizes
        How many rows of it are each fleet's, in its order.
    target_kw
        What was sold; None where nothing is to be followed.

    Raises
    ------
    StageError
        If there is no optimum.
    """
    orders = merit_orders(book, rules.areas, rules.step_h)
    curves = [simplify(curve, rules.segments) for curve in orders.curves]
    imbalance = rules.deviation(book.moment)
    return Clearing(rules, solver, book, sizes, orders, curves, target_kw, imbalance)


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
