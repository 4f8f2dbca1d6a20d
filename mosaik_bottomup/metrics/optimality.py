"""How near a run comes to the central optimum: in cost, and in peak at equal cost."""

import math

import numpy as np

from mosaik_bottomup.arrays import FloatArray

PERCENT = 100.0


def against_optimum(raw_cost_dkk: float, optimum_cost_dkk: float) -> dict[str, float]:
    """Return the cost gap to the optimum, by :data:`~.table.AGAINST_OPTIMUM`.

    ``100 · (cost − optimum) / |optimum|``. Costs are raw, since both have the same
    start and the same end state.

    Parameters
    ----------
    raw_cost_dkk
        What the customers paid in the run (:func:`~.cost.customer_cost_raw_dkk`).
    optimum_cost_dkk
        Least cost within the same limits, from the run's own start to its own end.

    Raises
    ------
    ValueError
        If a cost is not finite.
    """
    if not (math.isfinite(raw_cost_dkk) and math.isfinite(optimum_cost_dkk)):
        raise ValueError(f"costs are {raw_cost_dkk:g} and {optimum_cost_dkk:g} DKK")
    gap_dkk = raw_cost_dkk - optimum_cost_dkk
    gap = {"optimum_gap_dkk": gap_dkk}
    if optimum_cost_dkk != 0.0:
        gap["optimum_gap_percent"] = PERCENT * gap_dkk / abs(optimum_cost_dkk)
    return gap


def capture_percent(
    peak_base_percent: float, peak_percent: float, peak_optimum_percent: float
) -> float:
    """Return what share of the possible peak reduction was captured.

    ``100 · (peak_base − peak) / (peak_base − peak_optimum)``, where the optimum costs
    as much as the run (:func:`peak_at_cost_percent`). Negative where the peak rose.

    Raises
    ------
    ValueError
        If the optimum's peak is not below the reference's, so that there is nothing to
        capture.
    """
    possible = peak_base_percent - peak_optimum_percent
    if not possible > 0.0:
        raise ValueError(
            f"the optimum's peak is {peak_optimum_percent:g} %, the reference's "
            f"{peak_base_percent:g} %: there is no reduction to capture"
        )
    return PERCENT * (peak_base_percent - peak_percent) / possible


def peak_at_cost_percent(
    frontier_cost: FloatArray, frontier_peak_percent: FloatArray, cost: float
) -> float:
    """Return the least peak the optimum reaches at a cost, between two on its frontier.

    Linear between neighbours. The true frontier is convex and lies below that line, so
    the peak is rather too high, and a capture computed with it rather too good: take
    points close together. Who pays more than the dearest point gets that point's peak,
    who pays less than the cheapest the cheapest's.

    Parameters
    ----------
    frontier_cost
        Costs of the optimum at several limits, in any order and any one unit, (limit,).
    frontier_peak_percent
        Its peak at each, shape (limit,).
    cost
        Cost of the run, in the same unit.

    Raises
    ------
    ValueError
        If the frontier has no points, or not as many peaks as costs.
    """
    if not 0 < len(frontier_cost) == len(frontier_peak_percent):
        raise ValueError(
            f"a frontier of {len(frontier_cost)} costs and "
            f"{len(frontier_peak_percent)} peaks"
        )
    order = np.lexsort((frontier_peak_percent, frontier_cost))
    # What costs more is no use unless its peak is lower.
    peaks = np.minimum.accumulate(frontier_peak_percent[order])
    return float(np.interp(cost, frontier_cost[order], peaks))
