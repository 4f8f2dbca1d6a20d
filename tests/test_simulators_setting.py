"""Every adapter runs by the scenario's step, whatever mosaik's unit of time is."""

import importlib

import pytest
from mosaik_components.bottomup.setting import case_of, settle

from mosaik_bottomup import scenario
from mosaik_bottomup.errors import InputError

ADAPTERS = ("profiles", "fleet", "aggregator", "dso", "grid", "recorder")


@pytest.mark.parametrize(
    ("time_resolution", "step_size"), [(1.0, 900), (60.0, 15), (900.0, 1), (0.5, 1800)]
)
def test_the_step_size_follows_from_the_unit_of_time(time_resolution, step_size):
    setting = settle("two_areas", time_resolution)

    assert setting.step_size == step_size
    assert setting.until == 96 * step_size
    assert setting.step(3 * step_size) == 3


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(("time_resolution", "step_size"), [(1.0, 60), (7.0, None)])
def test_an_adapter_refuses_another_step_than_the_scenarios(
    name, time_resolution, step_size
):
    module = importlib.import_module(f"mosaik_components.bottomup.{name}")

    with pytest.raises(ValueError, match=r"the scenario's step is 900 s"):
        module.Simulator().init(
            "sid",
            time_resolution=time_resolution,
            scenario="two_areas",
            step_size=step_size,
        )


def test_a_time_within_a_step_is_refused():
    with pytest.raises(ValueError, match="no step of 900 begins at time 901"):
        settle("two_areas").step(901)


def test_a_scenario_is_text_or_a_name_and_built_once():
    by_name = case_of("two_areas")
    text = scenario.load("two_areas").to_toml()

    assert case_of("two_areas") is by_name
    assert case_of(text).scenario == by_name.scenario


def test_a_bad_scenario_is_refused_with_its_problems():
    with pytest.raises(InputError, match=r"run\.step_s"):
        settle("[run]\nstep_s = 7\n")


def test_the_loop_limit_grows_with_what_is_rehearsed():
    few = settle("[day_ahead]\nrounds = 1\n").max_loop_iterations
    many = settle("[day_ahead]\nrounds = 4\n").max_loop_iterations

    # 96 bids and 12 plans a round, two weak connections each; the rounds with
    # the margin come once more with the prices fed back
    assert many - few == 2 * 3 * 2 * (96 + 12)


def test_the_loop_limit_holds_the_longest_rehearsal():
    text = "[run]\nduration_h = 72.0\n[day_ahead]\nrounds = 1\n"
    at_start = settle(text).max_loop_iterations
    at_noon = settle(text + "gate_closure_h = 12.0\n").max_loop_iterations
    traded = settle(text + "[intraday]\nevery_h = 1.0\n").max_loop_iterations

    # half a day more, twice: by margin and by prices fed back
    assert at_noon - at_start == 2 * 2 * (48 + 6)
    # a new plan before every round of trading: 12 more a day
    assert traded - at_start == 2 * 2 * 12
