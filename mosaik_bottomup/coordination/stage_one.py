"""Stage 1: which power an aggregator wants in each of its areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.merit_order import Curve
from mosaik_bottomup.coordination.pooled_curve import pooled
from mosaik_bottomup.coordination.solver import Solver, solve, values
from mosaik_bottomup.messages import INDIFFERENCE_DKK_PER_KWH

SHORTFALL_DKK_PER_KWH = 5.0
"""A few times the dearest retail price, so that what is ordered is delivered."""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """What a kWh delivered beyond, or short of, the schedule costs the aggregator."""

    above_dkk_per_kwh: float
    below_dkk_per_kwh: float
    shortfall_dkk_per_kwh: float = SHORTFALL_DKK_PER_KWH
    """Either of them while an activation runs."""

    def during_activation(self) -> "Imbalance":
        """Return what holds while an activation runs."""
        price = self.shortfall_dkk_per_kwh
        return Imbalance(price, price, price)


def clear(
    curves: Sequence[Curve],
    base_kw: FloatArray,
    low_kw: FloatArray,
    high_kw: FloatArray,
    target_kw: float | None,
    imbalance: Imbalance,
    step_h: float,
    step: int,
    solver: Solver,
    indifference_dkk_per_kwh: float = INDIFFERENCE_DKK_PER_KWH,
) -> FloatArray:
    r"""Return the power per area that serves sites and schedule at least cost.

    .. math::
        \min \sum_a F_{a}(P_{a}) + h (\pi^+ \delta^+ + \pi^- \delta^-)
        \quad\text{s.t.}\quad \sum_a P_{a} = S + \delta^+ - \delta^-, \quad
        lo_{a} \le P_{a} \le hi_{a}

    Within their bounds all areas compete for one target, so that their merit orders are
    one (see `mosaik_bottomup.coordination.pooled_curve`).

    Parameters
    ----------
    curves
        Merit order of each area.
    base_kw : (a,) array
        Where each curve starts: the must-run.
    low_kw, high_kw : (a,) arrays
        Envelope; infinite where there is none. What it asks beyond the curve's ends is
        cut to them: nobody can give what was not offered.
    target_kw
        Schedule and activation; None while nothing is sold. Then the problem falls
        apart into areas, and each convex curve is minimal where its slope turns
        positive (by more than an indifference), or at the bound next to it.
    imbalance, step_h, step, solver
        Price of deviation; length and number of the step; what solves it.
    indifference_dkk_per_kwh
        What differs by less costs the same.

    Raises
    ------
    StageError
        If there is no optimum.
    """
    top_kw = base_kw + np.array([width.sum() for _, width in curves])
    low = np.clip(low_kw, base_kw, top_kw)
    high = np.clip(high_kw, base_kw, top_kw)
    if target_kw is None:
        few = indifference_dkk_per_kwh
        own = [float(width[slope < few].sum()) for slope, width in curves]
        free: FloatArray = np.clip(base_kw + np.array(own), low, high)
        return free

    wanted = float(target_kw - low.sum())
    pool = pooled(curves, low - base_kw, high - base_kw).fine_at(wanted)
    power = _solve(pool.blocks, wanted, imbalance, step_h, step, solver)
    while (finer := pool.refined(power)) is not None:
        pool = finer
        power = _solve(pool.blocks, wanted, imbalance, step_h, step, solver)
    cleared: FloatArray = np.clip(low + pool.split_kw(power, low.size), low, high)
    return cleared


def _solve(
    curve: Curve,
    wanted_kw: float,
    imbalance: Imbalance,
    step_h: float,
    step: int,
    solver: Solver,
) -> float:
    """Return how much of a curve is taken for a target."""
    problem = pulp.LpProblem("stage_one", pulp.LpMinimize)
    above = problem.add_variable("imbalance_above", 0)
    below = problem.add_variable("imbalance_below", 0)
    slopes, widths = curve
    blocks = [
        problem.add_variable(f"power_{s}", 0, width)
        for s, width in enumerate(widths.tolist())
    ]
    cost = [
        (above, step_h * imbalance.above_dkk_per_kwh),
        (below, step_h * imbalance.below_dkk_per_kwh),
        *zip(blocks, (step_h * slopes).tolist(), strict=True),
    ]
    problem += pulp.lpSum_vars_coefs(cost)
    power = [(block, 1.0) for block in blocks]
    balance = pulp.lpSum_vars_coefs([(above, -1.0), (below, 1.0), *power])
    problem += balance == wanted_kw, "schedule"
    solve(problem, "stage_one", step, solver)
    return sum(values(blocks))
