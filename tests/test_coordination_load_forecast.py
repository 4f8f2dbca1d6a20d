"""The DSO's own forecast of the uncontrolled load, and the margin for its error."""

import numpy as np
import pytest

from mosaik_bottomup.coordination.load_forecast import LoadForecast

DAY, DAYS, HISTORY = 24, 70, 60
WEEKEND = np.arange(DAYS) % 7 >= 5


def shape():
    hour = np.arange(DAY)
    working = 30 + 10 * np.sin(hour / 4)
    return np.stack([np.where(w, working + 8, working) for w in WEEKEND])


def noisy(seed=0, sd=3.0, areas=2):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((areas, DAYS * DAY)) * sd
    for k in range(1, DAYS * DAY):
        noise[:, k] = 0.8 * noise[:, k - 1] + 0.6 * noise[:, k]
    return shape().ravel() + noise


def forecast_of(load, probability=0.9):
    return LoadForecast(load, WEEKEND, HISTORY, 3, probability)


def test_what_repeats_itself_is_foreseen_without_error_or_margin():
    load = np.stack([shape().ravel()] * 2)
    forecast = forecast_of(load)
    at = HISTORY * DAY + 5

    np.testing.assert_allclose(
        forecast.expected_kw(at, at, 60), load[:, at : at + 60], atol=1e-9
    )
    np.testing.assert_allclose(forecast.margin_kw(at, at, 60), 0, atol=1e-9)


def test_nothing_is_used_that_was_not_measured_yet():
    load, at = noisy(), HISTORY * DAY + 5
    other = load.copy()
    other[:, at:] += 50 + np.arange(load.shape[1] - at)

    one, two = forecast_of(load), forecast_of(other)

    for ask in ("expected_kw", "margin_kw"):
        np.testing.assert_array_equal(
            getattr(one, ask)(at, at, 60), getattr(two, ask)(at, at, 60)
        )


def test_what_is_expected_drifts_no_further_than_stated_as_often_as_stated():
    forecast, steps = forecast_of(noisy(areas=40), 0.9), 4
    within = []

    for day in range(DAYS - HISTORY - 1):
        for hour in (0, 7, 15):
            at = (HISTORY + day) * DAY + hour
            more, less = forecast.drift_kw(at, at, steps)
            np.testing.assert_array_equal(more[:, 0], 0)
            assert (np.diff(more / forecast.margin_kw(at, at, steps)[0]) > 0).all()
            target = at + steps - 1
            drift = forecast.expected_kw(target, target, 1)[:, 0]
            drift -= forecast.expected_kw(at, at, steps)[:, -1]
            within += [drift <= more[:, -1], -drift <= less[:, -1]]

    assert np.mean(within) == pytest.approx(0.9, abs=0.03)


def test_what_was_measured_last_moves_the_steps_after_it_less_and_less():
    load, at = noisy(), HISTORY * DAY + 5
    other = load.copy()
    other[:, at - 1] += 10

    moved = forecast_of(other).expected_kw(at, at, 30)
    moved -= forecast_of(load).expected_kw(at, at, 30)

    assert moved[:, 0] == pytest.approx(8, abs=0.6)
    assert (np.diff(moved[:, :18], axis=1) < 0).all()
    assert (moved > 0).all()


def test_the_forecast_is_better_than_the_mean_of_the_past_and_better_the_nearer():
    load = noisy()
    forecast = forecast_of(load)
    off = []
    for at in range(HISTORY * DAY, (DAYS - 3) * DAY):
        seen = forecast.expected_kw(at, at, 20)
        off.append(load[:, at : at + 20] - seen)

    error = np.sqrt(np.mean(np.square(off), axis=(0, 1)))
    assert error[0] < error[3] < error[19]
    assert error[0] == pytest.approx(0.6 * 3, rel=0.15)


@pytest.mark.parametrize(("probability", "low", "high"), [(0.9, 6, 14), (0.99, 0.2, 2)])
def test_load_is_beyond_the_margin_as_often_as_was_asked_for(probability, low, high):
    load = noisy(seed=3, areas=8)
    forecast = forecast_of(load, probability)
    over, under = [], []
    for at in range(HISTORY * DAY, DAYS * DAY):
        off = load[:, at : at + 1] - forecast.expected_kw(at, at, 1)
        more, less = forecast.margin_kw(at, at, 1)
        over.append(off > more)
        under.append(off < -less)

    assert low <= 100 * np.mean(over) <= high
    assert low <= 100 * np.mean(under) <= high


def test_a_higher_probability_needs_a_larger_margin():
    load, at = noisy(), HISTORY * DAY + 5
    careful, bold = forecast_of(load, 0.99), forecast_of(load, 0.9)

    assert (careful.margin_kw(at, at, 20) > bold.margin_kw(at, at, 20)).all()


def test_room_ahead_keeps_the_margin_that_will_be_needed_when_it_is_used():
    forecast, at = forecast_of(noisy()), HISTORY * DAY

    ahead = forecast.margin_kw(at, at + 5, 3)

    np.testing.assert_array_equal(ahead, forecast.margin_kw(at + 5, at + 5, 3))


def test_the_margin_is_large_at_the_time_of_day_at_which_errors_were():
    rng = np.random.default_rng(1)
    load = shape().ravel() + rng.normal(0, 0.1, (1, DAYS * DAY))
    load.reshape(DAYS, DAY)[:, 7] += rng.normal(0, 5, DAYS)
    forecast, at = forecast_of(load), HISTORY * DAY

    margin = forecast.margin_kw(at, at, DAY)

    assert margin[:, 0, 7].min() > 2
    assert margin[:, 0, 12:].max() < 0.5


def test_too_far_ahead_back_in_time_or_on_too_short_a_history_is_refused():
    load = noisy()
    forecast = forecast_of(load)

    with pytest.raises(ValueError, match="reach 3 days"):
        forecast.expected_kw(HISTORY * DAY, HISTORY * DAY, 3 * DAY + 1)
    with pytest.raises(ValueError, match="foreseen"):
        forecast.expected_kw(HISTORY * DAY, HISTORY * DAY - 1, 1)
    with pytest.raises(ValueError, match="days of errors"):
        forecast.margin_kw(12 * DAY, 12 * DAY, 1)
