"""Which day-ahead prices are known when, and what is taken for those that are not."""

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.inputs.clock import SECONDS_PER_HOUR, Clock

_HOURS_PER_DAY = 24


def known_until(clock: Clock, published_h: float) -> IntArray:
    """Return, for each step, the first step whose price is not known yet, (steps,).

    Prices of a local day are published at hour `published_h` of the day before, as the
    single day-ahead coupling does around 13:00 (Nord Pool).
    """
    local = clock.local()
    day = local.normalize()
    hour = local.hour.to_numpy() + local.minute.to_numpy() / 60.0
    days = np.where(hour >= published_h, 2, 1)
    # by the calendar: a local day may have 23 or 25 hours
    ends = {n: (day + pd.DateOffset(days=n)).tz_convert("UTC") for n in (1, 2)}
    step = pd.Timedelta(seconds=clock.step_s)
    after = {n: np.asarray((end - clock.start) // step) for n, end in ends.items()}
    until: IntArray = np.where(days == 2, after[2], after[1]).astype(np.int64)
    return until


def continued(
    spot_dkk_per_kwh: FloatArray, clock: Clock, until: int, step: int, steps: int
) -> FloatArray:
    """Return prices of `steps` steps from `step` on, known before step `until`.

    Beyond, the last 24 hours that are known repeat themselves; where the series begin
    later, it is the last price known.
    """
    day = _HOURS_PER_DAY * SECONDS_PER_HOUR // clock.step_s
    at = np.arange(step, step + steps)
    back = day * np.maximum(-(-(at - until + 1) // day), 0)
    source = np.where(at < back, until - 1, at - back)
    price: FloatArray = spot_dkk_per_kwh[source]
    return price
