"""What the parties know about the steps ahead."""

from dataclasses import dataclass
from typing import Protocol

from mosaik_bottomup.inputs.series import Series


class Forecast(Protocol):
    """Anything that foresees the series."""

    def at(self, made_at: int, step: int, steps: int) -> Series:
        """Return what is known in step `made_at` of the `steps` from `step` on."""


@dataclass(frozen=True, slots=True, eq=False)
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
