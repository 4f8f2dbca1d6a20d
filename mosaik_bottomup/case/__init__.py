"""What a scenario makes: its series, its network and its fleets.

Everything here is a function of the scenario alone, so that simulators in processes of
their own, each given the scenario's text, agree on all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray, write_protect
from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.case.fleets import Fleet, aggregator_names, draw_all_fleets
from mosaik_bottomup.case.network import build_network
from mosaik_bottomup.case.series import build_forecast, build_past, build_series
from mosaik_bottomup.case.timing import calendar
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.inputs.forecast import Forecast
from mosaik_bottomup.inputs.series import Series
from mosaik_bottomup.scenario import Scenario
from mosaik_bottomup.scenario.writing import table_text

NOT_OF_THE_HOMES: Mapping[str, set[str] | bool] = {
    "name": True,
    "run": {"strategy"},
    "grid": {
        "transformer_kva",
        "loading_limit_percent",
        "engine",
        "mv_voltage_pu",
        "household_power_factor",
        "voltage_min_pu",
        "voltage_max_pu",
    },
    "aggregators": {"imbalance_price_dkk_per_kwh", "segments"},
    "planning": {"indifference_dkk_per_kwh"},
    "dso": True,
    "day_ahead": True,
    "intraday": True,
    "alternatives": True,
    "activations": True,
    "solver": True,
    "results": True,
}
"""Keys of a scenario that neither its homes nor its series depend on."""


@dataclass(frozen=True, eq=False)
class Case:
    """A scenario and what it makes."""

    scenario: Scenario
    network: Network
    series: Series
    """From the start of the warm-up to the end of the last plan's horizon."""
    fleets: tuple[Fleet, ...]
    """Sorted by aggregator, then kind; none is empty."""
    forecast: Forecast
    """What the parties can know of the series in advance."""
    past_household_kw: FloatArray
    """Load of each home from a local midnight on up to where the series begin, shape
    ``(homes, steps)``; no steps where forecasts are perfect."""

    @property
    def aggregators(self) -> tuple[str, ...]:
        """Names of the aggregators."""
        return aggregator_names(self.scenario)

    @cached_property
    def uncontrolled_kw(self) -> FloatArray:
        """Load of each home that is not behind the meter of a PV/battery home."""
        return self._without_sites(self.series.household_kw)

    @property
    def past_uncontrolled_kw(self) -> FloatArray:
        """Return the same before the series begin."""
        return self._without_sites(self.past_household_kw)

    @property
    def is_uncontrolled(self) -> BoolArray:
        """Whether a home's load is not behind a site's meter, shape ``(homes,)``."""
        alone = np.ones(len(self.network.home_names), dtype=np.bool_)
        for fleet in self.fleets:
            if isinstance(fleet.sites, PvBatterySites):
                alone[fleet.sites.fleet.home] = False
        return alone

    def _without_sites(self, household_kw: FloatArray) -> FloatArray:
        return np.where(self.is_uncontrolled[:, None], household_kw, 0.0)

    @property
    def calendar(self) -> Calendar:
        """When plans and rehearsals are due."""
        return calendar(self.scenario)


@dataclass(frozen=True, slots=True)
class _Homes:
    """What homes and series are made of, known by `homes_key` alone."""

    key: str
    scenario: Scenario = field(compare=False)
    home_area: IntArray = field(compare=False)


def build(scenario: Scenario) -> Case:
    """Return all that a scenario makes.

    Cases of the same network, or of the same homes, that are built one after the other
    in a process share it; nobody can write into it.

    Raises
    ------
    InputError
        If a file of the user's own cannot be used.
    """
    network = build_network(scenario.grid)
    homes = _Homes(homes_key(scenario), scenario, network.home_area)
    return Case(scenario, network, *_build_homes(homes))


def homes_key(scenario: Scenario) -> str:
    """Return all that homes, their series and their warm-up are a function of.

    Equal for scenarios that differ in limits, strategies or solvers only. Of the user's
    own files it has name, size and time of the last change.
    """
    files = [getattr(section, "file", "") for _, section in scenario]
    files.append(scenario.settlement.imbalance_price_file)
    states = [Path(file).stat() for file in files if file]
    changed = [f"# {state.st_size} {state.st_mtime_ns}\n" for state in states]
    told = scenario.model_dump(exclude=NOT_OF_THE_HOMES)
    return table_text(told) + "".join(changed)


@lru_cache(maxsize=1)
def _build_homes(
    homes: _Homes,
) -> tuple[Series, tuple[Fleet, ...], Forecast, FloatArray]:
    scenario, home_area = homes.scenario, homes.home_area
    series = write_protect(build_series(scenario, home_area.size))
    return (
        series,
        draw_all_fleets(scenario, home_area),
        build_forecast(scenario, series),
        write_protect(build_past(scenario, series)),
    )
