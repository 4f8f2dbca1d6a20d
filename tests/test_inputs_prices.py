"""Market and retail prices: the same at any step, right on the local clock."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs import prices, tariff, weather
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts
from mosaik_bottomup.inputs.tariff import RetailTariff
from mosaik_bottomup.inputs.weather import Weather


def local_days(start: str, days: int, step_s: int = 900) -> Clock:
    begin = pd.Timestamp(start, tz="Europe/Copenhagen").tz_convert("UTC")
    return Clock(begin, step_s, days * 86400 // step_s)


def steady(clock: Clock, ambient_c: float, global_w_m2: float, wind: float) -> Weather:
    full = np.ones(clock.steps)
    return Weather(ambient_c * full, global_w_m2 * full, 0.0 * full, wind * full)


@given(start=st.integers(0, 366 * 24))
@settings(max_examples=10, deadline=None)
def test_the_model_price_is_the_same_at_any_resolution(start: int) -> None:
    begin = pd.Timestamp("2016-01-01T00:00Z") + pd.Timedelta(hours=start)
    hourly_clock = Clock(begin, 3600, 48)
    hourly = prices.model_day_ahead_dkk_per_kwh(
        weather.read_try(2, hourly_clock), hourly_clock
    )

    for step_s in (300, 900):
        clock = hourly_clock.refined(step_s)
        fine = prices.model_day_ahead_dkk_per_kwh(weather.read_try(2, clock), clock)
        assert_allclose(fine, np.repeat(hourly, 3600 // step_s), atol=1e-3)
        assert fine.mean() == pytest.approx(hourly.mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("day", "ambient_c", "global_w_m2", "wind", "eur_per_mwh"),
    [
        # Monday 4 January 17:00, 130.4 without wind, sun or cold
        ("2016-01-04", 10.0, 0.0, 0.0, 130.4),
        # 7 m/s and above: -65.7
        ("2016-01-04", 10.0, 0.0, 9.0, 130.4 - 65.7),
        # half of 7 m/s: an eighth of it
        ("2016-01-04", 10.0, 0.0, 3.5, 130.4 - 65.7 / 8),
        # 15 K below 10 C: +15; 100 W/m2: -11.87
        ("2016-01-04", -5.0, 100.0, 0.0, 130.4 + 15.0 - 11.87),
        # Sunday: -20.9
        ("2016-01-03", 10.0, 0.0, 0.0, 130.4 - 20.9),
        # Monday 4 July 17:00, 500 W/m2: 99.9 - 13.5; full wind -68.9
        ("2016-07-04", 20.0, 500.0, 0.0, 99.9 - 13.5),
        ("2016-07-04", 20.0, 500.0, 7.0, 99.9 - 13.5 - 68.9),
        # the seasons change with the month
        ("2016-03-31", 10.0, 0.0, 0.0, 130.4),
        ("2016-04-01", 10.0, 0.0, 0.0, 99.9),
        ("2016-09-30", 10.0, 0.0, 0.0, 99.9),
        ("2016-10-03", 10.0, 0.0, 0.0, 130.4),
    ],
)
def test_the_model_price_is_the_regression_worked_by_hand(
    day: str, ambient_c: float, global_w_m2: float, wind: float, eur_per_mwh: float
) -> None:
    clock = local_days(day, 1)

    price = prices.model_day_ahead_dkk_per_kwh(
        steady(clock, ambient_c, global_w_m2, wind), clock
    )

    assert price[17 * 4] == pytest.approx(eur_per_mwh * 7.46 / 1000)


def test_a_gust_of_an_hour_lowers_the_price_of_the_four_hours_around_it() -> None:
    clock = local_days("2016-01-04", 1, 3600)
    calm = steady(clock, 10.0, 0.0, 0.0)
    gust = Weather(
        calm.ambient_c, calm.global_w_m2, calm.diffuse_w_m2, 7.0 * (np.arange(24) == 12)
    )

    lower = prices.model_day_ahead_dkk_per_kwh(
        calm, clock
    ) - prices.model_day_ahead_dkk_per_kwh(gust, clock)

    around = np.abs(np.arange(24) - 12) <= 4
    assert_allclose(lower, around * 65.7 / 9 * 7.46 / 1000, atol=1e-12)


def test_the_model_price_of_the_year_is_like_that_of_west_denmark_in_2024() -> None:
    clock = local_days("2016-01-01", 366, 3600)

    price = prices.model_day_ahead_dkk_per_kwh(weather.read_try(2, clock), clock)

    eur_per_mwh = price / 7.46 * 1000
    assert eur_per_mwh.mean() == pytest.approx(71.7, abs=0.5)
    assert eur_per_mwh.std() == pytest.approx(33.4, abs=0.5)
    assert eur_per_mwh.max() < 200.0


@pytest.mark.parametrize("step_s", [300, 900, 3600])
@pytest.mark.parametrize(
    ("day", "night", "daytime", "peak"),
    [
        # (0.80 + grid + 0.115 + 0.05 + 0.008) * 1.25, grid 0.110 / 0.330 / 0.991
        ("2016-01-04", 1.35375, 1.62875, 2.455),
        # and 0.110 / 0.165 / 0.429 in summer
        ("2016-07-04", 1.35375, 1.4225, 1.7525),
        ("2016-03-31", 1.35375, 1.62875, 2.455),
        ("2016-04-01", 1.35375, 1.4225, 1.7525),
        ("2016-09-30", 1.35375, 1.4225, 1.7525),
        ("2016-10-01", 1.35375, 1.62875, 2.455),
    ],
)
def test_the_retail_price_steps_on_the_local_clock_in_winter_and_summer(
    step_s: int, day: str, night: float, daytime: float, peak: float
) -> None:
    clock = local_days(day, 1, step_s)

    retail = tariff.import_dkk_per_kwh(
        np.full(clock.steps, 0.80), clock, RetailTariff()
    )

    by_hour = [night] * 6 + [daytime] * 11 + [peak] * 4 + [daytime] * 3
    assert_allclose(retail, np.repeat(by_hour, 3600 // step_s))


@pytest.mark.parametrize(
    ("day", "hours", "peak_starts_utc"),
    [("2016-03-27", 23, 15), ("2016-10-30", 25, 16)],
)
def test_the_peak_comes_at_17_local_on_the_days_of_23_and_25_hours(
    day: str, hours: int, peak_starts_utc: int
) -> None:
    begin = pd.Timestamp(day, tz="Europe/Copenhagen").tz_convert("UTC")
    clock = Clock(begin, 3600, hours)

    retail = tariff.import_dkk_per_kwh(np.zeros(hours), clock, RetailTariff())

    peak = clock.index[retail == retail.max()]
    assert list(peak.hour) == list(range(peak_starts_utc, peak_starts_utc + 4))


def test_feed_in_earns_the_day_ahead_price_less_the_deduction() -> None:
    earned = tariff.export_dkk_per_kwh(np.array([0.50, -0.10]), RetailTariff())

    assert_allclose(earned, [0.48, -0.12])


def test_a_grid_tariff_has_a_value_for_each_hour() -> None:
    with pytest.raises(ValueError, match="23 values, not 24"):
        RetailTariff(grid_summer_dkk_per_kwh=(0.1,) * 23)


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("DKK kWh-1", 0.746),
        ("DKK MWh-1", 746.0),
        ("EUR MWh-1", 100.0),
        ("EUR kWh-1", 0.1),
    ],
)
def test_the_users_prices_may_be_in_any_usual_unit(
    tmp_path: Path, unit: str, value: float
) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        f"time,day_ahead [{unit}]\n"
        f"2016-01-04T00:00+01:00,{value}\n2016-01-04T01:00+01:00,{2 * value}\n"
    )
    clock = Clock(pd.Timestamp("2016-01-03T23:00Z"), 900, 8)

    price = prices.read_csv(path, clock)

    assert_allclose(mean_of_parts(price, 4), [0.746, 1.492])


def test_residuals_have_the_spread_and_memory_they_state() -> None:
    clock = Clock(pd.Timestamp("2016-01-01", tz="UTC"), 3600, 8784)
    sky = weather.read_try(2, clock)
    expected = prices.model_day_ahead_dkk_per_kwh(sky, clock)

    drawn = [
        prices.model_day_ahead_dkk_per_kwh(sky, clock, np.random.default_rng(seed))
        for seed in range(8)
    ]
    left = (np.array(drawn) - expected) / (prices.DKK_PER_EUR / 1000)

    assert left.std() == pytest.approx(np.hypot(20, 18), rel=0.05)
    by_day = left.reshape(8, 366, 24).mean(axis=2)
    memory = np.mean([np.corrcoef(row[1:], row[:-1])[0, 1] for row in by_day])
    assert 0.35 < memory < 0.6
    # within a standard-time day only the hourly part moves, by 18 sqrt(2 (1 - 0.85))
    moves = np.diff(left.reshape(8, -1), axis=1)
    within = np.arange(moves.shape[1]) % 24 != 22
    assert moves[:, within].std() == pytest.approx(18 * np.sqrt(0.3), rel=0.03)


def test_residuals_are_the_same_whatever_part_of_the_year_is_wanted() -> None:
    clock = Clock(pd.Timestamp("2016-01-01", tz="UTC"), 900, 96 * 6)
    later = clock.window(96 * 2, 96 * 2)

    def residuals(at: Clock) -> FloatArray:
        sky, rng = weather.read_try(2, at), np.random.default_rng(1)
        drawn = prices.model_day_ahead_dkk_per_kwh(sky, at, rng)
        return drawn - prices.model_day_ahead_dkk_per_kwh(sky, at)

    assert residuals(later) == pytest.approx(residuals(clock)[96 * 2 : 96 * 4])
