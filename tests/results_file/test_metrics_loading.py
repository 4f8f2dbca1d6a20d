"""Peaks, duration, ramps, rebound: laws, limits, and numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics import evaluate
from mosaik_bottomup.metrics.loading import (
    binding,
    bound_steps,
    largest_ramp_kw,
    load_duration_percent,
    quarter_hour_means,
    rare_loading_percent,
    rebound_ratio,
)
from mosaik_bottomup.results import read

LOADINGS = hnp.arrays(float, (2, 12), elements=st.floats(0, 200))
NOBODY = np.full((1, 4), np.nan)


def test_short_steps_are_gathered_by_the_quarter_hour_of_the_clock():
    # From 0:10 on in steps of 5 min: one step of the first quarter-hour, three of the
    # second, one of the third.
    time_s = np.arange(600, 2100, 300)

    means = quarter_hour_means(np.array([[9.0, 1, 2, 6, 5], [0, 3, 3, 3, 7]]), time_s)

    assert means.tolist() == [[9, 3, 5], [0, 3, 7]]


@pytest.mark.parametrize("step_s", [900, 1800, 3600])
@given(loading=LOADINGS)
def test_steps_of_a_quarter_hour_or_longer_stand_for_themselves(loading, step_s):
    means = quarter_hour_means(loading, 7200 + step_s * np.arange(12))

    np.testing.assert_array_equal(means, loading)


@given(loading=LOADINGS)
def test_the_peak_does_not_depend_on_the_step_length(loading):
    fine = quarter_hour_means(np.repeat(loading, 3, axis=1), 300 * np.arange(36))

    np.testing.assert_allclose(fine, loading, atol=1e-9)


def test_the_peak_of_a_run_in_short_steps_is_that_of_a_quarter_hour(small_run):
    loading = [[60, 90, 60, 50, 50, 50], [10, 10, 10, 60, 60, 30]]
    path = small_run({"transformers/loading": loading}, steps=6, step_s=300)

    found = evaluate(read(path))

    assert found["peak_loading_percent.A"] == 70.0
    assert found["peak_loading_percent.B"] == 50.0
    assert found["peak_loading_percent"] == 70.0
    assert found["loading_mean_percent.B"] == 30.0
    assert found["overload_minutes"] == 0.0


@given(loading=LOADINGS)
def test_load_duration_has_the_same_loads_highest_first(loading):
    duration = load_duration_percent(loading)

    assert (np.diff(duration, axis=1) <= 0).all()
    np.testing.assert_array_equal(np.sort(duration, axis=1), np.sort(loading, axis=1))


@given(loading=LOADINGS)
def test_the_rare_loading_lies_between_the_two_highest(loading):
    highest = load_duration_percent(loading)

    rare = rare_loading_percent(loading)

    assert (rare <= highest[:, 0]).all()
    assert (rare >= highest[:, 1] - 1e-9).all()


def test_one_in_a_thousand_is_above_the_rare_loading():
    loading = np.arange(1001.0)[None, ::-1]

    assert rare_loading_percent(loading) == pytest.approx([999.0])


def test_the_largest_ramp_is_the_steepest_either_way():
    power_kw = np.array([[0.0, 5, 3, 4], [9, 1, 4, 4], [2, 2, 2, 2]])

    assert largest_ramp_kw(power_kw).tolist() == [5, 8, 0]
    assert largest_ramp_kw(power_kw[:, :1]).tolist() == [0, 0, 0]


def test_a_ramp_in_an_hour_is_that_of_a_step_over_its_length(small_run):
    power = [[4, 9, 5, 5], [70, 90, -90, -50]]

    found = evaluate(read(small_run({"transformers/power_kw": power})))

    assert found["largest_ramp_kw"] == found["largest_ramp_kw.B"] == 180.0
    assert found["largest_ramp_kw_per_h.A"] == 20.0
    assert found["largest_ramp_kw_per_h"] == 720.0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_limit_with_a_price_binds_whether_import_or_export_is_scarce(sign):
    price = sign * np.array([[0.0, 1e-9, 0.01, np.nan]])

    bound = binding(np.full((1, 4), 20.0), np.array([80.0]), price, np.isnan(NOBODY))

    assert bound.tolist() == [[False, False, True, False]]


def test_a_loading_held_near_its_limit_is_bound_and_one_far_above_is_not():
    loading = np.array([[78.9, 79.1, 80.9, 81.1]])
    kept = np.ones((1, 4), dtype=bool)

    bound = binding(loading, np.array([80.0]), NOBODY, kept)

    assert bound.tolist() == [[False, True, True, False]]
    assert not binding(loading, np.array([80.0]), NOBODY, ~kept).any()


@pytest.mark.parametrize("direction", ["import", "export"])
def test_a_limit_is_kept_where_the_dso_says_how_much_it_allows(small_run, direction):
    nobody = {f"areas/{each}_limit_kw": np.nan for each in ("import", "export")}
    said = {f"areas/{direction}_limit_kw": [[np.nan, 9, 9, 9], [np.nan] * 4]}
    path = small_run({"transformers/loading": 99.5} | nobody | said)

    assert bound_steps(read(path)).tolist() == [[False, True, True, True], [False] * 4]


def test_where_no_limit_bound_there_is_no_rebound(small_run):
    nobody = {f"areas/{each}_limit_kw": np.nan for each in ("import", "export")}

    found = evaluate(read(small_run({"transformers/loading": 100.0} | nobody)))

    assert found["binding_steps"] == 0.0
    assert not any(key.startswith("rebound") for key in found)


def test_the_rebound_is_the_highest_load_after_the_last_binding_step(small_run):
    # Area B's limit is 80 %; after it bound in step 1 the load comes back with 100 %.
    path = small_run(
        {
            "transformers/loading": [[50, 60, 70, 60], [90, 40, 100, 60]],
            "areas/congestion_price": [[0, 0, 0, 0], [0, 0.2, 0, 0]],
        }
    )

    found = evaluate(read(path))

    assert found["rebound_ratio.B"] == found["rebound_ratio"] == 1.25
    assert "rebound_ratio.A" not in found
    assert found["binding_steps"] == found["binding_steps.B"] == 1.0


def test_the_rebound_is_looked_for_six_hours_long(small_run):
    loading = np.full((2, 26), 20.0)
    loading[:, 24:] = [[40.0, 60.0], [70.0, 90.0]]
    price = np.zeros((2, 26))
    price[:, 0] = 0.1
    series = {"transformers/loading": loading, "areas/congestion_price": price}

    found = evaluate(read(small_run(series, steps=26)))

    assert found["rebound_ratio.A"] == 0.4
    assert found["rebound_ratio"] == found["rebound_ratio.B"] == 0.875


def test_what_lies_between_two_binding_steps_is_no_rebound():
    loading = np.array([[10.0, 80, 99, 80, 70, 60, 98]])
    bound = np.array([[0, 1, 0, 1, 0, 0, 0]], dtype=bool)

    assert rebound_ratio(loading, np.array([100.0]), bound, 2).tolist() == [0.7]


def test_a_run_that_ends_bound_has_no_rebound():
    bound = np.array([[0, 0, 1]], dtype=bool)

    assert np.isnan(rebound_ratio(np.ones((1, 3)), np.ones(1), bound, 4)).all()


@given(
    loading=hnp.arrays(float, (1, 10), elements=st.floats(0, 200)),
    bound=hnp.arrays(bool, (1, 10)),
    window=st.integers(1, 12),
)
def test_the_rebound_is_what_its_definition_says(loading, bound, window):
    after = set()
    for k in np.flatnonzero(bound[0]):
        following = range(k + 1, min(k + 1 + window, 10))
        if not bound[0, list(following)].any():
            after.update(following)
    expected = max((loading[0, k] / 80.0 for k in after), default=np.nan)

    ratio = rebound_ratio(loading, np.array([80.0]), bound, window)

    np.testing.assert_equal(ratio, [expected])
