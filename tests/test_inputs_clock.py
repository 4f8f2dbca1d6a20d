"""Clocks are in UTC, keep whole steps, and know their place in the local year."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.inputs.clock import Clock, hour_of_year, mean_of_parts

START = pd.Timestamp("2016-01-03T23:00Z")


@given(first=st.integers(0, 50), steps=st.integers(1, 50))
def test_a_window_of_a_clock_is_a_slice_of_its_index(first: int, steps: int) -> None:
    clock = Clock(START, 900, 100)

    window = clock.window(first, steps)

    assert list(window.index) == list(clock.index[first : first + steps])


@pytest.mark.parametrize("step_s", [300, 900, 3600])
def test_a_refined_clock_covers_the_same_span(step_s: int) -> None:
    clock = Clock(START, 3600, 5)

    fine = clock.refined(step_s)

    assert (fine.start, fine.end) == (clock.start, clock.end)
    assert fine.step_h * fine.steps == clock.step_h * clock.steps == 5.0


def test_local_time_keeps_daylight_saving() -> None:
    winter = Clock(pd.Timestamp("2016-01-04T16:00Z"), 3600, 1).local()
    summer = Clock(pd.Timestamp("2016-07-04T15:00Z"), 3600, 1).local()

    assert (winter.hour[0], summer.hour[0]) == (17, 17)


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("2016-01-01T00:00Z", 0.0),
        ("2016-02-29T12:15Z", 59 * 24 + 12.25),
        ("2017-03-01T00:00Z", 60 * 24.0),
        ("2016-12-31T23:55Z", 366 * 24 - 1 / 12),
        ("2015-12-31T01:00Z", 365 * 24 + 1.0),
    ],
)
def test_every_calendar_year_lies_on_the_one_leap_year(time: str, hour: float) -> None:
    place = hour_of_year(pd.DatetimeIndex([time]))

    assert place[0] == pytest.approx(hour)


def test_the_mean_of_parts_averages_neighbours_on_the_last_axis() -> None:
    values = np.array([[1.0, 3.0, 5.0, 7.0], [0.0, 2.0, 0.0, 4.0]])

    assert mean_of_parts(values, 2).tolist() == [[2.0, 6.0], [1.0, 2.0]]
    assert mean_of_parts(np.empty((0, 4)), 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("start", "step_s", "steps", "message"),
    [
        (pd.Timestamp("2016-01-04"), 900, 1, "must be in UTC"),
        (pd.Timestamp("2016-01-04", tz="Europe/Copenhagen"), 900, 1, "must be in UTC"),
        (START, 1000, 1, "step of 1000 s does not divide an hour"),
        (START, 7200, 1, "step of 7200 s does not divide an hour"),
        (START, 0, 1, "step of 0 s"),
        (START + pd.Timedelta(minutes=5), 900, 1, "no multiple of 900 s"),
        (START, 900, 0, "0 steps"),
    ],
)
def test_a_clock_that_cannot_tick_is_refused(
    start: pd.Timestamp, step_s: int, steps: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Clock(start, step_s, steps)


def test_a_clock_is_not_refined_to_steps_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="700 s does not divide"):
        Clock(START, 900, 1).refined(700)
