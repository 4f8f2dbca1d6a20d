"""Forecasts with errors: how large, when they shrink, and what stays possible."""

import numpy as np
import pandas as pd
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import scenario
from mosaik_bottomup.case.series import HISTORY_DAYS
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.inputs.forecast_error import (
    ErrorRules,
    errors_of_issues,
    standard_deviation,
)
from mosaik_bottomup.inputs.known_prices import continued, known_until

RULES = ErrorRules((0.7, 1.1, 1.75), 6.0, 6.0, 48.0)
STEP_H, EVERY, LEADS = 1.0, 6, 48


def summer_day(scale=1.0, seed=1):
    return cases.build(
        scenario.load(
            "two_areas",
            [
                "run.start=2016-06-20T00:00:00+02:00",
                f"forecast.error_scale={scale}",
                "sites.heat_pumps=2",
                "sites.pv_batteries=2",
            ],
            seed=seed,
        )
    )


@pytest.fixture(scope="module")
def erring():
    return summer_day()


def test_errors_have_the_standard_deviation_stated_for_their_lead():
    errors = errors_of_issues(RULES, STEP_H, 4000, [1])(7)

    stated = standard_deviation(RULES, STEP_H * np.arange(LEADS))
    np.testing.assert_allclose(errors.std(axis=0), stated, rtol=0.06)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.12)
    assert standard_deviation(RULES, np.array([-1.0, 1, 12, 24, 90])).tolist() == [
        0,
        0.7,
        1.1,
        pytest.approx(1.425),
        1.75,
    ]


def test_what_is_learned_between_two_issues_is_independent_of_what_is_still_to_come():
    errors = errors_of_issues(RULES, STEP_H, 4000, [1])
    old, new = errors(7)[:, EVERY:], errors(8)[:, : LEADS - EVERY]

    learned = old - new
    for lead in range(0, LEADS - EVERY, 7):
        both = np.corrcoef(learned[:, lead], new[:, lead])[0, 1]
        assert abs(both) < 0.06


def test_errors_of_neighbouring_targets_are_alike_and_of_distant_ones_are_not():
    errors = errors_of_issues(RULES, STEP_H, 4000, [1])(0)

    within = np.corrcoef(errors[:, 0], errors[:, 2])[0, 1]
    assert within == pytest.approx(np.exp(-2 / 6), abs=0.05)
    assert abs(np.corrcoef(errors[:, 0], errors[:, 47])[0, 1]) < 0.05


def test_errors_depend_on_issue_and_seed_alone():
    one, two = (errors_of_issues(RULES, STEP_H, 1, [1]) for _ in range(2))
    two(3)

    np.testing.assert_array_equal(one(5), two(5))
    assert (one(5) != errors_of_issues(RULES, STEP_H, 1, [2])(5)).all()


def test_standard_deviations_that_fall_are_refused():
    with pytest.raises(ValueError, match="fall"):
        standard_deviation(ErrorRules((2, 1, 1), 6, 6, 48), np.zeros(1))


def test_the_present_step_is_measured_and_the_next_is_not(erring):
    series, lead = erring.series, 96 + 40
    seen = erring.forecast.at(lead, lead, 8)

    assert seen.ambient_c[0] == series.ambient_c[lead]
    assert seen.global_w_m2[0] == series.global_w_m2[lead]
    np.testing.assert_array_equal(seen.household_kw[:, 0], series.household_kw[:, lead])
    assert (seen.ambient_c[1:] != series.ambient_c[lead + 1 : lead + 8]).all()


def test_night_stays_night_and_generation_follows_the_irradiance(erring):
    series, seen = erring.series.window(10, 180), erring.forecast.at(0, 10, 180)

    dark = series.global_w_m2 == 0
    assert dark.any()
    assert not seen.global_w_m2[dark].any()
    assert (seen.global_w_m2 >= 0).all()
    assert (seen.household_kw >= 0).all()
    bright = series.pv_kw_per_kwp > 0.05
    ratio = seen.global_w_m2[bright] / series.global_w_m2[bright]
    expected = np.minimum(ratio * series.pv_kw_per_kwp[bright], 1)
    np.testing.assert_allclose(seen.pv_kw_per_kwp[bright], expected)
    assert ratio.std() > 0.05


def test_without_errors_forecasts_are_the_series():
    made = summer_day(scale=0.0)

    assert made.forecast.at(0, 96, 96).ambient_c.tolist() == (
        made.series.ambient_c[96:192].tolist()
    )
    assert made.past_household_kw.shape[1] == 0


def test_neither_reality_nor_its_past_is_changed_by_foreseeing_with_errors(erring):
    perfect = summer_day(scale=0.0)

    np.testing.assert_array_equal(
        perfect.series.household_kw, erring.series.household_kw
    )
    np.testing.assert_array_equal(perfect.series.ambient_c, erring.series.ambient_c)
    days = erring.past_household_kw.shape[1] / 96
    assert days == HISTORY_DAYS
    # the same homes: those that use much do so before too
    before = erring.past_household_kw.mean(axis=1)
    assert np.corrcoef(before, erring.series.household_kw.mean(axis=1))[0, 1] > 0.9


def test_a_forecast_too_far_ahead_or_of_the_past_is_refused(erring):
    with pytest.raises(ValueError, match="reach"):
        erring.forecast.at(5, 4, 3)


def test_prices_of_a_day_are_known_from_13_on_the_day_before():
    clock = Clock(pd.Timestamp("2016-01-03T23:00Z"), 3600, 72)

    until = known_until(clock, 13.0)

    assert until[[0, 12, 13, 23, 24, 36, 37]].tolist() == [24, 24, 48, 48, 48, 48, 72]


def test_a_day_with_a_changed_clock_ends_at_its_own_midnight():
    clock = Clock(pd.Timestamp("2016-03-26T23:00Z"), 3600, 48)

    assert known_until(clock, 13.0)[0] == 23


def test_unknown_prices_are_those_of_the_last_day_known():
    clock = Clock(pd.Timestamp("2016-01-03T23:00Z"), 3600, 96)
    spot = np.arange(96.0)

    found = continued(spot, clock, until=48, step=40, steps=50)

    expected = [*range(40, 48), *range(24, 48), *range(24, 42)]
    assert found.tolist() == expected
    early = continued(spot, clock, until=14, step=12, steps=4)
    assert early.tolist() == [12, 13, 13, 13]


def test_retail_prices_continue_with_the_tariff_of_their_own_hour(erring):
    lead = 96 + 32  # 08:00: tomorrow's prices are not published
    seen = erring.forecast.at(lead, lead, 104)
    series, tomorrow = erring.series, slice(96 - 32, 104)

    np.testing.assert_array_equal(
        seen.import_dkk_per_kwh[: 96 - 32],
        series.import_dkk_per_kwh[lead : lead + 64],
    )
    today = series.day_ahead_dkk_per_kwh[lead - 32 : lead + 8]
    np.testing.assert_array_equal(seen.day_ahead_dkk_per_kwh[tomorrow], today)
    np.testing.assert_allclose(
        seen.import_dkk_per_kwh[tomorrow],
        series.import_dkk_per_kwh[lead - 32 : lead + 8],
    )
    np.testing.assert_allclose(
        seen.export_dkk_per_kwh[tomorrow],
        series.export_dkk_per_kwh[lead - 32 : lead + 8],
    )


def test_a_forecast_says_how_wrong_it_may_be_from_its_last_issue_on(erring):
    forecast, series = erring.forecast, erring.series
    made_at = 30
    hour = series.clock.local()[made_at].tz_convert("UTC").hour
    age = hour % 6 + series.clock.local()[made_at].minute / 60

    spread = forecast.spread(made_at, made_at - 1, 50)

    stated = erring.scenario.forecast.temperature_sd_k
    lead = age + erring.scenario.run.step_h * np.arange(1, 49)
    assert (spread.ambient_k[:2] == 0).all()
    np.testing.assert_allclose(
        spread.ambient_k[2:], np.interp(lead, (1, 12, 36), stated)
    )
    assert spread.household_kw.shape == (series.household_kw.shape[0], 50)
    perfect = summer_day(scale=0.0).forecast.spread(made_at, made_at, 5)
    assert not perfect.household_kw.any()
    assert not perfect.irradiance.any()
