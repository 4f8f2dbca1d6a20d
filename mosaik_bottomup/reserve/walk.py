"""Parties of a case without mosaik, led through the run step by step."""

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup import parties as makers
from mosaik_bottomup.case import Case
from mosaik_bottomup.day_ahead import Parties, negotiate
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.grid.headroom import Headroom


@dataclass(slots=True, eq=False)
class Walk:
    """A case at the start of a real step."""

    case: Case
    parties: Parties
    step: int = 0
    """The next to be negotiated."""
    sold: bool = False
    """Whether the day that begins with it has been rehearsed and sold."""

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
        """
        known = makers.fit_headroom(case.network) if headroom is None else headroom
        exact = np.ones(len(case.network.areas))
        parties = Parties(
            {it.name: makers.fleet_agent(case, it) for it in case.fleets},
            {it.name: it.aggregator for it in case.fleets},
            {name: makers.aggregator(case.scenario) for name in case.aggregators},
            makers.system_operator(case, known, lambda: exact),
        )
        return cls(case, parties)

    def advance(self) -> None:
        """Negotiate the next step; it meets what the series say."""
        negotiate(self.parties, self.step, self._now(), rehearsed=self.sold)
        self.step, self.sold = self.step + 1, False

    def to(self, step: int) -> "Walk":
        """Negotiate every step before ``step``."""
        while self.step < step:
            self.advance()
        return self

    def sell(self) -> None:
        """Where a day begins, rehearse and sell it before its first step is real."""
        if self.sold or not self.case.calendar.rehearses_at(self.step):
            return
        ahead = self.fork()
        ahead.advance()
        later = ahead.parties
        now = self.parties
        self.parties = Parties(
            now.fleets, now.aggregator_of, later.aggregators, later.dso
        )
        self.sold = True

    def fork(self) -> "Walk":
        """Return a copy that can go its own way; states are never changed in place."""
        now = self.parties
        parties = Parties(
            {name: copy(agent) for name, agent in now.fleets.items()},
            now.aggregator_of,
            {name: deepcopy(it) for name, it in now.aggregators.items()},
            deepcopy(now.dso),
        )
        return Walk(self.case, parties, self.step, self.sold)

    def _now(self) -> Mapping[str, Outlook]:
        run, series = self.case.scenario.run, self.case.series
        at = run.warm_up_steps + self.step
        return {
            it.name: makers.outlook(series.window(at, 1), it.sites.fleet.home)
            for it in self.case.fleets
        }
