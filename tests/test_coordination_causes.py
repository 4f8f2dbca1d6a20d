"""What a site forgoes has one cause at a time, and a veto stands where room lacked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.bids import cost_at_dkk
from mosaik_bottomup.coordination.causes import causes, vetoed_by_area_kw
from mosaik_bottomup.messages import BidBook, Envelope, Moment

SIZES = {"one": 2, "other": 1}
BOOK = BidBook(
    np.array([0, 1, 1]),
    np.tile([0.0, 2.0, 4.0], (3, 1)),
    np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [0.5, 0.5, 0.5]]),
    np.ones((3, 2), np.bool_),
    np.zeros(3),
    Moment(5),
)
powers = st.lists(st.floats(0, 4), min_size=3, max_size=3).map(np.array)


def envelope(vetoed=None, by_area=None):
    no = np.zeros(2)
    by_area = None if by_area is None else np.array(by_area)
    return Envelope(
        no, no, False, None, Moment(5), vetoed_kw=vetoed, area_vetoed_kw=by_area
    )


@given(powers, powers, powers)
def test_what_limits_and_activations_cost_adds_up_to_what_the_plan_did_not(
    planned, secured, told
):
    found = causes(BOOK, SIZES, (planned, secured, told), np.zeros(2), envelope())

    whole = np.concatenate(
        [
            it.congestion_forgone_dkk + it.activation_forgone_dkk
            for it in found.sites.values()
        ]
    )
    expected = cost_at_dkk(BOOK, told) - cost_at_dkk(BOOK, planned)
    np.testing.assert_allclose(whole, expected, atol=1e-9)
    moved = secured - planned
    np.testing.assert_allclose(
        found.congestion_moved_kw, [moved[0], moved[1:].sum()], atol=1e-9
    )


def test_a_plan_that_stands_costs_nobody_anything():
    power = np.array([1.0, 3.0, 4.0])

    found = causes(BOOK, SIZES, (power, power, power), np.zeros(2), envelope())

    assert not found.congestion_moved_kw.any()
    assert not found.activation_relocated_kw.any()
    for site in found.sites.values():
        assert not site.congestion_forgone_dkk.any()
        assert not site.activation_forgone_dkk.any()


def test_what_one_area_has_no_room_for_is_relocated_and_the_rest_vetoed_there():
    before, told = np.array([0.0, 0.0, 0.0]), np.array([1.0, 2.0, 0.0])
    meant = np.array([4.0, 1.0])  # 1 kW of the 3 that A lacks is delivered in B

    found = causes(BOOK, SIZES, (before, before, told), meant, envelope(2.0, [0, 0]))

    np.testing.assert_allclose(found.activation_vetoed_kw, [2, 0])
    np.testing.assert_allclose(found.activation_relocated_kw, [-1, 1])


@given(
    st.lists(st.floats(-9, 9), min_size=2, max_size=2).map(np.array),
    st.lists(st.floats(-9, 9), min_size=2, max_size=2).map(np.array),
    st.floats(-5, 5),
    st.lists(st.floats(-5, 5), min_size=2, max_size=2),
)
def test_the_vetoes_of_areas_add_up_to_the_aggregators(meant, delivered, whole, there):
    vetoed = vetoed_by_area_kw(meant, delivered, envelope(whole, there))

    assert vetoed.sum() == pytest.approx(whole + sum(there), abs=1e-9)


def test_without_activations_nothing_is_vetoed():
    assert not vetoed_by_area_kw(np.ones(2), np.zeros(2), envelope()).any()
