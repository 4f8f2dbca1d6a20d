"""Look-ahead: when an area will be short of room, and what that is worth then."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.coordination.solver import Solver, duals, solve
from mosaik_bottomup.messages import StoreReport

OVERLOAD_DKK_PER_KWH = 10.0
"""Most a congestion price can be; several times any retail price, so that whoever can
move does."""
CURTAILMENT_DKK_PER_KWH = 5.0
"""Price of giving up generation: dearer than all that could use it."""
SHORTAGE_DKK_PER_KWH = 10.0
"""Price of each kWh that a store would have to take from below its lower edge, or
give up above its upper one."""

TINY = 1e-9  # kW or kWh

type Term = tuple[pulp.LpVariable, float]


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


def pool(stores: Sequence[StoreReport]) -> list[StoreReport]:
    """Return one store per kind: what all aggregators' fleets of it are together.

    Energies and powers are sums; what remains of a store is weighted by its capacity,
    gains and losses by the powers they apply to.
    """
    kinds: dict[str, list[StoreReport]] = {}
    for store in stores:
        kinds.setdefault(store.kind, []).append(store)
    return [_pooled(same) for same in kinds.values()]


def _pooled(same: list[StoreReport]) -> StoreReport:
    def total(name: str) -> FloatArray:
        values: FloatArray = np.stack([getattr(store, name) for store in same])
        summed: FloatArray = values.sum(axis=0)
        return summed

    def mean(name: str, weight: str) -> FloatArray:
        values = np.stack([getattr(store, name) for store in same])
        weights = np.stack([getattr(store, weight) for store in same])
        if weights.ndim > values.ndim:
            weights = weights[..., 0]
        weights = weights + TINY  # a kind that an area lacks still needs a mean
        average: FloatArray = np.average(values, axis=0, weights=weights)
        return average

    return StoreReport(
        kind=same[0].kind,
        stored_kwh=total("stored_kwh"),
        capacity_kwh=total("capacity_kwh"),
        keep=mean("keep", "capacity_kwh"),
        need_kwh=total("need_kwh"),
        charge_gain=mean("charge_gain", "charge_max_kw"),
        charge_max_kw=total("charge_max_kw"),
        discharge_loss=mean("discharge_loss", "discharge_max_kw"),
        discharge_max_kw=total("discharge_max_kw"),
        wear_dkk_per_kwh=same[0].wear_dkk_per_kwh,
        fixed_kw=total("fixed_kw"),
        curtailable_kw=total("curtailable_kw"),
        reactive_kvar=total("reactive_kvar"),
        moment=same[0].moment,
    )


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
    can be curtailed by :math:`z`; import :math:`e^+` and export :math:`e^-` are priced
    apart:

    .. math::
        \min \sum_{fk} h (\pi_k e^+_{fk} - \rho_k e^-_{fk} + w d_{fk}) - v_f s_{fT}
        \quad\text{s.t.}\quad& e^+_{fk} - e^-_{fk} = b_{fk} + c_{fk} - d_{fk} + z_{fk}
        \\ & s_{f,k+1} = \kappa_f s_{fk} + h (g_{fk} c_{fk} - \ell_f d_{fk}) - n_{fk}
        \\ & -C^-_k \le U_k + \sum_f (e^+_{fk} - e^-_{fk}) \le C^+_k

    Limits and stores can be overrun at a stated price, so that there is always an
    optimum. What is stored at the end is worth the mean price.

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
    steps = range(ahead.uncontrolled_kw.size)
    problem = pulp.LpProblem("look_ahead", pulp.LpMinimize)
    exchange: list[list[Term]] = [[] for _ in steps]
    cost: list[Term] = []
    for f, store in enumerate(stores):
        if store.fixed_kw[area].any() or store.discharge_max_kw[area] > 0:
            cost += _add_meter(problem, exchange, f, store, area, ahead, step_h)
        elif store.charge_max_kw[area].any():
            cost += _add_load(problem, exchange, f, store, area, ahead, step_h)
    most = ahead.import_kw - ahead.uncontrolled_kw
    least = -ahead.export_kw - ahead.uncontrolled_kw
    for k in steps:
        over = problem.add_variable(f"overload_import_{k}", 0)
        under = problem.add_variable(f"overload_export_{k}", 0)
        room = problem.add_variable(f"within_{k}", float(least[k]), float(most[k]))
        cost += [(at, step_h * OVERLOAD_DKK_PER_KWH) for at in (over, under)]
        balance = [*exchange[k], (over, -1.0), (under, 1.0), (room, -1.0)]
        problem += pulp.lpSum_vars_coefs(balance) == 0, f"limit_{k}"
    problem += pulp.lpSum_vars_coefs(cost)
    solve(problem, "look_ahead", stores[0].moment.step, solver)
    dual = duals(problem)
    return np.array([-dual[f"limit_{k}"] / step_h for k in steps])


def _add_load(
    problem: pulp.LpProblem,
    exchange: list[list[Term]],
    f: int,
    store: StoreReport,
    area: int,
    ahead: AreaAhead,
    step_h: float,
) -> list[Term]:
    """Add a store that only draws from the grid; return its part of the objective."""
    cost, charges = [], []
    for k, price in enumerate(ahead.import_dkk_per_kwh.tolist()):
        most = float(store.charge_max_kw[area, k])
        charge = problem.add_variable(f"charge_{f}_{k}", 0, most)
        cost.append((charge, step_h * price))
        exchange[k].append((charge, 1.0))
        charges.append([(charge, -step_h * float(store.charge_gain[area, k]))])
    return cost + _add_energy(problem, f, store, area, ahead, charges)


def _add_meter(
    problem: pulp.LpProblem,
    exchange: list[list[Term]],
    f: int,
    store: StoreReport,
    area: int,
    ahead: AreaAhead,
    step_h: float,
) -> list[Term]:
    """Add a store behind a meter that draws and feeds in; return its costs."""
    add = problem.add_variable
    gain, loss = store.charge_gain[area], float(store.discharge_loss[area])
    give, fixed = float(store.discharge_max_kw[area]), store.fixed_kw[area].tolist()
    cost: list[Term] = []
    powers = []
    for k, price in enumerate(ahead.import_dkk_per_kwh.tolist()):
        bought, sold = add(f"import_{f}_{k}", 0), add(f"export_{f}_{k}", 0)
        charge = add(f"charge_{f}_{k}", 0, float(store.charge_max_kw[area, k]))
        discharge = add(f"discharge_{f}_{k}", 0, give)
        curtailed = add(f"curtail_{f}_{k}", 0, float(store.curtailable_kw[area, k]))
        cost += [
            (bought, step_h * price),
            # no meter buys and sells at once, even where a negative price with tax on
            # it makes export dearer than import
            (sold, -step_h * min(float(ahead.export_dkk_per_kwh[k]), price)),
            (discharge, step_h * store.wear_dkk_per_kwh),
            (curtailed, step_h * CURTAILMENT_DKK_PER_KWH),
        ]
        meter = [(bought, 1.0), (sold, -1.0), (charge, -1.0)]
        meter += [(discharge, 1.0), (curtailed, -1.0)]
        problem += pulp.lpSum_vars_coefs(meter) == fixed[k], f"meter_{f}_{k}"
        exchange[k] += meter[:2]
        powers.append([(charge, -step_h * float(gain[k])), (discharge, step_h * loss)])
    return cost + _add_energy(problem, f, store, area, ahead, powers)


def _add_energy(
    problem: pulp.LpProblem,
    f: int,
    store: StoreReport,
    area: int,
    ahead: AreaAhead,
    powers: list[list[Term]],
) -> list[Term]:
    """Add a store's energy balance; return what overruns cost and the end is worth."""
    keep = float(store.keep[area])
    need, capacity = store.need_kwh[area].tolist(), store.capacity_kwh[area].tolist()
    cost: list[Term] = []
    before: list[Term] = []
    start = keep * float(store.stored_kwh[area])
    for k, terms in enumerate(powers):
        stored = problem.add_variable(f"stored_{f}_{k}", 0, capacity[k + 1])
        short = problem.add_variable(f"short_{f}_{k}", 0)
        spilled = problem.add_variable(f"spilled_{f}_{k}", 0)
        cost += [(short, SHORTAGE_DKK_PER_KWH), (spilled, SHORTAGE_DKK_PER_KWH)]
        energy = [*terms, *before, (stored, 1.0), (short, -1.0), (spilled, 1.0)]
        problem += pulp.lpSum_vars_coefs(energy) == start - need[k], f"energy_{f}_{k}"
        before, start = [(stored, -keep)], 0.0
    worth = float(ahead.import_dkk_per_kwh.mean() / store.charge_gain[area].mean())
    return [*cost, (before[0][0], -worth)] if before else cost
