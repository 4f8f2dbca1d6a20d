"""Parties of a case without mosaik, led through the run step by step."""

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup import parties as makers
from mosaik_bottomup.case import Case
from mosaik_bottomup.coordination.intraday import IntradayMarket
from mosaik_bottomup.coordination.system_operator import SystemOperator
from mosaik_bottomup.day_ahead import Parties, negotiate
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.grid.headroom import Headroom
from mosaik_bottomup.reserve.foresight import Foresight


@dataclass(slots=True, eq=False)
class Walk:
    """A case at the start of a real step."""

    case: Case
    parties: Parties
    step: int = 0
    """The next to be negotiated."""
    opened: bool = False
    """Whether its plan, and the rehearsal of its day, have been made."""
    foresight: Foresight | None = None
    """How all that comes is imagined; None where it is real."""

    @classmethod
    def begin(cls, case: Case, headroom: Headroom | None = None) -> "Walk":
        """Return a case at the start of its run.

        Parameters
        ----------
        case
            Of a strategy with schedules and envelopes.
        headroom
            The DSO's model of its transformers; fitted on power flows if left out.
            It is not corrected by measurements here.

        Raises
        ------
        ValueError
            If the strategy's DSO grants no envelopes.
        """
        known = makers.fit_headroom(case.network) if headroom is None else headroom
        exact = np.ones(len(case.network.areas))
        dso = makers.system_operator(case, known, lambda: exact)
        if not isinstance(dso, SystemOperator):
            strategy = case.scenario.run.strategy
            raise ValueError(f"strategy {strategy} has no envelopes to offer within")
        parties = Parties(
            {it.name: makers.fleet_agent(case, it) for it in case.fleets},
            {it.name: it.aggregator for it in case.fleets},
            {name: makers.aggregator(case.scenario) for name in case.aggregators},
            dso,
        )
        return cls(case, parties)

    def advance(self) -> None:
        """Negotiate the next step; it meets what the series say."""
        negotiate(self.parties, self.step, self._now())
        self.step, self.opened = self.step + 1, False

    def to(self, step: int) -> "Walk":
        """Negotiate every step before ``step``."""
        while self.step < step:
            self.advance()
        return self

    def open(self) -> None:
        """Make the plan of the next step, and sell its day, before it is negotiated.

        An activation changes neither; what is made once serves all copies.
        """
        if self.opened:
            return
        ahead = self.fork()
        ahead.advance()
        now, later = self.parties, ahead.parties
        fleets = {
            name: agent.planned_as(later.fleets[name])
            for name, agent in now.fleets.items()
        }
        self.parties = Parties(fleets, now.aggregator_of, later.aggregators, later.dso)
        self.opened = True

    def fork(self) -> "Walk":
        """Return a copy that can go its own way; states are never changed in place."""
        now = self.parties
        parties = Parties(
            {name: copy(agent) for name, agent in now.fleets.items()},
            now.aggregator_of,
            {name: deepcopy(it) for name, it in now.aggregators.items()},
            deepcopy(now.dso),
        )
        return Walk(self.case, parties, self.step, self.opened, self.foresight)

    def imagine(self, deviations: float, until: int) -> "Walk":
        """Return a copy in which all that comes is imagined from here on.

        Parameters
        ----------
        deviations
            How far it is off what is foreseen, see `Foresight`.
        until
            The last step in which a day's schedule is sold as ever. Nothing is traded:
            what is sold is what an offer is measured against.
        """
        foresight = Foresight(self.step, deviations)
        copied = self.fork()
        now, calendar = copied.parties, self.case.calendar.closing_after(until)
        market = IntradayMarket(calendar, self.case.scenario.intraday.cost_dkk_per_kwh)
        for aggregator in now.aggregators.values():
            aggregator.rules = replace(aggregator.rules, market=market)
        now.dso.rules = replace(now.dso.rules, market=market)
        now.dso.forecast = foresight.expected(now.dso.forecast)
        fleets = {
            name: agent.knowing(foresight.seen(agent.forecast), calendar)
            for name, agent in now.fleets.items()
        }
        copied.parties, copied.foresight = replace(now, fleets=fleets), foresight
        return copied

    def _now(self) -> Mapping[str, Outlook]:
        lead = self.case.scenario.run.warm_up_steps
        homes = {it.name: it.sites.fleet.home for it in self.case.fleets}
        if (seen := self.foresight) is not None:
            source = self.case.forecast
            return {
                name: seen.now(source, lead, self.step, there)
                for name, there in homes.items()
            }
        real = self.case.series.window(lead + self.step, 1)
        return {name: makers.outlook(real, there) for name, there in homes.items()}
