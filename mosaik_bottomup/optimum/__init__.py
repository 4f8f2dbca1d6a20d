"""What perfect foresight and one hand over all sites would cost: the bound for all."""

from mosaik_bottomup.optimum.problem import Optimum, optimum
from mosaik_bottomup.optimum.reference import FlexibleRoom, Lived, lived, room

__all__ = ["FlexibleRoom", "Lived", "Optimum", "lived", "optimum", "room"]
