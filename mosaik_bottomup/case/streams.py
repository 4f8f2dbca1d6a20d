"""The random streams of a scenario's seed."""

from enum import IntEnum

import numpy as np

from mosaik_bottomup.scenario import Scenario


class Stream(IntEnum):
    """Independent random streams of one seed: a change in one leaves the others."""

    SITES = 0
    AGGREGATORS = 1
    HOUSEHOLDS = 2
    PACKETS = 3
    FORECASTS = 4
    ESTIMATES = 5
    IMBALANCE_PRICE = 6


def rng(scenario: Scenario, stream: Stream) -> np.random.Generator:
    """Return the generator of a stream."""
    return np.random.default_rng([scenario.run.seed, stream])
