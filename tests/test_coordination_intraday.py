"""What is sold is sold; what is traded is what can be traded, and costs a trade."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.coordination.intraday import (
    ROUNDING_KW,
    IntradayMarket,
    Position,
)
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.messages import Moment

STEPS, EVERY, GATE, REACH, COST = 96, 8, 4, 16, 0.03
CALENDAR = Calendar(
    STEPS,
    96,
    8,
    104,
    trade_every_steps=EVERY,
    trade_gate_steps=GATE,
    trade_reach_steps=REACH,
)
MARKET = IntradayMarket(CALENDAR, COST)
IMBALANCE = Imbalance(0.15, 0.2)
powers = st.lists(st.floats(-50, 50), min_size=STEPS, max_size=STEPS)


@given(powers, st.lists(st.tuples(st.integers(0, STEPS - 1), powers), max_size=4))
def test_nothing_inside_gate_closure_or_beyond_reach_is_ever_changed(sold_kw, rounds):
    position = Position()
    position.close(MARKET, 0, dict(enumerate(sold_kw)))

    for made_at, wanted_kw in sorted(rounds, key=lambda it: it[0]):
        before_kw = dict(position.schedule_kw)
        position.close(MARKET, made_at, dict(enumerate(wanted_kw)))
        changed = {k for k, v in position.schedule_kw.items() if v != before_kw[k]}

        assert changed <= set(range(made_at + GATE, made_at + REACH))
        assert not changed or made_at % EVERY == 0
    assert position.day_ahead_kw == dict(enumerate(sold_kw))


@given(powers, powers)
def test_what_is_traded_is_the_change_of_the_schedule(sold_kw, wanted_kw):
    position = Position()
    position.close(MARKET, 0, dict(enumerate(sold_kw)))

    position.close(MARKET, EVERY, dict(enumerate(wanted_kw)))

    for step in range(STEPS):
        scheduled_kw, day_ahead_kw, traded_kw = position.of_step(step)
        assert traded_kw == abs(scheduled_kw - day_ahead_kw)
        if CALENDAR.tradable(EVERY, step):
            assert scheduled_kw == pytest.approx(wanted_kw[step], abs=ROUNDING_KW)


def test_what_is_bought_and_sold_again_is_traded_twice():
    position = Position({20: 5.0}, {20: 5.0})

    position.close(MARKET, 8, {20: 8.0})
    position.close(MARKET, 16, {20: 5.0})

    assert position.of_step(20) == (5.0, 5.0, 6.0)


def test_a_trade_round_sells_nothing_that_is_not_yet_for_sale():
    calendar = replace(CALENDAR, steps=2 * STEPS, day_steps=STEPS)
    market, position = IntradayMarket(calendar, COST), Position()
    day_kw = dict.fromkeys(range(STEPS), 5.0)
    position.close(market, 0, day_kw)

    position.close(market, STEPS - EVERY, dict.fromkeys(range(88, 104), 7.0))

    assert position.day_ahead_kw == day_kw
    assert position.schedule_kw.keys() == day_kw.keys()
    assert position.of_step(STEPS - GATE) == (7.0, 5.0, 2.0)
    position.close(market, STEPS, dict.fromkeys(range(STEPS, 2 * STEPS), 6.0))
    assert position.of_step(STEPS) == (6.0, 6.0, 0.0)


def test_without_a_market_only_what_is_unsold_is_sold():
    position = Position({20: 5.0}, {20: 5.0})

    position.close(None, 8, {20: 8.0, 21: 7.0})

    assert position.schedule_kw == {20: 5.0, 21: 7.0}
    assert position.traded_kw == {}


@pytest.mark.parametrize(
    ("moment", "trades"),
    [
        (Moment(12), False),  # real
        (Moment(12, 0, False, 8), True),
        (Moment(11, 0, False, 8), False),  # inside gate closure
        (Moment(23, 0, False, 8), True),
        (Moment(24, 0, False, 8), False),  # beyond reach
        (Moment(13, 0, False, 9), False),  # no time to trade
    ],
)
def test_a_trade_costs_its_spread_and_all_else_the_imbalance_price(moment, trades):
    expected = Imbalance(COST, COST) if trades else IMBALANCE

    assert MARKET.deviation(moment, IMBALANCE) == expected
