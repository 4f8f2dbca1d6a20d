"""An aggregator in the negotiation: what does it tell the DSO, and its sites?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.dispatch import dispatch
from mosaik_bottomup.coordination.merit_order import (
    MeritOrder,
    merit_orders,
    simplify,
)
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Curve, Imbalance, clear
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
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
    secured: bool
    """Whether the DSO is asked before anything is dispatched."""
    follows_schedule: bool
    """Whether it clears against what it sold; else every site takes its cheapest."""


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


@dataclass(slots=True, eq=False)
class _Round:
    """What is known between the bids of a step and its dispatch."""

    book: BidBook
    sizes: dict[str, int]
    orders: list[MeritOrder]
    curves: list[Curve]
    plan_kw: FloatArray


@dataclass(slots=True, eq=False)
class Aggregator:
    """One aggregator: its rules, its schedule and where it is in the negotiation."""

    rules: AggregatorRules
    solver: Solver
    schedule_kw: dict[int, float] = field(default_factory=dict)
    """What was sold for each step."""
    record: AggregatorRecord | None = None
    """The last real step."""
    _rehearsed_kw: dict[int, dict[int, float]] = field(default_factory=dict)
    _open: _Round | None = None

    def hear_fleets(
        self, said: Mapping[str, StoreReport | BidBook]
    ) -> StoreOffer | AreaOffer | dict[str, Dispatch]:
        """Return an offer to the DSO, or set-points where nobody is to be asked.

        Parameters
        ----------
        said
            What each of its fleets said, by name; all of one kind and moment.
        """
        reports = [it for it in said.values() if isinstance(it, StoreReport)]
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
        if self._open is None or said.moment != self._open.book.moment:
            raise InvariantError(f"{said.moment}: envelope does not answer the offer")
        if (
            (self._open.plan_kw >= said.low_kw) & (self._open.plan_kw <= said.high_kw)
        ).all():
            # a convex problem's optimum stays one when bounds it respects are added
            cleared = self._open.plan_kw
        else:
            cleared = self._clear(said.moment, said.low_kw, said.high_kw)
        return self._dispatch(cleared, said)

    def _plan(
        self, books: dict[str, BidBook]
    ) -> AreaOffer | dict[str, Dispatch]:
        rules, book = self.rules, join(list(books.values()))
        orders = merit_orders(book, rules.areas, rules.step_h)
        curves = [simplify(order, rules.segments) for order in orders]
        sizes = {name: it.area.size for name, it in books.items()}
        self._open = _Round(book, sizes, orders, curves, np.zeros(rules.areas))
        unbound = np.full(rules.areas, np.inf)
        plan = self._clear(book.moment, -unbound, unbound)
        self._open.plan_kw = plan
        if not rules.secured:
            last = book.moment.last and book.moment.rehearsal is not None
            commit = book.moment.rehearsal if last else None
            free = Envelope(-unbound, unbound, False, commit, book.moment)
            return self._dispatch(plan, free)
        reactive = np.bincount(
            book.area, weights=np.maximum(book.reactive_kvar, 0), minlength=rules.areas
        )
        return AreaOffer(
            plan_kw=plan,
            base_kw=np.array([order.base_kw for order in orders]),
            slopes_dkk_per_kwh=[slope for slope, _ in curves],
            widths_kw=[width for _, width in curves],
            target_kw=self._target(book.moment),
            reactive_max_kvar=reactive,
            moment=book.moment,
        )

    def _target(self, moment: Moment) -> float | None:
        if moment.rehearsal is not None or not self.rules.follows_schedule:
            return None
        return self.schedule_kw.get(moment.step)

    def _clear(
        self, moment: Moment, low_kw: FloatArray, high_kw: FloatArray
    ) -> FloatArray:
        if self._open is None:
            raise InvariantError(f"{moment}: nothing to clear")
        return clear(
            self._open.curves,
            np.array([order.base_kw for order in self._open.orders]),
            low_kw,
            high_kw,
            self._target(moment),
            self.rules.imbalance,
            self.rules.step_h,
            moment.step,
            self.solver,
        )

    def _dispatch(
        self, cleared_kw: FloatArray, envelope: Envelope
    ) -> dict[str, Dispatch]:
        if self._open is None:
            raise InvariantError(f"{envelope.moment}: nothing to dispatch")
        book, moment = self._open.book, envelope.moment
        power = book.power_kw[:, 0].copy()
        for a, order in enumerate(self._open.orders):
            mine = book.area == a
            given = dispatch(
                order,
                book.power_kw[:, 0],
                float(cleared_kw[a]),
                float(envelope.low_kw[a]),
                float(envelope.high_kw[a]),
            )
            power[mine] = given[mine]
        sums = np.bincount(book.area, weights=power, minlength=self.rules.areas)
        self._check_envelope(sums, envelope)
        if moment.rehearsal is not None:
            rehearsed = self._rehearsed_kw.setdefault(moment.rehearsal, {})
            rehearsed[moment.step] = float(sums.sum())
            if envelope.commit is not None:
                self.schedule_kw |= self._rehearsed_kw[envelope.commit]
                self._rehearsed_kw = {}
        else:
            self.record = self._make_record(cleared_kw, envelope, sums)
        self._open, opened = None, self._open
        ends = np.cumsum(list(opened.sizes.values()))[:-1]
        parts = np.split(power, ends)
        return {
            name: Dispatch(part, envelope.again, envelope.commit, moment)
            for name, part in zip(opened.sizes, parts, strict=True)
        }

    def _check_envelope(self, sums_kw: FloatArray, envelope: Envelope) -> None:
        base = np.array([order.base_kw for order in self._open.orders])  # type: ignore[union-attr]
        over = sums_kw - np.maximum(envelope.high_kw, base)
        if over.size and not over.max() <= TOLERANCE_KW:
            raise InvariantError(
                f"{envelope.moment}: area {int(over.argmax())} is dispatched "
                f"{over.max():g} kW beyond its envelope"
            )

    def _make_record(
        self, cleared_kw: FloatArray, envelope: Envelope, sums_kw: FloatArray
    ) -> AggregatorRecord:
        assert self._open is not None
        orders = self._open.orders
        return AggregatorRecord(
            np.array([order.base_kw for order in orders]),
            np.array([order.top_kw for order in orders]),
            self._open.plan_kw,
            envelope.low_kw,
            envelope.high_kw,
            cleared_kw,
            sums_kw,
            self.schedule_kw.get(envelope.moment.step, float("nan")),
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
