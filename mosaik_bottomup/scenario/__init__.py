"""What a run is: read from a TOML file, checked whole before anything happens.

`load` reads a file (or the packaged default), lays ``--set`` overrides over it and
returns a frozen `Scenario`; what is wrong is reported all at once as
`mosaik_bottomup.errors.InputError`. Each key is described in `sections`.
"""

from mosaik_bottomup.scenario.reading import load, parse
from mosaik_bottomup.scenario.sections import (
    Activations,
    Aggregators,
    Alternatives,
    DayAhead,
    Dso,
    Feeder,
    Grid,
    Households,
    Order,
    Planning,
    Prices,
    Pv,
    Results,
    Run,
    Scenario,
    Sites,
    Solver,
    StrategyName,
    Tariff,
    Weather,
)

__all__ = [
    "Activations",
    "Aggregators",
    "Alternatives",
    "DayAhead",
    "Dso",
    "Feeder",
    "Grid",
    "Households",
    "Order",
    "Planning",
    "Prices",
    "Pv",
    "Results",
    "Run",
    "Scenario",
    "Sites",
    "Solver",
    "StrategyName",
    "Tariff",
    "Weather",
    "load",
    "parse",
]
