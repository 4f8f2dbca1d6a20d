"""What perfect foresight and one hand over all sites would cost: the bound for all."""

from mosaik_bottomup.optimum.problem import Optimum, optimum
from mosaik_bottomup.optimum.reference import (
    FlexibleRoom,
    Lived,
    ending_anyhow,
    lived,
    room,
)

__all__ = [
    "FlexibleRoom",
    "Lived",
    "Optimum",
    "ending_anyhow",
    "lived",
    "optimum",
    "room",
]
