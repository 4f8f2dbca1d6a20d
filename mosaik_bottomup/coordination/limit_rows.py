"""Limits as rows of a problem: one for import, one for export, both at a price."""

import itertools

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.solver import duals, values

SIDES = ("import", "export")

type Term = tuple[pulp.LpVariable, float]


def add_limit(
    problem: pulp.LpProblem,
    name: str,
    load: list[Term],
    fixed_kw: float,
    limits_kw: tuple[float, float],
    overload_dkk: float,
) -> dict[str, Term]:
    """Keep a load and what is fixed beside it within import and export limit.

    Returns
    -------
    dict
        What each row is overrun by, and what that costs; infinite limits have no row.
    """
    slack: dict[str, Term] = {}
    for side, limit, way in zip(SIDES, limits_kw, (-1.0, 1.0), strict=True):
        if np.isfinite(limit):
            over = problem.add_variable(f"overload_{side}_{name}", 0)
            total = pulp.lpSum_vars_coefs([*load, (over, way)])
            rest = float(-way * limit - fixed_kw)
            row = total <= rest if side == "import" else total >= rest
            problem.addConstraint(row, f"{side}_{name}")
            slack[f"{side}_{name}"] = (over, overload_dkk)
    return slack


def overruns_kw(slack: dict[str, Term], prefix: str, limits: int) -> FloatArray:
    """Return what limits ``prefix0``, ``prefix1`` and so on are overrun by."""
    overrun = np.zeros(limits)
    for n, side in itertools.product(range(limits), SIDES):
        if (row := f"{side}_{prefix}{n}") in slack:
            overrun[n] += values([slack[row][0]])[0]
    return overrun


def worths_dkk(
    problem: pulp.LpProblem, slack: dict[str, Term], prefix: str, limits: int
) -> FloatArray:
    """Return what a kW more of each limit would save, negative for export."""
    dual, worth = duals(problem), np.zeros(limits)
    for n, side in itertools.product(range(limits), SIDES):
        if (row := f"{side}_{prefix}{n}") in slack:
            worth[n] -= dual[row]
    return worth
