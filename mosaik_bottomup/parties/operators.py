"""The DSO of a case, its model of the transformers included."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mosaik_bottomup.arrays import FloatArray, write_protect
from mosaik_bottomup.case import Case
from mosaik_bottomup.coordination.congestion_points import SharedLimits
from mosaik_bottomup.coordination.operator import (
    Forecast,
    Operator,
    SharedCapability,
)
from mosaik_bottomup.coordination.price_iteration import PricingOperator
from mosaik_bottomup.coordination.rehearsal import RehearsalRules
from mosaik_bottomup.coordination.site_cap import CappingOperator
from mosaik_bottomup.coordination.system_operator import DsoRules, SystemOperator
from mosaik_bottomup.grid.headroom import Headroom, limits_kw
from mosaik_bottomup.grid.headroom_fit import fit
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.grid.shared_headroom import fit_shared, shared_limits_kw
from mosaik_bottomup.parties.load import load_forecast
from mosaik_bottomup.parties.rules import imbalance, market, solver
from mosaik_bottomup.parties.strategies import STRATEGIES

PERCENT = 100.0


@lru_cache(maxsize=1)
def fit_headroom(network: Network) -> Headroom:
    """Return the DSO's model of its transformers, fitted on power flows."""
    return write_protect(fit(network, np.random.default_rng(0)))


def system_operator(
    case: Case, headroom: Headroom, correction: Callable[[], FloatArray]
) -> Operator:
    """Return the DSO as the scenario's strategy wants it.

    Parameters
    ----------
    case
        What it works on.
    headroom
        Its model of the transformers.
    correction
        ``correction()``: what it has learned so far from measured loadings, ``(a,)``.
    """
    scenario = case.scenario
    dso, day_ahead, areas = scenario.dso, scenario.day_ahead, len(case.network.areas)
    source, lead = case.forecast, scenario.run.warm_up_steps
    foresee = load_forecast(case)
    tan_phi = float(np.tan(np.arccos(scenario.grid.household_power_factor)))
    limit_percent = np.array(scenario.grid.loading_limit_percent)

    def forecast(made_at: int, step: int, steps: int) -> Forecast:
        part = source.at(lead + made_at, lead + step, steps)
        load, margin, drift = foresee(made_at, step, steps)
        return Forecast(
            load,
            tan_phi * load,
            part.import_dkk_per_kwh,
            part.export_dkk_per_kwh,
            margin,
            drift,
        )

    def capability(reactive_kvar: FloatArray) -> tuple[FloatArray, FloatArray]:
        return limits_kw(
            headroom,
            limit_percent,
            reactive_kvar,
            correction(),
            dso.loading_margin_percent,
        )

    strategy, other = STRATEGIES[scenario.run.strategy], scenario.alternatives
    if strategy.dso == "site cap":
        return CappingOperator(areas, other.site_cap_kw, forecast, capability)
    if strategy.dso == "surcharge":
        return PricingOperator(
            areas,
            other.surcharge_rounds,
            other.surcharge_gain_dkk_per_kwh,
            forecast,
            capability,
        )
    rules = DsoRules(
        areas=areas,
        step_h=scenario.run.step_h,
        imbalance=imbalance(scenario),
        allocation=dso.allocation,
        rehearsal=RehearsalRules(
            areas=areas,
            look_ahead=dso.look_ahead,
            secured=day_ahead.rehearsal,
            rounds=day_ahead.rounds,
            first_margin=day_ahead.first_margin_percent / PERCENT,
            margin_step=day_ahead.margin_step_percent / PERCENT,
            reserve=day_ahead.reserve_percent / PERCENT,
        ),
        market=market(scenario),
    )
    shared = _shared_capability(case, headroom)
    return SystemOperator(rules, solver(scenario), forecast, capability, shared)


def _shared_capability(case: Case, headroom: Headroom) -> SharedCapability | None:
    """Return what the limits that areas share leave to meters; None without any."""
    points, dso = case.network.points, case.scenario.dso
    if not points.names:
        return None
    model = fit_shared(case.network, headroom, np.random.default_rng(0))

    def shared(reactive_kvar: FloatArray) -> SharedLimits:
        behind_kvar = points.member @ reactive_kvar
        import_kw, export_kw = shared_limits_kw(
            model, behind_kvar, dso.loading_margin_percent
        )
        return SharedLimits(points.member, import_kw, export_kw)

    return shared
