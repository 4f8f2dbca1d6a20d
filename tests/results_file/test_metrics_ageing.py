"""Hot spots and ageing, against closed forms and the standard's own fixed points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics import evaluate
from mosaik_bottomup.metrics.ageing import ageing, hot_spot_c, life_used_h
from mosaik_bottomup.results import read

OIL_K, WINDING_K = 60.0 + 10.0, 1.2 * 23.0
"""Rises at rated load: oil with enclosure over air, hot spot over oil."""
OIL_MIN, WINDING_MIN = 180.0, 2 * 4.0
FEW = settings(max_examples=20, deadline=None)


def oil_rise_k(load: float) -> float:
    return OIL_K * ((1 + 4 * load**2) / 5) ** 0.8


def test_at_rated_load_it_stays_at_its_rated_temperature():
    temperature_c, _ = hot_spot_c(np.full(4, 100.0), np.full(4, 20.0), 900)

    np.testing.assert_allclose(temperature_c, 20 + OIL_K + WINDING_K)


def test_it_starts_in_the_steady_state_of_its_first_step():
    temperature_c, _ = hot_spot_c(np.array([50.0, 50.0]), np.array([5.0, 5.0]), 900)

    np.testing.assert_allclose(
        temperature_c, 5 + oil_rise_k(0.5) + WINDING_K * 0.5**1.6
    )


@pytest.mark.parametrize("step_s", [60, 127, 300, 900, 3600])
def test_after_a_jump_of_load_oil_and_winding_follow_with_their_time_constants(step_s):
    loading = np.array([0.0, 150.0, 150.0])

    temperature_c, part_s = hot_spot_c(loading, np.full(3, -5.0), step_s)

    jump = 1 + (len(temperature_c) - 1) // 3
    after_min = np.arange(1, len(temperature_c) - jump + 1) * part_s / 60
    oil_k = oil_rise_k(0) + (oil_rise_k(1.5) - oil_rise_k(0)) * (
        1 - np.exp(-after_min / OIL_MIN)
    )
    winding_k = WINDING_K * 1.5**1.6 * (1 - np.exp(-after_min / WINDING_MIN))
    np.testing.assert_allclose(temperature_c[:jump], -5 + oil_rise_k(0))
    np.testing.assert_allclose(temperature_c[jump:], -5 + oil_k + winding_k)


def test_after_a_jump_of_the_air_s_temperature_the_oil_follows_it():
    air_c = np.array([0.0, 10.0, 10.0])

    temperature_c, part_s = hot_spot_c(np.full(3, 100.0), air_c, 900)

    steady_c = OIL_K + WINDING_K
    after_min = np.arange(1, 19) * part_s / 60
    np.testing.assert_allclose(temperature_c[:10], steady_c)
    np.testing.assert_allclose(
        temperature_c[10:], steady_c + 10 * (1 - np.exp(-after_min / OIL_MIN))
    )


def test_no_part_is_longer_than_half_the_winding_s_time_constant():
    for step_s in (1, 60, 121, 900, 3600):
        temperature_c, part_s = hot_spot_c(np.ones(2), np.ones(2), step_s)

        assert part_s <= 120
        assert (len(temperature_c) - 1) * part_s == pytest.approx(2 * step_s)


@pytest.mark.parametrize(("constant_c", "used_h"), [(98, 24), (104, 48), (80, 3)])
def test_a_day_at_98_degrees_is_a_day_of_life_and_6_kelvin_more_are_two(
    constant_c, used_h
):
    temperature_c = np.full(24 * 40 + 1, float(constant_c))

    assert life_used_h(temperature_c, 90) == pytest.approx(used_h)


def test_life_used_is_the_integral_over_a_rising_temperature():
    # ∫ 2^((98 + 12t − 98)/6) dt over an hour = (4 − 1) / (2 ln 2).
    temperature_c = 98 + 12 * np.linspace(0, 1, 41)

    exact_h = 3 / (2 * np.log(2))
    assert life_used_h(temperature_c, 90) == pytest.approx(exact_h, rel=1e-4)


@FEW
@given(
    loading=hnp.arrays(float, 8, elements=st.floats(0, 150)),
    more=hnp.arrays(float, 8, elements=st.floats(0, 50)),
)
def test_more_load_never_ages_less(loading, more):
    ambient_c = np.full(8, 0.0)

    used_h, used_more_h = (
        life_used_h(*hot_spot_c(each, ambient_c, 900))
        for each in (loading, loading + more)
    )

    assert used_more_h >= used_h * (1 - 1e-12)


@FEW
@given(
    loading=hnp.arrays(float, 6, elements=st.floats(0, 150)),
    ambient=hnp.arrays(float, 6, elements=st.floats(-20, 30)),
)
def test_air_warmer_by_6_kelvin_doubles_the_ageing(loading, ambient):
    used_h, warmer_h = (
        life_used_h(*hot_spot_c(loading, air_c, 900))
        for air_c in (ambient, ambient + 6)
    )

    assert warmer_h == pytest.approx(2 * used_h)


@FEW
@given(loading=hnp.arrays(float, 5, elements=st.floats(0, 150)))
def test_ageing_does_not_depend_on_the_step_length(loading):
    ambient_c = np.full(5, 10.0)

    coarse_h = life_used_h(*hot_spot_c(loading, ambient_c, 1800))
    fine_h = life_used_h(
        *hot_spot_c(np.repeat(loading, 2), np.repeat(ambient_c, 2), 900)
    )

    assert coarse_h == pytest.approx(fine_h, rel=2e-2)


def test_the_ageing_of_a_run_is_that_of_its_worst_area(small_run):
    path = small_run(
        {
            "transformers/loading": [[50] * 4, [100] * 4],
            "market/ambient": 20.0,
        }
    )

    highest_c, used_h = ageing(read(path))
    found = evaluate(read(path))

    assert highest_c[1] == pytest.approx(117.6)
    assert used_h[1] == pytest.approx(2 ** (19.6 / 6))
    assert found["hot_spot_c"] == found["hot_spot_c.B"] == highest_c[1]
    assert found["hot_spot_c.A"] == highest_c[0] < highest_c[1]
    assert found["ageing_h"] == found["ageing_h.B"] == used_h[1]
    assert found["ageing_rate_percent"] == pytest.approx(100 * 2 ** (19.6 / 6))
