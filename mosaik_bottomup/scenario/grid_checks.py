"""Whether the areas of a scenario fit each other, their grids and their homes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.grid import catalogue
from mosaik_bottomup.grid.low_voltage import LowVoltageGrid
from mosaik_bottomup.grid.medium_voltage import HV_MV
from mosaik_bottomup.scenario.sections import Grid, Scenario

type Findings = Iterator[tuple[str, str]]
"""Dotted keys that do not fit, and what would."""


def one_number_per_area(key: str) -> Callable[[Scenario], Findings]:
    """Return a check that a key holds for as many areas as there are."""

    def find(scenario: Scenario) -> Findings:
        grid = scenario.grid
        areas = len(grid.areas) * grid.copies
        if len(getattr(grid, key)) != areas:
            each = f"each area ({', '.join(grid.areas)})"
            also = f" or for all {areas} copies" if grid.copies > 1 else ""
            yield (
                f"grid.{key}",
                f"must be one number, or a list of one for {each}{also}",
            )

    return find


def feeders_are_a_tree(scenario: Scenario) -> Findings:
    """Find feeders of the same name, and areas that are unknown or hang on two."""
    grid = scenario.grid
    known, on, names = set(grid.area_names), dict[str, str](), {HV_MV}
    for number, feeder in enumerate(grid.feeders):
        key = f"grid.feeders.{number}"
        if feeder.name in names:
            yield f"{key}.name", "must be a name of its own"
        names.add(feeder.name)
        wrong = []
        for area in (a for name in feeder.areas for a in grid.standing_for(name)):
            if area not in known:
                wrong.append(f"there is no area {area}")
            elif area in on:
                wrong.append(f"{area} hangs on feeder {on[area]} already")
            on.setdefault(area, feeder.name)
        if wrong:
            remedy = f"name each of {', '.join(grid.areas)} (or a copy) at most once"
            yield f"{key}.areas", f"{'; '.join(wrong)}: {remedy}"


def known_grids(scenario: Scenario) -> Findings:
    """Find areas whose grid there is not."""
    for area, reason in _unknown(scenario.grid).items():
        yield f"grid.areas.{area}", reason


def one_busbar(scenario: Scenario) -> Findings:
    """Find areas made for another voltage than the first."""
    grids = _sound_grids(scenario.grid)
    for area, grid in grids.items():
        first, its_kv = next((name, each.mv_kv) for name, each in grids.items())
        if grid.mv_kv != its_kv:
            yield (
                f"grid.areas.{area}",
                f"its transformer hangs on {grid.mv_kv:g} kV, and that of {first} on "
                f"{its_kv:g} kV: all areas hang on one busbar",
            )


def enough_homes(scenario: Scenario) -> Findings:
    """Find whether more homes have devices than there are."""
    grids = _sound_grids(scenario.grid)
    homes = scenario.grid.copies * sum(len(each.home_names) for each in grids.values())
    sites = scenario.sites.heat_pumps + scenario.sites.pv_batteries
    if grids and sites > homes:
        yield (
            "sites.heat_pumps",
            f"there are {homes} homes in the areas, and heat_pumps + pv_batteries "
            f"= {sites} want one each; have fewer of them, or more areas or copies",
        )


def file_problems(grid: Grid) -> list[Problem]:
    """Return what is wrong with the user's own network, of what areas need of it."""
    if not grid.file or not Path(grid.file).is_file():
        return []
    try:
        _found(grid)
    except InputError as error:
        return error.problems
    return []


def _unknown(grid: Grid) -> dict[str, str]:
    """Return the areas whose grid there is not, and what there is.

    There are none if the user's own file cannot be read at all.
    """
    try:
        file = catalogue.state_of(grid.file)
        found = {
            area: catalogue.obstacle(name, file) for area, name in grid.areas.items()
        }
    except (OSError, InputError):
        return {}
    return {area: reason for area, reason in found.items() if reason}


def _found(grid: Grid) -> dict[str, LowVoltageGrid]:
    """Return the grids of the areas, less those that there are not.

    Raises
    ------
    InputError
        With everything that is wrong with the user's own file.
    """
    unknown = _unknown(grid)
    areas = {area: name for area, name in grid.areas.items() if area not in unknown}
    found = catalogue.grids(areas.values(), catalogue.state_of(grid.file))
    return {area: found[name] for area, name in areas.items()}


def _sound_grids(grid: Grid) -> dict[str, LowVoltageGrid]:
    """Return the grids of the areas; none if one of them cannot be used."""
    try:
        found = _found(grid)
    except (OSError, InputError):
        return {}
    return found if len(found) == len(grid.areas) else {}
