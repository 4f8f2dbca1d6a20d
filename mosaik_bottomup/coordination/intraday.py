r"""Intraday: what an aggregator has sold, and how it is put right before delivery.

What a rehearsal finds for steps that are unsold is sold day-ahead where their gate
closes; a trade that looks beyond what is sold leaves them. What it finds for steps that
are sold, and can still be traded, is traded: the aggregator buys or sells the
difference, and the schedule of those steps becomes what was rehearsed. To make a trade
worth it, the rehearsal clears these steps with the cost of a trade (the spread paid
beside the day-ahead price) in the place of the imbalance price:

.. math::
    \min \sum_a F_{a}(P_{a}) + h c\, |\Delta|
    \quad\text{s.t.}\quad \sum_a P_{a} = S + \Delta

Nothing nearer than the gate closure of the intraday market is ever changed. Since the
DSO secures what is rehearsed, the new schedule is as secure as its forecasts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.messages import Moment

ROUNDING_KW = 1e-6
"""A difference smaller than this is a solver's rounding, and nobody trades it."""


@dataclass(frozen=True, slots=True)
class IntradayMarket:
    """When schedules are sold and traded, and what a trade costs."""

    calendar: Calendar
    cost_dkk_per_kwh: float
    """Spread paid per kWh traded, in either direction."""

    def deviation(self, moment: Moment, imbalance: Imbalance) -> Imbalance:
        """Return what a kWh beside the schedule costs: a trade, or an imbalance."""
        if moment.rehearsal is None:
            return imbalance
        if not self.calendar.tradable(moment.now, moment.step):
            return imbalance
        return Imbalance(self.cost_dkk_per_kwh, self.cost_dkk_per_kwh)

    def sells(self, moment: Moment) -> bool:
        """Return whether a rehearsal is to sell a day, and not only to trade."""
        return self.calendar.sells_at(moment.now)


@dataclass(slots=True, eq=False)
class Position:
    """What an aggregator has sold and traded, by step, in kW."""

    day_ahead_kw: dict[int, float] = field(default_factory=dict)
    """Sold day-ahead."""
    schedule_kw: dict[int, float] = field(default_factory=dict)
    """What is to be delivered: sold day-ahead, and what was traded since."""
    traded_kw: dict[int, float] = field(default_factory=dict)
    """Sum of the sizes of all trades of a step."""

    def close(
        self,
        market: IntradayMarket | None,
        made_at: int,
        rehearsed_kw: Mapping[int, float],
    ) -> None:
        """Sell and trade what was rehearsed.

        Parameters
        ----------
        market
            Says what is sold and can be traded; without one, all is sold and nothing
            traded.
        made_at
            The step in which it is sold and traded.
        rehearsed_kw
            Power by step.
        """
        for step, power_kw in rehearsed_kw.items():
            if step not in self.schedule_kw:
                if market is not None and not market.calendar.sellable(made_at, step):
                    continue
                self.day_ahead_kw[step] = self.schedule_kw[step] = power_kw
            elif market is not None and market.calendar.tradable(made_at, step):
                change_kw = power_kw - self.schedule_kw[step]
                if abs(change_kw) > ROUNDING_KW:
                    before_kw = self.traded_kw.get(step, 0.0)
                    self.traded_kw[step] = before_kw + abs(change_kw)
                    self.schedule_kw[step] = power_kw

    def of_step(self, step: int) -> tuple[float, float, float]:
        """Return schedule, day-ahead schedule and size of the trades of a step."""
        unsold = float("nan")
        return (
            self.schedule_kw.get(step, unsold),
            self.day_ahead_kw.get(step, unsold),
            self.traded_kw.get(step, 0.0),
        )
