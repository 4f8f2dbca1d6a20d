"""How large a message is: 8 bytes for each number in it, whatever it is wrapped in."""

import numpy as np
import pytest
from mosaik_components.bottomup.ports import payload_bytes

from mosaik_bottomup.messages import (
    AreaOffer,
    BidBook,
    CongestionPrices,
    Dispatch,
    Moment,
    StoreOffer,
    StoreReport,
)

NOW = Moment(3)
MOMENT = 2
"""Numbers of a moment: its step, and whether it is the last; no rehearsal here."""


def book(sites, options):
    return BidBook(
        area=np.zeros(sites, np.int64),
        power_kw=np.zeros((sites, options)),
        cost_dkk=np.zeros((sites, options)),
        divisible=np.zeros((sites, options - 1), np.bool_),
        reactive_kvar=np.zeros(sites),
        moment=NOW,
    )


@pytest.mark.parametrize(("sites", "options"), [(0, 1), (1, 1), (3, 5)])
def test_a_bid_book_is_as_large_as_its_arrays(sites, options):
    numbers = sites * (1 + options + options + (options - 1) + 1) + MOMENT

    assert payload_bytes(book(sites, options)) == 8 * numbers


def test_what_is_not_said_has_no_size():
    dispatch = Dispatch(np.zeros(4), again=False, commit=None, moment=NOW)
    committed = Dispatch(np.zeros(4), again=False, commit=2, moment=NOW)
    rehearsed = Dispatch(np.zeros(4), again=False, commit=None, moment=Moment(3, 0))

    assert payload_bytes(dispatch) == 8 * (4 + 1 + MOMENT)
    assert payload_bytes(committed) == payload_bytes(dispatch) + 8
    assert payload_bytes(rehearsed) == payload_bytes(dispatch) + 8


def test_lists_and_messages_in_a_message_count_with_all_they_hold():
    offer = AreaOffer(
        plan_kw=np.zeros(2),
        base_kw=np.zeros(2),
        slopes_dkk_per_kwh=[np.zeros(3), np.zeros(1)],
        widths_kw=[np.zeros(3), np.zeros(1)],
        target_kw=1.0,
        reactive_max_kvar=np.zeros(2),
        moment=NOW,
    )
    store = StoreReport(
        kind="heat_pumps",
        stored_kwh=np.zeros(2),
        capacity_kwh=np.zeros((2, 5)),
        keep=np.zeros(2),
        need_kwh=np.zeros((2, 4)),
        charge_gain=np.zeros((2, 4)),
        charge_max_kw=np.zeros((2, 4)),
        discharge_loss=np.zeros(2),
        discharge_max_kw=np.zeros(2),
        wear_dkk_per_kwh=0.25,
        fixed_kw=np.zeros((2, 4)),
        curtailable_kw=np.zeros((2, 4)),
        reactive_kvar=np.zeros(2),
        moment=NOW,
    )
    stores = StoreOffer([store, store], np.zeros(2), NOW)

    assert payload_bytes(offer) == 8 * (3 * 2 + 2 * 4 + 1 + MOMENT)
    assert payload_bytes(store) == 8 * (5 * 2 + 10 + 5 * 8 + 1 + MOMENT)
    assert payload_bytes(stores) == 2 * payload_bytes(store) + 8 * (2 + MOMENT)


def test_a_message_that_has_travelled_is_as_large_as_before():
    prices = CongestionPrices(np.ones((2, 96)), NOW)

    arrived = CongestionPrices.from_json(prices.to_json())

    assert payload_bytes(arrived) == payload_bytes(prices) == 8 * (192 + MOMENT)
