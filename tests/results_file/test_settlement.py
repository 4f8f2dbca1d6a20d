"""What one party pays another receives, in every step, whatever has happened."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mosaik_bottomup.errors import InputError, InvariantError
from mosaik_bottomup.metrics import evaluate, relative
from mosaik_bottomup.metrics.cost import customer_cost_raw_dkk
from mosaik_bottomup.results import read
from mosaik_bottomup.settlement import (
    HEADINGS,
    RULES,
    derived_group,
    outcome,
    recorded,
    settle,
)
from mosaik_bottomup.settlement.book import GRAIN_DKK, Book
from mosaik_bottomup.settlement.congestion import forgone_dkk

STEPS = 4
ROUNDED = 1e-6
"""DKK; forgives some hundred amounts rounded to the grain."""
SMALL = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ATTRS = {
    "scenario_name": "small",
    "seed": 7,
    "strategy": "two-stage",
    "voltage_min_pu": 0.9,
    "voltage_max_pu": 1.1,
}
RATES = """
[tariff]
winter_dkk_per_kwh = [0.1, 0.1, 0.1]
summer_dkk_per_kwh = [0.1, 0.1, 0.1]
transmission_dkk_per_kwh = 0.2
margin_dkk_per_kwh = 0.05
tax_dkk_per_kwh = 0.05
vat_factor = 1.25
"""
# 1.25 · (1 + 0.1 + 0.2 + 0.05 + 0.05)
BAND = """
[reserve]
band_kw = 2.0
[settlement]
reserve_dkk_per_kw_h = 0.5
"""
PRICES = {
    "market/import_price": 1.75,
    "market/export_price": 0.8,
    "market/day_ahead_price": 1.0,
    "market/imbalance_price": 3.0,
}
BOUND = {
    "portfolios/congestion_moved_kw": -2.0,
    "areas/congestion_price": [[0.4] * 4, [0.8] * 4],
}
"""In each area 2 kW of a quarter of an hour are moved."""
FORGONE = {
    "heat_pumps/congestion_forgone_dkk": [[0.1] * 4, [0.2] * 4],
    "pv_batteries/congestion_forgone_dkk": [[0.3] * 4, [-0.1] * 4],
}
"""Of one home nothing: it has gained."""
ACTIVATED = {
    "aggregators/activation_ordered_kw": [[-8.0, -8.0, 0.0, 0.0]],
    "aggregators/activation_vetoed_kw": [[-3.0, 0.0, 0.0, 0.0]],
    "heat_pumps/activation_forgone_dkk": [[0.1, 0.1, 0.1, 0.0], [0.2, -0.2, 0.2, 0.0]],
}


@pytest.fixture
def small(small_run, tmp_path):
    """Return a function that writes a small run and reads it."""

    def make(series=None, scenario="", **options):
        attrs = {**ATTRS, "scenario": f'name = "small"\n{scenario}'}
        series = {"aggregators/day_ahead_kw": np.nan} | (series or {})
        return read(small_run(series, attrs=attrs, overwrite=True, **options))

    return make


def received(ledger, party, heading):
    return ledger.received_dkk[heading][ledger.row(party)]


def numbers(low, high):
    return st.lists(st.floats(low, high), min_size=2 * STEPS, max_size=2 * STEPS).map(
        lambda flat: np.reshape(flat, (2, STEPS)).tolist()
    )


# --- laws -----------------------------------------------------------------------------


@given(
    power_kw=numbers(-9, 9),
    bill_dkk=numbers(-9, 9),
    forgone=numbers(-2, 2),
    ordered_kw=st.floats(-9, 9),
    load_kw=st.floats(-3, 3),
    price=st.floats(-1, 5),
    schedule_kw=st.one_of(st.just(np.nan), st.floats(-20, 20)),
    moved_kw=st.floats(-7, 7),
    vetoed=st.floats(0, 1),
    rule=st.sampled_from(RULES),
)
@SMALL
def test_the_sum_over_all_parties_is_zero_under_each_heading_in_each_step(
    small,
    power_kw,
    bill_dkk,
    forgone,
    ordered_kw,
    load_kw,
    price,
    schedule_kw,
    moved_kw,
    vetoed,
    rule,
):
    run = small(
        PRICES
        | BOUND
        | {
            "pv_batteries/power_kw": power_kw,
            "pv_batteries/bill_dkk": bill_dkk,
            "pv_batteries/wear_dkk": np.abs(forgone),
            "pv_batteries/congestion_forgone_dkk": forgone,
            "heat_pumps/activation_forgone_dkk": forgone,
            "aggregators/activation_ordered_kw": ordered_kw,
            "aggregators/activation_vetoed_kw": vetoed * ordered_kw,
            "households/power_kw": load_kw,
            "market/day_ahead_price": price,
            "market/imbalance_price": -price,
            "aggregators/schedule_kw": schedule_kw,
            "portfolios/congestion_moved_kw": moved_kw,
        },
        BAND,
    )

    ledger = settle(run, rule)

    assert tuple(ledger.received_dkk) == HEADINGS
    for table in ledger.received_dkk.values():
        assert table.shape == (len(ledger.parties), STEPS)
        np.testing.assert_array_equal(table.sum(axis=0), 0.0)
    np.testing.assert_array_equal(ledger.net_dkk().sum(axis=0), 0.0)
    np.testing.assert_array_equal(ledger.totals_dkk().sum(axis=0), 0.0)


@given(bill_dkk=numbers(-9, 9), wear_dkk=numbers(0, 2), power_kw=numbers(-9, 9))
@SMALL
def test_the_customers_accounts_add_up_to_what_the_metrics_say(
    small, bill_dkk, wear_dkk, power_kw
):
    run = small(
        {
            "heat_pumps/bill_dkk": np.abs(bill_dkk),
            "pv_batteries/bill_dkk": bill_dkk,
            "pv_batteries/power_kw": power_kw,
            "pv_batteries/wear_dkk": wear_dkk,
        }
    )

    ledger = settle(run, "opportunity-cost")

    of_sites = ("retail", "feed_in", "wear")
    paid = -sum(ledger.received_dkk[name][ledger.customers].sum() for name in of_sites)
    assert paid == pytest.approx(customer_cost_raw_dkk(run), abs=ROUNDED)


@given(forgone=numbers(-5, 5))
@SMALL
def test_paid_its_opportunity_cost_no_site_loses_by_its_own_bid(small, forgone):
    run = small(
        BOUND | {"heat_pumps/congestion_forgone_dkk": forgone},
        without=("pv_batteries",),
    )

    ledger = settle(run, "opportunity-cost")

    got = ledger.received_dkk["congestion"][ledger.customers][[0, 2]]
    np.testing.assert_allclose(got, forgone_dkk(run, "congestion"), atol=GRAIN_DKK)
    assert (got >= np.array(forgone) - GRAIN_DKK).all()
    passed_on = received(ledger, "X", "congestion")
    np.testing.assert_array_equal(passed_on, 0.0)


@given(forgone=numbers(-5, 5), ordered_kw=numbers(-9, 9))
@SMALL
def test_what_activations_cost_is_none_of_the_dsos_business(small, forgone, ordered_kw):
    activated = {
        "heat_pumps/activation_forgone_dkk": forgone,
        "aggregators/activation_ordered_kw": ordered_kw[:1],
        "aggregators/activation_vetoed_kw": ordered_kw[:1],
    }

    plain, after = small(BOUND | FORGONE), small(BOUND | FORGONE | activated)

    for rule in RULES:
        np.testing.assert_array_equal(
            settle(after, rule).received_dkk["congestion"],
            settle(plain, rule).received_dkk["congestion"],
        )


@pytest.mark.parametrize("forgone", [{}, FORGONE])
def test_by_the_rule_none_the_dso_pays_nothing(small, forgone):
    ledger = settle(small(BOUND | forgone))

    assert not ledger.received_dkk["congestion"].any()


def test_the_rule_changes_nothing_but_its_heading(small):
    run = small(PRICES | BOUND | FORGONE)

    ledgers = [settle(run, rule) for rule in RULES]

    for heading in set(HEADINGS) - {"congestion"}:
        for other in ledgers[1:]:
            np.testing.assert_array_equal(
                other.received_dkk[heading], ledgers[0].received_dkk[heading]
            )


def test_all_energy_at_the_transformers_is_bought_once(small):
    run = small(
        PRICES
        | {"market/day_ahead_price": 2.0}
        | {"aggregators/schedule_kw": 5.0, "aggregators/delivered_kw": 6.0}
    )

    ledger = settle(run)

    bought_kwh = received(ledger, "market", "day_ahead") / 2.0
    bought_kwh = bought_kwh + received(ledger, "market", "losses") / 2.0
    bought_kwh = bought_kwh + received(ledger, "TSO", "imbalance") / 3.0
    entered_kwh = run.series("transformers", "power_kw").sum(axis=0) * 0.25
    np.testing.assert_allclose(bought_kwh, entered_kwh, atol=ROUNDED)


# --- worked numbers -------------------------------------------------------------------


def test_a_bill_is_passed_on_to_whom_each_part_belongs(small):
    # heat pumps 2 · 2 kW, PV homes +1 and -2 kW, loads 4 · 0.5 kW; a quarter of an hour
    run = small(
        PRICES
        | {
            "heat_pumps/bill_dkk": 0.875,
            "pv_batteries/power_kw": [[1.0] * 4, [-2.0] * 4],
            "pv_batteries/bill_dkk": [[0.4375] * 4, [-0.4] * 4],
            "pv_batteries/wear_dkk": [[0.0] * 4, [0.125] * 4],
            "aggregators/delivered_kw": 3.0,
            "aggregators/schedule_kw": np.nan,
        },
        RATES,
    )

    ledger = settle(run)

    one = {name: table[:, 0] for name, table in ledger.received_dkk.items()}
    homes = ledger.customers
    np.testing.assert_allclose(one["retail"][homes], [-1.3125, 0, -0.875, 0])
    np.testing.assert_allclose(one["feed_in"][homes], [0, 0, 0.4, 0], atol=ROUNDED)
    np.testing.assert_allclose(one["household"][homes], -0.21875)
    np.testing.assert_allclose(one["wear"][homes], [0, 0, -0.125, 0])
    taken_kwh, net_kwh = 0.25 * 7, 0.25 * 3
    for party, heading, expected in (
        ("DSO", "grid_tariff", 0.1 * taken_kwh),
        ("TSO", "transmission", 0.2 * taken_kwh),
        ("state", "taxes", (0.05 + 0.2 * 1.75) * taken_kwh),
        ("X", "energy", net_kwh),
        ("X", "day_ahead", -net_kwh),
        ("retailer", "day_ahead", -0.25 * 2),
        ("DSO", "losses", -0.25 * 0.2),
        ("market", "losses", 0.25 * 0.2),
        ("battery wear", "wear", 0.125),
    ):
        at = received(ledger, party, heading)[0]
        assert at == pytest.approx(expected, abs=ROUNDED), (party, heading)
    # what remains: the margin, and of 0.5 kWh fed in the deduction
    margin = ledger.net_dkk()[ledger.row("retailer"), 0]
    assert margin == pytest.approx(0.05 * taken_kwh + 0.2 * 0.5, abs=ROUNDED)


def test_a_lack_is_bought_and_a_surplus_sold_at_the_single_price(small):
    run = small(
        PRICES
        | {
            "aggregators/schedule_kw": [[5.0, 7.0, np.nan, 6.0]],
            "aggregators/delivered_kw": 6.0,
        }
    )

    ledger = settle(run)

    np.testing.assert_allclose(
        received(ledger, "X", "imbalance"), [-0.75, 0.75, 0.0, 0.0], atol=ROUNDED
    )
    np.testing.assert_allclose(
        received(ledger, "X", "day_ahead"), [-1.25, -1.75, -1.5, -1.5], atol=ROUNDED
    )
    np.testing.assert_allclose(
        ledger.net_dkk()[ledger.row("X")], [-0.5, 0.5, 0, 0], atol=ROUNDED
    )


@pytest.mark.parametrize(
    ("rule", "from_dso", "homes"),
    [
        ("none", 0.0, [0, 0, 0, 0]),
        ("opportunity-cost", 0.6, [0.4, 0, 0.2, 0]),
        # 2 kW · 0.25 h · (0.4 + 0.8), in area B to the one who gave something up
        ("congestion-price", 0.6, [0.2, 0, 0.4, 0]),
    ],
)
def test_each_rule_pays_by_its_own_measure(small, rule, from_dso, homes):
    moved_kw = [[-2, 2, 0, 0]] * 2
    run = small(BOUND | FORGONE | {"portfolios/congestion_moved_kw": moved_kw})

    ledger = settle(run, rule)

    paid = -received(ledger, "DSO", "congestion")
    assert paid[0] == pytest.approx(from_dso, abs=ROUNDED)
    got = ledger.received_dkk["congestion"][ledger.customers]
    np.testing.assert_allclose(got[:, 0], homes, atol=ROUNDED)
    assert paid[1] == paid[0]
    assert (paid[2] > 0.0) == (rule == "opportunity-cost")


def test_what_nobody_gave_anything_up_for_stays_with_the_aggregator(small):
    told = outcome(small(BOUND), "congestion-price")

    assert told.dso_pays_dkk == pytest.approx(4 * 0.6, abs=ROUNDED)
    assert told.aggregators_keep_dkk == pytest.approx(told.dso_pays_dkk)
    assert told.customers_get_dkk == 0.0
    assert told.homes_paid == 0


def test_an_area_without_a_congestion_price_earns_none(small):
    free = {"areas/congestion_price": [[np.nan] * 4, [0.0] * 4]}

    assert (
        not settle(small(BOUND | free), "congestion-price")
        .received_dkk["congestion"]
        .any()
    )


def test_what_was_ordered_and_what_was_vetoed_stand_on_lines_of_their_own(small):
    ledger = settle(small(PRICES | ACTIVATED))

    # a quarter of an hour of 8 kW less is bought back at 3 DKK, 3 kW of it vetoed
    np.testing.assert_allclose(received(ledger, "X", "activation"), [6, 6, 0, 0])
    np.testing.assert_allclose(received(ledger, "X", "veto"), [-2.25, 0, 0, 0])


def test_homes_get_what_an_order_to_their_aggregator_cost_them(small):
    ledger = settle(small(PRICES | ACTIVATED))

    got = ledger.received_dkk["moved"]
    np.testing.assert_allclose(
        got[ledger.customers],
        [[0.1, 0.1, 0, 0], [0] * 4, [0.2, 0, 0, 0], [0] * 4],
        atol=ROUNDED,
    )
    np.testing.assert_allclose(got[ledger.row("X")], [-0.3, -0.1, 0, 0], atol=ROUNDED)


def test_the_band_is_paid_by_power_and_handed_on(small):
    ledger = settle(small({}, BAND, static={"pv_batteries/power_max_kw": [6.0, 2.0]}))

    # 2 kW · 0.25 h · 0.5 DKK
    np.testing.assert_allclose(received(ledger, "TSO", "reserve"), -0.25)
    np.testing.assert_allclose(received(ledger, "X", "reserve"), 0.0)
    homes = ledger.received_dkk["reserve"][ledger.customers][:, 0]
    np.testing.assert_allclose(homes, [0.1875, 0, 0.0625, 0])
    assert not settle(small()).received_dkk["reserve"].any()


# --- against price-only, in the file, and in the metrics ------------------------------


def test_who_is_worse_off_counts_what_was_paid(small, tmp_path):
    free = small(path=tmp_path / "free.h5")
    # home 0 pays 0.5 more and gets 0.4 a step, home 2 pays 0.2 and gets 0.2
    held = small(
        BOUND
        | FORGONE
        | {"heat_pumps/bill_dkk": [[0.5, 0, 0, 0], [0.05] * 4]}
        | {
            "heat_pumps/congestion_forgone_dkk": [[0.1, 0, 0, 0], [0.2, 0, 0, 0]],
            "pv_batteries/congestion_forgone_dkk": [[0.3, 0, 0, 0], [0.0] * 4],
        },
        path=tmp_path / "held.h5",
    )

    before = outcome(held, "none", free).burden
    after = outcome(held, "opportunity-cost", free).burden

    assert before.worse_off_percent == 100.0
    assert before.worst_dkk == pytest.approx(0.5)
    assert before.missing_dkk == pytest.approx(0.7)
    assert after.worse_off_percent == 50.0
    assert after.worst_dkk == pytest.approx(0.1, abs=ROUNDED)
    assert after.mean_dkk == pytest.approx(0.05, abs=ROUNDED)


def test_a_run_that_has_ended_well_keeps_its_ledger(small):
    paid = '[settlement]\ncongestion_rule = "opportunity-cost"\n'
    run = small(BOUND | FORGONE, paid, certificate={}, settled=True)

    kept, anew = recorded(run), settle(run)

    assert kept.parties == anew.parties
    assert kept.parties[kept.customers] == run.entities["households"]
    for heading, table in anew.received_dkk.items():
        np.testing.assert_array_equal(kept.received_dkk[heading], table)
    assert evaluate(run)["congestion_payment_dkk"] == pytest.approx(2.4, abs=ROUNDED)
    assert "customers_worse_off_paid_percent" in relative(run, run)


def test_a_run_that_was_stopped_has_none_and_can_be_settled_all_the_same(small):
    run = small(BOUND | FORGONE)

    assert recorded(run) is None
    assert "congestion_payment_dkk" not in evaluate(run)
    assert "customers_worse_off_paid_percent" not in relative(run, run)
    assert settle(run).received_dkk["retail"].shape[1] == STEPS


def test_a_file_named_in_the_scenario_may_be_gone(small):
    gone = '[settlement]\nimbalance_price_file = "gone.csv"\n'

    assert settle(small(scenario=gone)).net_dkk().any()


def test_a_run_without_sites_or_steps_is_settled_or_refused(small, small_writer):
    run = small(without=("heat_pumps", "pv_batteries"))

    for rule in RULES:
        assert not settle(run, rule).received_dkk["retail"].any()
    with pytest.raises(ValueError, match="no step"):
        settle(replace(run, steps_written=0))


def test_a_file_of_an_older_version_is_refused_with_a_remedy(small, monkeypatch):
    run = small()
    monkeypatch.setattr(
        type(run), "holds", lambda *at: at[2] != "congestion_forgone_dkk"
    )

    with pytest.raises(InputError, match="run it again"):
        settle(run)


def test_a_payment_that_is_no_number_closes_no_book():
    book = Book(("X",), ("home",), 2)
    book.pay("wear", "retailer", "DSO", np.array([np.nan, 1.0]))

    with pytest.raises(InvariantError, match="out of balance"):
        book.close()


def test_a_ledger_is_a_group_as_laid_out(small):
    ledger = settle(small())

    group = derived_group(ledger)["ledger"]

    assert group.entities == ledger.parties
    assert set(group.series) == {f"{name}_dkk" for name in HEADINGS}
