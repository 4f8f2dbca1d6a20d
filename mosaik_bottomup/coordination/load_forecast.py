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

The margin is a quantile of the errors :math:`e_1` that such forecasts had, as a
filtered historical simulation (G. Barone-Adesi, K. Giannopoulos and L. Vosper, "VaR
without correlations for portfolios of derivative securities", Journal of Futures
Markets 19 (1999) 583-602): errors are scaled to their spread at that time of day, which
the steps next to it can only raise, the quantile is that of all scaled errors, and the
margin is scaled back. It is learned anew at every midnight of the data.

A step ahead needs no more margin than the DSO will keep when it begins: what is unknown
of it now will have been measured by then, and plans and schedules are made anew on the
way. Room kept ahead for the errors of long leads only made plans dearer, by 0.2 % of
the customers' cost in a winter week, and nothing safer.
"""

from functools import lru_cache

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray

KERNEL = (0.25, 0.5, 0.25)
"""How much the squared errors of the step before, the step itself and the one after
count for its spread, unless its own are larger: a seam between days stays sharp."""
TINY_KW2 = 1e-12  # keeps errors of 0 from being divided by a spread of 0
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
        self._margin_of = lru_cache(maxsize=2)(self._learn)

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
        """Return how much more and how much less it may be, ``(2, a, steps)``.

        Of each step as it will be foreseen when it begins.
        """
        _, at = self._leads(made_at, step, steps)
        margin = self._margin_of(made_at // self._day_steps)
        return margin[..., at % self._day_steps]

    def drift_kw(self, made_at: int, step: int, steps: int) -> FloatArray:
        r"""Return how much more and less may be expected later, ``(2, a, steps)``.

        When each step begins, that is: with :math:`n` steps measured until then, each
        off by as much as the margin covers, the expectation moves by
        :math:`\sqrt{\sum_{j=1}^n \varphi^{2j}}` of it.
        """
        lead, _ = self._leads(made_at, step, steps)
        fading = self._memory[:, None] ** (2 * np.arange(1, lead[-1] + 1))
        moved = np.concatenate([np.zeros((fading.shape[0], 1)), fading], axis=1)
        part = np.sqrt(np.cumsum(moved, axis=1))[:, lead - 1]
        drift: FloatArray = part * self.margin_kw(made_at, step, steps)
        return drift

    def _leads(self, made_at: int, step: int, steps: int) -> tuple[IntArray, IntArray]:
        at = np.arange(step, step + steps)
        lead = at - made_at + 1
        if lead[0] < 1 or lead[-1] > self._longest_days * self._day_steps:
            raise ValueError(
                f"steps {step} to {step + steps} cannot be foreseen in step {made_at}: "
                f"forecasts reach {self._longest_days} days"
            )
        return lead, at

    def _learn(self, day: int) -> FloatArray:
        """Return a day's margins, from the errors of the days before, ``(2, a, t)``."""
        first = self._first + 1
        if day - first < LEAST_DAYS:
            raise ValueError(f"{day - first} days of errors, not {LEAST_DAYS}")
        at = np.arange(first * self._day_steps, day * self._day_steps)
        error = (
            self._residual[:, at] - self._memory[:, None] * self._residual[:, at - 1]
        )
        by_day = error.reshape(error.shape[0], -1, self._day_steps)
        days, square = by_day.shape[1], by_day**2
        own = square.mean(axis=1)
        near = zip(KERNEL, (1, 0, -1), strict=True)
        shared = sum(w * np.roll(own, move, axis=1) for w, move in near)
        # a seam between days is as wide as it was, however smooth it is around it
        spread = np.sqrt(np.maximum(own, shared))
        # none is measured by a spread that it has itself made wide
        others = np.maximum(
            (days * own[:, None] - square) / (days - 1),
            (days * shared[:, None] - KERNEL[1] * square) / (days - KERNEL[1]),
        )
        others = np.sqrt(np.maximum(others, TINY_KW2))
        scaled = (by_day / others).reshape(error.shape[0], -1)
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
