r"""The best that anybody could do: one problem over all sites and steps, all foreseen.

.. math::
    \min \sum_{ik} h\,(\pi_k p^+_{ik} - \rho_k p^-_{ik} + w\,d_{ik})
    \quad\text{s.t.}\quad
    \text{each site's physics and comfort},\quad
    -C^-_{ak} \le U_{ak} + \sum_{i \in a} (p^+_{ik} - p^-_{ik}) \le C^+_{ak}

from the state in which a run began to at least the state in which it ended: a price on
what is left at the end would let the optimum fill every house in its last hours. With
continuous powers the optimum is a lower bound for every run; with machines on or off it
is what a run could have done, and takes long.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case import Case
from mosaik_bottomup.coordination.solver import Solver, solve, values
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.optimum.batteries import add_batteries
from mosaik_bottomup.optimum.build import Build, Term
from mosaik_bottomup.optimum.heat_pumps import add_heat_pumps
from mosaik_bottomup.optimum.reference import FlexibleRoom, Lived
from mosaik_bottomup.parties import outlook


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The best dispatch."""

    cost_dkk: float
    """Bills and wear of all controllable customers."""
    power_kw: dict[str, FloatArray]
    """At the meter, by fleet, shape ``(n, t)``."""


def optimum(
    case: Case,
    lived: Mapping[str, Lived],
    room: FlexibleRoom | None,
    solver: Solver,
    *,
    on_off: bool = False,
) -> Optimum:
    """Return the cheapest dispatch of all sites over the run.

    Parameters
    ----------
    case
        What is to be served.
    lived
        What each fleet went through in the run it is compared with; the optimum starts
        alike and ends with no less in any house or battery.
    room
        Limits of the areas, or None.
    solver
        What solves it.
    on_off
        Whether machines run at the powers they have, instead of any in between: a
        mixed-integer problem. Least run times longer than a step are left out, so that
        it stays a bound.

    Raises
    ------
    StageError
        If no dispatch keeps comfort, end state and limits.
    """
    steps, areas = case.scenario.run.steps, len(case.network.areas)
    lead = case.scenario.run.warm_up_steps
    exchange: list[list[list[Term]]]
    exchange = [[[] for _ in range(steps)] for _ in range(areas)]
    problem = pulp.LpProblem("optimum", pulp.LpMinimize)
    build = Build(problem, case.scenario.run.step_h, exchange)
    for fleet in case.fleets:
        name, sites = fleet.name, fleet.sites
        ahead = outlook(case.series.window(lead, steps), sites.fleet.home)
        if isinstance(sites, HeatPumpSites):
            add_heat_pumps(build, name, sites, ahead, lived[name], on_off=on_off)
        else:
            add_batteries(build, name, sites, ahead, lived[name])
    problem += pulp.lpSum_vars_coefs(build.cost)
    if room is not None:
        _limit(build, room)
    solve(problem, "optimum", 0, solver)
    power = {
        name: np.array([[_value(terms) for terms in site] for site in sites])
        for name, sites in build.meters.items()
    }
    return Optimum(_value(build.cost), power)


def _limit(build: Build, room: FlexibleRoom) -> None:
    for a, steps in enumerate(build.exchange):
        for k, terms in enumerate(steps):
            total = pulp.lpSum_vars_coefs(terms)
            most, least = float(room.import_kw[a, k]), -float(room.export_kw[a, k])
            if terms and np.isfinite(most):
                build.problem += total <= most, f"import_{a}_{k}"
            if terms and np.isfinite(least):
                build.problem += total >= least, f"export_{a}_{k}"


def _value(terms: list[Term]) -> float:
    found = values(at for at, _ in terms)
    return float(np.dot(found, [coefficient for _, coefficient in terms]))
