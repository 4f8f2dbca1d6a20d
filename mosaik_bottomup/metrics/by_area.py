"""What is kept of a step where a file keeps areas only: sums and extremes, as it goes.

Two things cannot be told from sums and extremes afterwards, and are reckoned home by
home before the homes are forgotten: how far each was outside what its customer allows,
and how much it has stored beyond the start of the run.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.metrics.comfort import outside_k
from mosaik_bottomup.metrics.cost import charge_beyond_kwh, heat_beyond_kwh
from mosaik_bottomup.results.by_area import reduced
from mosaik_bottomup.results.layout import BY_AREA, LAYOUT, REDUCED

type Tables = Mapping[str, Mapping[str, FloatArray]]
"""Values of one step, shape ``(n,)`` each, by group and variable."""


class AreaSeries:
    """Makes series of areas of what sites, homes, buses and lines say, step by step.

    Parameters
    ----------
    static
        The fixed values of all of them, by group and variable.
    areas
        How many there are.
    step_h
        Length of a step.
    """

    def __init__(
        self, static: Mapping[str, Mapping[str, Any]], areas: int, step_h: float
    ) -> None:
        self._static = {
            group: {name: np.asarray(values) for name, values in static[group].items()}
            for group in static.keys() & set(REDUCED)
        }
        self._areas, self._step_h = areas, step_h
        pumps = self._static.get("heat_pumps", {"area": np.zeros(0)})["area"].size
        self._idle_steps = np.full(pumps, np.inf)
        """Steps since each heat pump has run last."""
        self._more: dict[str, Callable[[Mapping[str, FloatArray]], Any]] = {
            "heat_pumps": self._of_heat_pumps,
            "pv_batteries": self._of_batteries,
        }

    def keep(self, step: Tables) -> dict[str, Mapping[str, FloatArray]]:
        """Return what is kept of the next step; groups that are small stay as is."""
        kept = {name: table for name, table in step.items() if name not in REDUCED}
        for name in step.keys() & self._static.keys():
            table, area = step[name], self._static[name]["area"]
            kept[f"{name}{BY_AREA}"] = {
                f"{each.name}_{how}": reduced(how, table[each.name], area, self._areas)
                for each in LAYOUT[name].series
                for how in each.by_area
            } | self._more.get(name, _nothing)(table)
        return kept

    def _of_heat_pumps(self, table: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        home = self._static["heat_pumps"]
        self._idle_steps = np.where(table["on"] > 0, 0.0, self._idle_steps + 1.0)
        beyond_k = outside_k(
            table["air_c"],
            home["comfort_low_c"],
            home["comfort_high_c"],
            self._idle_steps < home["guard_steps"],
        )
        stored_kwh = heat_beyond_kwh(home, table["air_c"], table["floor_c"])
        return {
            "outside_kh": self._sum(beyond_k * self._step_h, home["area"]),
            "stored_kwh": self._sum(stored_kwh, home["area"]),
        }

    def _of_batteries(self, table: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        site, energy_kwh = self._static["pv_batteries"], table["energy_kwh"]
        below_kwh = site["energy_low_kwh"] - energy_kwh
        above_kwh = energy_kwh - site["energy_high_kwh"]
        outside_kwh = np.maximum(np.maximum(below_kwh, above_kwh), 0.0)
        stored_kwh = charge_beyond_kwh(site, energy_kwh)
        return {
            "outside_kwh": reduced("max", outside_kwh, site["area"], self._areas),
            "stored_kwh": self._sum(stored_kwh, site["area"]),
        }

    def _sum(self, values: FloatArray, area: IntArray) -> FloatArray:
        return reduced("sum", values, area, self._areas)


def _nothing(table: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return {}
