"""What the parties know about the steps ahead."""

from dataclasses import dataclass
from typing import Protocol

from mosaik_bottomup.inputs.series import Series


class Forecast(Protocol):
    """Anything that foresees the series."""

    def at(self, step: int, steps: int) -> Series:
        """Return what is known at `step` about the next `steps`, itself included."""


@dataclass(frozen=True, slots=True, eq=False)
class PerfectForecast:
    """Foresees what will happen."""

    series: Series

    def at(self, step: int, steps: int) -> Series:
        """Return the series themselves.

        Raises
        ------
        ValueError
            If the series end before.
        """
        return self.series.window(step, steps)
