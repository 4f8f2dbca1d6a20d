"""Each adapter alone in a mosaik world, in this process and in one of its own."""

import json
from dataclasses import replace
from operator import itemgetter

import mosaik
import numpy as np
import pytest
from mosaik_components.bottomup.fleet import SEES
from mosaik_components.bottomup.ports import KW_PER_MW, packed, unpacked
from mosaik_components.bottomup.setting import settle

from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.messages import (
    AreaOffer,
    BidBook,
    Dispatch,
    Envelope,
    Moment,
    StoreReport,
)

SCENARIO = """
[run]
duration_h = 1
warm_up_h = 1
[sites]
heat_pumps = 3
pv_batteries = 3
[aggregators]
count = 1
"""
PRICE_ONLY = SCENARIO.replace("[run]", '[run]\nstrategy = "price-only"')
MINUTES = 60.0
STEP = 15
IN_PROCESS = {"python": "mosaik_components.bottomup.{}:Simulator"}
SUBPROCESS = {"cmd": "%(python)s -m mosaik_components.bottomup.{} %(addr)s"}
BOTH = pytest.mark.parametrize(
    "how",
    [
        pytest.param(IN_PROCESS, id="in-process"),
        pytest.param(SUBPROCESS, id="subprocess", marks=pytest.mark.slow),
    ],
)


def make_world(how, name):
    (key, pattern), *_ = how.items()
    return mosaik.World(
        {
            name: {key: pattern.format(name)},
            "Say": {"python": "mosaik.basic_simulators:InputSimulator"},
            "Log": {"python": "mosaik.basic_simulators:OutputSimulator"},
        },
        mosaik_config={"start_timeout": 60},
        time_resolution=MINUTES,
        skip_greetings=True,
        configure_logging=False,
    )


def constants(world, values):
    say = world.start("Say", step_size=STEP)
    return [say.Constant(constant=value) for value in values]


def heard(log, record, attr, time=0):
    values = log.get_dict(record.eid)[time][attr]
    return next(iter(values.values()))


@BOTH
def test_profiles_send_the_series_of_the_scenario(how):
    setting = settle(SCENARIO, MINUTES)
    series, row = setting.case.series, setting.lead + 2
    with make_world(how, "profiles") as world:
        profiles = world.start("profiles", scenario=SCENARIO)
        households = profiles.Households()
        log = world.start("Log")
        record = log.Dict()
        world.connect(profiles.Weather(), record, "T_ambient[degC]", "GHI[W m-2]")
        world.connect(profiles.Market(), record, "import_price[DKK kWh-1]")
        world.connect(households.children[7], record, "P[MW]", "Q[MVar]")
        world.run(until=setting.until, print_progress=False)

        at = 2 * STEP
        assert sorted(log.get_dict(record.eid)) == [0, STEP, 2 * STEP, 3 * STEP]
        assert heard(log, record, "T_ambient[degC]", at) == series.ambient_c[row]
        assert heard(log, record, "GHI[W m-2]", at) == series.global_w_m2[row]
        price = heard(log, record, "import_price[DKK kWh-1]", at)
        assert price == series.import_dkk_per_kwh[row]
        power_mw = heard(log, record, "P[MW]", at)
        assert power_mw == pytest.approx(series.household_kw[7, row] / KW_PER_MW)
        tan_phi = np.tan(np.arccos(0.95))
        assert heard(log, record, "Q[MVar]", at) == pytest.approx(tan_phi * power_mw)


@BOTH
def test_the_grid_sums_what_is_sent_to_a_home_and_solves(how):
    setting = settle(SCENARIO, MINUTES)
    network = setting.case.network
    with make_world(how, "grid") as world:
        grid = world.start("grid", scenario=SCENARIO).Grid()
        parts = grid.children_dict
        one, two, sun, reactive = constants(world, [0.004, 0.003, 0.002, 0.001])
        home = parts[network.home_names[0]]
        world.connect(one, home, ("value", "P_load[MW]"))
        world.connect(two, home, ("value", "P_load[MW]"))
        world.connect(sun, home, ("value", "P_gen[MW]"))
        world.connect(reactive, home, ("value", "Q_load[MVar]"))
        log = world.start("Log")
        of_home, of_bus, of_transformer, of_line = log.Dict.create(4)
        bus = parts[network.bus_names[network.home_bus[0]]]
        world.connect(home, of_home, "P[MW]", "Q[MVar]", "Vm[pu]")
        world.connect(bus, of_bus, "Vm[pu]")
        world.connect(
            parts["A-Transformer"],
            of_transformer,
            "loading[%]",
            "P[MW]",
            "P_meters[MW]",
        )
        world.connect(parts[network.line_names[0]], of_line, "loading[%]", "I[kA]")
        world.run(until=setting.until, print_progress=False)

        p_kw, q_kvar = np.zeros((2, len(network.home_names)))
        p_kw[0], q_kvar[0] = 5.0, 1.0
        flow = PowerFlow(network).solve(p_kw, q_kvar)
        assert heard(log, of_home, "P[MW]") == pytest.approx(0.005)
        assert heard(log, of_home, "Q[MVar]") == pytest.approx(0.001)
        voltage_pu = flow.voltage_pu[network.home_bus[0]]
        assert heard(log, of_home, "Vm[pu]") == pytest.approx(voltage_pu)
        assert heard(log, of_bus, "Vm[pu]") == pytest.approx(voltage_pu)
        loading = heard(log, of_transformer, "loading[%]")
        assert loading == pytest.approx(flow.transformer_loading_percent[0])
        assert heard(log, of_transformer, "P_meters[MW]") == pytest.approx(0.005)
        power_mw = heard(log, of_transformer, "P[MW]")
        assert power_mw == pytest.approx(flow.transformer_p_kw[0] / KW_PER_MW)
        current_ka = heard(log, of_line, "I[kA]")
        assert current_ka == pytest.approx(flow.line_current_ka[0])


def test_the_grid_stops_where_energy_gets_lost(monkeypatch):
    solve = PowerFlow.solve

    def lossy(self, p_kw, q_kvar):
        flow = solve(self, p_kw, q_kvar)
        return replace(flow, losses_kw=flow.losses_kw + np.array([0.0, 0.1]))

    monkeypatch.setattr(PowerFlow, "solve", lossy)
    with make_world(IN_PROCESS, "grid") as world:
        world.start("grid", scenario=SCENARIO).Grid()

        with pytest.raises(InvariantError, match=r"step 0: area B takes -0\.1 kW"):
            world.run(until=STEP, print_progress=False)


def test_the_grid_stops_at_a_load_that_is_no_number_and_names_its_sender():
    with make_world(IN_PROCESS, "grid") as world:
        grid = world.start("grid", scenario=SCENARIO).Grid()
        (broken,) = constants(world, [float("nan")])
        home = next(part for part in grid.children if part.type == "Home")
        world.connect(broken, home, ("value", "P_load[MW]"))

        with pytest.raises(InvariantError, match=rf"step 0: {home.eid} .* Say-0"):
            world.run(until=STEP, print_progress=False)


@BOTH
@pytest.mark.parametrize("model", ["HeatPumpFleet", "PvBatteryFleet"])
def test_a_fleet_bids_in_json_and_says_nothing_of_its_homes(how, model):
    with make_world(how, "fleet") as world:
        fleets = world.start("fleet", scenario=PRICE_ONLY)
        fleet = getattr(fleets, model)(aggregator="aggregator-1")
        seen = sorted(SEES[model])
        for attr, source in zip(seen, constants(world, [1.0] * len(seen)), strict=True):
            world.connect(source, fleet, ("value", attr))
        log = world.start("Log")
        record = log.Dict()
        world.connect(fleet, record, "bids")
        world.run(until=STEP, print_progress=False)
        bids = heard(log, record, "bids")

    book = unpacked(json.loads(json.dumps(bids)), BidBook, StoreReport)
    assert isinstance(book, BidBook)
    assert book.power_kw.shape[0] == len(fleet.children) == 3
    assert not {key for key in bids if key.endswith(("_c", "_k", "_kwh"))}


def test_a_fleet_without_an_answer_stops_the_run_at_the_next_step():
    with make_world(IN_PROCESS, "fleet") as world:
        fleets = world.start("fleet", scenario=PRICE_ONLY)
        fleet = fleets.PvBatteryFleet(aggregator="aggregator-1")
        attrs = sorted(SEES["PvBatteryFleet"])
        for attr, source in zip(attrs, constants(world, [1.0] * 3), strict=True):
            world.connect(source, fleet, ("value", attr))

        with pytest.raises(InvariantError, match="step 1: pv-batteries-1 still waits"):
            world.run(until=2 * STEP, print_progress=False)


def test_there_is_no_fleet_of_an_unknown_aggregator():
    with make_world(IN_PROCESS, "fleet") as world:
        fleets = world.start("fleet", scenario=SCENARIO)

        with pytest.raises(ValueError, match="under contract with aggregator-1"):
            fleets.HeatPumpFleet(aggregator="aggregator-2")


def a_book():
    """One site that can take 0 or 2 kW, the latter at a gain."""
    return BidBook(
        area=np.array([0]),
        power_kw=np.array([[0.0, 2.0]]),
        cost_dkk=np.array([[1.0, 0.0]]),
        divisible=np.array([[True]]),
        reactive_kvar=np.array([0.5]),
        moment=Moment(0),
    )


@BOTH
def test_an_aggregator_answers_each_fleet_with_its_own_cheapest_power(how):
    with make_world(how, "aggregator") as world:
        aggregators = world.start("aggregator", scenario=PRICE_ONLY)
        aggregator = aggregators.Aggregator()
        (fleet,) = constants(world, [packed(a_book())])
        world.connect(fleet, aggregator, ("value", "bids"))
        log = world.start("Log")
        record = log.Dict()
        pick = itemgetter(fleet.full_id)
        world.connect(aggregator, record, "answer", transform=pick)
        world.connect(aggregator, record, "record")
        world.run(until=STEP, print_progress=False)
        answer, recorded = (heard(log, record, it) for it in ("answer", "record"))

    dispatch = unpacked(answer, Dispatch, Envelope, fleet.full_id)
    assert dispatch.power_kw.tolist() == [2.0]
    assert recorded["groups"]["portfolios"]["dispatched_kw"] == [2.0, 0.0]
    assert recorded["groups"]["portfolios"]["envelope_high_kw"] == [None, None]


@BOTH
def test_the_dso_grants_at_least_what_was_planned_where_there_is_room(how):
    offer = AreaOffer(
        plan_kw=np.array([2.0, 0.0]),
        base_kw=np.array([0.0, 0.0]),
        slopes_dkk_per_kwh=[np.array([-4.0]), np.array([])],
        widths_kw=[np.array([2.0]), np.array([])],
        target_kw=None,
        reactive_max_kvar=np.array([0.5, 0.0]),
        moment=Moment(0),
    )
    with make_world(how, "dso") as world:
        operator = world.start("dso", scenario=SCENARIO).Operator()
        (aggregator,) = constants(world, [packed(offer)])
        world.connect(aggregator, operator, ("value", "offer"))
        log = world.start("Log")
        record = log.Dict()
        pick = itemgetter(aggregator.full_id)
        world.connect(operator, record, "envelope", transform=pick)
        world.connect(operator, record, "record")
        world.run(until=STEP, print_progress=False)
        granted, recorded = (heard(log, record, it) for it in ("envelope", "record"))

    envelope = unpacked(granted, Envelope, Dispatch, aggregator.full_id)
    assert (envelope.high_kw >= [2.0, 0.0]).all()
    assert (envelope.low_kw <= [2.0, 0.0]).all()
    limit_kw = recorded["groups"]["areas"]["import_limit_kw"]
    assert all(100 < kw < 160 for kw in limit_kw)


@pytest.mark.parametrize(
    ("loading", "learns"), [(0.0, False), (60.0, True)], ids=["idle", "loaded"]
)
def test_the_dso_becomes_careful_when_more_is_measured_than_expected(loading, learns):
    limits_kw = []
    for measured in (0.0, loading):
        with make_world(IN_PROCESS, "dso") as world:
            scenario = PRICE_ONLY.replace("price-only", "two-stage")
            operator = world.start("dso", scenario=scenario).Operator()
            idle = AreaOffer(
                plan_kw=np.zeros(2),
                base_kw=np.zeros(2),
                slopes_dkk_per_kwh=[np.array([])] * 2,
                widths_kw=[np.array([])] * 2,
                target_kw=None,
                reactive_max_kvar=np.zeros(2),
                moment=Moment(0),
            )
            said, percent, power = constants(world, [packed(idle), measured, 0.08])
            world.connect(said, operator, ("value", "offer"))
            for area in operator.children:
                world.connect(percent, area, ("value", "loading[%]"))
                world.connect(power, area, ("value", "P_meters[MW]"))
                world.connect(power, area, ("value", "Q_meters[MVar]"), transform=zero)
            log = world.start("Log")
            record = log.Dict()
            world.connect(operator, record, "record")
            world.run(until=STEP, print_progress=False)
            recorded = heard(log, record, "record")["groups"]["areas"]
            limits_kw.append(recorded["import_limit_kw"])

    assert (limits_kw[1][0] < limits_kw[0][0]) == learns


def zero(value):
    return 0.0 * value


@BOTH
def test_the_recorder_names_those_it_has_not_heard_from(how, tmp_path):
    with make_world(how, "recorder") as world:
        out = str(tmp_path / "run.h5")
        recorder = world.start("recorder", scenario=SCENARIO, out=out)
        (market,) = constants(world, [{"step": 0, "groups": {}}])
        world.connect(market, recorder.Results(), ("value", "record"))

        if how is IN_PROCESS:
            lacking = "Grid, Households, Market, Operator, aggregator-1, heat-pumps-1"
            with pytest.raises(InvariantError, match=f"step 0: .* {lacking}"):
                world.run(until=STEP, print_progress=False)
        else:
            world.run(until=STEP, print_progress=False)  # mosaik keeps it to itself
    assert not (tmp_path / "run.h5").exists()
