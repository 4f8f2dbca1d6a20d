"""An aggregator in the negotiation: what it tells the DSO, and then its sites."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.activation import (
    activated_power,
    refuse_unless,
    vetoed_kw,
)
from mosaik_bottomup.coordination.causes import Causes, causes, split
from mosaik_bottomup.coordination.clearing import (
    TOLERANCE_KW,
    AggregatorRules,
    Clearing,
    join,
    open_clearing,
)
from mosaik_bottomup.coordination.intraday import Position
from mosaik_bottomup.coordination.operator import open_envelope
from mosaik_bottomup.coordination.site_cap import cap_sites
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    Activation,
    AreaOffer,
    BidBook,
    CongestionPrices,
    Dispatch,
    Envelope,
    StoreOffer,
    StoreReport,
)


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
    causes: Causes


@dataclass(slots=True, eq=False)
class Aggregator:
    """One aggregator: its rules, its schedule and where it is in the negotiation."""

    CARRIES: ClassVar[tuple[str, ...]] = ("position", "activations")
    """From one real step into the next."""
    rules: AggregatorRules
    solver: Solver
    position: Position = field(default_factory=Position)
    """What was sold and traded for each step."""
    activations: list[Activation] = field(default_factory=list)
    """What the transmission system operator has ordered so far."""
    record: AggregatorRecord | None = None
    """The last real step."""
    _rehearsed_kw: dict[int, dict[int, float]] = field(default_factory=dict)
    _open: Clearing | None = None
    """Between the bids of a step and its dispatch."""

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
        if opened.target_kw is not None:
            opened.target_kw -= vetoed_kw(said)
        if said.site_cap_kw is not None:
            capped = self._clearing(
                cap_sites(opened.book, said.site_cap_kw), opened.sizes
            )
            told = self._dispatch(capped, capped.plan_kw, said)
            assert self.record is not None
            self.record.plan_kw = opened.plan_kw
            return told
        return self._dispatch(opened, opened.within(said.low_kw, said.high_kw), said)

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
        opened = self._clearing(
            book, {name: it.area.size for name, it in books.items()}
        )
        if not self.rules.asks_dso:
            last = book.moment.last and book.moment.rehearsal is not None
            commit = book.moment.rehearsal if last else None
            free = open_envelope(self.rules.areas, book.moment, commit=commit)
            return self._dispatch(opened, opened.plan_kw, free)
        self._open = opened
        return AreaOffer(
            plan_kw=opened.plan_kw,
            base_kw=opened.base_kw,
            slopes_dkk_per_kwh=[slope for slope, _ in opened.curves],
            widths_kw=[width for _, width in opened.curves],
            target_kw=opened.target_kw,
            reactive_max_kvar=opened.area_sums(np.maximum(book.reactive_kvar, 0)),
            moment=book.moment,
            activation_kw=None if (now := opened.activated) is None else now.whole_kw,
            area_activation_kw=None if now is None else now.by_area_kw,
            plain_plan_kw=None if (it := opened.plain) is None else it.plan_kw,
        )

    def _clearing(self, book: BidBook, sizes: dict[str, int]) -> Clearing:
        """Return a book's plan, for the schedule and the activations that run."""
        rules, moment, target = self.rules, book.moment, None
        if rules.follows_schedule:  # a rehearsal is free where nothing is sold
            target = self.position.schedule_kw.get(moment.step)
        plain = open_clearing(rules, self.solver, book, sizes, target)
        if target is None or moment.rehearsal is not None:
            return plain
        activated = activated_power(self.activations, moment.step, rules.areas)
        return plain if activated is None else plain.with_activations(activated)

    def _dispatch(
        self, opened: Clearing, cleared_kw: FloatArray, envelope: Envelope
    ) -> dict[str, Dispatch]:
        moment = envelope.moment
        power = opened.powers_kw(cleared_kw, envelope.low_kw, envelope.high_kw)
        sums = opened.area_sums(power)
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
                _causes(opened, cleared_kw, power, envelope),
            )
        return {
            name: Dispatch(part, envelope.again, envelope.commit, moment)
            for name, part in split(power, opened.sizes).items()
        }


def _causes(
    opened: Clearing, cleared_kw: FloatArray, told_kw: FloatArray, envelope: Envelope
) -> Causes:
    """Return what the DSO's limits moved, and what activations did."""
    plain, secured_kw = opened.plain or opened, told_kw
    if envelope.plain_low_kw is not None and envelope.plain_high_kw is not None:
        low, high = envelope.plain_low_kw, envelope.plain_high_kw
        cleared_kw = plain.within(low, high)
        secured_kw = plain.powers_kw(cleared_kw, low, high)
    stands = cleared_kw is plain.plan_kw  # and has moved nobody
    planned_kw = secured_kw if stands else plain.planned_kw()
    powers = planned_kw, secured_kw, told_kw
    meant = opened.plan_kw - plain.plan_kw
    return causes(opened.book, opened.sizes, powers, meant, envelope)


def _check_envelope(
    sums_kw: FloatArray, base_kw: FloatArray, envelope: Envelope
) -> None:
    over = sums_kw - np.maximum(envelope.high_kw, base_kw)
    if not (over <= TOLERANCE_KW).all():
        raise InvariantError(
            f"{envelope.moment}: area {int(over.argmax())} is dispatched "
            f"{over.max():g} kW beyond its envelope"
        )
