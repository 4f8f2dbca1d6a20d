"""An aggregator's positions: what was sold, re-traded, ordered and missed."""

from types import SimpleNamespace

import numpy as np
import pytest

from mosaik_bottomup.settlement import positions
from mosaik_bottomup.settlement.book import Book

STEP_H = 0.5
OLDER = {"day_ahead_price", "imbalance_price", "delivered_kw", "schedule_kw"}
ROUNDED = 1e-6
SERIES = {
    "day_ahead_price": [[2.0] * 4],
    "imbalance_price": [[3.0] * 4],
    "delivered_kw": [[6.0] * 4],
    "schedule_kw": [[6.0, 8.0, np.nan, 6.0]],
    "day_ahead_kw": [[4.0, 10.0, np.nan, np.nan]],
    "traded_kw": [[4.0, 2.0, 0.0, 0.0]],
    "activation_ordered_kw": [[0.0, -5.0, 0.0, np.nan]],
    "activation_vetoed_kw": [[0.0, -3.0, 0.0, np.nan]],
}


def received(*, without=(), trading=0.25, fee=0.0):
    """Return what the only aggregator receives, by heading."""
    told = {name: np.array(at) for name, at in SERIES.items() if name not in without}
    run = SimpleNamespace(
        entities={"aggregators": ("X",)},
        step_h=STEP_H,
        series=lambda _, name: told[name],
        holds=lambda _, name: name in told,
    )
    book = Book(("X",), ("home",), 4)
    positions.enter(book, run, trading, fee)
    ledger = book.close()
    return {name: at[ledger.row("X")] for name, at in ledger.received_dkk.items()}


def test_what_was_bought_day_ahead_and_traded_again_is_paid_for():
    got = received()

    # 2, 5, 3 and 3 kWh at 2 DKK
    np.testing.assert_allclose(got["day_ahead"], [-4, -10, -6, -6])
    # 1 kWh more, half of what was bought being sold again, and 1 kWh less: each of the
    # 2 and 1 kWh traded costs 0.25 DKK beside its price
    np.testing.assert_allclose(got["intraday"], [-2.5, 1.75, 0, 0])


def test_an_activation_is_paid_and_what_follows_it_is_no_imbalance():
    got = received()

    # 2.5 kWh less were ordered, 1.5 of them vetoed, and 1 kWh less was taken
    np.testing.assert_allclose(got["activation"], [0, 7.5, 0, 0])
    np.testing.assert_allclose(got["veto"], [0, -4.5, 0, 0])
    np.testing.assert_allclose(got["imbalance"], 0, atol=ROUNDED)


def test_a_file_without_them_has_a_schedule_and_no_orders():
    got = received(without=set(SERIES) - OLDER)

    np.testing.assert_allclose(got["day_ahead"], [-6, -8, -6, -6])
    assert not got["intraday"].any()
    assert not got["activation"].any()
    np.testing.assert_allclose(got["imbalance"], [0, 3, 0, 0])


@pytest.mark.parametrize("trading", [0.0, 1.0])
def test_trading_costs_in_either_direction(trading):
    free, dear = received(trading=0.0), received(trading=trading)

    np.testing.assert_allclose(
        free["intraday"] - dear["intraday"], [2 * trading, trading, 0, 0]
    )


def test_the_dso_takes_its_fee_in_either_direction_and_none_for_a_veto():
    """1 kWh less than sold; with the order that asked for it, nothing is missed."""
    older = received(without=set(SERIES) - OLDER, fee=0.5)
    ordered = received(fee=0.5)

    np.testing.assert_allclose(older["deviation_fee"], [0, -0.5, 0, 0])
    np.testing.assert_allclose(ordered["deviation_fee"], 0, atol=ROUNDED)
