"""Call an activation on a copy of the parties, and see what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.rehearsal import OVERLOAD_KW
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.day_ahead import Parties
from mosaik_bottomup.reserve.walk import Walk

ACTIVATION_DKK_PER_KWH = 5.0
"""What failing an activation costs in stages 1 and 2: dearer than what homes ask for,
so that it is delivered, and cheaper than giving up PV, which is never offered."""
DELIVERED_SHARE = 0.02
"""How far delivery may be from what was ordered, as part of it."""
TOLERANCE_KW = 1e-3  # forgives what solvers round

type Activation = Mapping[str, float]
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
    def is_delivered(self) -> bool:
        """Whether every aggregator and step of the block is as ordered, within 2 %."""
        block = self.ordered_kw.shape[1]
        away = np.abs(self.delivered_kw[:, :block] - self.ordered_kw)
        allowed = DELIVERED_SHARE * np.abs(self.ordered_kw).sum(axis=0)
        return bool((away.sum(axis=0) <= allowed + TOLERANCE_KW).all())

    @property
    def is_secure(self) -> bool:
        """Whether no area is overloaded, in the block or by the rebound after it."""
        overloaded = np.maximum(self.overload_kw, -self.room_kw)
        return bool((overloaded <= OVERLOAD_KW).all())


def call(
    walk: Walk,
    activation: Activation,
    block: int,
    after: int = 0,
    *,
    foreseen: bool = False,
) -> Trial:
    """Put an activation on the schedules of a copy, and let the copy run on.

    After the block the aggregators owe no more than their schedule. The homes' comfort
    needs no look: what would cost it is not among the bids.

    Parameters
    ----------
    walk
        Where the block begins; nothing but its plan is made.
    activation
        By aggregator; who is not named follows the schedule.
    block
        Steps of the activation.
    after
        Steps run after it, in which the rebound comes; fewer if the run ends before.
    foreseen
        Whether what comes is as it is foreseen where the block begins, not as it will
        be: an offer is made before anybody knows.
    """
    walk.open()
    copied = walk.fork()
    if foreseen:
        copied.foreseen_at = walk.step
    parties, first = copied.parties, walk.step
    names = sorted(parties.aggregators)
    wanted = np.array([activation.get(name, 0.0) for name in names])
    last = min(first + block + after, walk.case.scenario.run.steps)
    rows: list[dict[str, FloatArray]] = []
    agreed = _imbalance(parties)
    while copied.step < last:
        step = copied.step
        active = step < first + block
        _owe(parties, _FIRM if active else agreed)
        schedule = np.zeros(len(names))
        for g, name in enumerate(names):
            sold = parties.aggregators[name].schedule_kw
            if active:
                sold[step] += float(wanted[g])
        copied.advance()
        for g, name in enumerate(names):
            record = parties.aggregators[name].record
            assert record is not None
            schedule[g] = record.schedule_kw - (wanted[g] if active else 0.0)
        rows.append(_row(copied, names, schedule))
    table = {key: np.stack([row[key] for row in rows], axis=1) for key in rows[0]}
    return Trial(np.repeat(wanted[:, None], block, axis=1), **table)


_FIRM = Imbalance(ACTIVATION_DKK_PER_KWH, ACTIVATION_DKK_PER_KWH)


def _imbalance(parties: Parties) -> Imbalance:
    return parties.dso.rules.imbalance


def _owe(parties: Parties, imbalance: Imbalance) -> None:
    """Set what a kWh beside the target costs, for both stages."""
    for aggregator in parties.aggregators.values():
        aggregator.rules = replace(aggregator.rules, imbalance=imbalance)
    parties.dso.rules = replace(parties.dso.rules, imbalance=imbalance)


def _row(
    walk: Walk, names: list[str], schedule_kw: FloatArray
) -> dict[str, FloatArray]:
    """Return what the step just negotiated came to."""
    case, parties = walk.case, walk.parties
    records = [parties.aggregators[name].record for name in names]
    known = [record for record in records if record is not None]
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
        "delivered_kw": np.array([it.dispatched_kw.sum() for it in known])
        - schedule_kw,
        "low_kw": np.array([it.offer_low_kw.sum() for it in known]) - schedule_kw,
        "high_kw": np.array([it.offer_high_kw.sum() for it in known]) - schedule_kw,
        "overload_kw": dso["forecast_overload_kw"],
        "load_kw": load,
        "room_kw": dso["import_limit_kw"] - expected,
        "homes_kw": homes_kw,
        "homes_kvar": homes_kvar,
    }
