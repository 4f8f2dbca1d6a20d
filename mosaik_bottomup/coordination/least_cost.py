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
from dataclasses import dataclass, replace

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

PRESOLVED_VARIABLES = 5_000
"""Most among which HiGHS looks for a smaller problem first. There is none to find among
priced blocks, and the search takes 0.03 s of 10,000 but 2.3 s of 100,000, which are
solved in 0.14 s. With fewer it only decides which of equal optima is found."""


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
    """What is written down."""

    areas: BoolArray
    """Those whose own limit is, shape ``(a,)``."""
    shared: BoolArray
    """Limits that are, shape ``(m,)``."""
    groups: list[IntArray]
    """Areas that no such limit tells apart."""
    pools: dict[tuple[int, int], PooledCurve]
    """Their segments, by aggregator and group."""


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
    flexible = np.stack([offer.plan_kw for offer in offers]) - base_kw
    areas = np.any([area_activation_kw(offer) != 0 for offer in offers], axis=0)
    shared = np.zeros(room.above.import_kw.size, np.bool_)
    written = _write(offers, room, areas, shared, flexible)
    while True:
        areas, shared = _broken(written, base_kw, room, flexible)
        if (areas != written.areas).any() or (shared != written.shared).any():
            written = _write(offers, room, areas, shared, flexible)
        found, power = _solve(
            offers, base_kw, room, imbalance, step_h, solver, most_off_kw, written
        )
        flexible = found.point_kw - base_kw
        finer = {key: pool.refined(power[key]) for key, pool in written.pools.items()}
        written.pools |= {k: pool for k, pool in finer.items() if pool is not None}
        respected = not np.concatenate(
            room.broken_by(found.point_kw.sum(axis=0), TOLERANCE_KW)
        )[~np.concatenate([written.areas, written.shared])].any()
        if respected and not any(finer.values()):
            return found


def _broken(
    written: _Written, base_kw: FloatArray, room: Room, flexible_kw: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Return which limits are written down, and which the optimum without them breaks.

    And which it would break if all others made good, twice over, for those who are
    bound only now: most of these will be next, as some of the others cannot either.
    """
    power = (base_kw + flexible_kw).sum(axis=0)
    total = room.uncontrolled_kw + power
    new = ~written.areas
    more = np.maximum(total - room.import_kw, 0.0)[new].sum()
    less = np.maximum(-room.export_kw - total, 0.0)[new].sum()
    areas, shared = written.areas.copy(), written.shared.copy()
    for shift in (0.0, 2 * more, -2 * less):
        moved = flexible_kw.copy()
        for (g, n), pool in written.pools.items():
            group = written.groups[n]
            if shift and group.size > 1:
                asked = moved[g, group].sum() + shift
                moved[g, group] = pool.split_kw(asked, group.size)
        power = (base_kw + moved).sum(axis=0)
        own, above = room.broken_by(power, TOLERANCE_KW)
        areas |= own != 0
        shared |= above != 0
    return areas, shared


def _write(
    offers: Sequence[AreaOffer],
    room: Room,
    areas: BoolArray,
    shared: BoolArray,
    flexible_kw: FloatArray,
) -> _Written:
    """Return what is to be written, fine around what is expected of each group."""
    above = room.above.member[shared]
    alone = np.where(areas, np.arange(1, areas.size + 1), 0)
    _, number = np.unique(np.vstack([alone, above]), axis=1, return_inverse=True)
    by_group = np.argsort(number, kind="stable")
    groups = np.split(by_group, np.cumsum(np.bincount(number))[:-1])
    pools = {}
    for g, offer in enumerate(offers):
        for n, group in enumerate(groups):
            curves = [(offer.slopes_dkk_per_kwh[a], offer.widths_kw[a]) for a in group]
            none = np.zeros(group.size)
            pool = pooled(curves, none, none + np.inf)
            pools[g, n] = pool.fine_at(float(flexible_kw[g, group].sum()))
    return _Written(areas, shared, groups, pools)


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
    """Return the optimum of what is written down, and what each group takes in it."""
    problem = pulp.LpProblem("stage_two", pulp.LpMinimize)
    cost: list[Term] = []
    group_of = np.empty(written.areas.size, np.int64)
    for n, group in enumerate(written.groups):
        group_of[group] = n
    loads: dict[tuple[int, int], list[Term]] = {}
    for (g, n), pool in written.pools.items():
        name = f"power_{g}_{written.groups[n][0]}"  # its first area stands for a group
        slopes, widths = pool.blocks
        blocks = [
            problem.add_variable(f"{name}_{s}", 0, width)
            for s, width in enumerate(widths.tolist())
        ]
        cost += zip(blocks, (step_h * slopes).tolist(), strict=True)
        loads[g, n] = [(block, 1.0) for block in blocks]
    for g, offer in enumerate(offers):
        asked, running = activated_kw(offer), imbalance.during_activation()
        # short of what is ordered; beyond it, it is off as anybody may be
        price = Imbalance(
            (running if asked < 0 else imbalance).above_dkk_per_kwh,
            (running if asked > 0 else imbalance).below_dkk_per_kwh,
        )
        if offer.target_kw is not None:
            load = [at for n in range(len(written.groups)) for at in loads[g, n]]
            wanted = float(offer.target_kw - base_kw[g].sum())
            cost += _follow(
                problem, f"{g}", load, wanted, price, step_h, most_off_kw[g]
            )
        for a in np.flatnonzero(area_activation_kw(offer)).tolist():
            wanted = float(offer.plan_kw[a] - base_kw[g, a])
            load = loads[g, int(group_of[a])]
            cost += _follow(problem, f"{g}_{a}", load, wanted, running, step_h)

    overload_dkk = step_h * _overload_dkk_per_kwh(offers, imbalance)
    slack: dict[str, Term] = {}
    fixed, tree = room.uncontrolled_kw + base_kw.sum(axis=0), room.above

    def load_of(groups: list[int]) -> list[Term]:
        return [at for g in range(len(offers)) for n in groups for at in loads[g, n]]

    for a in np.flatnonzero(written.areas).tolist():
        load, limits = load_of([group_of[a]]), (room.import_kw[a], room.export_kw[a])
        slack |= add_limit(problem, f"{a}", load, fixed[a], limits, overload_dkk)
    for n in np.flatnonzero(written.shared).tolist():
        mine, limits = tree.member[n], (tree.import_kw[n], tree.export_kw[n])
        load, at_least = load_of(np.unique(group_of[mine]).tolist()), fixed[mine].sum()
        slack |= add_limit(problem, f"shared_{n}", load, at_least, limits, overload_dkk)
    problem += pulp.lpSum_vars_coefs([*cost, *slack.values()])
    presolve = problem.numVariables() <= PRESOLVED_VARIABLES
    solver = replace(solver, presolve=solver.presolve and presolve)
    solve(problem, "stage_two", offers[0].moment.step, solver)

    point = base_kw.copy()
    power = {key: sum(values(at for at, _ in load)) for key, load in loads.items()}
    for (g, n), pool in written.pools.items():
        group = written.groups[n]
        point[g, group] += pool.split_kw(power[g, n], group.size)
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
