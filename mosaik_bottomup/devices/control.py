"""Sites under another control than their own plan: it chooses what they offer.

Physics, comfort and records stay those of the sites; only the bids are another's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.messages import BidBook, Moment, StoreReport

type OwnSites = HeatPumpSites | PvBatterySites
type Offer = Callable[[OwnSites, Any, Any, Outlook, Moment], BidBook]
"""``offer(sites, state, plan, now, moment)``: what the control puts on the table."""


@dataclass(slots=True, eq=False)
class ControlledSites:
    """Sites of one kind and who controls them."""

    sites: OwnSites
    offer: Offer
    plans: bool
    """Whether the control needs the sites' own plan."""
    kind: str = field(init=False)
    rules: PlanningRules = field(init=False)

    def __post_init__(self) -> None:
        self.kind, self.rules = self.sites.kind, self.sites.rules

    def start(self, ambient_c: float) -> Any:
        """Return the sites' own state of rest."""
        return self.sites.start(ambient_c)

    def plan(self, first: int, outlook: Outlook, surcharge: FloatArray) -> Any:
        """Return the sites' own plan, or None where nobody needs it."""
        return self.sites.plan(first, outlook, surcharge) if self.plans else None

    def bids(self, state: Any, plan: Any, now: Outlook, moment: Moment) -> BidBook:
        """Return what the control puts on the table."""
        return self.offer(self.sites, state, plan, now, moment)

    def apply(
        self, state: Any, now: Outlook, power_kw: FloatArray
    ) -> tuple[Any, dict[str, FloatArray]]:
        """Run a step as the sites do."""
        return self.sites.apply(state, now, power_kw)

    def foresee(self, state: Any, now: Outlook, power_kw: FloatArray) -> Any:
        """Return what the sites themselves foresee."""
        return self.sites.foresee(state, now, power_kw)

    def store(
        self, state: Any, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return the fleet as one store, as the sites do."""
        return self.sites.store(state, outlook, areas, moment)


def only_option(sites: OwnSites, power_kw: FloatArray, moment: Moment) -> BidBook:
    """Return the bids of sites that leave no choice."""
    n = power_kw.size
    return BidBook(
        sites.fleet.area,
        power_kw[:, None],
        np.zeros((n, 1)),
        np.zeros((n, 0), dtype=np.bool_),
        sites.reactive_kvar(np.maximum(power_kw, 0)),
        moment,
    )
