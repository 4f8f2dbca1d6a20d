"""When a fleet reports, plans, bids and acts in the negotiation.

One real step goes: (report, prices, plan) when a plan is due, then bids, then dispatch.
A rehearsal is the same on a shadow of the state: the steps ahead are gone through on
forecasts before the first of them is real.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.bids import TOLERANCE_KW, cost_at_dkk
from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    INDIFFERENCE_DKK_PER_KWH,
    BidBook,
    CongestionPrices,
    Dispatch,
    Moment,
    StoreReport,
)


class Sites(Protocol):
    """What a fleet of one kind can do; the state and the plan are its own affair."""

    kind: str
    rules: PlanningRules

    def start(self, ambient_c: float) -> Any:
        """Return a state of rest."""

    def plan(self, first: int, outlook: Outlook, surcharge: FloatArray) -> Any:
        """Return a plan over the outlook."""

    def bids(self, state: Any, plan: Any, now: Outlook, moment: Moment) -> BidBook:
        """Return the options of a step."""

    def apply(
        self, state: Any, now: Outlook, power_kw: FloatArray
    ) -> tuple[Any, dict[str, FloatArray]]:
        """Return the next state and what to record."""

    def foresee(self, state: Any, now: Outlook, power_kw: FloatArray) -> Any:
        """Return the next state as the sites believe it to come."""

    def store(
        self, state: Any, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return the fleet as one store per area."""


class FleetAgent:
    """One fleet, its state and its part in the negotiation.

    Parameters
    ----------
    sites
        The homes.
    calendar
        Of the run.
    areas
        How many there are.
    forecast
        ``forecast(made_at, step, steps)``: what is known in step ``made_at`` of the
        steps from ``step`` on.
    reports
        Whether it takes part in the look-ahead.
    pays_surcharge
        Whether the congestion price of a step is on its own bids too: nobody else sees
        to the limits then.
    """

    CARRIES: ClassVar[tuple[str, ...]] = ("_state", "_plan", "_planned", "_surcharge")
    """From one real step into the next."""

    def __init__(
        self,
        sites: Sites,
        calendar: Calendar,
        areas: int,
        forecast: Callable[[int, int, int], Outlook],
        *,
        reports: bool,
        pays_surcharge: bool = False,
    ) -> None:
        self.sites = sites
        self._calendar = calendar
        self._areas = areas
        self._forecast = forecast
        self._reports = reports
        self._pays_surcharge = pays_surcharge
        self._surcharge: tuple[int, FloatArray] = 0, np.zeros((areas, 1))
        """What was added to prices when the plan was made, ``(a, t)``, and when."""
        self._state: Any = None
        self._shadow: Any = None
        self._plan: Any = None
        self._planned: Moment | None = None
        """What the plan was made for."""
        self._now: Outlook | None = None
        self._real: Outlook | None = None
        self._real_step = 0
        self._asked: Moment | None = None
        """What it reported its stores for and has no prices yet."""
        self._book: BidBook | None = None
        """Its bids, until they are answered."""
        self.record: dict[str, FloatArray] = {}

    def start(self, state: Any) -> None:
        """Begin the run in a state of the sites, such as another's after warm-up."""
        self._state = state

    def warm_up(self, steps: int) -> None:
        """Live through the ``steps`` before the run, each site at its own cheapest."""
        first = self._forecast(-steps, -steps, self._calendar.horizon_steps)
        self._state = self.sites.start(float(first.ambient_c.mean()))
        for step in range(-steps, 0):
            moment = Moment(step)
            if self._calendar.plans_at(step) or self._plan is None:
                self._make_plan(moment, np.zeros((self._areas, 1)))
            now = self._forecast(step, step, 1)
            book = self.sites.bids(self._state, self._plan, now, moment)
            self._state, _ = self.sites.apply(
                self._state, now, cheapest_kw(book, self.sites.rules.step_h)
            )

    @property
    def state(self) -> Any:
        """State at the start of the next real step."""
        return self._state

    def planned_as(self, later: "FleetAgent") -> "FleetAgent":
        """Return a copy in the state of now, with the plan it has made later.

        The step that plan was made for is opened with bids: its plan, and its day's
        rehearsal, have been.
        """
        agent = copy(self)
        agent._plan, agent._planned = later._plan, later._planned
        agent._surcharge = later._surcharge
        return agent

    def knowing(
        self, forecast: Callable[[int, int, int], Outlook], calendar: Calendar
    ) -> "FleetAgent":
        """Return a copy that foresees by another forecast and keeps another diary."""
        agent = copy(self)
        agent._forecast, agent._calendar = forecast, calendar
        return agent

    @property
    def forecast(self) -> Callable[[int, int, int], Outlook]:
        """``forecast(made_at, step, steps)``: what it knows then of later steps."""
        return self._forecast

    def begin(self, step: int, now: Outlook) -> StoreReport | BidBook:
        """Open real step ``step``; return the first thing to say."""
        self._real, self._real_step = now, step
        if self._calendar.rehearses_at(step) and self._planned != Moment(step):
            return self._rehearse(0)
        return self._open(Moment(step))

    def answer(
        self, message: CongestionPrices | Dispatch
    ) -> StoreReport | BidBook | None:
        """Return what to say next, or None when the real step is done."""
        if isinstance(message, CongestionPrices):
            self._check_asked(message)
            self._make_plan(message.moment, message.ahead_dkk_per_kwh)
            self._planned = message.moment
            return self._bid(message.moment)
        now, book = self._check_obedience(message)
        moment = message.moment
        self._book = None
        if moment.rehearsal is None:
            power_kw = message.power_kw
            self._state, record = self.sites.apply(self._state, now, power_kw)
            offer = book.power_kw
            self.record = record | {
                "setpoint_kw": message.power_kw,
                "offer_low_kw": offer[:, 0],
                "offer_high_kw": offer[:, -1],
                "off_offer_kw": distance_kw(book, message.power_kw),
                "forgone_dkk": forgone_dkk(book, message.power_kw),
            }
            return None
        self._shadow = self.sites.foresee(self._shadow, now, message.power_kw)
        if not moment.last:
            return self._open(self._moment(moment.step + 1, moment.rehearsal))
        if message.again:
            return self._rehearse(moment.rehearsal + 1)
        return self._open(Moment(self._real_step))

    def _rehearse(self, rehearsal: int) -> StoreReport | BidBook:
        self._shadow = self._state
        return self._open(self._moment(self._real_step, rehearsal))

    def _moment(self, step: int, rehearsal: int | None) -> Moment:
        last = step + 1 == self._calendar.rehearsed_until(self._real_step)
        return Moment(step, rehearsal, last, self._real_step)

    def _open(self, moment: Moment) -> StoreReport | BidBook:
        if moment.rehearsal is None:
            self._now = self._real
        else:
            self._now = self._forecast(moment.now, moment.step, 1)
        if not self._calendar.plans_at(moment.step) or moment == self._planned:
            return self._bid(moment)
        if not self._reports:
            self._make_plan(moment, np.zeros((self._areas, 1)))
            self._planned = moment
            return self._bid(moment)
        steps = self._calendar.horizon_steps
        outlook = self._forecast(moment.now, moment.step, steps)
        self._asked = moment
        return self.sites.store(self._current(moment), outlook, self._areas, moment)

    def _make_plan(self, moment: Moment, surcharge: FloatArray) -> None:
        step, steps = moment.step, self._calendar.horizon_steps
        surcharge = np.broadcast_to(surcharge, (self._areas, steps))
        outlook = self._forecast(moment.now, step, steps)
        self._surcharge = step, surcharge
        self._plan = None  # two plans of a large fleet are more than need be in memory
        self._plan = self.sites.plan(step, outlook, surcharge)

    def _bid(self, moment: Moment) -> BidBook:
        if self._now is None:
            raise InvariantError("bids were asked for before a step began")
        state = self._current(moment)
        book = self.sites.bids(state, self._plan, self._now, moment)
        if self._pays_surcharge:
            book = self._surcharged(book)
        self._book = book
        return book

    def _surcharged(self, book: BidBook) -> BidBook:
        made, surcharge = self._surcharge
        now = surcharge[book.area, book.moment.step - made]
        more_dkk = self.sites.rules.step_h * now[:, None] * book.power_kw
        return replace(book, cost_dkk=book.cost_dkk + more_dkk)

    def _current(self, moment: Moment) -> Any:
        return self._state if moment.rehearsal is None else self._shadow

    def _check_asked(self, message: CongestionPrices) -> None:
        if message.moment != self._asked:
            raise InvariantError(f"{message.moment}: prices do not answer the report")
        self._asked = None

    def _check_obedience(self, message: Dispatch) -> tuple[Outlook, BidBook]:
        """Return what was known and bid, if the dispatch is within it."""
        now, book, moment = self._now, self._book, message.moment
        if now is None or book is None or moment != book.moment:
            raise InvariantError(f"{moment}: dispatch does not answer the bids")
        if message.power_kw.shape != book.area.shape:
            raise InvariantError(
                f"{moment}: {message.power_kw.size} set-points for {book.area.size} "
                f"sites of {self.sites.kind}"
            )
        away = distance_kw(book, message.power_kw)
        if away.size and not away.max() <= TOLERANCE_KW:
            raise InvariantError(
                f"{moment}: site {int(away.argmax())} of {self.sites.kind} got "
                f"{away.max():g} kW beside what it offered"
            )
        return now, book


def cheapest_kw(book: BidBook, step_h: float) -> FloatArray:
    """Return the power of each site's own cheapest option.

    Of options that cost the same within the indifference, it is the one of the highest
    power: what has to be bought anyway is bought sooner.
    """
    rows = np.arange(book.area.size)
    best = book.cost_dkk.argmin(axis=1)
    more_kwh = step_h * (book.power_kw - book.power_kw[rows, best][:, None])
    more_dkk = book.cost_dkk - book.cost_dkk[rows, best][:, None]
    equal = (more_kwh >= 0) & (more_dkk <= INDIFFERENCE_DKK_PER_KWH * more_kwh)
    last = equal.shape[1] - 1 - equal[:, ::-1].argmax(axis=1)
    cheapest: FloatArray = book.power_kw[rows, last]
    return cheapest


def distance_kw(book: BidBook, power_kw: FloatArray) -> FloatArray:
    """Return how far each power is from what was offered, shape ``(n,)``."""
    away = np.abs(book.power_kw - power_kw[:, None]).min(axis=1)
    low, high = book.power_kw[:, :-1], book.power_kw[:, 1:]
    between = (power_kw[:, None] >= low) & (power_kw[:, None] <= high) & book.divisible
    distance: FloatArray = np.where(between.any(axis=1), 0.0, away)
    return distance


def forgone_dkk(book: BidBook, power_kw: FloatArray) -> FloatArray:
    """Return what each site gives up against its own cheapest option, shape ``(n,)``.

    By its own bid, the future included; 0 where it gets that one. Cheapest is what
    costs least, not what `cheapest_kw` would do for being indifferent.
    """
    more_dkk: FloatArray = cost_at_dkk(book, power_kw) - book.cost_dkk.min(axis=1)
    return more_dkk
