"""What is said of many homes at once, and of one: both reach the same meter."""

import json

import mosaik
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mosaik_components.bottomup.ports import pick, summed
from mosaik_components.bottomup.setting import settle

from mosaik_bottomup.errors import InvariantError

SCENARIO = """
[run]
duration_h = 0.25
warm_up_h = 1
[sites]
heat_pumps = 3
pv_batteries = 3
[aggregators]
count = 1
"""
PRICE_ONLY = SCENARIO.replace("[run]", '[run]\nstrategy = "price-only"')
STEP_S = 900
IN_PROCESS = {"python": "mosaik_components.bottomup.{}:Simulator"}
SUBPROCESS = {"cmd": "%(python)s -m mosaik_components.bottomup.{} %(addr)s"}
BOTH = pytest.mark.parametrize(
    "how",
    [
        pytest.param(IN_PROCESS, id="in-process"),
        pytest.param(SUBPROCESS, id="subprocess", marks=pytest.mark.slow),
    ],
)
NAMES = ("profiles", "fleet", "grid")


def make_world(how):
    (key, pattern), *_ = how.items()
    return mosaik.World(
        {
            **{name: {key: pattern.format(name)} for name in NAMES},
            "Say": {"python": "mosaik.basic_simulators:InputSimulator"},
            "Log": {"python": "mosaik.basic_simulators:OutputSimulator"},
        },
        mosaik_config={"start_timeout": 120},
        skip_greetings=True,
        configure_logging=False,
    )


def heard(log, record, attr):
    (values,) = log.get_dict(record.eid).values()
    return next(iter(values[attr].values()))


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6),
    st.data(),
)
def test_lists_and_single_numbers_add_up_home_by_home(listed, single, data):
    count = 8
    homes = st.lists(st.integers(0, count - 1), unique=True)
    rows = data.draw(homes.filter(bool))[: len(listed)]
    listed = listed[: len(rows)]
    alone = {f"home-{row}": row for row in range(count)}
    inputs = {"many": {"P": {"fleet": listed}}}
    for row, value in enumerate(single):
        inputs[f"home-{row}"] = {"P": {"sun": value, "wind": 1.0}}

    sums = summed(inputs, "P", count, {"many": np.array(rows)}, alone)

    expected = np.zeros(count)
    for row, value in zip(rows, listed, strict=True):
        expected[row] += value
    for row, value in enumerate(single):
        expected[row] += value + 1.0
    np.testing.assert_allclose(sums, expected, atol=1e-9)


def test_a_child_says_its_own_number_of_the_list():
    columns = {"Fleet": {"P": [1.0, 2.0]}}
    children = {"one": ("Fleet", 0), "other": ("Fleet", 1)}

    said = pick(columns, {"Fleet": ["P"], "other": ["P", "Q"]}, children)

    assert said == {"Fleet": {"P": [1.0, 2.0]}, "other": {"P": 2.0}}


@pytest.mark.parametrize("sent", [[1.0], 1.0, [1.0, 2.0, 3.0]])
def test_a_list_of_another_length_is_refused_with_its_sender(sent):
    inputs = {"Meters-0": {"P": {"Say-0.Constant": sent}}}

    with pytest.raises(InvariantError, match=r"Meters-0: P wants .* 2 .*Say-0"):
        summed(inputs, "P", 2, {"Meters-0": np.arange(2)}, {})


@BOTH
def test_a_load_of_somebody_else_adds_to_what_comes_in_a_list(how):
    names = settle(SCENARIO).case.network.home_names
    with make_world(how) as world:
        grids = world.start("grid", scenario=SCENARIO)
        grid = grids.Grid()
        meters = grids.Meters(homes=[names[5], names[2]])
        say = world.start("Say", step_size=STEP_S)
        fleet, other = say.Constant(constant=[0.004, 0.003]), say.Constant(constant=0.5)
        world.connect(fleet, meters, ("value", "P_load[MW]"), ("value", "Q_load[MVar]"))
        world.connect(other, grid.children_dict[names[2]], ("value", "P_load[MW]"))
        log = world.start("Log")
        records = log.Dict.create(3)
        for home, record in zip((5, 2, 3), records, strict=True):
            child = grid.children_dict[names[home]]
            world.connect(child, record, "P[MW]", "Q[MVar]")
        world.run(until=STEP_S, print_progress=False)
        found = [
            [heard(log, record, attr) for attr in ("P[MW]", "Q[MVar]")]
            for record in records
        ]

    assert found == [[0.004, 0.004], [0.503, 0.003], [0.0, 0.0]]


@BOTH
def test_a_fleet_without_children_takes_and_shows_lists(how):
    with make_world(how) as world:
        fleets = world.start("fleet", scenario=PRICE_ONLY, children=False)
        fleet = fleets.PvBatteryFleet(aggregator="aggregator-1")
        homes = world.start("profiles", scenario=PRICE_ONLY, children=False)
        households = homes.Households()
        assert not fleet.children
        assert not households.children
        rows = [
            households.extra_info["homes"].index(h) for h in fleet.extra_info["homes"]
        ]
        world.connect(
            households,
            fleet,
            ("P[MW]", "P_load[MW]"),
            transform=lambda values: [values[row] for row in rows],
        )
        world.connect(homes.Weather(), fleet, "pv_yield[kW kWp-1]")
        prices = ("import_price[DKK kWh-1]", "export_price[DKK kWh-1]")
        world.connect(homes.Market(), fleet, *prices)
        log = world.start("Log")
        record = log.Dict()
        world.connect(fleet, record, "P[MW]", "bids")
        world.run(until=STEP_S, print_progress=False)
        bids, power_mw = heard(log, record, "bids"), heard(log, record, "P[MW]")

    assert len(json.loads(json.dumps(bids))["power_kw"]) == 3
    # nobody has answered the bids
    assert np.isnan(power_mw).tolist() == [True] * 3


@pytest.mark.parametrize(
    ("homes", "says"),
    [(["nowhere"], "there is no nowhere"), (["A-Home-9"] * 2, "one comes twice")],
)
def test_meters_are_of_different_homes_that_there_are(homes, says):
    with make_world(IN_PROCESS) as world:
        grids = world.start("grid", scenario=SCENARIO)

        with pytest.raises(ValueError, match=says):
            grids.Meters(homes=homes)
