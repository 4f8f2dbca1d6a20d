r"""What the DSO expects of the uncontrolled load of its areas, and how sure it is.

It knows the areas' measured load of the weeks before, the calendar, and what was
measured up to the step before. In step :math:`s` it foresees step :math:`k`, at lead
:math:`l = k - s + 1` from the last measurement, as

.. math::
    \hat u(k) = \bar u_l(k) + \varphi^l\, r(s - 1), \qquad
    r(k) = u(k) - \bar u_1(k)

with :math:`\bar u_l(k)` the mean at that time of day over the earlier days of the same
kind (working day or weekend) that were measured by then, and :math:`\varphi` the
residual's autocorrelation over one step.

The margin is a quantile of the errors :math:`e_l` that such forecasts had, as a
filtered historical simulation (G. Barone-Adesi, K. Giannopoulos and L. Vosper, "VaR
without correlations for portfolios of derivative securities", Journal of Futures
Markets 19 (1999) 583-602): errors are scaled to their spread at that time of day, which
quarter-hours next to it share in, the quantile is that of all scaled errors, and the
margin is scaled back. It is learned anew at every midnight of the data.
"""

from functools import lru_cache

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray

KERNEL = (0.25, 0.5, 0.25)
"""How much the squared errors of the step before, the step itself and the one after
count for its spread: a seam between days must stay sharp."""
LEAST_DAYS = 10
"""Of seen errors, before a margin is drawn from them."""


class LoadForecast:
    """The forecasts of one run's areas.

    Nothing that was measured in step ``s`` or later is used in step ``s``.

    Parameters
    ----------
    load_kw : (a, days * day_steps) array
        Measured load, whole days, from the first day of the history on.
    weekend : (days,) array
        Whether a day is one of the weekend.
    history_days
        So many days are known before anything is to be foreseen.
    longest_days
        How far ahead forecasts reach.
    probability
        With which the load, on one side, stays within forecast and margin.
    """

    def __init__(
        self,
        load_kw: FloatArray,
        weekend: BoolArray,
        history_days: int,
        longest_days: int,
        probability: float,
    ) -> None:
        areas, days = load_kw.shape[0], weekend.size
        self._day_steps = load_kw.shape[1] // days
        self._longest_days = longest_days
        self._probability = probability
        by_day = load_kw.reshape(areas, days, self._day_steps)
        self._expected = np.stack(
            [
                _mean_of_days(by_day, weekend, late).reshape(load_kw.shape)
                for late in range(1, longest_days + 1)
            ]
        )
        """By how many days the last one measured lies back, ``(late, a, t)``."""
        self._residual = load_kw - self._expected[0]
        self._load_kw = load_kw
        self._first = _first_day(weekend)
        seen = self._residual[:, self._first * self._day_steps :]
        seen = seen[:, : (history_days - self._first) * self._day_steps]
        power = (seen[:, :-1] ** 2).sum(axis=1)
        product = (seen[:, 1:] * seen[:, :-1]).sum(axis=1)
        safe = np.where(power > 0, power, 1.0)
        self._memory = np.clip(np.where(power > 0, product / safe, 0.0), 0.0, 1.0)
        self._margin_of = lru_cache(maxsize=2 * longest_days * self._day_steps)(
            self._learn
        )

    def expected_kw(self, made_at: int, step: int, steps: int) -> FloatArray:
        """Return the load expected in step ``made_at``, ``(a, steps)``.

        Steps count from the begin of the history.
        """
        lead, at = self._leads(made_at, step, steps)
        late = -(-lead // self._day_steps)
        faded = self._memory[:, None] ** lead * self._residual[:, made_at - 1][:, None]
        expected: FloatArray = np.maximum(
            self._expected[late - 1, :, at].T + faded, 0.0
        )
        return expected

    def margin_kw(self, made_at: int, step: int, steps: int) -> FloatArray:
        """Return how much more and how much less it may be, ``(2, a, steps)``."""
        lead, at = self._leads(made_at, step, steps)
        day = made_at // self._day_steps
        of_day = at % self._day_steps
        parts = zip(lead.tolist(), of_day.tolist(), strict=True)
        return np.stack([self._margin_of(day, n)[..., k] for n, k in parts], axis=-1)

    def _leads(self, made_at: int, step: int, steps: int) -> tuple[IntArray, IntArray]:
        at = np.arange(step, step + steps)
        lead = at - made_at + 1
        if lead[0] < 1 or lead[-1] > self._longest_days * self._day_steps:
            raise ValueError(
                f"steps {step} to {step + steps} cannot be foreseen in step {made_at}: "
                f"forecasts reach {self._longest_days} days"
            )
        return lead, at

    def _learn(self, day: int, lead: int) -> FloatArray:
        """Return a day's margins at a lead, from the days before, ``(2, a, t)``."""
        first = self._first + self._longest_days
        if day - first < LEAST_DAYS:
            raise ValueError(f"{day - first} days of errors, not {LEAST_DAYS}")
        at = np.arange(first * self._day_steps, day * self._day_steps)
        late = -(-lead // self._day_steps)
        faded = self._memory[:, None] ** lead * self._residual[:, at - lead]
        error = self._load_kw[:, at] - self._expected[late - 1][:, at] - faded
        by_day = error.reshape(error.shape[0], -1, self._day_steps)
        square = (by_day**2).mean(axis=1)
        near = zip(KERNEL, (1, 0, -1), strict=True)
        spread = np.sqrt(sum(w * np.roll(square, move, axis=1) for w, move in near))
        scaled = (by_day / np.where(spread > 0, spread, 1.0)[:, None]).reshape(
            error.shape[0], -1
        )
        low, high = np.quantile(
            scaled, [1 - self._probability, self._probability], axis=1
        )
        quantiles = np.stack([high, -low])[:, :, None] * spread
        kept: FloatArray = np.maximum(quantiles, 0.0)
        return kept


def _mean_of_days(by_day: FloatArray, weekend: BoolArray, late: int) -> FloatArray:
    """Return the mean of the days of the same kind at least ``late`` days back.

    Of the other kind, or 0, where there is none yet.
    """
    mean = np.zeros_like(by_day)
    for day in range(weekend.size):
        before = np.arange(max(day - late + 1, 0))
        alike = before[weekend[before] == weekend[day]]
        sources = alike if alike.size else before
        if sources.size:
            mean[:, day] = by_day[:, sources].mean(axis=1)
    return mean


def _first_day(weekend: BoolArray) -> int:
    """Return the first day by which each kind there is was seen twice."""
    seen = [np.flatnonzero(weekend == kind) for kind in (False, True)]
    return 1 + max(int(days[1]) for days in seen if days.size > 1)
