"""Every scenario file says what it shows, is readable, and runs: here in a short form.

That is a day in hourly steps, or in steps of a quarter of an hour where orders of so
short a time are in it.
"""

from pathlib import Path

import numpy as np
import pytest

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.devices.pv_battery import STATE_OF_CHARGE
from mosaik_bottomup.metrics.activations import Activated, activated
from mosaik_bottomup.results import Results, read
from mosaik_bottomup.settlement import recorded

FOLDER = Path(__file__).parents[1] / "scenarios"
FILES = sorted(set(FOLDER.glob("*.toml")) - set(FOLDER.glob("sweep_*.toml")))
SHORT = ("run.duration_h=24", "run.warm_up_h=0")
"""A day, so that noon, the evening and every order are in it."""
BY_THE_QUARTER = {
    "activation_area",
    "activations_congested",
    "activations_free",
}
RISKY = {"security_low"}
"""Those that say they overload."""
DELIVERED_PERCENT = 2.0
"""How far delivery may be from what was ordered and not vetoed."""

by_name = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Return a function that runs a file in its short form, once for all tests."""
    found: dict[str, Results] = {}

    def run(name: str) -> Results:
        if name not in found:
            out = tmp_path_factory.mktemp(name) / "out.h5"
            step_s = 900 if name in BY_THE_QUARTER else 3600
            overrides = (*SHORT, f"run.step_s={step_s}")
            world.run(scenario.load(FOLDER / f"{name}.toml", overrides), out)
            found[name] = read(out)
        return found[name]

    return run


def test_there_are_scenario_files():
    assert len(FILES) > 5


@by_name
def test_a_scenario_file_is_named_and_says_what_it_shows(file):
    assert scenario.load(file).name == file.stem
    assert file.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.slow
@by_name
def test_a_scenario_file_runs_and_keeps_its_promises(file, ran):
    held = ran(file.stem)

    assert held.complete
    promises = ["qos", "obedience", "books"]
    if file.stem not in RISKY:
        promises.append("security")
    broken = [
        f"{name}: {line['text']}"
        for name, line in certify(held).items()
        if name.startswith(tuple(promises)) and not line["pass"]
    ]
    assert not broken


# --- what each of them says -----------------------------------------------------------


def vetoed_kwh(orders: list[Activated]) -> float:
    return sum(abs(order.vetoed_kwh) for order in orders)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "orders", "is_vetoed"),
    [
        ("activation", 2, False),
        ("activation_area", 2, False),
        ("activation_vetoed", 1, True),
        ("activations_congested", 8, True),
        ("activations_free", 12, False),
    ],
)
def test_what_is_not_vetoed_of_orders_is_delivered(ran, name, orders, is_vetoed):
    held = ran(name)
    found = activated(held)

    assert len(found) == orders
    assert max(order.error_percent for order in found) <= DELIVERED_PERCENT
    assert (vetoed_kwh(found) > 0) == is_vetoed
    ledger = recorded(held)
    assert ledger is not None
    assert ledger.received_dkk["veto"].any() == is_vetoed
    assert (ledger.received_dkk["moved"][ledger.customers] > 0).any()
    by_area = held.series("portfolios", "activation_vetoed_kw")
    whole = held.series("aggregators", "activation_vetoed_kw")
    areas = len(held.entities["areas"])
    by_aggregator = by_area.reshape(len(whole), areas, -1).sum(axis=1)
    np.testing.assert_allclose(by_aggregator, whole, atol=1e-6)


@pytest.mark.slow
def test_less_consumption_is_delivered_where_limits_bind(ran):
    up = [it for it in activated(ran("activations_congested")) if it.ordered_kwh < 0]

    assert len(up) == 6
    assert vetoed_kwh(up) == 0.0


@pytest.mark.slow
def test_a_cautious_dso_keeps_a_wider_margin(ran):
    low, middle, high = (
        ran(name).series("areas", "forecast_margin_kw").mean()
        for name in ("security_low", "winter_week", "security_high")
    )

    assert 0 < low < middle < high


@pytest.mark.slow
def test_the_rules_for_congestion_pay_homes_or_not(ran):
    got = {}
    for name in ("congestion_paid", "congestion_priced", "congestion_unpaid"):
        ledger = recorded(ran(name))
        assert ledger is not None
        got[name] = ledger.received_dkk["congestion"][ledger.customers].sum()

    assert got["congestion_paid"] > 0
    assert got["congestion_priced"] > 0
    assert got["congestion_unpaid"] == 0


@pytest.mark.slow
def test_the_band_is_kept_and_paid(ran):
    held = ran("reserve_band")
    ledger = recorded(held)

    assert ledger is not None
    # 60 kW at 0.2 DKK for 24 hours
    earned_dkk = ledger.received_dkk["reserve"][ledger.customers].sum()
    assert earned_dkk == pytest.approx(60 * 0.2 * 24, abs=1e-3)
    site = held.static["pv_batteries"]
    kept_kw = 60 * site["power_max_kw"] / site["power_max_kw"].sum()
    kept_kwh = kept_kw / site["efficiency"]
    energy_kwh = held.series("pv_batteries", "energy_kwh")
    least_kwh = STATE_OF_CHARGE[0] * site["capacity_kwh"] + kept_kwh
    assert (energy_kwh.min(axis=1) >= least_kwh - 1e-6).all()
    most_kwh = STATE_OF_CHARGE[1] * site["capacity_kwh"] - kept_kwh
    assert (energy_kwh.max(axis=1) <= most_kwh + 1e-6).all()


@pytest.mark.slow
def test_schedules_that_are_not_traded_stay_as_they_were_sold(ran):
    assert not ran("rescheduling").series("aggregators", "traded_kw").any()
    assert ran("winter_week").series("aggregators", "traded_kw").any()
