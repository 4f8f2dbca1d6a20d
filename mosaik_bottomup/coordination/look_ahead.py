"""Look-ahead: when will an area be short of room, and what is that worth then?"""

from collections.abc import Sequence

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.solver import Solver, solve
from mosaik_bottomup.messages import StoreReport

OVERLOAD_DKK_PER_KWH = 10.0
"""Most a congestion price can be; several times any retail price, so that whoever can
move does."""
CURTAILMENT_DKK_PER_KWH = 5.0
"""Price of giving up generation: dearer than all that could use it."""
SHORTAGE_DKK_PER_KWH = 2.0
"""Price of each kWh and step that a store is below empty or above full."""


def congestion_prices(
    stores: Sequence[StoreReport],
    area: int,
    uncontrolled_kw: FloatArray,
    import_kw: FloatArray,
    export_kw: FloatArray,
    import_dkk_per_kwh: FloatArray,
    export_dkk_per_kwh: FloatArray,
    step_h: float,
    solver: Solver,
) -> FloatArray:
    r"""Return the congestion price of each step ahead, the dual of the area's limit.

    Every fleet :math:`f` is one store with exchange :math:`e_{fk}` (import and export
    priced apart), energy :math:`s_{fk}` and charging and discharging powers:

    .. math::
        \min \sum_{fk} h (\pi_k e^+_{fk} - \rho_k e^-_{fk} + w d_{fk}) - v_f s_{fT}
        \quad\text{s.t.}\quad& e^+_{fk} - e^-_{fk} = b_{fk} + c_{fk} - d_{fk} + z_{fk}
        \\ & s_{f,k+1} = \kappa_f s_{fk} + h (g_{fk} c_{fk} - \ell_f d_{fk}) - n_{fk}
        \\ & -C^-_k \le U_k + \sum_f (e^+_{fk} - e^-_{fk}) \le C^+_k

    with curtailment :math:`z`; limits and stores may be left at a stated price, so
    that there is always an optimum. What is stored at the end is worth the mean price.

    Parameters
    ----------
    stores
        Reports of all aggregators.
    area
        Row of the area in the reports.
    uncontrolled_kw, import_kw, export_kw : (t,) arrays
        Forecast and limits of the area.
    import_dkk_per_kwh, export_dkk_per_kwh : (t,) arrays
        Retail prices.
    step_h, solver
        Length of a step; what solves it.

    Returns
    -------
    (t,) array
        DKK/kWh, positive where import is scarce, negative where export is.
    """
    steps = range(uncontrolled_kw.size)
    problem = pulp.LpProblem("look_ahead", pulp.LpMinimize)
    over = [problem.add_variable(f"overload_import_{k}", 0) for k in steps]
    under = [problem.add_variable(f"overload_export_{k}", 0) for k in steps]
    cost = [(at, step_h * OVERLOAD_DKK_PER_KWH) for at in over + under]
    exchange: list[list[tuple[pulp.LpVariable, float]]] = [[] for _ in steps]
    for f, store in enumerate(stores):
        if not store.capacity_kwh[area].any():
            continue
        cost += _add_store(
            problem,
            exchange,
            f,
            store,
            area,
            import_dkk_per_kwh,
            export_dkk_per_kwh,
            step_h,
        )
    problem += pulp.lpSum_vars_coefs(cost)
    for k in steps:
        upper = pulp.lpSum_vars_coefs([*exchange[k], (over[k], -1.0)])
        lower = pulp.lpSum_vars_coefs([*exchange[k], (under[k], 1.0)])
        problem += upper <= float(import_kw[k] - uncontrolled_kw[k]), f"import_{k}"
        problem += lower >= float(-export_kw[k] - uncontrolled_kw[k]), f"export_{k}"
    solve(problem, "look_ahead", stores[0].moment.step, solver)
    duals = {row.name: row.pi for row in problem.constraints()}
    price = [-(duals[f"import_{k}"] + duals[f"export_{k}"]) / step_h for k in steps]
    return np.array(price)


def _add_store(
    problem: pulp.LpProblem,
    exchange: list[list[tuple[pulp.LpVariable, float]]],
    f: int,
    store: StoreReport,
    area: int,
    import_dkk_per_kwh: FloatArray,
    export_dkk_per_kwh: FloatArray,
    step_h: float,
) -> list[tuple[pulp.LpVariable, float]]:
    """Add one store's variables and rows; return its part of the objective."""
    add = problem.add_variable
    steps = range(import_dkk_per_kwh.size)
    gain, keep = store.charge_gain[area].tolist(), float(store.keep[area])
    loss, fixed = float(store.discharge_loss[area]), store.fixed_kw[area].tolist()
    need, capacity = store.need_kwh[area].tolist(), store.capacity_kwh[area].tolist()
    worth = float(import_dkk_per_kwh.mean() / store.charge_gain[area].mean())
    cost: list[tuple[pulp.LpVariable, float]] = []
    before = None
    for k in steps:
        bought, sold = add(f"import_{f}_{k}", 0), add(f"export_{f}_{k}", 0)
        charge = add(f"charge_{f}_{k}", 0, float(store.charge_max_kw[area, k]))
        stored = add(f"stored_{f}_{k}")
        short, full = add(f"short_{f}_{k}", 0), add(f"full_{f}_{k}", 0)
        cost += [
            (bought, step_h * float(import_dkk_per_kwh[k])),
            (sold, -step_h * float(export_dkk_per_kwh[k])),
            (short, SHORTAGE_DKK_PER_KWH),
            (full, SHORTAGE_DKK_PER_KWH),
        ]
        meter = [(bought, 1.0), (sold, -1.0), (charge, -1.0)]
        energy = [(stored, 1.0), (charge, -step_h * gain[k])]
        if store.discharge_max_kw[area] > 0:
            most = float(store.discharge_max_kw[area])
            discharge = add(f"discharge_{f}_{k}", 0, most)
            cost.append((discharge, step_h * store.wear_dkk_per_kwh))
            meter.append((discharge, 1.0))
            energy.append((discharge, step_h * loss))
        if store.curtailable_kw[area, k] > 0:
            most = float(store.curtailable_kw[area, k])
            curtailed = add(f"curtailed_{f}_{k}", 0, most)
            cost.append((curtailed, step_h * CURTAILMENT_DKK_PER_KWH))
            meter.append((curtailed, -1.0))
        start = 0.0
        if before is None:
            start = keep * float(store.stored_kwh[area])
        else:
            energy.append((before, -keep))
        problem += pulp.lpSum_vars_coefs(meter) == fixed[k], f"meter_{f}_{k}"
        problem += pulp.lpSum_vars_coefs(energy) == start - need[k], f"energy_{f}_{k}"
        problem += stored + short >= 0, f"empty_{f}_{k}"
        problem += stored - full <= capacity[k + 1], f"full_{f}_{k}"
        exchange[k] += [(bought, 1.0), (sold, -1.0)]
        before = stored
    if before is not None:
        cost.append((before, -worth))
    return cost
