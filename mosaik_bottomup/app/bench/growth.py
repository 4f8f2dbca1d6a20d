"""How the time of a step and the memory grow with the fleet.

Areas are copied and their sites with them, so that every fleet is as dense as the
first. Each is run for the step that rehearses the day, and one round of planning then.
"""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import numpy as np

from mosaik_bottomup.app.bench import steps
from mosaik_bottomup.app.bench.process import asked
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import Scenario, parse

SMALL = (150, 1_500)
"""Sites: seconds to a minute."""
ALL = (*SMALL, 15_000, 150_000)
"""Sites: minutes to an hour each."""
S_PER_H = 3600.0
US_PER_S = 1e6


def grown(scenario: Scenario, sites: int) -> Scenario:
    """Return a scenario with as many copies of its areas as that many sites take.

    Raises
    ------
    InputError
        If there is no such number.
    """
    fleet = scenario.sites
    now = sites_of(scenario)
    times, rest = divmod(sites, now)
    if rest or times < 1:
        remedy = f"must be a multiple of the scenario's {now} sites"
        raise InputError([Problem("--sites", "N", str(sites), remedy)])
    overrides = (
        f"grid.copies={times * scenario.grid.copies}",
        f"sites.heat_pumps={times * fleet.heat_pumps}",
        f"sites.pv_batteries={times * fleet.pv_batteries}",
        "results.detail=areas",
    )
    return parse(scenario.to_toml(), overrides=overrides)


def sites_of(scenario: Scenario) -> int:
    """Return how many sites there are."""
    return scenario.sites.heat_pumps + scenario.sites.pv_batteries


def measured(scenario: Scenario) -> dict[str, float]:
    """Return what a fleet takes: a process of its own, the time of processors."""
    a_round = round(S_PER_H * scenario.planning.every_h / scenario.run.step_s)
    most = str(1 + a_round)
    process, found = asked(steps.__name__, scenario.to_toml(), most)
    first_s, *others_s = (sum(step.values()) for step in found["steps_s"])
    step_s = fmean(others_s)
    return {
        "first_step_s": first_s,
        "step_s": step_s,
        "per_site_and_step_us": US_PER_S * step_s / sites_of(scenario),
        "cpu_s": process.cpu_s,
        "peak_mb": process.peak_mb,
    }


def slopes(fleets: Mapping[int, Mapping[str, Any]]) -> dict[str, float]:
    """Return the powers of the number of sites with which step and first step grow.

    Parameters
    ----------
    fleets
        What each of two or more takes, by sites.
    """
    sites = np.log(list(fleets))
    return {
        name: float(
            np.polyfit(sites, np.log([it[name] for it in fleets.values()]), 1)[0]
        )
        for name in ("step_s", "first_step_s")
    }
