"""The bundle of a run: whole, sliceable, quick to load, and foreseen perfectly."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from mosaik_bottomup.inputs import households, prices, weather
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.inputs.forecast import Forecast, PerfectForecast
from mosaik_bottomup.inputs.series import Series, assemble
from mosaik_bottomup.inputs.tariff import RetailTariff

THREE_DAYS = Clock(pd.Timestamp("2016-01-03T23:00Z"), 900, 3 * 96)


def load(clock: Clock, homes: int = 205) -> Series:
    sky = weather.read_try(2, clock)
    return assemble(
        clock,
        sky,
        prices.model_day_ahead_dkk_per_kwh(sky, clock),
        RetailTariff(),
        households.draw_kw(homes, clock, np.random.default_rng(1)),
        latitude_deg=54.18,
        longitude_deg=12.08,
        tilt_deg=35.0,
        azimuth_deg=180.0,
    )


@pytest.fixture(scope="module")
def series() -> Series:
    return load(THREE_DAYS)


def test_the_bundle_holds_every_series_of_the_run(series: Series) -> None:
    assert series.household_kw.shape == (205, 288)
    for name in (
        "ambient_c",
        "global_w_m2",
        "day_ahead_dkk_per_kwh",
        "import_dkk_per_kwh",
        "export_dkk_per_kwh",
        "pv_kw_per_kwp",
    ):
        assert getattr(series, name).shape == (288,)
        assert np.isfinite(getattr(series, name)).all()


def test_import_costs_more_than_export_earns(series: Series) -> None:
    assert (series.import_dkk_per_kwh > series.export_dkk_per_kwh).all()


def test_a_window_is_a_slice_of_every_series_and_of_the_clock(series: Series) -> None:
    window = series.window(100, 8)

    assert list(window.clock.index) == list(series.clock.index[100:108])
    assert_array_equal(window.household_kw, series.household_kw[:, 100:108])
    assert_array_equal(window.ambient_c, series.ambient_c[100:108])
    assert_array_equal(window.pv_kw_per_kwp, series.pv_kw_per_kwp[100:108])


@pytest.mark.parametrize(("first", "steps"), [(-1, 2), (280, 9), (0, 0), (288, 1)])
def test_a_window_past_the_ends_is_refused(
    series: Series, first: int, steps: int
) -> None:
    with pytest.raises(ValueError, match="not within the series' 288"):
        series.window(first, steps)


def test_series_of_unequal_length_are_refused(series: Series) -> None:
    with pytest.raises(ValueError, match="ambient_c has 287 steps, not 288"):
        replace(series, ambient_c=series.ambient_c[1:])


def test_a_perfect_forecast_is_what_will_happen(series: Series) -> None:
    forecast: Forecast = PerfectForecast(series)

    known = forecast.at(96, 96, 96)

    assert_array_equal(known.ambient_c, series.ambient_c[96:192])
    with pytest.raises(ValueError, match="not within"):
        forecast.at(200, 200, 96)


def test_loading_three_days_is_quick() -> None:
    load(THREE_DAYS, homes=1)  # imports

    begin = time.perf_counter()
    load(THREE_DAYS)

    assert time.perf_counter() - begin < 0.5
