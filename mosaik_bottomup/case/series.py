"""The series of a scenario, and what can be known of them in advance."""

from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case.streams import Stream, rng
from mosaik_bottomup.case.timing import calendar, forecast_reach_h
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.inputs import households, imbalance_price, prices, weather
from mosaik_bottomup.inputs.clock import LOCAL_ZONE, Clock
from mosaik_bottomup.inputs.forecast import (
    ErringForecast,
    Forecast,
    ForecastRules,
    PerfectForecast,
)
from mosaik_bottomup.inputs.forecast_error import ErrorRules
from mosaik_bottomup.inputs.series import Series, assemble
from mosaik_bottomup.inputs.tariff import RetailTariff, by_hour
from mosaik_bottomup.scenario import Scenario

HISTORY_DAYS = 42
"""So long before the series the DSO has measured its areas, where it needs it."""


def build_series(scenario: Scenario, homes: int) -> Series:
    """Return the series of warm-up, run and the last plan's horizon."""
    run, pv = scenario.run, scenario.pv
    start = pd.Timestamp(scenario.start_utc())
    start -= pd.Timedelta(seconds=run.warm_up_steps * run.step_s)
    steps = run.warm_up_steps + run.steps + calendar(scenario).horizon_steps
    clock = Clock(start, run.step_s, steps)
    sky, day_ahead, load, imbalance = _own_series(scenario, homes, clock)
    if sky is None:
        region, offset_k = scenario.weather.region, scenario.weather.offset_k
        sky = weather.read_try(region, clock, offset_k)
    if day_ahead is None:
        seed = scenario.prices.residual_seed
        noise = np.random.default_rng(seed) if seed else None
        day_ahead = prices.model_day_ahead_dkk_per_kwh(sky, clock, noise)
    if imbalance is None:
        imbalance = imbalance_price.synthetic_dkk_per_kwh(
            day_ahead,
            clock,
            scenario.settlement.imbalance_spread_dkk_per_kwh,
            rng(scenario, Stream.IMBALANCE_PRICE),
        )
    if load is None:
        load = _drawn_households(scenario, homes, clock)
    return assemble(
        clock,
        sky,
        day_ahead,
        imbalance,
        retail_tariff(scenario),
        load,
        latitude_deg=pv.latitude_deg,
        longitude_deg=pv.longitude_deg,
        tilt_deg=pv.tilt_deg,
        azimuth_deg=pv.azimuth_deg,
    )


def build_forecast(scenario: Scenario, series: Series) -> Forecast:
    """Return what can be known of the series in advance."""
    forecast = scenario.forecast
    if not forecast.error_scale:
        return PerfectForecast(series)

    def errors(sd: tuple[float, float, float], correlation_h: float) -> ErrorRules:
        first, second, third = (forecast.error_scale * each for each in sd)
        return ErrorRules(
            (first, second, third),
            correlation_h,
            forecast.renewed_every_h,
            forecast_reach_h(scenario) + forecast.renewed_every_h,
        )

    rules = ForecastRules(
        errors(forecast.temperature_sd_k, forecast.weather_correlation_h),
        errors(forecast.irradiance_sd, forecast.weather_correlation_h),
        errors(forecast.household_sd, forecast.household_correlation_h),
        forecast.prices_published_h,
        scenario.tariff.vat_factor,
        (scenario.run.seed, Stream.FORECASTS),
    )
    return ErringForecast(series, rules)


def build_past(scenario: Scenario, series: Series) -> FloatArray:
    """Return the homes' load of the weeks before the series, where it is needed.

    Drawn, or read, as the series are: homes have the same load at the same time.

    Raises
    ------
    InputError
        If the user's own file does not reach back so far.
    """
    homes, clock = series.household_kw.shape[0], series.clock
    if not scenario.forecast.error_scale:
        return np.zeros((homes, 0))
    midnight = clock.start.tz_convert(LOCAL_ZONE).normalize()
    start = (midnight - pd.DateOffset(days=HISTORY_DAYS)).tz_convert("UTC")
    steps = (clock.start - start) // pd.Timedelta(seconds=clock.step_s)
    past = Clock(start, clock.step_s, int(steps))
    if file := scenario.households.file:
        return households.read_csv(Path(file), homes, past)
    return _drawn_households(scenario, homes, past)


def retail_tariff(scenario: Scenario) -> RetailTariff:
    """Return what a customer pays."""
    tariff = scenario.tariff
    return RetailTariff(
        by_hour(*tariff.winter_dkk_per_kwh),
        by_hour(*tariff.summer_dkk_per_kwh),
        tariff.transmission_dkk_per_kwh,
        tariff.margin_dkk_per_kwh,
        tariff.tax_dkk_per_kwh,
        tariff.vat_factor,
        tariff.feed_in_deduction_dkk_per_kwh,
    )


def _drawn_households(scenario: Scenario, homes: int, clock: Clock) -> FloatArray:
    return households.draw_kw(
        homes,
        clock,
        rng(scenario, Stream.HOUSEHOLDS),
        scenario.households.median_kwh,
        scenario.households.sigma,
    )


def _own_series(
    scenario: Scenario, homes: int, clock: Clock
) -> tuple[
    weather.Weather | None, FloatArray | None, FloatArray | None, FloatArray | None
]:
    """Read what the user brings; report what is wrong in all files at once."""
    sky: weather.Weather | None = None
    day_ahead: FloatArray | None = None
    load: FloatArray | None = None
    imbalance: FloatArray | None = None
    problems: list[Problem] = []
    if file := scenario.weather.file:
        try:
            sky = weather.read_csv(Path(file), clock, scenario.weather.offset_k)
        except InputError as error:
            problems += error.problems
    if file := scenario.prices.file:
        try:
            day_ahead = prices.read_csv(Path(file), clock)
        except InputError as error:
            problems += error.problems
    if file := scenario.households.file:
        try:
            load = households.read_csv(Path(file), homes, clock)
        except InputError as error:
            problems += error.problems
    if file := scenario.settlement.imbalance_price_file:
        try:
            imbalance = imbalance_price.read_csv(Path(file), clock)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return sky, day_ahead, load, imbalance
