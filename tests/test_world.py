"""A run through mosaik: a scenario becomes a sealed file, or a stop with a reason."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mosaik_bottomup import case, scenario
from mosaik_bottomup import parties as makers
from mosaik_bottomup.app import wiring, world
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.day_ahead import Parties, negotiate
from mosaik_bottomup.errors import InputError, InvariantError
from mosaik_bottomup.metrics import summarise
from mosaik_bottomup.metrics.cost import customer_cost_raw_dkk
from mosaik_bottomup.results import read
from mosaik_bottomup.settlement import recorded

ROOT = Path(__file__).resolve().parents[1]
SHORT = (
    "run.duration_h=2",
    "run.warm_up_h=2",
    "sites.heat_pumps=8",
    "sites.pv_batteries=7",
)
TIGHT = ("grid.transformer_kva=[40.0, 50.0]", "sites.heat_pumps=40")
SOLVER_TOLERANCE = 1e-6
TOLERANCE_KW = 1e-9


def short(*overrides, strategy="two-stage"):
    return scenario.load("two_areas", [*SHORT, *overrides], strategy=strategy)


def numbers(file):
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fi":
            found[name] = item[()]

    with h5py.File(file) as opened:
        opened.visititems(keep)
    return found


def assert_same(one, other, tolerance=0.0):
    first, second = numbers(one), numbers(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(
            second[name], values, rtol=0, atol=tolerance, err_msg=name
        )


@pytest.fixture(scope="module")
def two_stage(tmp_path_factory):
    file = tmp_path_factory.mktemp("runs") / "two-stage.h5"
    world.run(short(), file)
    return file


@pytest.mark.parametrize("strategy", ["two-stage", "price-only"])
@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("grid.areas={A='LV2.101'}", "aggregators.count=1"),
        ("aggregators.count=10",),
        ("sites.heat_pumps=0",),
        ("sites.pv_batteries=0",),
        ("run.step_s=3600",),
    ],
    ids=["default", "one-of-each", "ten-aggregators", "no-pumps", "no-pv", "hourly"],
)
def test_a_run_ends_with_a_sealed_file_that_keeps_its_promises(
    tmp_path, strategy, overrides
):
    file = tmp_path / "run.h5"

    world.run(short(*overrides, strategy=strategy), file)

    held = read(file)
    assert held.complete
    assert held.steps_written == held.steps
    assert all(line["pass"] for line in certify(held).values())


def test_the_same_scenario_gives_the_same_numbers_bit_for_bit(two_stage, tmp_path):
    world.run(short(), tmp_path / "again.h5")

    assert_same(two_stage, tmp_path / "again.h5")


@pytest.mark.slow
def test_a_run_leaves_a_ledger_that_balances_and_agrees_with_the_metrics(two_stage):
    run = read(two_stage)

    ledger = recorded(run)

    assert ledger is not None
    np.testing.assert_array_equal(ledger.net_dkk().sum(axis=0), 0.0)
    of_sites = ("retail", "feed_in", "wear")
    paid = -sum(ledger.received_dkk[name][ledger.customers].sum() for name in of_sites)
    assert paid == pytest.approx(customer_cost_raw_dkk(run), abs=1e-4)


def test_separate_processes_give_the_same_numbers(two_stage, tmp_path):
    world.run(short(), tmp_path / "processes.h5", processes=True)

    assert_same(two_stage, tmp_path / "processes.h5", SOLVER_TOLERANCE)


@pytest.mark.slow
def test_noon_sales_and_trades_are_the_same_in_one_process_and_in_many(tmp_path):
    traded = (
        "run.step_s=3600",
        "run.start=2016-01-04T10:00:00+01:00",
        "run.duration_h=18",
        "forecast.error_scale=1",
        "day_ahead.gate_closure_h=12",
        "intraday.every_h=2",
    )

    world.run(short(*traded), tmp_path / "one.h5")
    world.run(short(*traded), tmp_path / "many.h5", processes=True)

    assert_same(tmp_path / "one.h5", tmp_path / "many.h5", SOLVER_TOLERANCE)
    run = read(tmp_path / "one.h5")
    traded_kw = run.series("aggregators", "traded_kw")
    change_kw = run.series("aggregators", "schedule_kw")
    change_kw = change_kw - run.series("aggregators", "day_ahead_kw")
    assert traded_kw.any()
    assert (np.abs(change_kw) <= traded_kw + TOLERANCE_KW).all()
    checks = list(summarise(tmp_path / "one.h5")["schedule_checks"])
    assert checks == ["2016-01-04T09:00+00:00", "2016-01-04T11:00+00:00"]


@pytest.mark.slow
def test_the_open_script_makes_the_same_connections(two_stage, tmp_path):
    text = short().to_toml()
    (tmp_path / "short.toml").write_text(text)

    subprocess.run(
        [
            sys.executable,
            ROOT / "scenarios" / "two_areas.py",
            tmp_path / "short.toml",
            tmp_path / "script.h5",
        ],
        check=True,
        capture_output=True,
    )

    assert_same(two_stage, tmp_path / "script.h5")
    lines = (ROOT / "scenarios" / "two_areas.py").read_text().splitlines()
    assert len(lines) <= 80


@pytest.mark.parametrize("overrides", [(), TIGHT], ids=["loose", "tight"])
def test_mosaik_carries_what_a_plain_loop_would(tmp_path, overrides):
    settled = short(*overrides)
    made = case.build(settled)
    agents = {fleet.name: makers.fleet_agent(made, fleet) for fleet in made.fleets}
    nobody_learns = np.ones(len(made.network.areas))
    parties = Parties(
        agents,
        {fleet.name: fleet.aggregator for fleet in made.fleets},
        {name: makers.aggregator(settled) for name in made.aggregators},
        makers.system_operator(
            made, makers.fit_headroom(made.network), lambda: nobody_learns
        ),
    )
    forecasts = {
        fleet.name: makers.fleet_forecast(made, fleet.sites.fleet.home)
        for fleet in made.fleets
    }

    negotiate(parties, 0, {name: at(0, 0, 1) for name, at in forecasts.items()})
    world.run(settled, tmp_path / "run.h5")

    held = read(tmp_path / "run.h5")
    for kind in ("heat_pumps", "pv_batteries"):
        expected_kw = np.concatenate(
            [
                agents[fleet.name].record["power_kw"]
                for fleet in made.fleets
                if fleet.sites.kind == kind
            ]
        )
        power_kw = held.series(kind, "power_kw")[:, 0]
        np.testing.assert_allclose(power_kw, expected_kw, atol=SOLVER_TOLERANCE)


def test_a_tight_limit_is_kept_by_power_flow_and_price_only_breaks_it(tmp_path):
    for strategy in ("price-only", "two-stage"):
        world.run(short(*TIGHT, strategy=strategy), tmp_path / f"{strategy}.h5")

    free = summarise(tmp_path / "price-only.h5")
    secured = summarise(tmp_path / "two-stage.h5")
    assert any(area["overload_minutes"] > 0 for area in free["areas"].values())
    assert all(area["overload_minutes"] == 0 for area in secured["areas"].values())


def test_every_step_is_reported(tmp_path):
    told = []

    world.run(short(), tmp_path / "run.h5", lambda done, total: told.append(done))

    assert told == list(range(1, 9))


def test_a_rehearsal_of_many_rounds_fits_into_one_step(tmp_path):
    rounds = ("day_ahead.rounds=12", "dso.look_ahead=rehearsal")

    world.run(short(*rounds), tmp_path / "run.h5")

    assert read(tmp_path / "run.h5").complete


def test_an_existing_file_is_kept_where_it_must_be(two_stage):
    before = two_stage.read_bytes()

    with pytest.raises(FileExistsError, match="two-stage"):
        world.run(short(), two_stage, overwrite=False)

    assert two_stage.read_bytes() == before


def forget(method, number):
    """Make the connection of one party, by its number, forgotten."""
    original = getattr(wiring.Wiring, method)
    calls = []

    def faulty(self, *args):
        calls.append(args)
        return original(self, *args) if len(calls) != number else None

    return faulty


@pytest.mark.parametrize(
    ("method", "faulty", "says"),
    [
        ("_load", forget("_load", 3), "step 0: the meter of .* one is connected twice"),
        ("_secure", forget("_secure", 2), "step 0: .* if its bids were not answered"),
    ],
    ids=["load-not-connected", "dso-not-asked"],
)
def test_a_forgotten_connection_stops_the_run_at_its_step(
    tmp_path, monkeypatch, method, faulty, says
):
    monkeypatch.setattr(wiring.Wiring, method, faulty)

    with pytest.raises(InvariantError, match=says):
        world.run(short(), tmp_path / "run.h5")


def load_first_home(self):
    """Connect one home's load once more, from profiles of its own."""
    others = self._start("profiles").Households()
    home = others.children[0].eid
    self._load(others, [home], lambda values: values[:1])


def test_a_load_connected_twice_stops_the_run(tmp_path, monkeypatch):
    original = wiring.Wiring._tell

    def tell_and_load_again(self, results, on_progress):
        load_first_home(self)
        original(self, results, on_progress)

    monkeypatch.setattr(wiring.Wiring, "_tell", tell_and_load_again)

    with pytest.raises(InvariantError, match=r"A-Home-.* connected twice"):
        world.run(short(), tmp_path / "run.h5")


def test_a_load_of_somebody_else_is_recorded_where_the_recorder_expects_some(
    tmp_path, monkeypatch
):
    start, tell = wiring.Wiring._start, wiring.Wiring._tell

    def start_expecting_others(self, name, **params):
        others = {"others": True} if name == "recorder" else {}
        return start(self, name, **params, **others)

    def tell_and_load(self, results, on_progress):
        load_first_home(self)
        tell(self, results, on_progress)

    world.run(short(), tmp_path / "alone.h5")
    monkeypatch.setattr(wiring.Wiring, "_start", start_expecting_others)
    monkeypatch.setattr(wiring.Wiring, "_tell", tell_and_load)
    world.run(short(), tmp_path / "others.h5")

    alone, others = read(tmp_path / "alone.h5"), read(tmp_path / "others.h5")
    own_kw = case.build(short()).series.household_kw[0, 8:16]
    extra_kw = others.series("households", "power_kw")[0]
    extra_kw = extra_kw - alone.series("households", "power_kw")[0]
    np.testing.assert_allclose(extra_kw, own_kw, atol=1e-9)
    assert certify(others)["books_energy"]["pass"]


@pytest.mark.parametrize("receiver", ["fleet-0", "aggregator-0"])
def test_an_answer_to_somebody_else_stops_the_run(tmp_path, monkeypatch, receiver):
    def first_of_all(full_id):
        wrong = full_id.startswith(receiver)
        return lambda value: value[min(value) if wrong else full_id]

    monkeypatch.setattr(wiring, "itemgetter", first_of_all)

    with pytest.raises(InvariantError, match=rf"{receiver}.* got a .* that is for"):
        world.run(short(), tmp_path / "run.h5")


def test_missing_weather_stops_the_run_and_says_so(tmp_path, monkeypatch):
    blind = {model: {"import_price[DKK kWh-1]": ""} for model in wiring.SEES}
    monkeypatch.setattr(wiring, "SEES", blind)

    with pytest.raises(InvariantError, match=r"T_ambient\[degC\] wants one sender"):
        world.run(short(), tmp_path / "run.h5")


@pytest.mark.slow
def test_a_fault_in_another_process_stops_the_run_with_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr(wiring.Wiring, "_load", forget("_load", 3))

    with pytest.raises(RuntimeError, match="recorder-0: step 0: the meter of"):
        world.run(short(), tmp_path / "run.h5", processes=True)


def test_a_series_that_cannot_be_used_leaves_nothing(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("time,price [DKK/kWh]\n2016-01-04T00:00+01:00,nan\n")

    with pytest.raises(InputError):
        world.run(short(f"prices.file={prices}"), tmp_path / "run.h5")

    assert list(tmp_path.iterdir()) == [prices]


def test_an_interrupt_ends_the_run_and_keeps_the_steps_so_far(tmp_path):
    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.run(short(), tmp_path / "run.h5", interrupt)

    held = read(tmp_path / "run.h5")
    assert not held.complete
    assert held.steps_written >= 4


def test_a_stopped_run_leaves_the_steps_so_far(tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        world.run(short(), tmp_path / "run.h5", stop)

    held = read(tmp_path / "run.h5")
    assert not held.complete
    assert held.steps_written >= 4
