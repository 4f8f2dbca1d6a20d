"""Stage 2: which envelopes keep every transformer secure, whatever happens inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import SharedLimits
from mosaik_bottomup.coordination.solver import Solver, duals, solve, values
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.veto import (
    activated_kw,
    area_activation_kw,
    vetoes,
    without_activations,
)
from mosaik_bottomup.messages import AreaOffer

OVERLOAD_DKK_PER_KWH = 1e4
"""Least price of overload. It is raised above any bid, see `_overload_dkk_per_kwh`."""
DEARER_THAN_BIDS = 10.0
"""How many times the highest bid overload costs at least."""
TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded

type Allocation = Literal["least-cost", "proportional"]


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What the transformers leave to flexible sites in one step, each ``(a,)``."""

    uncontrolled_kw: FloatArray
    """Forecast."""
    import_kw: FloatArray
    """Most net power all meters of an area may draw."""
    export_kw: FloatArray
    """Most net power all meters of an area may feed back, as a positive number."""
    margin_kw: FloatArray | None = None
    """What the highest import has been lowered by for the forecast's error, if it has.
    """
    shared: SharedLimits | None = None
    """What areas may draw and feed back together, if any share a limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Secured:
    """What the DSO grants ``g`` aggregators in ``a`` areas."""

    low_kw: FloatArray
    """Shape ``(g, a)``."""
    high_kw: FloatArray
    """Shape ``(g, a)``."""
    price_dkk_per_kwh: FloatArray
    """Congestion price, shape ``(a,)``: positive where import is scarce, negative
    where export is."""
    overload_kw: FloatArray
    """What must-run exceeds the limit by, import or export, shape ``(a,)``."""
    vetoed_kw: FloatArray
    """Part of each portfolio's activations that is not granted, shape ``(g,)``."""
    area_vetoed_kw: FloatArray
    """Part of each area's activations that is not granted, shape ``(g, a)``."""


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
    :math:`\sum_g lo_{ga} + U_a \ge -C^-_a` wherever :math:`s = 0`.

    Activations are part of the targets and plans. Being short of one costs an
    aggregator the price of a shortfall, so that *least-cost* gives up as
    little of it as possible, and moves it to whichever area has room; but it pushes
    nobody further off a schedule, or another activation, than without it. What the
    envelopes then hold of no plan is vetoed (see `mosaik_bottomup.coordination.veto`).

    Raises
    ------
    ValueError
        If powers or limits are not numbers, or no power is within the limits.
    StageError
        If there is no optimum.
    """
    base = np.stack([offer.base_kw for offer in offers])
    top = base + np.array([[w.sum() for w in offer.widths_kw] for offer in offers])
    plan = np.clip(np.stack([offer.plan_kw for offer in offers]), base, top)
    total = room.uncontrolled_kw + plan.sum(axis=0)
    good = np.isfinite(total) & (room.import_kw >= -room.export_kw)
    if not good.all():
        a = int(np.argmin(good))
        raise ValueError(
            f"area {a}: {total[a]} kW are to be kept between {-room.export_kw[a]} and "
            f"{room.import_kw[a]} kW"
        )
    # which way a limit moves the plans: 1 takes power away, -1 pushes power in
    cut = 1.0 * (total > room.import_kw) - 1.0 * (total < -room.export_kw)
    if not cut.any():
        price, overload = np.zeros(cut.size), np.zeros(cut.size)
        point = plan
    elif allocation == "proportional":
        point, price, overload = _proportional(
            offers, base, top, plan, cut, room, step_h, solver
        )
    else:
        without = without_activations(offers)
        unbound = np.full((len(offers), 2), np.inf)
        point, price, overload = _least_cost(
            without, base, room, imbalance, step_h, solver, unbound
        )
        if any(offer.activation_kw is not None for offer in offers):
            # as far off as if nothing of its activations were delivered
            off = np.array([activated_kw(offer) for offer in offers])
            most = _off_kw(without, point) + np.maximum([-off, off], 0).T
            point, price, overload = _least_cost(
                offers, base, room, imbalance, step_h, solver, most
            )
    low, high = share_headroom(np.clip(point, base, top), base, top, room)
    return Secured(low, high, price, overload, *vetoes(offers, plan, low, high))


def _off_kw(offers: Sequence[AreaOffer], point_kw: FloatArray) -> FloatArray:
    """Return how far above and below its target each aggregator is, ``(g, 2)``."""
    targets = np.array([np.nan if (t := it.target_kw) is None else t for it in offers])
    above = np.nan_to_num(point_kw.sum(axis=1) - targets)
    off: FloatArray = np.maximum([above, -above], 0).T + TOLERANCE_KW
    return off


def share_headroom(
    point_kw: FloatArray, base_kw: FloatArray, top_kw: FloatArray, room: Room
) -> tuple[FloatArray, FloatArray]:
    """Return envelopes around a secure point that use up the headroom.

    All of shape ``(g, a)``.
    """
    total = room.uncontrolled_kw + point_kw.sum(axis=0)
    more, less = top_kw - point_kw, point_kw - base_kw
    up = np.maximum(room.import_kw - total, 0)
    down = np.maximum(total + room.export_kw, 0)
    high = point_kw + more * _part(up, more.sum(axis=0))
    low = point_kw - less * _part(down, less.sum(axis=0))
    return low, high


def _part(room_kw: FloatArray, wish_kw: FloatArray) -> FloatArray:
    return np.minimum(room_kw / np.maximum(wish_kw, TOLERANCE_KW), 1)


def _limits(
    problem: pulp.LpProblem, room: Room
) -> tuple[list[pulp.LpVariable], list[pulp.LpVariable]]:
    areas = range(room.import_kw.size)
    return (
        [problem.add_variable(f"overload_import_{a}", 0) for a in areas],
        [problem.add_variable(f"overload_export_{a}", 0) for a in areas],
    )


def _least_cost(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    room: Room,
    imbalance: Imbalance,
    step_h: float,
    solver: Solver,
    most_off_kw: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solve *least-cost*, nobody further above or below its target than ``(g, 2)``."""
    problem = pulp.LpProblem("stage_two", pulp.LpMinimize)
    over, under = _limits(problem, room)
    overload_dkk_per_kwh = _overload_dkk_per_kwh(offers, imbalance)
    cost = [(at, step_h * overload_dkk_per_kwh) for at in over + under]
    cells: dict[tuple[int, int], list[tuple[pulp.LpVariable, float]]] = {}
    for g, offer in enumerate(offers):
        for a, (slopes, widths) in enumerate(
            zip(offer.slopes_dkk_per_kwh, offer.widths_kw, strict=True)
        ):
            segments = [
                problem.add_variable(f"power_{g}_{a}_{s}", 0, width)
                for s, width in enumerate(widths.tolist())
            ]
            cost += zip(segments, (step_h * slopes).tolist(), strict=True)
            cells[g, a] = [(segment, 1.0) for segment in segments]
        asked, running = activated_kw(offer), imbalance.during_activation()
        # short of what is ordered; beyond it, it is off as anybody may be
        price = Imbalance(
            (running if asked < 0 else imbalance).above_dkk_per_kwh,
            (running if asked > 0 else imbalance).below_dkk_per_kwh,
        )
        if offer.target_kw is not None:
            load = [at for a in range(room.import_kw.size) for at in cells[g, a]]
            wanted = float(offer.target_kw - base_kw[g].sum())
            cost += _follow(
                problem, f"{g}", load, wanted, price, step_h, most_off_kw[g]
            )
        for a in np.flatnonzero(area_activation_kw(offer)).tolist():
            wanted = float(offer.plan_kw[a] - base_kw[g, a])
            cost += _follow(problem, f"{g}_{a}", cells[g, a], wanted, running, step_h)
    problem += pulp.lpSum_vars_coefs(cost)
    rows = []
    for a in range(room.import_kw.size):
        load = [at for g in range(len(offers)) for at in cells[g, a]]
        fixed = float(room.uncontrolled_kw[a] + base_kw[:, a].sum())
        upper = pulp.lpSum_vars_coefs([*load, (over[a], -1.0)])
        lower = pulp.lpSum_vars_coefs([*load, (under[a], 1.0)])
        problem += upper <= float(room.import_kw[a]) - fixed, f"import_{a}"
        problem += lower >= -float(room.export_kw[a]) - fixed, f"export_{a}"
        rows.append((f"import_{a}", f"export_{a}"))
    solve(problem, "stage_two", offers[0].moment.step, solver)
    dual = duals(problem)
    prices = [-(dual[up] + dual[down]) / step_h for up, down in rows]
    point = base_kw.copy()
    for (g, a), cell in cells.items():
        point[g, a] += sum(values(at for at, _ in cell))
    return point, np.array(prices), np.array(values(over)) + np.array(values(under))


def _follow(
    problem: pulp.LpProblem,
    name: str,
    load: list[tuple[pulp.LpVariable, float]],
    wanted_kw: float,
    price: Imbalance,
    step_h: float,
    most_off_kw: FloatArray | None = None,
) -> list[tuple[pulp.LpVariable, float]]:
    """Let a load follow a target; return what being above or below it costs."""
    upper: list[float | None] = [None, None]
    if most_off_kw is not None:
        upper = [kw if np.isfinite(kw) else None for kw in most_off_kw.tolist()]
    above = problem.add_variable(f"imbalance_above_{name}", 0, upper[0])
    below = problem.add_variable(f"imbalance_below_{name}", 0, upper[1])
    balance = pulp.lpSum_vars_coefs([(above, -1.0), (below, 1.0), *load])
    problem += balance == wanted_kw, f"schedule_{name}"
    return [
        (above, step_h * price.above_dkk_per_kwh),
        (below, step_h * price.below_dkk_per_kwh),
    ]


def _overload_dkk_per_kwh(offers: Sequence[AreaOffer], imbalance: Imbalance) -> float:
    """Return a price that no bid can outweigh, so that nothing avoidable is accepted.

    A kW of avoidable overload goes with a kW that some site could do without: that is
    worth at most its slope and the imbalance it settles.
    """
    slopes = np.concatenate([s for it in offers for s in it.slopes_dkk_per_kwh])
    dearest = max(imbalance.above_dkk_per_kwh, imbalance.below_dkk_per_kwh)
    if any(offer.activation_kw is not None for offer in offers):
        # of the portfolio, and of the area
        dearest = max(dearest, 2 * imbalance.shortfall_dkk_per_kwh)
    highest = float(np.abs(slopes).max(initial=0.0)) + 2 * dearest
    return max(OVERLOAD_DKK_PER_KWH, DEARER_THAN_BIDS * highest)


def _proportional(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    top_kw: FloatArray,
    plan_kw: FloatArray,
    cut: FloatArray,
    room: Room,
    step_h: float,
    solver: Solver,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    problem = pulp.LpProblem("stage_two_proportional", pulp.LpMinimize)
    over, under = _limits(problem, room)
    cost = [(at, step_h * OVERLOAD_DKK_PER_KWH) for at in over + under]
    base, wide = base_kw.sum(axis=0), (top_kw - base_kw).sum(axis=0)
    planned = _part(plan_kw.sum(axis=0) - base, wide)
    shares = []
    for a in range(room.import_kw.size):
        part = problem.add_variable(f"share_{a}", 0, 1)
        away = problem.add_variable(f"from_plan_{a}", 0)
        cost.append((away, 1.0))
        problem += part - away <= float(planned[a]), f"above_plan_{a}"
        problem += part + away >= float(planned[a]), f"below_plan_{a}"
        fixed = float(room.uncontrolled_kw[a] + base[a])
        load = float(wide[a]) * part
        problem += load - over[a] <= float(room.import_kw[a]) - fixed, f"import_{a}"
        problem += load + under[a] >= -float(room.export_kw[a]) - fixed, f"export_{a}"
        shares.append(part)
    problem += pulp.lpSum_vars_coefs(cost)
    solve(problem, "stage_two_proportional", offers[0].moment.step, solver)
    share = np.array(values(shares))
    overload = np.array(values(over)) + np.array(values(under))
    point = np.where(cut == 0, plan_kw, base_kw + share * (top_kw - base_kw))
    return point, _marginal_prices(offers, base_kw, point, cut), overload


def _marginal_prices(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    point_kw: FloatArray,
    cut: FloatArray,
) -> FloatArray:
    """Return, per area, what a kWh is worth to whoever would give most for it."""
    price = np.zeros(cut.size)
    for a in np.flatnonzero(cut):
        for g, offer in enumerate(offers):
            slopes, ends = offer.slopes_dkk_per_kwh[a], offer.widths_kw[a].cumsum()
            if slopes.size:
                side: Literal["left", "right"] = "right" if cut[a] > 0 else "left"
                at = np.searchsorted(ends, point_kw[g, a] - base_kw[g, a], side)
                worth = -cut[a] * slopes[min(int(at), slopes.size - 1)]
                price[a] = cut[a] * max(cut[a] * price[a], worth)
    return price
