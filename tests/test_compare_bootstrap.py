"""Intervals of means: exact where few values allow it, the same at every call."""

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mosaik_bottomup.app.evidence.bootstrap import RESAMPLES, interval

ROUNDING = 1e-9
VALUES = arrays(float, st.integers(1, 10), elements=st.floats(-1e3, 1e3, width=32))


@given(VALUES)
def test_the_interval_holds_the_mean_and_lies_within_the_values(values):
    found = interval(values)

    assert found.mean == pytest.approx(values.mean(), abs=1e-9)
    assert values.min() - ROUNDING <= found.low <= found.mean + ROUNDING
    assert found.mean - ROUNDING <= found.high <= values.max() + ROUNDING


@given(VALUES, st.floats(-10, 10), st.floats(0.1, 10))
def test_the_interval_moves_and_stretches_with_the_values(values, shift, stretch):
    plain, moved = interval(values), interval(shift + stretch * values)

    for name in ("mean", "low", "high"):
        expected = shift + stretch * getattr(plain, name)
        assert getattr(moved, name) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_one_seed_has_no_interval():
    found = interval([3.7])

    assert (found.mean, found.low, found.high) == (3.7, 3.7, 3.7)


def test_equal_values_have_no_interval():
    found = interval([0.1] * 7)

    assert (found.mean, found.low, found.high) == (0.1, 0.1, 0.1)


def test_of_two_values_the_interval_is_from_one_to_the_other():
    # the mean of two draws is the lower value with probability 1/4 > 2.5 %
    found = interval([1.0, 2.0])

    assert (found.mean, found.low, found.high) == (1.5, 1.0, 2.0)


def test_of_few_values_the_interval_is_that_of_all_possible_resamples():
    values = np.array([0.0, 1.0, 3.0, 10.0])
    means = np.sort([np.mean(draw) for draw in itertools.product(values, repeat=4)])
    # of 256 means each weighs 0.4 %: the quantiles lie well inside steps of them

    found = interval(values)

    np.testing.assert_allclose(
        [found.low, found.high], np.quantile(means, [0.025, 0.975]), atol=0.26
    )


def test_the_interval_agrees_with_scipy():
    values = np.random.default_rng(3).normal(2.0, 1.0, 10)
    theirs = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(7),
    ).confidence_interval

    found = interval(values)

    # two samples of 10,000 means with a deviation of 0.3 differ by hundredths
    np.testing.assert_allclose([found.low, found.high], theirs, atol=0.03)


def test_the_same_values_have_the_same_interval_at_every_call():
    values = [1.0, 5.0, 2.0, 8.0]

    assert interval(values) == interval(values)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf]])
def test_what_is_no_list_of_finite_numbers_is_refused(values):
    with pytest.raises(ValueError, match=r"one value per seed|not finite"):
        interval(values)
