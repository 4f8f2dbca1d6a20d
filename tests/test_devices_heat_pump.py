"""Heat pumps make more heat than they draw power, the more the milder it is."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.devices.heat_pump import (
    HeatPumpFleet,
    cop,
    gains_kw,
    supply_c,
    take,
)
from mosaik_bottomup.devices.house import Houses

KINDS = np.array([True, False])  # inverter, on/off
temperatures_c = st.floats(-40, 35)


def random_fleet(n=4):
    rng = np.random.default_rng(0)
    houses = Houses(*(rng.uniform(1, 2, n) for _ in range(4)))
    low = rng.uniform(20, 20.5, n)
    return HeatPumpFleet(
        tuple(f"home-{i}" for i in range(n)),
        rng.permutation(n),
        rng.integers(0, 2, n),
        houses,
        rng.uniform(3, 9, n),
        rng.random(n) < 0.5,
        rng.uniform(0.3, 0.5, n),
        rng.uniform(1, 3, n),
        low,
        low + 2,
    )


@given(ambient=temperatures_c, warmer=st.floats(0, 20))
def test_cop_never_falls_as_it_gets_milder_and_is_at_least_one(ambient, warmer):
    cold, mild = cop(ambient, KINDS), cop(ambient + warmer, KINDS)

    assert (cold >= 1).all()
    assert (mild >= cold).all()


@given(ambient=st.lists(temperatures_c, min_size=1, max_size=5))
def test_cop_of_a_series_is_that_of_each_of_its_values(ambient):
    series = cop(np.array(ambient), KINDS)

    assert series.shape == (2, len(ambient))
    for k, value in enumerate(ambient):
        np.testing.assert_array_equal(series[:, k], cop(value, KINDS))


@pytest.mark.parametrize(
    ("ambient", "inverter", "on_off"),
    [
        # 0.85 (0.154 Ta - 0.0876 Ts + 7.045) and 0.85 (0.0953 Ta - 0.0603 Ts + 5.696)
        # with Ts = 30 - Ta / 2
        (7.0, 4.93136, 4.0503775),
        (-12.0, 1.73689, 2.02436),
        (-40.0, 1.0, 1.0),
    ],
)
def test_cop_is_the_regression_times_the_field_factor(ambient, inverter, on_off):
    np.testing.assert_allclose(cop(ambient, KINDS), [inverter, on_off])


def test_floors_are_supplied_with_warmer_water_when_it_is_cold():
    np.testing.assert_allclose(supply_c(np.array([10.0, -12.0])), [25.0, 36.0])


def test_gains_are_internal_ones_and_sun_through_the_windows():
    fleet = random_fleet()

    at_noon = gains_kw(fleet, 500.0)
    day = gains_kw(fleet, np.array([0.0, 500.0]))

    np.testing.assert_allclose(at_noon, fleet.gains_kw + 0.5 * fleet.aperture_m2)
    np.testing.assert_allclose(day, np.stack([fleet.gains_kw, at_noon], axis=1))


def test_taking_rows_takes_them_of_every_field():
    fleet, rows = random_fleet(), np.array([2, 0])

    part = take(fleet, rows)

    for field in fields(HeatPumpFleet):
        if field.name == "houses":
            continue
        whole = np.array(getattr(fleet, field.name))
        np.testing.assert_array_equal(np.array(getattr(part, field.name)), whole[rows])
    for field in fields(Houses):
        np.testing.assert_array_equal(
            getattr(part.houses, field.name), getattr(fleet.houses, field.name)[rows]
        )


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("heat_kw", 0.0),
        ("gains_kw", -0.1),
        ("aperture_m2", -0.1),
        ("comfort_high_c", 19.0),
        ("heat_kw", np.nan),
    ],
)
def test_impossible_heat_pumps_are_refused_by_their_row(name, bad):
    fleet = random_fleet()
    values = {field.name: getattr(fleet, field.name) for field in fields(fleet)}
    values[name] = values[name].copy()
    values[name][3] = bad

    with pytest.raises(ValueError, match=r"rows \[3\]"):
        HeatPumpFleet(**values)
