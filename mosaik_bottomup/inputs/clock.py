"""Which steps a series covers, in UTC, and where they lie in the local year."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray

LOCAL_ZONE = "Europe/Copenhagen"
SECONDS_PER_HOUR = 3600
DAYS_PER_YEAR = 366
"""The one year of packaged data has a 29 February."""
HOURS_PER_YEAR = 24 * DAYS_PER_YEAR

_DAYS_BEFORE_MONTH = np.array([0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335])


@dataclass(frozen=True, slots=True)
class Clock:
    """A row of equal time steps.

    Raises
    ------
    ValueError
        If `start` is not in UTC or not a multiple of the step, if the step does not
        divide an hour, or if there is no step.
    """

    start: pd.Timestamp
    """Start of the first step, UTC."""
    step_s: int
    steps: int

    def __post_init__(self) -> None:
        if str(self.start.tz) != "UTC":
            raise ValueError(f"start {self.start} must be in UTC")
        if self.step_s < 1 or SECONDS_PER_HOUR % self.step_s:
            raise ValueError(f"step of {self.step_s} s does not divide an hour")
        # Timestamp.floor would take a hundred times as long, in every forecast
        if self.start.timestamp() % self.step_s or self.start.nanosecond:
            raise ValueError(f"start {self.start} is no multiple of {self.step_s} s")
        if self.steps < 1:
            raise ValueError(f"{self.steps} steps: at least 1 is needed")

    @property
    def step_h(self) -> float:
        """Length of a step in hours."""
        return self.step_s / SECONDS_PER_HOUR

    @property
    def end(self) -> pd.Timestamp:
        """End of the last step, UTC."""
        return self.start + pd.Timedelta(seconds=self.step_s * self.steps)

    @property
    def index(self) -> pd.DatetimeIndex:
        """Starts of the steps, UTC."""
        return pd.date_range(self.start, periods=self.steps, freq=f"{self.step_s}s")

    def local(self, zone: str = LOCAL_ZONE) -> pd.DatetimeIndex:
        """Return the starts of the steps on the wall clock of `zone`."""
        return self.index.tz_convert(zone)

    def window(self, first: int, steps: int) -> Self:
        """Return the clock of `steps` steps that begins with step `first`."""
        start = self.start + pd.Timedelta(seconds=self.step_s * first)
        return type(self)(start, self.step_s, steps)

    def refined(self, step_s: int) -> Self:
        """Return the same span in steps of `step_s`, which must divide the step."""
        if self.step_s % step_s:
            raise ValueError(f"{step_s} s does not divide the step of {self.step_s} s")
        return type(self)(self.start, step_s, self.steps * (self.step_s // step_s))


def mean_of_parts(values: FloatArray, parts: int) -> FloatArray:
    """Average every `parts` neighbours on the last axis: (..., n·parts) -> (..., n)."""
    whole = values.shape[-1] // parts
    split = values.reshape(*values.shape[:-1], whole, parts)
    mean: FloatArray = split.mean(axis=-1)
    return mean


def hour_of_year(times: pd.DatetimeIndex) -> FloatArray:
    """Hours since 1 January 00:00 in a year that has a 29 February.

    Maps any calendar year onto the one year of data by month, day and time of day, as
    shown by the wall clock of `times`: 1 March is day 60 in every year.
    """
    day = _DAYS_BEFORE_MONTH[times.month.to_numpy() - 1] + times.day.to_numpy() - 1
    second = times.minute.to_numpy() * 60 + times.second.to_numpy()
    hour: FloatArray = day * 24 + times.hour.to_numpy() + second / SECONDS_PER_HOUR
    return hour
