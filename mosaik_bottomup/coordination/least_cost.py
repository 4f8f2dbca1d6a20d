"""Stage 2 at least cost: which powers respect all limits and serve everybody cheapest.

Few areas are short of room at a time, so the problem is written down as far as it
matters. The limits that the plans break are there from the start, area by area; all
other areas are one curve per aggregator (`mosaik_bottomup.coordination.pooled_curve`),
as if they had no limit. Where the optimum then breaks a limit that was left out, that
is written down as well, and the problem is solved again. In the end the optimum of a
problem with fewer limits keeps all of them: it is the optimum with all of them, and
those left out are worth nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.coordination.congestion_points import TOLERANCE_KW, Room
from mosaik_bottomup.coordination.limit_rows import (
    Term,
    add_limit,
    overruns_kw,
    worths_dkk,
)
from mosaik_bottomup.coordination.pooled_curve import PooledCurve, pooled
from mosaik_bottomup.coordination.solver import Solver, solve, values
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.veto import activated_kw, area_activation_kw
from mosaik_bottomup.messages import AreaOffer

OVERLOAD_DKK_PER_KWH = 1e4
"""Least price of overload. It is raised above any bid, see `_overload_dkk_per_kwh`."""
DEARER_THAN_BIDS = 10.0
"""How many times the highest bid overload costs at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An optimum, and what the limits are worth in it."""

    point_kw: FloatArray
    """Shape ``(g, a)``."""
    price_dkk_per_kwh: FloatArray
    """Of each area's limit and of all above it together, shape ``(a,)``."""
    overload_kw: FloatArray
    """Shape ``(a,)``."""
    shared_overload_kw: FloatArray
    """Shape ``(m,)``."""


@dataclass(slots=True, eq=False)
class _Written:
    """What is written down, and the curves of what is not."""

    areas: BoolArray
    """Those with segments and limits of their own in the problem, shape ``(a,)``."""
    shared: BoolArray
    """Limits that are in it, shape ``(m,)``."""
    group: IntArray
    """Areas of the same number have the same of these limits above them, ``(a,)``."""
    pools: dict[tuple[int, int], PooledCurve]
    """By aggregator and group, all other areas' segments."""


def least_cost(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    room: Room,
    imbalance: Imbalance,
    step_h: float,
    solver: Solver,
    most_off_kw: FloatArray,
) -> Found:
    """Return the optimum, nobody further above or below its target than ``(g, 2)``.

    Raises
    ------
    StageError
        If there is none.
    """
    broken, shared_broken = room.broken_by(
        np.sum([it.plan_kw for it in offers], axis=0)
    )
    activated = np.any([area_activation_kw(offer) != 0 for offer in offers], axis=0)
    written = _write(offers, room, (broken != 0) | activated, shared_broken != 0)
    while True:
        found, power = _solve(
            offers, base_kw, room, imbalance, step_h, solver, most_off_kw, written
        )
        broken, shared_broken = room.broken_by(found.point_kw.sum(axis=0), TOLERANCE_KW)
        areas = written.areas | (broken != 0)
        shared = written.shared | (shared_broken != 0)
        finer = {key: pool.refined(power[key]) for key, pool in written.pools.items()}
        if (areas != written.areas).any() or (shared != written.shared).any():
            written = _write(offers, room, areas, shared)
        elif any(pool is not None for pool in finer.values()):
            written.pools |= {k: pool for k, pool in finer.items() if pool is not None}
        else:
            return found


def _write(
    offers: Sequence[AreaOffer], room: Room, areas: BoolArray, shared: BoolArray
) -> _Written:
    above = np.pad(room.above.member[shared], ((1, 0), (0, 0)))  # none is a group too
    _, group = np.unique(above, axis=1, return_inverse=True)
    pools = {}
    for g, offer in enumerate(offers):
        curves = list(zip(offer.slopes_dkk_per_kwh, offer.widths_kw, strict=True))
        for n in range(group.max(initial=0) + 1):
            reach = np.where((group == n) & ~areas, np.inf, 0.0)
            pools[g, n] = pooled(curves, np.zeros(areas.size), reach)
    return _Written(areas, shared, group, pools)


def _solve(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    room: Room,
    imbalance: Imbalance,
    step_h: float,
    solver: Solver,
    most_off_kw: FloatArray,
    written: _Written,
) -> tuple[Found, dict[tuple[int, int], float]]:
    """Return the optimum of what is written down, and what is taken of each pool."""
    problem = pulp.LpProblem("stage_two", pulp.LpMinimize)
    cost: list[Term] = []

    def add(name: str, slopes: FloatArray, widths: FloatArray) -> list[Term]:
        segments = [
            problem.add_variable(f"{name}_{s}", 0, width)
            for s, width in enumerate(widths.tolist())
        ]
        cost.extend(zip(segments, (step_h * slopes).tolist(), strict=True))
        return [(segment, 1.0) for segment in segments]

    alone = np.flatnonzero(written.areas).tolist()
    cells = {
        (g, a): add(f"power_{g}_{a}", offer.slopes_dkk_per_kwh[a], offer.widths_kw[a])
        for g, offer in enumerate(offers)
        for a in alone
    }
    others = {
        (g, n): add(f"others_{g}_{n}", *pool.blocks)
        for (g, n), pool in written.pools.items()
    }
    for g, offer in enumerate(offers):
        asked, running = activated_kw(offer), imbalance.during_activation()
        # short of what is ordered; beyond it, it is off as anybody may be
        price = Imbalance(
            (running if asked < 0 else imbalance).above_dkk_per_kwh,
            (running if asked > 0 else imbalance).below_dkk_per_kwh,
        )
        if offer.target_kw is not None:
            load = [
                at
                for parts in (cells, others)
                for (who, _), terms in parts.items()
                for at in terms
                if who == g
            ]
            wanted = float(offer.target_kw - base_kw[g].sum())
            cost += _follow(
                problem, f"{g}", load, wanted, price, step_h, most_off_kw[g]
            )
        for a in np.flatnonzero(area_activation_kw(offer)).tolist():
            wanted = float(offer.plan_kw[a] - base_kw[g, a])
            cost += _follow(problem, f"{g}_{a}", cells[g, a], wanted, running, step_h)

    overload_dkk = step_h * _overload_dkk_per_kwh(offers, imbalance)
    slack: dict[str, Term] = {}
    fixed, tree = room.uncontrolled_kw + base_kw.sum(axis=0), room.above
    for a in alone:
        load = [at for g in range(len(offers)) for at in cells[g, a]]
        limits = room.import_kw[a], room.export_kw[a]
        slack |= add_limit(problem, f"{a}", load, fixed[a], limits, overload_dkk)
    for n in np.flatnonzero(written.shared).tolist():
        mine = tree.member[n]
        behind = set(written.group[mine].tolist())
        load = [at for (_, a), terms in cells.items() if mine[a] for at in terms]
        load += [at for (_, i), terms in others.items() if i in behind for at in terms]
        limits, name = (tree.import_kw[n], tree.export_kw[n]), f"shared_{n}"
        slack |= add_limit(problem, name, load, fixed[mine].sum(), limits, overload_dkk)
    problem += pulp.lpSum_vars_coefs([*cost, *slack.values()])
    solve(problem, "stage_two", offers[0].moment.step, solver)

    point = base_kw.copy()
    for (g, a), terms in cells.items():
        point[g, a] += sum(values(at for at, _ in terms))
    power = {key: sum(values(at for at, _ in terms)) for key, terms in others.items()}
    for (g, n), pool in written.pools.items():
        point[g] += pool.split_kw(power[g, n], base_kw.shape[1])
    n_areas, n_shared = written.areas.size, written.shared.size
    own = worths_dkk(problem, slack, "", n_areas)
    above = tree.spread(worths_dkk(problem, slack, "shared_", n_shared))
    found = Found(
        point,
        (own + above) / step_h,
        overruns_kw(slack, "", n_areas),
        overruns_kw(slack, "shared_", n_shared),
    )
    return found, power


def _follow(
    problem: pulp.LpProblem,
    name: str,
    load: list[Term],
    wanted_kw: float,
    price: Imbalance,
    step_h: float,
    most_off_kw: FloatArray | None = None,
) -> list[Term]:
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
