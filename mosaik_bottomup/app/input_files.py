"""Whether the series that a scenario names can be read, before anything is run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario import Scenario


def series_problems(scenario: "Scenario") -> "list[Problem]":
    """Read the user's own series, if there are any, and return what is wrong."""
    sections = (
        scenario.weather,
        scenario.prices,
        scenario.households,
        scenario.activations,
    )
    files = [each.file for each in sections]
    if not any([*files, scenario.settlement.imbalance_price_file]):
        return []
    from mosaik_bottomup.case.network import build_network
    from mosaik_bottomup.case.orders import activations
    from mosaik_bottomup.case.series import build_series
    from mosaik_bottomup.errors import InputError

    homes = build_network(scenario.grid).home_area.size
    problems = []
    for read in (lambda: build_series(scenario, homes), lambda: activations(scenario)):
        try:
            read()
        except InputError as error:
            problems += error.problems
    return problems
