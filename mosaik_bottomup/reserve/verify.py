"""Call offers in every size on what really comes, and look at it by power flow."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.reserve.offers import Offer
from mosaik_bottomup.reserve.trial import DELIVERED_SHARE, Trial, call
from mosaik_bottomup.reserve.walk import Walk

CALLED_KW = (40.0, 80.0, 120.0)
CONGESTED_KW = 1.0
"""An hour is congested if an area comes so near to its limit without activation."""
PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Check:
    """What came of calling an offer."""

    step: int
    steps: int
    direction: str
    wanted_kw: float
    called_kw: float
    """As far as it was offered."""
    congested: bool
    """Whether the limit binds in the block without the activation."""
    off_percent: float
    """Farthest the portfolio is from what was called in any step of the block, as part
    of it."""
    overload_percent: float
    """Farthest a transformer is beyond its limit by power flow, in the block or the
    rebound; negative is what is left."""
    plain_overload_percent: float
    """The same had nothing been called."""

    @property
    def holds(self) -> bool:
        """Whether it was delivered within 2 % and overloaded nothing."""
        allowed = max(self.plain_overload_percent, 0.0)
        return (
            self.off_percent <= PERCENT * DELIVERED_SHARE
            and self.overload_percent <= allowed
        )


def checks(
    walk: Walk, offered: Iterable[Offer], flow: PowerFlow, after: int
) -> Iterator[Check]:
    """Yield what comes of calling each offer in every size, none beyond the offer.

    Parameters
    ----------
    walk
        In reality, at the first step of the offers' blocks.
    offered
        The offers.
    flow
        Of the network.
    after
        Steps of the rebound that are looked at.
    """
    plain: dict[int, Trial] = {}
    found: dict[tuple[int, float, str], tuple[Trial, float]] = {}
    for offer in offered:
        if offer.total_kw <= 0:
            continue
        steps = offer.steps
        if steps not in plain:
            plain[steps] = call(walk, {}, steps, after)
        uncalled = plain[steps]
        for wanted in CALLED_KW:
            called = min(wanted, offer.total_kw)
            key = steps, called, offer.direction
            if key not in found:
                trial = call(walk, offer.part(wanted), steps, after)
                found[key] = trial, overload_percent(walk, trial, flow)
            trial, overload = found[key]
            yield Check(
                offer.step,
                steps,
                offer.direction,
                wanted,
                called,
                bool(uncalled.room_kw[:, :steps].min() <= CONGESTED_KW),
                PERCENT * float(trial.off_kw.max()) / called,
                overload,
                overload_percent(walk, uncalled, flow),
            )


def overload_percent(walk: Walk, trial: Trial, flow: PowerFlow) -> float:
    """Return the highest loading beyond its limit, by power flow."""
    result = flow.solve_batch(trial.homes_kw, trial.homes_kvar)
    limit = np.array(walk.case.scenario.grid.loading_limit_percent)
    beyond = result.transformer_loading_percent - limit[:, None]
    return float(beyond.max())
