"""Drawn homes differ, keep their energy, and are the same whatever the window."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mosaik_bottomup.inputs import households
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts

HOMES = 205


def local_days(start: str, days: int, step_s: int = 900) -> Clock:
    begin = pd.Timestamp(start, tz="Europe/Copenhagen").tz_convert("UTC")
    return Clock(begin, step_s, days * 86400 // step_s)


def draw(
    clock: Clock, seed: int = 1, homes: int = HOMES, **spread: float
) -> np.ndarray:
    return households.draw_kw(homes, clock, np.random.default_rng(seed), **spread)


@given(first=st.integers(0, 300), steps=st.integers(1, 80))
@settings(max_examples=10, deadline=None)
def test_the_load_does_not_depend_on_where_the_window_lies(
    first: int, steps: int
) -> None:
    clock = local_days("2016-03-25", 4)

    load = draw(clock, homes=20)

    window = draw(clock.window(first, steps), homes=20)
    assert_allclose(window, load[:, first : first + steps])


@pytest.mark.parametrize("step_s", [300, 600, 3600])
def test_the_energy_is_the_same_at_any_resolution(step_s: int) -> None:
    quarters = draw(local_days("2016-01-04", 2, 900))

    load = draw(local_days("2016-01-04", 2, step_s))

    hourly = mean_of_parts(load, 3600 // step_s)
    assert_allclose(hourly, mean_of_parts(quarters, 4), rtol=1e-9)


def test_the_same_seed_draws_the_same_homes_and_another_seed_others() -> None:
    clock = local_days("2016-01-04", 1)

    assert (draw(clock, seed=3) == draw(clock, seed=3)).all()
    assert not np.allclose(draw(clock, seed=3), draw(clock, seed=4))


@pytest.fixture(scope="module")
def year_kw() -> np.ndarray:
    return draw(local_days("2016-01-01", 366))


def test_homes_without_spread_use_the_median_in_the_year() -> None:
    load = draw(
        local_days("2016-01-01", 366), homes=8, median_kwh_per_year=4000.0, sigma=0.0
    )

    # the hour lost in March and that gained in October differ
    assert_allclose(load.sum(axis=1) / 4, 4000.0, rtol=1e-3)


def test_the_energy_of_the_year_is_log_normal_between_homes(
    year_kw: np.ndarray,
) -> None:
    year_kwh = year_kw.sum(axis=1) / 4

    # standard error of the median is about 1.25 * 0.4 / sqrt(205) = 3.5 %
    assert np.median(year_kwh) == pytest.approx(3300.0, rel=0.1)
    assert np.log(year_kwh).std() == pytest.approx(0.4, abs=0.06)


def test_homes_peak_one_by_one_rather_than_together(year_kw: np.ndarray) -> None:
    common_kw = year_kw.mean(axis=0).max()

    assert common_kw == pytest.approx(1.12, abs=0.08)
    assert np.median(year_kw.max(axis=1)) == pytest.approx(4.2, abs=0.4)


def test_no_two_homes_are_alike(year_kw: np.ndarray) -> None:
    week = year_kw[:, 96 * 4 : 96 * 11]

    alike = np.corrcoef(week)[~np.eye(HOMES, dtype=bool)]

    assert alike.max() < 0.95


def test_consumption_is_positive(year_kw: np.ndarray) -> None:
    assert (year_kw >= 0.0).all()
    assert np.isfinite(year_kw).all()


def test_sundays_are_drawn_from_sundays() -> None:
    # a day of 2016 stands for a day of its own kind, at most two weeks away
    like = households._alike()
    weekday = pd.date_range("2016-01-01", periods=366).dayofweek.to_numpy()

    assert set(weekday[like[2]]) == {6}  # 3 January
    assert set(weekday[like[1]]) == {5}
    assert set(weekday[like[3]]) == {0, 1, 2, 3, 4}
    assert like[2].sum() == 4  # 3, 10, 17 January and 25 December
    assert like[100].nonzero()[0].min() >= 86
    assert like[100].nonzero()[0].max() <= 114


def test_homes_wake_at_the_same_local_hour_in_winter_and_summer() -> None:
    # the least load of an average day comes at night on the local clock
    for day in ("2016-01-04", "2016-07-04"):
        clock = local_days(day, 5, 3600)
        mean = draw(clock).mean(axis=0)
        by_hour = mean.reshape(5, 24).mean(axis=0)
        assert by_hour.argmin() in (2, 3, 4)


@pytest.mark.parametrize(("day", "hours"), [("2016-03-27", 23), ("2016-10-30", 25)])
def test_the_days_of_23_and_25_hours_are_without_gap(day: str, hours: int) -> None:
    begin = pd.Timestamp(day, tz="Europe/Copenhagen").tz_convert("UTC")

    load = draw(Clock(begin, 900, hours * 4))

    assert np.isfinite(load).all()
    assert load.mean() > 0.2
    if hours == 25:
        assert_allclose(load[:, 8:12], load[:, 12:16])  # 2 o'clock comes twice


def test_the_hour_skipped_in_march_is_there_for_other_years() -> None:
    days = households._profile_days()

    assert (days[:, 86, 8:12] == days[:, 86, 12:16]).all()  # 27 March, 2 and 3 o'clock


@pytest.mark.parametrize(
    ("start", "same"), [("2017-01-01", "2016-01-01"), ("2015-12-30", "2016-12-30")]
)
def test_other_years_use_the_same_days_of_the_one_year(start: str, same: str) -> None:
    assert_allclose(draw(local_days(start, 2)), draw(local_days(same, 2)))


def test_no_homes_have_no_load() -> None:
    assert draw(local_days("2016-01-04", 1), homes=0).shape == (0, 96)


@pytest.mark.parametrize(
    "arguments",
    [{"homes": -1}, {"median_kwh_per_year": 0.0}, {"sigma": -0.1}],
)
def test_impossible_homes_are_refused(arguments: dict[str, float]) -> None:
    settings_ = {"homes": 3, **arguments}

    with pytest.raises(ValueError, match=r"cannot be drawn|must be above 0"):
        draw(local_days("2016-01-04", 1), **settings_)  # type: ignore[arg-type]


def test_the_users_homes_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text(
        "time,home_1 [kW],home_0 [kW]\n"
        "2016-01-04T00:00Z,2,1\n2016-01-04T00:15Z,4,3\n2016-01-04T00:30Z,6,5\n"
    )

    load = households.read_csv(path, 2, Clock(pd.Timestamp("2016-01-04T00Z"), 900, 3))

    assert load.tolist() == [[1, 3, 5], [2, 4, 6]]
