"""Every strategy is a run like any other, and none is cheaper than the optimum."""

import json

import numpy as np
import pytest

from mosaik_bottomup import results, scenario
from mosaik_bottomup.app import optimum_run, world
from mosaik_bottomup.errors import InputError, StageError
from mosaik_bottomup.metrics import customer_cost_raw_dkk, summarise
from mosaik_bottomup.parties import STRATEGIES

FEW = (
    "sites.heat_pumps=12",
    "sites.pv_batteries=10",
    "run.duration_h=6",
    "run.warm_up_h=2",
    "grid.transformer_kva=[42.0, 58.0]",
)
SOLVER_DKK = 1e-4
"""What a solver's tolerance may leave over all sites and steps."""
MADE = [name for name in STRATEGIES if name != "optimum"]


def settled(strategy, *overrides):
    return scenario.load("two_areas", [*FEW, *overrides], strategy=strategy)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One run of every strategy."""
    folder = tmp_path_factory.mktemp("strategies")
    made = {name: folder / f"{name}.h5" for name in STRATEGIES}
    for name in MADE:
        world.run(settled(name), made[name])
    optimum_run.run_optimum(settled("optimum"), made["optimum"], made["two-stage"])
    return made


def certificate(file):
    return json.loads(str(results.read(file).attrs["certificate"]))


@pytest.mark.slow
def test_every_strategy_starts_alike_keeps_its_books_and_obeys(files):
    start = {name: results.read(file).static for name, file in files.items()}
    for name, file in files.items():
        checks = certificate(file)
        failed = {check for check, line in checks.items() if not line["pass"]}
        secured = name in ("two-stage", "optimum")
        allowed = set() if secured else {"security_transformers"}
        assert failed <= allowed, name
        if name == "thermostat":  # it has lived by itself before, too
            continue
        for group, key in (
            ("heat_pumps", "start_air_c"),
            ("heat_pumps", "start_floor_c"),
            ("pv_batteries", "start_energy_kwh"),
        ):
            assert (start[name][group][key] == start["price-only"][group][key]).all()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [*MADE, "optimum"])
def test_no_run_is_cheaper_than_the_optimum_with_its_own_end(files, strategy):
    run = results.read(files[strategy])
    limited = STRATEGIES[strategy].asks_dso

    bound = optimum_run.bound_dkk(run, limited)

    assert bound <= customer_cost_raw_dkk(run) + SOLVER_DKK


@pytest.mark.slow
def test_the_replay_costs_what_the_optimum_said_and_keeps_the_limits(files):
    against, replay = (results.read(files[it]) for it in ("two-stage", "optimum"))

    bound = optimum_run.bound_dkk(against, True)

    assert customer_cost_raw_dkk(replay) == pytest.approx(bound, abs=SOLVER_DKK)
    room = results.read(files["two-stage"]).series("areas", "import_limit_kw")
    load = replay.series("areas", "flexible_kw") + replay.series(
        "areas", "uncontrolled_kw"
    )
    assert (load <= room + 1e-3).all()
    for kind, level in (("heat_pumps", "air_c"), ("pv_batteries", "energy_kwh")):
        ends = [run.series(kind, level)[:, -1] for run in (replay, against)]
        assert (ends[0] >= ends[1] - 1e-4).all()


@pytest.mark.slow
def test_the_true_optimum_is_a_run_too_and_runs_machines_at_powers_they_have(tmp_path):
    few = ("sites.heat_pumps=4", "sites.pv_batteries=3", "run.duration_h=3")
    asked = settled("optimum", *few, "alternatives.optimum_on_off=true")
    against = settled("two-stage", *few, "alternatives.optimum_on_off=true")
    world.run(against, tmp_path / "two-stage.h5")

    optimum_run.run_optimum(asked, tmp_path / "o.h5", tmp_path / "two-stage.h5")

    replay, run = (results.read(tmp_path / it) for it in ("o.h5", "two-stage.h5"))
    bound = optimum_run.bound_dkk(run, True)
    cost = customer_cost_raw_dkk(replay)
    assert bound - SOLVER_DKK <= cost <= customer_cost_raw_dkk(run) + SOLVER_DKK
    power = replay.series("heat_pumps", "power_kw")
    most = power.max(axis=1, keepdims=True)
    assert ((power < 1e-6) | (power > 0.4 * most)).all()


def test_a_true_optimum_of_many_machines_is_refused_with_what_can_be_done():
    with pytest.raises(InputError, match="7680 choices between on and off"):
        settled(
            "optimum",
            *("alternatives.optimum_on_off=true", "run.duration_h=24"),
            "sites.heat_pumps=80",
        )


@pytest.mark.slow
def test_a_cap_lowers_what_sites_draw_in_critical_steps_only(files, tmp_path):
    tight = "alternatives.site_cap_kw=0.5"
    world.run(settled("static-cap", tight), tmp_path / "cap.h5")

    run = results.read(tmp_path / "cap.h5")
    power = run.series("pv_batteries", "setpoint_kw")
    least = run.series("pv_batteries", "offer_low_kw")
    limit = run.series("areas", "import_limit_kw")
    load = run.series("areas", "uncontrolled_forecast_kw")
    planned = np.zeros(limit.shape)
    for row, name in enumerate(run.entities["portfolios"]):
        area = run.entities["areas"].index(name.split()[-1])
        planned[area] += run.series("portfolios", "plan_kw")[row]
    critical = (planned + load > limit)[run.static["pv_batteries"]["area"].astype(int)]
    assert critical.any()
    assert not critical.all()
    assert (power <= np.maximum(0.5, least) + 1e-6)[critical].all()
    assert (power > np.maximum(0.5, least) + 1e-6)[~critical].any()


@pytest.mark.slow
def test_a_surcharge_moves_load_and_stays_off_the_bill(files):
    run = results.read(files["price-iteration"])

    price = run.series("areas", "look_ahead_price")

    assert (price > 0).any()
    bought = run.series("heat_pumps", "power_kw") * run.step_h
    retail = run.series("market", "import_price")
    assert run.series("heat_pumps", "bill_dkk") == pytest.approx(bought * retail)


@pytest.mark.slow
def test_packets_are_the_same_in_every_run_of_a_seed(files, tmp_path):
    world.run(settled("packet"), tmp_path / "again.h5")

    first, again = summarise(files["packet"]), summarise(tmp_path / "again.h5")
    assert first["customer_cost_raw_dkk"] == again["customer_cost_raw_dkk"]


@pytest.mark.slow
def test_both_runs_of_the_optimum_are_one_to_whoever_watches(files, tmp_path):
    seen = []

    optimum_run.run_both(
        settled("optimum"),
        tmp_path / "best.h5",
        lambda at, all_: seen.append((at, all_)),
    )

    assert seen[-1] == (48, 48)
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    ours, other = summarise(tmp_path / "best.h5"), summarise(files["optimum"])
    assert ours["customer_cost_raw_dkk"] == pytest.approx(
        other["customer_cost_raw_dkk"], abs=SOLVER_DKK
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "best.h5"]


@pytest.mark.slow
def test_an_optimum_wants_a_run_of_the_same_scenario_with_limits(files, tmp_path):
    other = settled("optimum", "run.seed=2")

    with pytest.raises(InputError, match="same scenario"):
        optimum_run.run_optimum(other, tmp_path / "x.h5", files["two-stage"])
    with pytest.raises(ValueError, match="nobody set limits"):
        optimum_run.bound_dkk(results.read(files["price-only"]), True)
    assert not list(tmp_path.iterdir())


def test_without_set_points_nobody_can_be_told(tmp_path):
    with pytest.raises(ValueError, match="never without"):
        world.run(settled("optimum"), tmp_path / "x.h5")


@pytest.mark.slow
def test_a_limit_below_the_must_run_has_no_optimum(files):
    run = results.read(files["two-stage"])
    run.series("areas", "import_limit_kw")
    from mosaik_bottomup import case, optimum, parties

    made = case.build(scenario.parse(str(run.attrs["scenario"])))
    none = np.zeros(optimum.room(run).import_kw.shape)
    nothing = optimum.FlexibleRoom(none - 50.0, none + 100.0)

    with pytest.raises(StageError, match="optimum"):
        optimum.optimum(
            made, optimum.lived(made, run), nothing, parties.solver(made.scenario)
        )


@pytest.mark.slow
def test_where_forecasts_err_the_dso_keeps_a_margin_and_loses_no_comfort(tmp_path):
    world.run(settled("two-stage", "forecast.error_scale=1"), tmp_path / "wrong.h5")

    run = results.read(tmp_path / "wrong.h5")
    load = run.series("areas", "uncontrolled_kw")
    foreseen = run.series("areas", "uncontrolled_forecast_kw")
    margin = run.series("areas", "forecast_margin_kw")
    assert (margin > 0).all()
    assert (np.abs(load - foreseen) > 0).all()
    assert (load <= foreseen + margin).mean() > 0.8
    assert json.loads(str(run.attrs["certificate"]))["qos_comfort"]["pass"]
