"""Look-ahead: when an area will be short of room, and what that is worth then."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from mosaik_bottomup.arrays import BoolArray, FloatArray
from mosaik_bottomup.coordination.limit_rows import SIDES, Term
from mosaik_bottomup.coordination.solver import Solver, duals, is_solved, solve
from mosaik_bottomup.messages import StoreReport

OVERLOAD_DKK_PER_KWH = 10.0
"""Most a congestion price can be; several times any retail price, so that whoever can
move does."""
CURTAILMENT_DKK_PER_KWH = 5.0
"""Price of giving up generation: dearer than all that could use it."""
SHORTAGE_DKK_PER_KWH = 10.0
"""Price of each kWh that a store would have to take from below its lower edge, or
give up above its upper one."""

TIED = 1e-9  # forgives what a solver has rounded, DKK

STAGE = "look_ahead"


@dataclass(frozen=True, slots=True, eq=False)
class AreaAhead:
    """What the DSO expects of one area in ``t`` steps, each field ``(t,)``."""

    uncontrolled_kw: FloatArray
    import_kw: FloatArray
    """Most net power its meters may draw."""
    export_kw: FloatArray
    """Most they may feed back, as a positive number."""
    import_dkk_per_kwh: FloatArray
    """Retail price."""
    export_dkk_per_kwh: FloatArray


def congestion_prices(
    stores: Sequence[StoreReport],
    area: int,
    ahead: AreaAhead,
    step_h: float,
    solver: Solver,
) -> FloatArray:
    r"""Return the congestion price of each step ahead, the dual of the area's limit.

    Every fleet :math:`f` is one store with charging :math:`c`, discharging :math:`d`,
    stored energy :math:`s` and a fixed exchange :math:`b` at its meters, of which PV
    can be curtailed by :math:`z`; what it feeds in, :math:`e^-`, earns less than what
    it draws costs:

    .. math::
        \min \sum_{fk} h (\pi_k e_{fk} + (\pi_k - \rho_k) e^-_{fk} + w d_{fk})
            - v_f s_{fT}
        \quad\text{s.t.}\quad& e_{fk} = b_{fk} + c_{fk} - d_{fk} + z_{fk},
            \quad e^-_{fk} \ge [-e_{fk}]_+
        \\ & s_{f,k+1} = \kappa_f s_{fk} + h (g_{fk} c_{fk} - \ell_f d_{fk}) - n_{fk}
        \\ & -C^-_k \le U_k + \sum_f e_{fk} \le C^+_k

    Limits and stores can be overrun at a stated price, so that there is always an
    optimum. What is stored at the end is worth the mean price.

    Hardly anything is overrun, so that it is solved without overruns first, but for
    what a store lacks at the start. Where no dual is above the price of an overrun,
    none would be used, and the optimum is the one with them.

    Parameters
    ----------
    stores
        Reports of all aggregators, pooled by kind.
    area
        Row of the area in the reports.
    ahead
        Forecast, limits and prices of the area.
    step_h, solver
        Length of a step; what solves it.

    Returns
    -------
    (t,) array
        DKK/kWh, positive where import is scarce, negative where export is.

    Raises
    ------
    StageError
        If there is no optimum.
    """
    step, price = stores[0].moment.step, np.zeros(ahead.uncontrolled_kw.size)
    if not np.concatenate(_can_bind(stores, area, ahead)).any():
        return price
    problem = _problem(stores, area, ahead, step_h, overruns=False)
    dual = duals(problem) if is_solved(problem, STAGE, step, solver) else {}
    if not dual or _overruns_pay(dual, step_h):
        problem = _problem(stores, area, ahead, step_h, overruns=True)
        solve(problem, STAGE, step, solver)
        dual = duals(problem)
    for k in range(price.size):
        for side in SIDES:
            price[k] -= dual.get(f"{side}_{k}", 0.0) / step_h
    return price


def _can_bind(
    stores: Sequence[StoreReport], area: int, ahead: AreaAhead
) -> tuple[BoolArray, BoolArray]:
    """Return in which steps any schedule could break the import and export limit."""
    highest, lowest = ahead.uncontrolled_kw.copy(), ahead.uncontrolled_kw.copy()
    for store in stores:
        fixed = store.fixed_kw[area]
        highest += fixed + store.charge_max_kw[area] + store.curtailable_kw[area]
        lowest += fixed - store.discharge_max_kw[area]
    return highest > ahead.import_kw, lowest < -ahead.export_kw


def _overruns_pay(dual: dict[str, float], step_h: float) -> bool:
    """Return whether an overrun that was left out would be used."""
    overload_dkk = step_h * OVERLOAD_DKK_PER_KWH
    most = {"import": overload_dkk, "export": overload_dkk}
    most["energy"] = SHORTAGE_DKK_PER_KWH
    return any(
        abs(worth) > most.get(name.split("_")[0], np.inf) + TIED
        for name, worth in dual.items()
    )


def _problem(
    stores: Sequence[StoreReport],
    area: int,
    ahead: AreaAhead,
    step_h: float,
    *,
    overruns: bool,
) -> pulp.LpProblem:
    problem = pulp.LpProblem(STAGE, pulp.LpMinimize)
    cost: list[Term] = []
    exchange: list[list[Term]] = [[] for _ in ahead.uncontrolled_kw]
    fixed = ahead.uncontrolled_kw.copy()
    for f, store in enumerate(stores):
        cost += _add_store(problem, exchange, f, store, area, ahead, step_h, overruns)
        fixed += store.fixed_kw[area]
    limits = ahead.import_kw - fixed, -ahead.export_kw - fixed
    for side, binds, limit in zip(
        SIDES, _can_bind(stores, area, ahead), limits, strict=True
    ):
        for k in np.flatnonzero(binds).tolist():
            load = exchange[k]
            if overruns:
                over = problem.add_variable(f"overload_{side}_{k}", 0)
                cost.append((over, step_h * OVERLOAD_DKK_PER_KWH))
                load = [*load, (over, -1.0 if side == "import" else 1.0)]
            total, most = pulp.lpSum_vars_coefs(load), float(limit[k])
            row = total <= most if side == "import" else total >= most
            problem.addConstraint(row, f"{side}_{k}")
    problem += pulp.lpSum_vars_coefs(cost)
    return problem


def _add_store(
    problem: pulp.LpProblem,
    exchange: list[list[Term]],
    f: int,
    store: StoreReport,
    area: int,
    ahead: AreaAhead,
    step_h: float,
    overruns: bool,
) -> list[Term]:
    """Add a store, and to each step's exchange what it can move; return its costs.

    What cannot be, no variable stands for.
    """
    add, cost = problem.add_variable, list[Term]()
    keep, give = float(store.keep[area]), float(store.discharge_max_kw[area])
    loss = step_h * float(store.discharge_loss[area])
    gain = (step_h * store.charge_gain[area]).tolist()
    fixed, most, waste, need, capacity = (
        values[area].tolist()
        for values in (
            store.fixed_kw,
            store.charge_max_kw,
            store.curtailable_kw,
            store.need_kwh,
            store.capacity_kwh,
        )
    )
    before: list[Term] = []
    start = keep * float(store.stored_kwh[area])
    for k, (buy, sell) in enumerate(
        zip(
            ahead.import_dkk_per_kwh.tolist(),
            ahead.export_dkk_per_kwh.tolist(),
            strict=True,
        )
    ):
        charge = add(f"charge_{f}_{k}", 0, most[k])
        stored = add(f"stored_{f}_{k}", 0, capacity[k + 1])
        cost.append((charge, step_h * buy))
        meter, energy = [(charge, 1.0)], [(charge, -gain[k]), *before, (stored, 1.0)]
        if give > 0:
            discharge = add(f"discharge_{f}_{k}", 0, give)
            cost.append((discharge, step_h * (store.wear_dkk_per_kwh - buy)))
            meter.append((discharge, -1.0))
            energy.append((discharge, loss))
        if waste[k] > 0:
            curtailed = add(f"curtail_{f}_{k}", 0, waste[k])
            cost.append((curtailed, step_h * (CURTAILMENT_DKK_PER_KWH + buy)))
            meter.append((curtailed, 1.0))
        exchange[k] += meter
        if fixed[k] < give:
            sold = add(f"export_{f}_{k}", 0)
            # no meter buys and sells at once, even where a negative price with tax on
            # it makes export dearer than import
            cost.append((sold, step_h * (buy - min(sell, buy))))
            fed_in = pulp.lpSum_vars_coefs([*meter, (sold, 1.0)]) >= -fixed[k]
            problem.addConstraint(fed_in, f"meter_{f}_{k}")
        if overruns or k == 0:
            short, spilled = add(f"short_{f}_{k}", 0), add(f"spilled_{f}_{k}", 0)
            cost += [(short, SHORTAGE_DKK_PER_KWH), (spilled, SHORTAGE_DKK_PER_KWH)]
            energy += [(short, -1.0), (spilled, 1.0)]
        balance = pulp.lpSum_vars_coefs(energy) == start - need[k]
        problem.addConstraint(balance, f"energy_{f}_{k}")
        before, start = [(stored, -keep)], 0.0
    worth = float(ahead.import_dkk_per_kwh.mean() / store.charge_gain[area].mean())
    return [*cost, (before[0][0], -worth)] if before else cost
