"""What comes after an offer is made, as far as can be known then: foreseen, or adverse.

In an imagined course nobody learns anything after the offer: all parties plan on the
forecasts of that step. What each step brings is what was foreseen for it, or that and
the errors of forecasts to one side: *more load* is colder, darker, with more load of
homes; *less load* the opposite. All errors together, and lasting, are less likely than
each, so that what holds in both courses holds in nearly all between.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.coordination.operator import Forecast as LoadAhead
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.inputs.forecast import Forecast
from mosaik_bottomup.parties import outlook

OVERCAST = 0.25
"""Part of the irradiance of a clear sky that a covered one lets through: no forecast is
exceeded by more (F. Kasten and G. Czeplak, Solar Energy 24 (1980) 177-189)."""
MOST_PV_KW_PER_KWP = 1.0


@dataclass(frozen=True, slots=True)
class Foresight:
    """A course that is imagined."""

    made_at: int
    """Step after which nothing more is learned."""
    deviations: float = 0.0
    """By how many standard deviations it is off what is foreseen; more load is
    positive."""

    def seen(
        self, forecast: Callable[[int, int, int], Outlook]
    ) -> Callable[[int, int, int], Outlook]:
        """Return what a fleet foresees in this course."""
        return lambda made_at, step, steps: forecast(
            min(made_at, self.made_at), step, steps
        )

    def expected(
        self, forecast: Callable[[int, int, int], LoadAhead]
    ) -> Callable[[int, int, int], LoadAhead]:
        """Return what the DSO foresees: with its drift, of the step that begins."""

        def at(made_at: int, step: int, steps: int) -> LoadAhead:
            known = forecast(min(made_at, self.made_at), step, steps)
            if not self.deviations or made_at != step:
                return known
            active, reactive = known.uncontrolled_kw, known.uncontrolled_kvar
            more, less = np.broadcast_to(known.drift_kw, (2, *active.shape))
            drifted = active + (more if self.deviations > 0 else -less)
            begins = np.arange(steps) == 0
            part = np.where(active > 0, drifted / np.where(active > 0, active, 1), 1)
            part = np.where(begins, np.maximum(part, 0), 1)
            return replace(
                known,
                uncontrolled_kw=part * active,
                uncontrolled_kvar=part * reactive,
            )

        return at

    def now(self, source: Forecast, lead: int, step: int, homes: IntArray) -> Outlook:
        """Return what a fleet meets in a step of this course.

        Parameters
        ----------
        source
            What is foreseen of the series.
        lead
            Steps of the series before the run.
        step
            Of the run.
        homes
            Of the fleet.
        """
        made_at = min(step, self.made_at)
        asked = lead + made_at, lead + step, 1
        now = outlook(source.at(*asked), homes)
        if not self.deviations or made_at == step:
            return now
        spread, d = source.spread(*asked), self.deviations
        sky = 1 / np.maximum(1 + d * spread.irradiance, OVERCAST)
        # errors of homes are independent: so far are they off together
        load = d * spread.household_kw[homes] / np.sqrt(max(homes.size, 1))
        pv: FloatArray = np.minimum(now.pv_kw_per_kwp * sky, MOST_PV_KW_PER_KWP)
        return replace(
            now,
            ambient_c=now.ambient_c - d * spread.ambient_k,
            global_w_m2=now.global_w_m2 * sky,
            pv_kw_per_kwp=pv,
            load_kw=np.maximum(now.load_kw + load, 0.0),
        )
