"""Which points of the axes are run: all of them, or a sample of the space they span."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field
from scipy.stats import qmc

from mosaik_bottomup.app.sweep.axes import Axis, Levels, Value
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.scenario.values import Section

IN_POWERS_OF_TWO = ("sobol", "saltelli")
"""Other numbers of samples unbalance Sobol's sequence."""

type Point = tuple[Value, ...]
"""A value for each axis."""


class Sampling(Section):
    """How points are chosen, section ``[sampling]`` of a sweep file."""

    method: Literal["grid", "random", "latin-hypercube", "sobol", "saltelli"] = "grid"
    """``grid`` runs every combination; the others draw `samples` of the space.
    ``saltelli`` is drawn so that Sobol's sensitivity indices can be computed."""
    samples: int | None = Field(default=None, ge=1, le=1_000_000)
    """Points to draw; ``saltelli`` makes samples * (axes + 2) points of them."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """What samples are drawn from; not that of the runs."""


def count(axes: Sequence[Axis], sampling: Sampling) -> int:
    """Return how many points `points` would return."""
    if sampling.method == "grid":
        return math.prod(len(it.values) for it in axes if isinstance(it, Levels))
    samples = sampling.samples or 0
    return samples * (len(axes) + 2) if sampling.method == "saltelli" else samples


def points(axes: Sequence[Axis], sampling: Sampling) -> list[Point]:
    """Return all points, of a grid in the order in which the last axis turns fastest.

    Raises
    ------
    ValueError
        If a range without levels is in a grid.
    """
    if sampling.method == "grid":
        ranges = [axis.key for axis in axes if not isinstance(axis, Levels)]
        if ranges:
            raise ValueError(f"no grid has all values of {', '.join(ranges)}")
        of_each = [axis.values for axis in axes if isinstance(axis, Levels)]
        return list(itertools.product(*of_each))
    drawn = places(sampling, len(axes))
    return [
        tuple(axis.at(place) for axis, place in zip(axes, row, strict=True))
        for row in drawn.tolist()
    ]


def places(sampling: Sampling, axes: int) -> FloatArray:
    """Return samples of the unit cube, shape ``(points, axes)``.

    Latin hypercubes and Sobol's sequence (scrambled) are SciPy's. Saltelli's scheme
    is SALib's, without the rows that second-order indices would need (A. Saltelli et
    al., Comput. Phys. Commun. 181 (2010) 259, doi:10.1016/j.cpc.2009.09.018).
    """
    samples, rng = sampling.samples or 0, np.random.default_rng(sampling.seed)
    found: FloatArray
    match sampling.method:
        case "latin-hypercube":
            found = qmc.LatinHypercube(axes, rng=rng).random(samples)
        case "sobol":
            found = qmc.Sobol(axes, rng=rng).random(samples)
        case "saltelli":
            from SALib.sample import sobol  # pandas and matplotlib: it takes a second

            found = sobol.sample(
                problem([str(axis) for axis in range(axes)]),
                samples,
                calc_second_order=False,
                seed=rng,
            )
        case _:
            found = rng.random((samples, axes))
    return found


def problem(names: Sequence[str]) -> dict[str, Any]:
    """Return SALib's description of a unit cube."""
    bounds = [[0.0, 1.0]] * len(names)
    return {"num_vars": len(names), "names": list(names), "bounds": bounds}
