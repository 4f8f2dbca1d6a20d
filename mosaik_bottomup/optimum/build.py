"""A problem over all sites and steps as it grows, site by site."""

from dataclasses import dataclass, field

import pulp

type Term = tuple[pulp.LpVariable, float]
"""A variable and its coefficient."""


@dataclass(slots=True, eq=False)
class Build:
    """What the sites have added so far."""

    problem: pulp.LpProblem
    step_h: float
    exchange: list[list[list[Term]]]
    """Terms of each area's exchange in each step."""
    cost: list[Term] = field(default_factory=list)
    meters: dict[str, list[list[list[Term]]]] = field(default_factory=dict)
    """Terms of each site's exchange in each step, by fleet."""
