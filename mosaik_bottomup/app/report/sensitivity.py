"""How much of a metric's variance each axis of a sweep is responsible for (Sobol)."""

import numpy as np

from mosaik_bottomup.app.report.sweep_points import at_points, shown_metrics, titled
from mosaik_bottomup.app.report.tables import Cell, Row, Table
from mosaik_bottomup.app.report.wording import number
from mosaik_bottomup.app.sweep.sampling import problem
from mosaik_bottomup.app.sweep.table import DONE, About

SALTELLI = "saltelli"
RESAMPLING_SEED = 1
"""Draws the bootstrap behind the intervals, so that a page is the same each time."""


def why_not(about: About) -> str:
    """Return why no indices can be computed; nothing if they can."""
    if about.method != SALTELLI:
        return (
            "Sensitivity indices need samples drawn for them: method = "
            f'"{SALTELLI}" in [sampling]; this sweep has {about.method}.'
        )
    failed = int((about.table["status"] != DONE).sum())
    if failed:
        return f"Sensitivity indices need every run, and {failed} failed."
    if not shown_metrics(at_points(about)):
        return "No metric of this sweep differs between points."
    return ""


def sensitivity(about: About) -> Table:
    """Return first-order and total Sobol indices of the main metrics.

    Computed by SALib (A. Saltelli et al., Comput. Phys. Commun. 181 (2010) 259,
    doi:10.1016/j.cpc.2009.09.018) from means over the seeds.
    """
    from SALib.analyze import sobol

    points = at_points(about)
    groups = []
    for strategy in points["strategy"].unique():
        mine = points[points["strategy"] == strategy].sort_values("point")
        for metric in shown_metrics(mine):
            found = sobol.analyze(
                problem(about.axes),
                mine[metric].to_numpy(np.float64),
                calc_second_order=False,
                seed=RESAMPLING_SEED,
            )
            rows = tuple(
                Row(
                    key,
                    (
                        _cell(found["S1"][at], found["S1_conf"][at]),
                        _cell(found["ST"][at], found["ST_conf"][at]),
                    ),
                )
                for at, key in enumerate(about.axes)
            )
            groups.append((f"{strategy}: {titled(metric)}", rows))
    return Table(
        "sensitivity",
        "Sobol indices, shares of the variance from 0 to 1: first-order is what an "
        "axis does alone, total what it does together with others; in brackets the "
        "95 % bootstrap interval. Few samples can give values beyond 0 and 1.",
        "axis",
        ("first-order [1]", "total [1]"),
        tuple(groups),
    )


def _cell(index: float, half_width: float) -> Cell:
    low, high = (number(index + at, ".2f") for at in (-half_width, half_width))
    return Cell(number(index, ".2f"), f"({low} to {high})")
