"""What the parties know about the steps ahead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.inputs.clock import SECONDS_PER_HOUR, Clock
from mosaik_bottomup.inputs.forecast_error import (
    ErrorRules,
    errors_of_issues,
    standard_deviation,
)
from mosaik_bottomup.inputs.known_prices import continued, known_until
from mosaik_bottomup.inputs.series import Series


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Standard deviations of a forecast's errors over ``t`` steps."""

    ambient_k: FloatArray
    """Shape ``(t,)``."""
    irradiance: FloatArray
    """As part of it, shape ``(t,)``."""
    household_kw: FloatArray
    """Of each home, shape ``(homes, t)``."""


class Forecast(Protocol):
    """Anything that foresees the series."""

    def at(self, made_at: int, step: int, steps: int) -> Series:
        """Return what is known in step `made_at` of the `steps` from `step` on."""

    def spread(self, made_at: int, step: int, steps: int) -> Spread:
        """Return how wrong that may be, as far as is known in step `made_at`."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class PerfectForecast:
    """Foresees what will happen."""

    series: Series

    def at(self, made_at: int, step: int, steps: int) -> Series:
        """Return the series themselves, whenever it is made.

        Raises
        ------
        ValueError
            If the series end before.
        """
        return self.series.window(step, steps)

    def spread(self, made_at: int, step: int, steps: int) -> Spread:
        """Return that nothing can be wrong."""
        homes, none = self.series.household_kw.shape[0], np.zeros(steps)
        return Spread(none, none, np.zeros((homes, steps)))


@dataclass(frozen=True, slots=True)
class ForecastRules:
    """How wrong forecasts are."""

    temperature: ErrorRules
    """In kelvin."""
    irradiance: ErrorRules
    """As part of the value."""
    household: ErrorRules
    """Of one home's load, as part of its mean."""
    prices_published_h: float
    """Local hour at which the prices of the next day are known."""
    vat_factor: float
    """By which the retail price moves with the market's."""
    seed: tuple[int, ...]


class ErringForecast:
    """Foresees with errors what is not measured yet.

    What happens in the step in which it is made is measured, and free of error. The
    irradiance's error multiplies it, so that night stays night, and PV generation with
    it, so that solar gains and generation are of one sky. Of prices, the market's part
    is known until `known_until` says and then repeats the last known day; the tariff's
    parts are always known.

    Parameters
    ----------
    series
        What will happen.
    rules
        How wrong it is foreseen.
    """

    def __init__(self, series: Series, rules: ForecastRules) -> None:
        self.series = series
        self._rules = rules
        self._vat_factor = rules.vat_factor
        clock, seed = series.clock, rules.seed
        homes = series.household_kw.shape[0]
        self._known_until = known_until(clock, rules.prices_published_h)
        self._mean_kw = series.household_kw.mean(axis=1, keepdims=True)
        self._temperature = _errors(rules.temperature, series, 1, [*seed, 0])
        self._irradiance = _errors(rules.irradiance, series, 1, [*seed, 1])
        self._household = _errors(rules.household, series, homes, [*seed, 2])

    def at(self, made_at: int, step: int, steps: int) -> Series:
        """Return what is known in step `made_at` of the `steps` from `step` on.

        Raises
        ------
        ValueError
            If the series end before, or the forecasts do not reach so far.
        """
        series = self.series
        part = series.window(step, steps)
        clear = np.maximum(1.0 + self._irradiance(made_at, step, steps)[0], 0.0)
        load = part.household_kw
        load = load + self._mean_kw * self._household(made_at, step, steps)
        until = int(self._known_until[made_at])
        spot = continued(series.day_ahead_dkk_per_kwh, series.clock, until, step, steps)
        off_dkk = spot - part.day_ahead_dkk_per_kwh
        return replace(
            part,
            ambient_c=part.ambient_c + self._temperature(made_at, step, steps)[0],
            global_w_m2=part.global_w_m2 * clear,
            pv_kw_per_kwp=np.minimum(part.pv_kw_per_kwp * clear, 1.0),
            household_kw=np.maximum(load, 0.0),
            day_ahead_dkk_per_kwh=spot,
            import_dkk_per_kwh=part.import_dkk_per_kwh + self._vat_factor * off_dkk,
            export_dkk_per_kwh=part.export_dkk_per_kwh + off_dkk,
        )

    def spread(self, made_at: int, step: int, steps: int) -> Spread:
        """Return how wrong that may be: it grows from the last issue on."""
        rules, clock = self._rules, self.series.clock

        def sd(errors: ErrorRules) -> FloatArray:
            age = _issue(errors, clock, made_at)[1]
            lead = np.arange(step, step + steps) - made_at
            since_issue_h: FloatArray = clock.step_h * (lead + age).astype(np.float64)
            stated = standard_deviation(errors, since_issue_h)
            return np.where(lead > 0, stated, 0.0)

        return Spread(
            sd(rules.temperature),
            sd(rules.irradiance),
            self._mean_kw * sd(rules.household),
        )


def _issue(rules: ErrorRules, clock: Clock, made_at: int) -> tuple[int, int]:
    """Return the number of the last issue in a step, and how many steps ago it was.

    Issues are at whole multiples of their interval, in UTC.
    """
    every = round(rules.renewed_every_h * SECONDS_PER_HOUR) // clock.step_s
    epoch = int(clock.start.timestamp()) // clock.step_s
    return divmod(epoch + made_at, every)


def _errors(
    rules: ErrorRules, series: Series, count: int, seed: Sequence[int]
) -> Callable[[int, int, int], FloatArray]:
    """Return ``errors(made_at, step, steps)``, shape ``(count, steps)``."""
    clock = series.clock
    of_issue = errors_of_issues(rules, clock.step_h, count, seed)

    def errors(made_at: int, step: int, steps: int) -> FloatArray:
        issue, age = _issue(rules, clock, made_at)
        first = step - made_at + age
        drawn = of_issue(issue)[:, first : first + steps]
        if step < made_at or drawn.shape[1] < steps:
            raise ValueError(
                f"forecasts reach {rules.reach_h:g} h ahead; in step {made_at} steps "
                f"{step} to {step + steps} were asked for"
            )
        drawn = drawn.copy()
        drawn[:, : max(made_at + 1 - step, 0)] = 0.0  # what is going on is measured
        return drawn

    return errors
