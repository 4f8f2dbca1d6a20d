"""Stage 2: which envelopes keep every transformer secure, whatever happens inside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import (
    TOLERANCE_KW,
    Room,
    check_room,
    share_headroom,
)
from mosaik_bottomup.coordination.least_cost import Found, least_cost
from mosaik_bottomup.coordination.proportional import proportional
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.veto import (
    activated_kw,
    vetoes,
    without_activations,
)
from mosaik_bottomup.messages import AreaOffer

type Allocation = Literal["least-cost", "proportional"]


@dataclass(frozen=True, slots=True, eq=False)
class Secured:
    """What the DSO grants ``g`` aggregators in ``a`` areas."""

    low_kw: FloatArray
    """Shape ``(g, a)``."""
    high_kw: FloatArray
    """Shape ``(g, a)``."""
    price_dkk_per_kwh: FloatArray
    """Congestion price if nothing were activated, shape ``(a,)``: positive where import
    is scarce, negative where export is; that of all limits above an area is in it."""
    overload_kw: FloatArray
    """What must-run exceeds the limit by, import or export, shape ``(a,)``."""
    shared_overload_kw: FloatArray
    """The same of the limits that areas share, shape ``(m,)``."""
    vetoed_kw: FloatArray
    """Part of each portfolio's activations that is not granted, shape ``(g,)``."""
    area_vetoed_kw: FloatArray
    """Part of each area's activations that is not granted, shape ``(g, a)``."""
    plain_low_kw: FloatArray
    """What would be granted if nothing were activated, shape ``(g, a)``."""
    plain_high_kw: FloatArray
    """Shape ``(g, a)``."""


def secure(
    offers: Sequence[AreaOffer],
    room: Room,
    imbalance: Imbalance,
    allocation: Allocation,
    step_h: float,
    solver: Solver,
) -> Secured:
    r"""Grant envelopes any response inside which respects the limits.

    If the plans fit they stand. Else, by ``allocation``,

    *least-cost*:

    .. math::
        \min M \sum_a (s^+_a + s^-_a) + \sum_{ga} F_{ga}(x_{ga})
            + \sum_g h (\pi^+ \delta^+_g + \pi^- \delta^-_g)
        \quad\text{s.t.}\quad
        -C^-_a - s^-_a \le U_a + \sum_g x_{ga} \le C^+_a + s^+_a, \quad
        \sum_a x_{ga} = S_g + \delta^+_g - \delta^-_g

    *proportional*: the same share :math:`\varphi_a` of everybody's flexible range
    above its must-run, as near to the plans as the limits allow (the point of E. Kalai
    and M. Smorodinsky, doi:10.2307/1914280), in every area whose plans do not fit:

    .. math::
        \min M \sum_a (s^+_a + s^-_a) + \sum_a |\varphi_a - \varphi^{plan}_a|
        \quad\text{s.t.}\quad
        x_{ga} = P^{min}_{ga} + \varphi_a (P^{max}_{ga} - P^{min}_{ga})

    Then all remaining headroom is shared out in proportion to what each could still
    use, so that :math:`\sum_g hi_{ga} + U_a \le C^+_a` and
    :math:`\sum_g lo_{ga} + U_a \ge -C^-_a` wherever :math:`s = 0`. Limits that areas
    share are kept alike, with sums over the areas behind them.

    Activations are part of the targets and plans. Being short of one costs an
    aggregator the price of a shortfall, so that *least-cost* gives up as
    little of it as possible, and moves it to whichever area has room; but it pushes
    nobody further off a schedule, or another activation, than without it. What the
    envelopes then hold of no plan is vetoed (see `mosaik_bottomup.coordination.veto`).
    The congestion price is that of the limits alone, without any activation: what an
    order is worth to whoever gave it is not what the network is.

    Raises
    ------
    ValueError
        If powers or limits are not numbers, or no power is within the limits.
    StageError
        If there is no optimum.
    """
    base = np.stack([offer.base_kw for offer in offers])
    top = base + np.stack([offer.flexible_kw for offer in offers])
    without = without_activations(offers)
    how = base, top, room, imbalance, allocation, step_h, solver
    unbound = np.full((len(offers), 2), np.inf)
    planned = found = _point(without, unbound, *how)
    plain = low, high = share_headroom(planned.point_kw, base, top, room)
    if any(offer.activation_kw is not None for offer in offers):
        # as far off as if nothing of its activations were delivered
        off = np.array([activated_kw(offer) for offer in offers])
        most = _off_kw(without, planned.point_kw) + np.maximum([-off, off], 0).T
        found = _point(offers, most, *how)
        low, high = share_headroom(found.point_kw, base, top, room)
    plan = np.clip(np.stack([offer.plan_kw for offer in offers]), base, top)
    return Secured(
        low,
        high,
        planned.price_dkk_per_kwh,
        found.overload_kw,
        found.shared_overload_kw,
        *vetoes(offers, plan, low, high),
        *plain,
    )


def _point(
    offers: Sequence[AreaOffer],
    most_off_kw: FloatArray,
    base_kw: FloatArray,
    top_kw: FloatArray,
    room: Room,
    imbalance: Imbalance,
    allocation: Allocation,
    step_h: float,
    solver: Solver,
) -> Found:
    """Return secure powers, within what is offered, and what the limits are worth."""
    plan = np.clip(np.stack([offer.plan_kw for offer in offers]), base_kw, top_kw)
    check_room(room, plan.sum(axis=0))
    own, shared = room.broken_by(plan.sum(axis=0))
    if not own.any() and not shared.any():
        return Found(
            plan, np.zeros(own.size), np.zeros(own.size), np.zeros(shared.size)
        )
    if allocation == "proportional":
        found = proportional(offers, base_kw, top_kw, plan, room, step_h, solver)
    else:
        found = least_cost(
            offers, base_kw, room, imbalance, step_h, solver, most_off_kw
        )
    return replace(found, point_kw=np.clip(found.point_kw, base_kw, top_kw))


def _off_kw(offers: Sequence[AreaOffer], point_kw: FloatArray) -> FloatArray:
    """Return how far above and below its target each aggregator is, ``(g, 2)``."""
    targets = np.array([np.nan if (t := it.target_kw) is None else t for it in offers])
    above = np.nan_to_num(point_kw.sum(axis=1) - targets)
    off: FloatArray = np.maximum([above, -above], 0).T + TOLERANCE_KW
    return off
