"""Jain's index and what it is taken of: laws first, then small cases."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics.evaluate import least
from mosaik_bottomup.metrics.fairness import (
    aggregator_fairness,
    burden_fairness,
    granted_share,
    jain_index,
)

AMOUNTS = hnp.arrays(
    float, st.integers(1, 9), elements=st.just(0.0) | st.floats(1e-6, 1e6)
)


@given(amounts=AMOUNTS)
def test_the_index_lies_between_one_nth_and_one(amounts):
    index = jain_index(amounts)

    assert 1 / len(amounts) - 1e-12 <= index <= 1 + 1e-12


@given(amounts=AMOUNTS, scale=st.floats(1e-9, 1e9))
def test_the_index_does_not_depend_on_the_unit_or_the_order(amounts, scale):
    assert jain_index(scale * amounts[::-1]) == pytest.approx(jain_index(amounts))


@given(amount=st.floats(1e-200, 1e200), parties=st.integers(1, 9))
def test_equal_amounts_are_wholly_fair_however_small(amount, parties):
    assert jain_index(np.full(parties, amount)) == pytest.approx(1)


@given(having=st.integers(1, 6), nothing=st.integers(0, 6))
def test_if_some_share_alike_and_the_rest_has_nothing_it_is_their_share(
    having, nothing
):
    amounts = np.array([3.0] * having + [0.0] * nothing)

    assert jain_index(amounts) == pytest.approx(having / (having + nothing))


def test_the_index_of_one_to_four_is_five_sixths():
    assert jain_index(np.array([1.0, 2, 3, 4])) == pytest.approx(100 / (4 * 30))


def test_if_nobody_has_anything_all_have_the_same():
    assert jain_index(np.zeros(3)) == 1.0
    assert jain_index(np.zeros(0)) == 1.0


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_what_is_no_amount_is_refused_by_its_row(wrong):
    with pytest.raises(ValueError, match="amount 1 must not be negative"):
        jain_index(np.array([1.0, wrong, 2.0]))


def test_a_home_that_gains_bears_no_burden():
    assert burden_fairness(np.array([2.0, -5.0, 2.0, 0.0])) == 0.5
    assert burden_fairness(np.array([-1.0, 0.0])) == 1.0


def share(offered, envelope, imports=True, bound=(True,)):
    arrays = [np.array([each], dtype=float) for each in (*offered, *envelope)]
    return granted_share(
        (arrays[0], arrays[1]),
        (arrays[2], arrays[3]),
        np.full(arrays[0].shape, imports),
        np.array([bound]),
    )[0]


def test_where_import_is_scarce_the_share_is_that_above_the_must_run():
    assert share(([2], [10]), ([0], [4])) == 0.25
    assert share(([2], [10]), ([0], [1])) == 0.0
    assert share(([2], [10]), ([0], [30])) == 1.0


def test_where_export_is_scarce_the_share_is_that_below_the_most():
    assert share(([-8], [2]), ([-6], [9]), imports=False) == 0.8


def test_what_has_no_bound_is_granted_in_nobody_s_name():
    assert np.isnan(share(([2], [10]), ([0], [np.nan])))


def test_only_steps_in_which_the_limit_bound_count_by_their_range():
    offered = ([0, 0, 0, 5], [10, 30, 10, 5])
    envelope = ([0, 0, 0, 0], [10, 15, 0, 0])

    # 10 of 10 and 15 of 30; the last two: not bound, and nothing to grant.
    assert share(offered, envelope, bound=[True, True, False, True]) == 25 / 40
    assert np.isnan(share(offered, envelope, bound=[False] * 4))


@given(
    low=hnp.arrays(float, 4, elements=st.floats(-5, 0)),
    width=hnp.arrays(float, 4, elements=st.floats(0, 9)),
    grant=hnp.arrays(float, 4, elements=st.floats(-9, 9)),
    imports=st.booleans(),
)
def test_nobody_is_granted_less_than_nothing_or_more_than_offered(
    low, width, grant, imports
):
    assume((low + width > low).any())

    granted = share((low, low + width), (grant, grant), imports, [True] * 4)

    assert 0 <= granted <= 1


BOTH = np.array([[True], [True]])


@dataclass
class Run:
    """Two aggregators in two areas, one step; the second has nothing in area B."""

    entities = {  # noqa: RUF012
        "areas": ("A", "B"),
        "aggregators": ("X", "Y"),
        "portfolios": ("X A", "X B", "Y A", "Y B"),
    }
    high_kw: tuple[float, ...] = (10.0, 10.0, 10.0, 0.0)

    def series(self, group, name):
        """Return a series, as results do."""
        if group == "transformers":
            return np.array([[5.0], [5.0]])
        column = {
            "offer_low_kw": (0.0,) * 4,
            "offer_high_kw": self.high_kw,
            "envelope_low_kw": (0.0,) * 4,
            "envelope_high_kw": (10.0, 5.0, 0.0, 0.0),
        }[name]
        return np.array(column)[:, None]


def test_fairness_between_aggregators_is_told_for_each_area_that_was_bound():
    # A: all to one of two. B: only one has anything to offer.
    found = aggregator_fairness(Run(), np.array([[True], [True]]))

    assert found == {"A": 0.5, "B": 1.0}
    assert aggregator_fairness(Run(), np.array([[True], [False]])) == {"A": 0.5}


def test_the_metric_is_that_of_the_area_that_is_treated_least_fairly():
    found = least("fairness_aggregators", aggregator_fairness(Run(), BOTH))

    assert found == {
        "fairness_aggregators": 0.5,
        "fairness_aggregators.A": 0.5,
        "fairness_aggregators.B": 1.0,
    }


def test_nobody_who_offers_nothing_is_treated_unfairly():
    run = Run(high_kw=(10.0, 0.0, 0.0, 0.0))

    assert aggregator_fairness(run, np.array([[True], [True]])) == {"A": 1.0}
