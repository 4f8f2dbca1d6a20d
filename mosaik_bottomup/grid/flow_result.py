"""What a power flow says: loadings, voltages, losses, or that there is no solution.

Arrays are ``(entity,)`` for one solution and ``(entity, scenario)`` for a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class PowerFlowResult:
    """One solution of the power flow, or a batch of them.

    Loading is current over rated current, in percent. Powers are what flows into the
    transformer at its high-voltage side: import positive, reverse flow negative.
    """

    transformer_loading_percent: FloatArray
    """Of the more heavily loaded side, ``(areas,)``."""
    transformer_p_kw: FloatArray
    transformer_q_kvar: FloatArray
    losses_kw: FloatArray
    """Lines and transformer of each area, ``(areas,)``."""
    voltage_pu: FloatArray
    """``(buses,)``."""
    line_loading_percent: FloatArray
    """``(lines,)``, of the end with the larger current."""
    line_current_ka: FloatArray
    point_p_kw: FloatArray
    """From the busbar into each congestion point that areas share, ``(points,)``."""
    point_q_kvar: FloatArray


class PowerFlowError(RuntimeError):
    """The power flow has no solution that could be found.

    Parameters
    ----------
    areas
        Names of the areas.
    load_kw, load_kvar
        Net load of all homes of each area.
    """

    def __init__(
        self, areas: Sequence[str], load_kw: FloatArray, load_kvar: FloatArray
    ) -> None:
        loads = ", ".join(
            f"{area} {kw:.1f} kW {kvar:.1f} kvar"
            for area, kw, kvar in zip(areas, load_kw, load_kvar, strict=True)
        )
        super().__init__(
            f"the power flow did not converge with a net load of {loads}: more than "
            "the lines can carry, or a transformer rating far too small"
        )
        self.areas = tuple(areas)
        self.load_kw = np.asarray(load_kw)
        self.load_kvar = np.asarray(load_kvar)

    def __reduce__(
        self,
    ) -> tuple[type, tuple[tuple[str, ...], FloatArray, FloatArray]]:
        return type(self), (self.areas, self.load_kw, self.load_kvar)
