"""What was ordered of aggregators, what of it came, and what came back after it.

Results say per step and aggregator what all its orders together ask for. An
*activation* is here a row of steps with an order, without a break. Arrays are
(aggregator, time); powers are signed as ordered, consumption positive.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics.loading import (
    PERCENT,
    REBOUND_WINDOW_H,
    loading_limit_percent,
)
from mosaik_bottomup.results import Results


@dataclass(frozen=True, slots=True)
class Activated:
    """One activation, as it went."""

    aggregator: str
    first: int
    """Step in which it began."""
    steps: int
    ordered_kwh: float
    vetoed_kwh: float
    delivered_kwh: float
    """Against the schedule."""
    error_kwh: float
    """Sum over the steps of ``h · |ordered - vetoed - delivered|``."""
    rebound_ratio: float | None
    """Highest loading over its limit in the 6 h after it, of all areas; None where the
    run ends with it."""

    @property
    def delivered_percent(self) -> float:
        """Delivered energy in percent of that ordered."""
        return PERCENT * self.delivered_kwh / self.ordered_kwh

    @property
    def error_percent(self) -> float:
        """What was neither vetoed nor delivered, in percent of that ordered."""
        return PERCENT * self.error_kwh / abs(self.ordered_kwh)


def granted_kw(results: Results) -> FloatArray:
    """Return what is to be delivered on top of the schedule: ordered less vetoed.

    0 in a file of a version that knew no activations.
    """
    if not results.holds("aggregators", "activation_ordered_kw"):
        return np.zeros((1, 1))
    granted: FloatArray = results.series(
        "aggregators", "activation_ordered_kw"
    ) - results.series("aggregators", "activation_vetoed_kw")
    return granted


def activated(results: Results) -> list[Activated]:
    """Return all activations of a run, by time and then aggregator."""
    if not results.holds("aggregators", "activation_ordered_kw"):
        return []
    ordered, vetoed, delivered = (
        results.series("aggregators", f"activation_{part}_kw")
        for part in ("ordered", "vetoed", "delivered")
    )
    missed = np.abs(ordered - vetoed - delivered)
    loading_percent = results.series("transformers", "loading")
    ratio = (loading_percent / loading_limit_percent(results)[:, None]).max(axis=0)
    window, step_h = round(REBOUND_WINDOW_H / results.step_h), results.step_h
    found = []
    for row, name in enumerate(results.entities.get("aggregators", ())):
        runs = np.diff((ordered[row] != 0).astype(int), prepend=0, append=0)
        for first, end in zip(
            np.flatnonzero(runs > 0), np.flatnonzero(runs < 0), strict=True
        ):
            part = slice(first, end)
            after = ratio[end : end + window]
            found.append(
                Activated(
                    name,
                    int(first),
                    int(end - first),
                    float(ordered[row, part].sum() * step_h),
                    float(vetoed[row, part].sum() * step_h),
                    float(delivered[row, part].sum() * step_h),
                    float(missed[row, part].sum() * step_h),
                    float(after.max()) if after.size else None,
                )
            )
    return sorted(found, key=lambda at: (at.first, at.aggregator))
