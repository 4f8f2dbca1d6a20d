"""Starts, lock-outs, cycles and the use of the sun, by hand and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics import evaluate
from mosaik_bottomup.metrics.devices import full_cycles, self_consumed_kw
from mosaik_bottomup.results import read

POWERS = hnp.arrays(float, (2, 5), elements=st.floats(0, 9))


def test_starts_are_counted_and_spread_over_pumps_and_days(small_run):
    path = small_run({"heat_pumps/on": [[1, 0, 1, 1], [0, 1, 0, 1]]})

    found = evaluate(read(path))

    assert found["heat_pump_starts"] == 3.0
    # Two pumps, one hour: 1.5 an hour each.
    assert found["heat_pump_starts_per_day"] == 36.0


def test_each_step_that_breaks_a_lock_out_counts(small_run):
    path = small_run({"heat_pumps/locked_breach": [[0, 1, 0, 0], [0, 1, 1, 0]]})

    assert evaluate(read(path))["lock_out_violations"] == 3.0


def test_from_empty_to_full_and_back_is_one_cycle():
    energy_kwh = np.array([[0.0, 6, 10, 5, 0], [5, 5, 5, 5, 5], [10, 9, 10, 9, 10]])

    cycles = full_cycles(energy_kwh, np.array([10.0, 10.0, 10.0]))

    np.testing.assert_allclose(cycles, [1, 0, 0.2])


@given(energy=hnp.arrays(float, (2, 6), elements=st.floats(0, 10)))
def test_a_battery_twice_as_large_cycles_half_as_much(energy):
    capacity = np.array([10.0, 4.0])

    np.testing.assert_allclose(
        full_cycles(energy, 2 * capacity), full_cycles(energy, capacity) / 2
    )


def test_cycles_of_a_run_begin_with_its_start(small_run):
    # Both start with 5 of 10 kWh.
    energy = [[9, 9, 9, 9], [3, 5, 5, 5]]

    found = evaluate(read(small_run({"pv_batteries/energy_kwh": energy})))

    assert found["battery_full_cycles"] == pytest.approx(0.2)
    assert found["battery_full_cycles_most"] == pytest.approx(0.2)
    energy[0] = [5, 5, 5, 5]
    path = small_run({"pv_batteries/energy_kwh": energy}, overwrite=True)
    assert evaluate(read(path))["battery_full_cycles"] == pytest.approx(0.1)
    assert evaluate(read(path))["battery_full_cycles_most"] == pytest.approx(0.2)


def test_what_the_home_takes_or_stores_is_self_consumed():
    pv = np.array([[4.0, 4.0, 4.0, 0.0]])
    load = np.array([[1.0, 1.0, 6.0, 2.0]])
    battery = np.array([[0.0, 2.0, 1.0, -2.0]])

    assert self_consumed_kw(pv, load, battery).tolist() == [[1, 3, 4, 0]]


def test_a_battery_that_discharges_takes_nothing_from_the_sun():
    discharging = self_consumed_kw(np.ones((1, 1)), np.ones((1, 1)), -np.ones((1, 1)))

    assert discharging.tolist() == [[1]]


@given(pv=POWERS, load=POWERS, battery=POWERS, more=POWERS)
def test_nobody_consumes_more_sun_than_there_is_or_less_by_storing(
    pv, load, battery, more
):
    stays = self_consumed_kw(pv, load, battery)

    assert (stays >= 0).all()
    assert (stays <= pv).all()
    assert (self_consumed_kw(pv, load, battery + more) >= stays).all()


def test_shares_of_the_sun_are_those_of_all_homes(small_run):
    path = small_run(
        {
            "pv_batteries/pv_kw": [[4, 4, 0, 0], [0, 2, 0, 0]],
            "pv_batteries/curtailed_kw": [[0, 2, 0, 0], [0, 0, 0, 0]],
            "pv_batteries/load_kw": 1.0,
            "pv_batteries/battery_kw": [[2, 0, 0, -1], [0, 0, 0, 0]],
        }
    )

    found = evaluate(read(path))

    # Used 4 + 2 + 2 of 10; kept at home 3 + 1 + 1.
    assert found["self_consumption_percent"] == pytest.approx(100 * 5 / 8)
    assert found["pv_curtailed_kwh"] == found["pv_curtailed_kwh.A"] == 0.5
    assert found["pv_curtailed_kwh.B"] == 0.0
    assert found["pv_curtailed_percent"] == pytest.approx(20.0)


def test_at_night_there_is_no_share_of_the_sun(small_run):
    found = evaluate(read(small_run()))

    assert "self_consumption_percent" not in found
    assert "pv_curtailed_percent" not in found
    assert found["pv_curtailed_kwh"] == 0.0
