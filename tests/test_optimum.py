"""The optimum is a bound: nobody beats it, and it keeps every rule itself."""

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import parties as makers
from mosaik_bottomup import scenario
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.day_ahead import Parties, negotiate
from mosaik_bottomup.devices.heat_pump import cop
from mosaik_bottomup.errors import StageError
from mosaik_bottomup.optimum import FlexibleRoom, Lived, optimum

FEW = (
    "sites.heat_pumps=6",
    "sites.pv_batteries=5",
    "run.duration_h=6",
    "run.warm_up_h=3",
    "aggregators.count=1",
)


def lived(*overrides):
    """Run a case in a plain loop: what its fleets lived, cost, area powers."""
    case = cases.build(scenario.load("two_areas", [*FEW, *overrides]))
    agents = {it.name: makers.fleet_agent(case, it) for it in case.fleets}
    headroom = makers.fit_headroom(case.network)
    dso = makers.system_operator(case, headroom, lambda: np.ones(2))
    parties = Parties(
        agents,
        {it.name: it.aggregator for it in case.fleets},
        {name: makers.aggregator(case.scenario) for name in case.aggregators},
        dso,
    )
    forecasts = {
        it.name: makers.fleet_forecast(case, it.sites.fleet.home) for it in case.fleets
    }
    states = {name: [level(agent.state)] for name, agent in agents.items()}
    cost, powers = 0.0, []
    for step in range(case.scenario.run.steps):
        negotiate(
            parties, step, {name: at(step, step, 1) for name, at in forecasts.items()}
        )
        total = np.zeros(2)
        for it in case.fleets:
            record = agents[it.name].record
            cost += record["bill_dkk"].sum() + record.get("wear_dkk", np.zeros(1)).sum()
            area = it.sites.fleet.area
            total += np.bincount(area, weights=record["power_kw"], minlength=2)
            states[it.name].append(level(agents[it.name].state))
        powers.append(total)
    lives = {
        name: Lived(at[0], at[-1], np.array([air(level) for level in at[1:]]).T)
        for name, at in states.items()
    }
    return case, lives, cost, np.array(powers).T


def level(state):
    return getattr(state, "temperature_c", state)


def air(level):
    return level[:, 0] if level.ndim == 2 else level


@pytest.fixture(scope="module", params=["price-only", "two-stage"])
def run(request):
    return lived(f"run.strategy={request.param}")


def test_no_run_is_cheaper_than_the_optimum_with_its_own_end(run):
    case, lives, cost, _ = run

    best = optimum(case, lives, None, Solver())

    assert best.cost_dkk <= cost + 1e-6
    assert best.cost_dkk > 0.9 * cost


def test_the_optimum_keeps_the_limits_it_is_given_and_pays_for_them(run):
    case, lives, _, power_kw = run
    high = 0.97 * power_kw.max(axis=1, keepdims=True) * np.ones(power_kw.shape)
    room = FlexibleRoom(high, np.full(power_kw.shape, np.inf))

    free = optimum(case, lives, None, Solver())
    bound = optimum(case, lives, room, Solver())

    total = sum(
        np.array(
            [
                bound.power_kw[it.name][it.sites.fleet.area == a].sum(axis=0)
                for a in (0, 1)
            ]
        )
        for it in case.fleets
    )
    assert (total <= high + 1e-6).all()
    assert bound.cost_dkk >= free.cost_dkk - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("limited", [False, True])
def test_continuous_powers_are_never_dearer_than_machines_on_or_off(seed, limited):
    short = ("run.duration_h=2", "sites.heat_pumps=4", "sites.pv_batteries=2")
    case, lives, cost, power_kw = lived(
        *short, f"run.seed={seed}", "run.strategy=price-only"
    )
    # what the run has used at most, so that it is within the limit too
    most = power_kw.max(axis=1, keepdims=True) * np.ones(power_kw.shape)
    room = FlexibleRoom(most, np.full(most.shape, np.inf)) if limited else None

    relaxed = optimum(case, lives, room, Solver())
    exact = optimum(case, lives, room, Solver(), on_off=True)

    assert relaxed.cost_dkk <= exact.cost_dkk + 1e-6
    assert exact.cost_dkk <= cost + 1e-4
    for it in case.fleets:
        if it.sites.kind == "heat_pumps":
            ahead = case.series.window(case.scenario.run.warm_up_steps, most.shape[1])
            full = it.sites.fleet.heat_kw[:, None] / cop(
                ahead.ambient_c, it.sites.fleet.inverter
            )
            part = exact.power_kw[it.name] / full
            on_off = part[~it.sites.fleet.inverter]
            assert np.isclose(on_off, on_off.round(), atol=1e-6).all()
            modulated = part[it.sites.fleet.inverter]
            assert ((modulated < 1e-6) | (modulated > 0.5 - 1e-6)).all()


def test_limits_that_nothing_fits_are_an_error_that_says_so(run):
    case, lives, _, power_kw = run
    room = FlexibleRoom(np.full(power_kw.shape, -1e4), np.full(power_kw.shape, np.inf))

    with pytest.raises(StageError, match="optimum"):
        optimum(case, lives, room, Solver())
