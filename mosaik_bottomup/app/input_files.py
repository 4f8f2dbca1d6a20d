"""Whether the series that a scenario names can be read, before anything is run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario import Scenario


def series_problems(scenario: "Scenario") -> "list[Problem]":
    """Read the user's own series, if there are any, and return what is wrong."""
    if not (
        scenario.weather.file
        or scenario.prices.file
        or scenario.households.file
        or scenario.settlement.imbalance_price_file
    ):
        return []
    from mosaik_bottomup.case import build_series
    from mosaik_bottomup.data import homes_in
    from mosaik_bottomup.errors import InputError

    try:
        build_series(scenario, sum(map(homes_in, scenario.grid.areas.values())))
    except InputError as error:
        return error.problems
    return []
