"""A cap for all alike: who draws less keeps its choice, and nobody lacks its need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.coordination.operator import Forecast
from mosaik_bottomup.coordination.site_cap import CappingOperator, cap_sites
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import AreaOffer, BidBook, Envelope, Moment

NOW = Moment(3)


def book_of(power_kw, divisible, area=None):
    power = np.array(power_kw, dtype=float)
    n = len(power)
    return BidBook(
        np.zeros(n, dtype=np.int64) if area is None else np.array(area),
        power,
        power**2,
        np.array(divisible, dtype=np.bool_),
        np.zeros(n),
        NOW,
    )


@st.composite
def books(draw):
    n, j = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    kw = st.floats(-5, 8)
    power = [sorted(draw(st.lists(kw, min_size=j, max_size=j))) for _ in range(n)]
    parts = st.lists(st.booleans(), min_size=j - 1, max_size=j - 1)
    return book_of(power, np.array([draw(parts) for _ in range(n)]).reshape(n, j - 1))


@given(book=books(), cap=st.floats(-2, 8))
def test_a_capped_site_offers_what_it_offered_below_the_cap_or_its_least(book, cap):
    capped = cap_sites(book, np.array([cap]))

    least = book.power_kw[:, 0]
    assert (capped.power_kw <= np.maximum(cap, least)[:, None] + 1e-9).all()
    assert (capped.power_kw[:, 0] == least).all()
    kept = book.power_kw <= cap
    assert (capped.power_kw[kept] == book.power_kw[kept]).all()
    assert (np.diff(capped.power_kw, axis=1) >= 0).all()


def test_what_is_divisible_goes_up_to_the_cap_and_the_rest_to_the_option_below():
    book = book_of([[0, 2, 6], [0, 2, 6], [5, 6, 7]], [[0, 1], [0, 0], [1, 1]])

    capped = cap_sites(book, np.array([4.0]))

    assert capped.power_kw.tolist() == [[0, 2, 4], [0, 2, 2], [5, 5, 5]]
    # halfway between 2² and 6², the option below, and must-run as it was
    assert capped.cost_dkk[:, -1].tolist() == [20, 4, 25]


def test_each_area_has_a_cap_of_its_own():
    book = book_of([[0, 3], [0, 3]], [[1], [1]], area=[0, 1])

    capped = cap_sites(book, np.array([np.inf, 1.0]))

    assert capped.power_kw[:, 1].tolist() == [3, 1]


def operator(limit_kw):
    def forecast(made_at, step, steps):
        load = 10.0 * np.ones((2, steps))
        return Forecast(load, 0 * load, np.ones(steps), np.ones(steps))

    def capability(kvar):
        return limit_kw * np.ones(kvar.shape), limit_kw * np.ones(kvar.shape)

    return CappingOperator(2, 4.2, forecast, capability)


def offer(plan_kw, moment=NOW):
    none = [np.zeros(0)] * 2
    plan = np.array(plan_kw, dtype=float)
    return AreaOffer(plan, plan, none, none, None, np.zeros(2), moment)


def test_only_the_area_whose_plans_do_not_fit_is_capped():
    dso = operator(limit_kw=15.0)

    answers = dso.hear({"one": offer([4, 1]), "two": offer([2, 3])})

    for answer in answers.values():
        assert isinstance(answer, Envelope)
        assert answer.site_cap_kw.tolist() == [4.2, np.inf]
        assert np.isinf(answer.high_kw).all()
    assert dso.record["import_limit_kw"].tolist() == [15, 15]


def test_a_rehearsal_is_sold_without_asking():
    last = Moment(5, 0, True)

    answer = operator(0.0).hear({"one": offer([4, 1], last)})["one"]

    assert answer.site_cap_kw is None
    assert (answer.commit, answer.again) == (0, False)


def test_offers_of_different_moments_are_a_fault():
    with pytest.raises(InvariantError):
        operator(1.0).hear({"one": offer([1, 1]), "two": offer([1, 1], Moment(4))})
