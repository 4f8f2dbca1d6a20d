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
from typing import Any

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case import Case, Fleet
from mosaik_bottomup.coordination.solver import Solver, solve, values
from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.heat_pump import MODULATION, cop, gains_kw
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.pv_battery import WEAR_DKK_PER_KWH
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.parties import fleet_forecast

SLACK_K = 1e-6
SLACK_KWH = 1e-6
"""Forgive the rounding of the states that a run reports."""

type Term = tuple[pulp.LpVariable, float]


@dataclass(frozen=True, slots=True, eq=False)
class FlexibleRoom:
    """What flexible sites may exchange in total, per area and step, ``(a, t)``."""

    import_kw: FloatArray
    export_kw: FloatArray
    """As a positive number."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The best dispatch."""

    cost_dkk: float
    """Bills and wear of all controllable customers."""
    power_kw: dict[str, FloatArray]
    """At the meter, by fleet, shape ``(n, t)``."""


@dataclass(slots=True, eq=False)
class _Build:
    """A problem as it grows."""

    problem: pulp.LpProblem
    step_h: float
    cost: list[Term]
    exchange: list[list[list[Term]]]
    """Terms of each area's exchange in each step."""
    meters: dict[str, list[list[list[Term]]]]
    """Terms of each site's exchange, by fleet."""


def optimum(
    case: Case,
    start: Mapping[str, Any],
    end: Mapping[str, Any],
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
    start, end
        Each fleet's state (as its agent holds it) at both ends of the run; the optimum
        ends with no less in any house or battery.
    room
        Limits of the areas, or None.
    solver
        What solves it.
    on_off
        Whether machines run at the powers they have, instead of any in between: a
        mixed-integer problem.

    Raises
    ------
    StageError
        If no dispatch keeps comfort, end state and limits.
    """
    steps, areas = case.scenario.run.steps, len(case.network.areas)
    build = _Build(
        pulp.LpProblem("optimum", pulp.LpMinimize),
        case.scenario.run.step_h,
        [],
        [[[] for _ in range(steps)] for _ in range(areas)],
        {},
    )
    for fleet in case.fleets:
        outlook = fleet_forecast(case, fleet.sites.fleet.home)(0, steps)
        if isinstance(fleet.sites, HeatPumpSites):
            states = start[fleet.name], end[fleet.name]
            _add_heat_pumps(build, fleet, fleet.sites, outlook, states, on_off)
        else:
            levels = start[fleet.name], end[fleet.name]
            _add_batteries(build, fleet, fleet.sites, outlook, levels)
    problem = build.problem
    problem += pulp.lpSum_vars_coefs(build.cost)
    if room is not None:
        for a in range(areas):
            for k, terms in enumerate(build.exchange[a]):
                total = pulp.lpSum_vars_coefs(terms)
                most, least = float(room.import_kw[a, k]), -float(room.export_kw[a, k])
                if terms and np.isfinite(most):
                    problem += total <= most, f"import_{a}_{k}"
                if terms and np.isfinite(least):
                    problem += total >= least, f"export_{a}_{k}"
    solve(problem, "optimum", 0, solver)
    power = {
        name: np.array([[_value(terms) for terms in site] for site in sites])
        for name, sites in build.meters.items()
    }
    cost = float(np.dot(values(at for at, _ in build.cost), [c for _, c in build.cost]))
    return Optimum(cost, power)


def _value(terms: list[Term]) -> float:
    return float(np.dot(values(at for at, _ in terms), [c for _, c in terms]))


def _add_heat_pumps(
    build: _Build,
    fleet: Fleet,
    sites: HeatPumpSites,
    outlook: Outlook,
    states: tuple[Any, Any],
    on_off: bool,
) -> None:
    """Add houses: two temperatures and a power per step."""
    homes, name, add = sites.fleet, fleet.name, build.problem.add_variable
    response = house.discretise(homes.houses, build.step_h)
    full_kw = homes.heat_kw[:, None] / cop(outlook.ambient_c, homes.inverter)
    gains = gains_kw(homes, outlook.global_w_m2)
    drift = (
        response.per_ambient[:, None] * outlook.ambient_c[:, None]
        + response.per_gain_kw[:, None] * gains[:, :, None]
    )
    lift = response.per_heat_kw * homes.heat_kw[:, None]
    first, last = (state.temperature_c for state in states)
    meters = []
    for i in range(len(homes.site)):
        before: list[pulp.LpVariable] = []
        meter = []
        for k in range(outlook.steps):
            part = _add_part(build, f"{name}_{i}_{k}", bool(homes.inverter[i]), on_off)
            ends = k == outlook.steps - 1
            low = float(last[i, 0]) - SLACK_K if ends else float(homes.comfort_low_c[i])
            high = None if ends else float(homes.comfort_high_c[i])
            air = add(f"air_{name}_{i}_{k}", low - SLACK_K, high)
            floor = add(
                f"floor_{name}_{i}_{k}", float(last[i, 1]) - SLACK_K if ends else None
            )
            for row, node in enumerate((air, floor)):
                keep = response.transition[i, row]
                constant = float(drift[i, k, row])
                terms = [(node, 1.0)]
                terms += [(at, -c * float(lift[i, row])) for at, c in part]
                if before:
                    terms += [
                        (at, -float(c)) for at, c in zip(before, keep, strict=True)
                    ]
                else:
                    constant += float(keep @ first[i])
                law = pulp.lpSum_vars_coefs(terms) == constant
                build.problem += law, f"heat_{row}_{name}_{i}_{k}"
            before = [air, floor]
            draw = [(at, c * float(full_kw[i, k])) for at, c in part]
            price = build.step_h * float(outlook.import_dkk_per_kwh[k])
            build.cost += [(at, c * price) for at, c in draw]
            build.exchange[homes.area[i]][k] += draw
            meter.append(draw)
        meters.append(meter)
    build.meters[name] = meters


def _add_part(build: _Build, name: str, inverter: bool, on_off: bool) -> list[Term]:
    """Add how much of full power a machine runs at; return it as a sum of terms."""
    add = build.problem.add_variable
    if not on_off:
        return [(add(f"part_{name}", 0, 1), 1.0)]
    runs = add(f"on_{name}", cat="Binary")
    if not inverter:
        return [(runs, 1.0)]
    half = MODULATION[1]
    more = add(f"more_{name}", 0, 1)
    build.problem += more - runs <= 0, f"modulates_{name}"
    return [(runs, half), (more, 1 - half)]


def _add_batteries(
    build: _Build,
    fleet: Fleet,
    sites: PvBatterySites,
    outlook: Outlook,
    levels: tuple[FloatArray, FloatArray],
) -> None:
    """Add batteries behind meters that import and export."""
    homes, name, add = sites.fleet, fleet.name, build.problem.add_variable
    h = build.step_h
    pv_kw = homes.pv_kwp[:, None] * outlook.pv_kw_per_kwp
    net_kw = outlook.load_kw - pv_kw
    low, high = homes.low_kwh, homes.high_kwh
    meters = []
    for i in range(len(homes.site)):
        most, efficiency = float(homes.power_max_kw[i]), float(homes.efficiency[i])
        before: list[Term] = []
        meter = []
        for k in range(outlook.steps):
            tag = f"{name}_{i}_{k}"
            bought, sold = add(f"import_{tag}", 0), add(f"export_{tag}", 0)
            charge, give = add(f"charge_{tag}", 0, most), add(f"give_{tag}", 0, most)
            curtailed = add(f"curtail_{tag}", 0, float(pv_kw[i, k]))
            ends = k == outlook.steps - 1
            least = float(levels[1][i]) if ends else float(low[i])
            stored = add(f"stored_{tag}", least - SLACK_KWH, float(high[i]) + SLACK_KWH)
            exchange = [(bought, 1.0), (sold, -1.0)]
            behind = [(charge, -1.0), (give, 1.0), (curtailed, -1.0)]
            law = pulp.lpSum_vars_coefs(exchange + behind) == float(net_kw[i, k])
            build.problem += law, f"meter_{tag}"
            terms = [(stored, 1.0), (charge, -h * efficiency), (give, h / efficiency)]
            constant = 0.0 if before else float(levels[0][i])
            law = pulp.lpSum_vars_coefs(terms + before) == constant
            build.problem += law, f"energy_{tag}"
            before = [(stored, -1.0)]
            build.cost += [
                (bought, h * float(outlook.import_dkk_per_kwh[k])),
                (sold, -h * float(outlook.export_dkk_per_kwh[k])),
                (give, h * WEAR_DKK_PER_KWH),
            ]
            build.exchange[homes.area[i]][k] += exchange
            meter.append(exchange)
        meters.append(meter)
    build.meters[name] = meters
