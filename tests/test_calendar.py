"""Gates close on the wall clock, days are sold once, and trading ends with the run."""

import pytest

from mosaik_bottomup import scenario
from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.case import timing


def calendar(start, hours, *overrides):
    return timing.calendar(
        scenario.load(
            "two_areas",
            [f"run.start={start}", f"run.duration_h={hours}", *overrides],
        )
    )


NOON = ("day_ahead.gate_closure_h=12",)


@pytest.mark.parametrize(
    ("start", "hours", "gates"),
    [
        ("2016-01-04T00:00:00+01:00", 72, {0: 96, 48: 192, 144: 288}),
        ("2016-01-04T00:00:00+01:00", 30, {0: 96, 48: 120}),
        ("2016-01-04T00:00:00+01:00", 2, {0: 8}),
        ("2016-01-04T06:00:00+01:00", 24, {0: 72, 24: 96}),
        # the gate of the fifth has closed when the run begins
        ("2016-01-04T12:00:00+01:00", 48, {0: 144, 96: 192}),
        ("2016-01-04T18:00:00+01:00", 11, {0: 44}),
        # a day of 23 h
        ("2016-03-26T00:00:00+01:00", 71, {0: 96, 48: 188, 140: 284}),
    ],
)
def test_each_day_is_sold_at_noon_before_and_the_first_at_the_start(
    start, hours, gates
):
    found = calendar(start, hours, *NOON)

    assert found.gates == gates
    assert [k for k in range(found.steps) if found.sells_at(k)] == list(gates)


def test_without_a_gate_closure_each_day_is_sold_at_its_own_start():
    found = calendar("2016-01-04T06:00:00+01:00", 30)

    assert [k for k in range(-96, 220) if found.sells_at(k)] == [0, 96]
    assert [found.rehearsed_until(k) for k in (-96, 0, 1, 96)] == [-96, 96, 1, 120]


def test_trading_reaches_as_far_as_the_run_and_plans_are_fresh():
    found = Calendar(
        20, 96, 8, 104, trade_every_steps=3, trade_gate_steps=4, trade_reach_steps=9
    )

    assert [k for k in range(-9, 30) if found.trades_at(k)] == [0, 3, 6, 9, 12, 15]
    assert [found.rehearsed_until(k) for k in (3, 12, 15, 18)] == [12, 20, 20, 18]
    assert all(found.plans_at(k) for k in range(0, 20) if found.rehearses_at(k))


@pytest.mark.parametrize("start_h", [0, 6, 13])
def test_every_step_is_sold_before_it_comes(start_h):
    found = calendar(f"2016-01-04T{start_h:02}:00:00+01:00", 60, *NOON)

    sold = 0
    for step in range(found.steps):
        if found.sells_at(step):
            sold = found.rehearsed_until(step)
        assert sold > step


@pytest.mark.parametrize("overrides", [NOON, ()])
def test_a_closing_diary_sells_as_ever_up_to_a_step_and_trades_nothing(overrides):
    trading = ("intraday.every_h=2",)
    found = calendar("2016-01-04T00:00:00+01:00", 72, *overrides, *trading)

    closing = found.closing_after(48)

    for step in range(49):
        assert closing.sells_at(step) == found.sells_at(step)
    assert found.trades_at(8)
    assert not any(closing.trades_at(step) for step in range(found.steps))
    if overrides:
        assert not any(closing.sells_at(step) for step in range(49, found.steps))
