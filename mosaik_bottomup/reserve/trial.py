"""Call an activation on a copy of the parties, and see what comes of it.

It is ordered as the transmission system operator would order it: the aggregators hear
it when its first step begins, and the DSO may veto it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.rehearsal import OVERLOAD_KW
from mosaik_bottomup.messages import Activation
from mosaik_bottomup.reserve.products import MFRR
from mosaik_bottomup.reserve.walk import Walk

DELIVERED_SHARE = 0.02
"""How far delivery may be from what was ordered, as part of it."""
TOLERANCE_KW = 1e-3  # forgives what solvers round

type Called = Mapping[str, float]
"""Power beside the schedule by aggregator, kW; consumption positive, so that upward
regulation is negative."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What ``t`` steps came to: those of the block, and those of the rebound."""

    ordered_kw: FloatArray
    """Beside the schedule, of ``g`` aggregators in the block's steps, ``(g, b)``."""
    delivered_kw: FloatArray
    """Beside the schedule, ``(g, t)``."""
    low_kw: FloatArray
    """Least the bids would have allowed beside the schedule, ``(g, t)``."""
    high_kw: FloatArray
    """Most of it, ``(g, t)``."""
    overload_kw: FloatArray
    """What must-run exceeds the limits by, ``(a, t)``."""
    load_kw: FloatArray
    """Uncontrolled and flexible load of each area, ``(a, t)``."""
    room_kw: FloatArray
    """What is left below the import limit where uncontrolled load is as the DSO
    foresees it, ``(a, t)``; negative is overload."""
    homes_kw: FloatArray
    """Net active power of each home, ``(homes, t)``."""
    homes_kvar: FloatArray
    """Reactive power of each home, ``(homes, t)``."""

    @property
    def off_kw(self) -> FloatArray:
        """How far those who were called are from the order, together, ``(b,)``.

        What solvers round is forgiven. Who was not called answers for nothing here.
        """
        block = self.ordered_kw.shape[1]
        away = np.abs(self.delivered_kw[:, :block] - self.ordered_kw)
        off = np.where(self.ordered_kw != 0, away, 0.0).sum(axis=0)
        beyond: FloatArray = np.maximum(off - TOLERANCE_KW, 0.0)
        return beyond

    @property
    def is_delivered(self) -> bool:
        """Whether in every step of the block it is as ordered, within 2 %."""
        allowed = DELIVERED_SHARE * np.abs(self.ordered_kw).sum(axis=0)
        return bool((self.off_kw <= allowed).all())

    @property
    def is_secure(self) -> bool:
        """Whether no area is overloaded, in the block or by the rebound after it."""
        overloaded = np.maximum(self.overload_kw, -self.room_kw)
        return bool((overloaded <= OVERLOAD_KW).all())


def call(walk: Walk, called: Called, block: int, after: int = 0) -> Trial:
    """Order an activation of a copy, and let the copy run on.

    The homes' comfort needs no look: what would cost it is not among the bids.

    Parameters
    ----------
    walk
        Where the block begins; nothing but its plan is made.
    called
        By aggregator, in full from the first step on; who is not named follows the
        schedule.
    block
        Steps of the activation.
    after
        Steps run after it, in which the rebound comes; fewer if the run ends before.
    """
    walk.open()
    copied = walk.fork()
    parties, first = copied.parties, walk.step
    names = sorted(parties.aggregators)
    wanted = np.array([called.get(name, 0.0) for name in names])
    for name, power_kw in zip(names, wanted.tolist(), strict=True):
        if power_kw:
            order = Activation(
                f"called in step {first}",
                MFRR.name,
                None,
                power_kw,
                start=first,
                ramp_steps=0.0,
                end=first + block,
            )
            parties.aggregators[name].hear_activation(order, first)
    last = min(first + block + after, walk.case.scenario.run.steps)
    rows: list[dict[str, FloatArray]] = []
    while copied.step < last:
        copied.advance()
        rows.append(_row(copied, names))
    table = {key: np.stack([row[key] for row in rows], axis=1) for key in rows[0]}
    return Trial(np.repeat(wanted[:, None], block, axis=1), **table)


def _row(walk: Walk, names: list[str]) -> dict[str, FloatArray]:
    """Return what the step just negotiated came to."""
    case, parties = walk.case, walk.parties
    records = [parties.aggregators[name].record for name in names]
    known = [record for record in records if record is not None]
    schedule = np.array([it.schedule_kw for it in known])
    network, dso = case.network, parties.dso.record
    at = case.scenario.run.warm_up_steps + walk.step - 1
    homes_kw = case.uncontrolled_kw[:, at].copy()
    power_factor = case.scenario.grid.household_power_factor
    homes_kvar = homes_kw * np.tan(np.arccos(power_factor))
    for fleet in case.fleets:
        power = parties.fleets[fleet.name].record["power_kw"]
        homes_kw[fleet.sites.fleet.home] += power
        homes_kvar[fleet.sites.fleet.home] += fleet.sites.reactive_kvar(power)
    load = np.bincount(network.home_area, homes_kw, len(network.areas))
    expected = dso["uncontrolled_forecast_kw"] + sum(it.dispatched_kw for it in known)
    return {
        "delivered_kw": np.array([it.dispatched_kw.sum() for it in known]) - schedule,
        "low_kw": np.array([it.offer_low_kw.sum() for it in known]) - schedule,
        "high_kw": np.array([it.offer_high_kw.sum() for it in known]) - schedule,
        "overload_kw": dso["forecast_overload_kw"],
        "load_kw": load,
        "room_kw": dso["import_limit_kw"] - expected,
        "homes_kw": homes_kw,
        "homes_kvar": homes_kvar,
    }
