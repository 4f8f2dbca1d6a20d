"""The figures of a run, against hand-worked numbers and laws."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics import (
    comfort_violation_kh,
    customer_cost_dkk,
    customer_cost_raw_dkk,
    overload_energy_kwh,
    overloaded,
    ran_recently,
    summarise,
)
from mosaik_bottomup.results import read

CASES = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_the_summary_has_all_keys_and_is_plain_json(small_run):
    certificate = {"books_energy": {"pass": True, "figure": 0.0, "text": ""}}
    summary = summarise(small_run(certificate=certificate))

    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["scenario"] == "small"
    assert summary["strategy"] == "two-stage"
    assert summary["seed"] == 7
    assert summary["complete"] is True
    assert summary["steps"] == 4
    assert summary["step_s"] == 900
    assert summary["sites"] == {"heat_pumps": 2, "pv_batteries": 2, "households": 4}
    assert set(summary["areas"]["A"]) == {
        "limit_kva",
        "peak_loading_percent",
        "overload_minutes",
        "overload_kwh",
        "peak_kw",
        "reverse_peak_loading_percent",
        "pv_curtailed_kwh",
    }
    assert set(summary["aggregators"]["X"]) == {
        "scheduled_kwh",
        "delivered_kwh",
        "traded_intraday_kwh",
        "imbalance_kwh",
        "imbalance_cost_dkk",
    }
    assert summary["certificate"] == certificate
    assert summary["wall_time_s"] == 12.5
    assert summary["step_time_ms"] == {"median": 2.0, "max": 3.0}


def test_a_stopped_run_is_summed_up_as_far_as_it_came(small_writer, steps_of):
    series = {"transformers/loading": [[50, 60, 99, 99], [40, 40, 40, 40]]}
    with small_writer() as writer:
        for step in steps_of(4, series)[:2]:
            writer.append(step)

    summary = summarise(writer.path)

    assert summary["complete"] is False
    assert summary["steps"] == 4
    assert summary["steps_written"] == 2
    assert summary["areas"]["A"]["peak_loading_percent"] == 60.0
    assert summary["certificate"] == {}
    assert summary["wall_time_s"] is None


def test_a_run_stopped_before_its_first_step_has_no_figures(small_writer):
    small = small_writer()
    small.close()

    with pytest.raises(ValueError, match="holds no step"):
        summarise(small.path)


def test_an_area_at_125_percent_of_its_limit_for_two_steps(small_run):
    # Area B: limit 80 % of 100 kVA; 100 % loading is a fifth too much.
    path = small_run(
        {
            "transformers/loading": [[50, 50, 50, 50], [80, 100, 100, 60]],
            "transformers/power_kw": [[4, 9, 5, 5], [70, 90, -90, -50]],
        }
    )

    areas = summarise(path)["areas"]

    assert areas["B"]["limit_kva"] == 80.0
    assert areas["B"]["peak_loading_percent"] == 100.0
    assert areas["B"]["overload_minutes"] == 30.0
    assert areas["B"]["overload_kwh"] == pytest.approx(2 * 0.2 * 90 * 0.25)
    assert areas["B"]["peak_kw"] == 90.0
    assert areas["B"]["reverse_peak_loading_percent"] == 100.0
    assert areas["A"]["overload_minutes"] == 0.0
    assert areas["A"]["overload_kwh"] == 0.0
    assert areas["A"]["peak_kw"] == 9.0
    assert areas["A"]["reverse_peak_loading_percent"] == 0.0


def test_loading_at_the_limit_is_no_overload_but_just_above_is():
    loading_percent = np.array([[100.0, 100.0 + 1e-7, 100.0 + 2e-6]])

    over = overloaded(loading_percent, np.array([100.0]))

    assert over.tolist() == [[False, False, True]]


@given(
    loading=hnp.arrays(float, (2, 6), elements=st.floats(0, 200)),
    limit=hnp.arrays(float, 2, elements=st.floats(40, 120)),
    power=hnp.arrays(float, (2, 6), elements=st.floats(-300, 300)),
)
def test_overload_is_symmetric_in_direction_and_never_more_than_the_load(
    loading, limit, power
):
    energy_kwh = overload_energy_kwh(loading, limit, power, 0.25)

    assert (energy_kwh >= 0).all()
    assert (energy_kwh <= np.abs(power).sum(axis=1) * 0.25 + 1e-9).all()
    np.testing.assert_array_equal(
        energy_kwh, overload_energy_kwh(loading, limit, -power, 0.25)
    )


@given(
    loading=hnp.arrays(float, (1, 6), elements=st.floats(0, 200)),
    power=hnp.arrays(float, (1, 6), elements=st.floats(-300, 300)),
)
def test_overload_energy_does_not_depend_on_the_step_length(loading, power):
    limit = np.array([80.0])

    coarse = overload_energy_kwh(loading, limit, power, 0.5)
    fine = overload_energy_kwh(
        np.repeat(loading, 2, axis=1), limit, np.repeat(power, 2, axis=1), 0.25
    )

    np.testing.assert_allclose(coarse, fine, atol=1e-9)


def test_curtailed_energy_is_summed_by_area(small_run):
    path = small_run(
        {"pv_batteries/curtailed_kw": [[1, 2, 0, 1], [0, 0, 4, 0]]},
        static={"pv_batteries/area": [1, 1]},
    )

    areas = summarise(path)["areas"]

    assert areas["A"]["pv_curtailed_kwh"] == 0.0
    assert areas["B"]["pv_curtailed_kwh"] == 2.0


def test_the_raw_cost_is_all_bills_and_wear(small_run):
    results = read(
        small_run(
            {
                "heat_pumps/bill_dkk": [[1, 1, 1, 1], [2, 2, 2, 2]],
                "pv_batteries/bill_dkk": [[-0.5] * 4, [0.0] * 4],
                "pv_batteries/wear_dkk": [[0.25, 0, 0, 0], [0, 0, 0, 0.5]],
            }
        )
    )

    assert customer_cost_raw_dkk(results) == 12 - 2 + 0.75


def test_heat_and_charge_left_at_the_end_are_worth_the_mean_price(small_run):
    # Price 2 on the mean. Home 1: air +1 K (3 kWh), floor +2 K (12 kWh), COP 3: 5 kWh.
    # Home 2: air -1 K (3 kWh), COP 4: -0.75 kWh. Batteries: 0.9 · (+2 - 1) = 0.9 kWh.
    results = read(
        small_run(
            {
                "market/import_price": [1, 2, 2, 3],
                "heat_pumps/air_c": [[15, 15, 15, 22], [25, 25, 25, 20]],
                "heat_pumps/floor_c": [[24, 24, 24, 26], [24, 24, 24, 24]],
                "pv_batteries/energy_kwh": [[9, 9, 9, 7], [9, 9, 9, 4]],
            }
        )
    )

    assert customer_cost_raw_dkk(results) == 0.0
    assert customer_cost_dkk(results) == pytest.approx(-2 * (5 - 0.75 + 0.9))


def test_every_kelvin_below_the_band_counts(small_run):
    results = read(
        small_run(
            {
                "heat_pumps/air_c": [[19, 20, 21, 18], [21, 21, 21, 21]],
                "heat_pumps/on": 0,
            }
        )
    )

    expected = [[0.25, 0, 0, 0.5], [0, 0, 0, 0]]
    np.testing.assert_allclose(comfort_violation_kh(results), expected)


def test_warmth_counts_only_after_the_heat_pump_has_run(small_run):
    # guard_steps is 2: warmth counts in the step it ran and the one after.
    path = small_run(
        {
            "heat_pumps/air_c": [[23, 23, 23, 23], [23, 23, 23, 23]],
            "heat_pumps/on": [[0, 1, 0, 0], [0, 0, 0, 0]],
        }
    )

    expected = [[0, 0.25, 0.25, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(comfort_violation_kh(read(path)), expected)
    assert summarise(path)["comfort_violation_kh"] == 0.5


def test_rounding_at_the_edge_of_the_band_is_no_violation(small_run):
    air_c = [[20 - 5e-7] * 4, [22 + 5e-7] * 4]

    results = read(small_run({"heat_pumps/air_c": air_c, "heat_pumps/on": 1}))

    assert comfort_violation_kh(results).sum() == 0.0


@given(
    on=hnp.arrays(bool, (3, 12)),
    window=hnp.arrays(np.int64, 3, elements=st.integers(0, 14)),
)
def test_having_run_recently_is_any_in_the_window(on, window):
    recently = ran_recently(on, window)

    for device, steps in enumerate(window):
        for k in range(12):
            in_window = on[device, max(0, k + 1 - steps) : k + 1]
            assert recently[device, k] == in_window.any()


def test_starts_are_counted_from_off_to_on(small_run):
    path = small_run({"heat_pumps/on": [[1, 0, 1, 1], [0, 1, 0, 1]]})

    assert summarise(path)["heat_pump_starts"] == 3


def test_surplus_does_not_make_good_for_lack_in_the_imbalance(small_run):
    path = small_run(
        {
            "aggregators/schedule_kw": [[10, 10, 10, 10]],
            "aggregators/traded_kw": [[0, 4, 2, 0]],
            "aggregators/delivered_kw": [[12, 8, 10, 14]],
        }
    )

    assert summarise(path)["aggregators"]["X"] == {
        "scheduled_kwh": 10.0,
        "delivered_kwh": 11.0,
        "traded_intraday_kwh": 1.5,
        "imbalance_kwh": 2.0,
        "imbalance_cost_dkk": 4.0,
    }


def test_where_nothing_was_sold_there_is_no_imbalance(small_run):
    path = small_run(
        {
            "aggregators/schedule_kw": [[np.nan] * 4],
            "aggregators/delivered_kw": [[12, 8, 10, 14]],
        }
    )

    assert summarise(path)["aggregators"]["X"] == {
        "scheduled_kwh": 0.0,
        "delivered_kwh": 11.0,
        "traded_intraday_kwh": 0.0,
        "imbalance_kwh": 0.0,
        "imbalance_cost_dkk": 0.0,
    }


def test_each_sale_says_what_the_check_found(small_run):
    path = small_run(
        {
            "areas/check_rounds": [[np.nan, 3, np.nan, np.nan]] * 2,
            "areas/check_margin_percent": [[np.nan, 0, np.nan, np.nan], [6] * 4],
            "areas/check_overload_kw": [[0] * 4, [0, 1.5, 0, 0]],
        }
    )

    checks = summarise(path)["schedule_checks"]

    assert list(checks.values()) == [
        {
            "rounds": 3,
            "margin_percent.A": 0.0,
            "margin_percent.B": 6.0,
            "overload_kw.A": 0.0,
            "overload_kw.B": 1.5,
        }
    ]


def test_extremes_of_voltage_and_lines(small_run):
    summary = summarise(
        small_run(
            {
                "buses/voltage": [[1.0, 0.95, 1.0, 1.0], [1.0, 1.0, 1.04, 1.0]],
                "lines/loading": [[10, 20, 30, 40], [90, 5, 5, 5]],
            }
        )
    )

    assert summary["voltage_min_pu"] == pytest.approx(0.95)
    assert summary["voltage_max_pu"] == pytest.approx(1.04)
    assert summary["line_loading_max_percent"] == 90.0


@pytest.mark.parametrize(
    "without",
    [
        ("heat_pumps",),
        ("pv_batteries",),
        ("heat_pumps", "pv_batteries", "aggregators", "portfolios", "messages"),
    ],
)
def test_a_run_without_some_kind_of_site_has_figures(small_run, without):
    summary = summarise(small_run(without=without))

    json.dumps(summary, allow_nan=False)
    for kind in ("heat_pumps", "pv_batteries"):
        assert summary["sites"][kind] == (0 if kind in without else 2)
    assert summary["customer_cost_dkk"] == summary["customer_cost_raw_dkk"] == 0.0


@CASES
@given(price=st.floats(0.1, 5), extra_k=st.floats(-1, 1), bill=st.floats(-5, 5))
def test_a_warmer_end_is_never_dearer_at_the_same_bill(small_run, price, extra_k, bill):
    def cost(air_c: float) -> float:
        path = small_run(
            {
                "market/import_price": price,
                "heat_pumps/air_c": air_c,
                "heat_pumps/bill_dkk": bill,
            },
            overwrite=True,
            steps=1,
        )
        return customer_cost_dkk(read(path))

    saved_kwh = extra_k * 3.0 * (1 / 3 + 1 / 4)
    assert cost(21.0) - cost(21.0 + extra_k) == pytest.approx(
        price * saved_kwh, abs=1e-9
    )
