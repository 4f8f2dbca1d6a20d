"""What the parties of each strategy do."""

from dataclasses import dataclass
from typing import Literal

from mosaik_bottomup.scenario import StrategyName


@dataclass(frozen=True, slots=True)
class Strategy:
    """What the parties of a strategy do."""

    control: Literal["plan", "thermostat", "packets", "told"]
    """What chooses a site's bids: its own plan by prices, a thermostat that knows none,
    random requests for packets, or a dispatch made beforehand."""
    follows_schedule: bool
    """Aggregators clear against what they sold; else each site does what it likes."""
    dso: Literal["absent", "envelopes", "site cap", "surcharge"]
    """How the DSO keeps the limits, if anybody asks it."""

    @property
    def asks_dso(self) -> bool:
        """Whether the DSO is asked before anything is dispatched."""
        return self.dso != "absent"

    @property
    def secured(self) -> bool:
        """Whether the DSO's limits bind everybody."""
        return self.dso == "envelopes"


STRATEGIES: dict[StrategyName, Strategy] = {
    "thermostat": Strategy("thermostat", False, "absent"),
    "price-only": Strategy("plan", False, "absent"),
    "stage-one": Strategy("plan", True, "absent"),
    "two-stage": Strategy("plan", True, "envelopes"),
    "static-cap": Strategy("plan", False, "site cap"),
    "packet": Strategy("packets", True, "envelopes"),
    "packet-unlimited": Strategy("packets", True, "absent"),
    "price-iteration": Strategy("plan", False, "surcharge"),
    "optimum": Strategy("told", False, "absent"),
}
