"""Stage 2 in proportion: everybody behind a limit keeps the same share of its range."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.congestion_points import Room, part
from mosaik_bottomup.coordination.least_cost import OVERLOAD_DKK_PER_KWH, Found
from mosaik_bottomup.coordination.limit_rows import Term, add_limit, overruns_kw
from mosaik_bottomup.coordination.solver import Solver, solve, values
from mosaik_bottomup.messages import AreaOffer

SAME_SHARE = 1e-9  # forgives what a solver has rounded


def proportional(
    offers: Sequence[AreaOffer],
    base_kw: FloatArray,
    top_kw: FloatArray,
    plan_kw: FloatArray,
    room: Room,
    step_h: float,
    solver: Solver,
) -> Found:
    """Return shares as near to the plans as the limits allow.

    Behind a limit that areas share, the largest departure from any area's plan is to be
    as small as can be: they give up the same share, too.

    Raises
    ------
    StageError
        If there is no optimum.
    """
    problem = pulp.LpProblem("stage_two_proportional", pulp.LpMinimize)
    overload_dkk = step_h * OVERLOAD_DKK_PER_KWH
    base, wide = base_kw.sum(axis=0), (top_kw - base_kw).sum(axis=0)
    fixed, tree = room.uncontrolled_kw + base, room.above
    planned = part(plan_kw.sum(axis=0) - base, wide)
    areas = range(base.size)
    shares = [problem.add_variable(f"share_{a}", 0, 1) for a in areas]
    away = [problem.add_variable(f"from_plan_{a}", 0) for a in areas]
    cost = [(at, 1.0) for at in away]

    slack: dict[str, Term] = {}
    for a in areas:
        problem += shares[a] - away[a] <= float(planned[a]), f"above_plan_{a}"
        problem += shares[a] + away[a] >= float(planned[a]), f"below_plan_{a}"
        load, limits = (
            [(shares[a], float(wide[a]))],
            (room.import_kw[a], room.export_kw[a]),
        )
        slack |= add_limit(problem, f"{a}", load, fixed[a], limits, overload_dkk)
    for n in range(tree.import_kw.size):
        mine = np.flatnonzero(tree.member[n]).tolist()
        load, limits = (
            [(shares[a], float(wide[a])) for a in mine],
            (tree.import_kw[n], tree.export_kw[n]),
        )
        slack |= add_limit(
            problem, f"shared_{n}", load, fixed[mine].sum(), limits, overload_dkk
        )
        most = problem.add_variable(f"most_from_plan_{n}", 0)
        cost.append((most, float(len(mine))))  # outweighs what all of them depart by
        for a in mine:
            problem += most - away[a] >= 0.0, f"most_{n}_{a}"
    problem += pulp.lpSum_vars_coefs([*cost, *slack.values()])
    solve(problem, "stage_two_proportional", offers[0].moment.step, solver)
    share = np.array(values(shares))
    moved = np.where(np.abs(planned - share) > SAME_SHARE, planned - share, 0.0)
    broken, _ = room.broken_by(plan_kw.sum(axis=0))
    cut = np.where(broken != 0, broken, np.sign(moved))
    point = np.where(cut == 0, plan_kw, base_kw + share * (top_kw - base_kw))
    price = _marginal_prices(offers, base_kw, point, cut)
    return Found(
        point,
        price,
        overruns_kw(slack, "", base.size),
        overruns_kw(slack, "shared_", tree.import_kw.size),
    )


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
