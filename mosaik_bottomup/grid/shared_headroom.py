"""How many kW at the meters the areas behind a shared limit may take or give.

The model is that of one area (`headroom`), with the sums over all areas behind the
limit for :math:`P` and :math:`Q` and the limit for the rating. What is lost between
meters and busbar follows from the areas' own models and the feeders' cables, so that
no power flow is needed; how the sum is spread over the areas is not seen, and the fit
is over many ways to spread it.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.grid.headroom import Headroom, at_transformers, limits_kw, take
from mosaik_bottomup.grid.headroom_fit import (
    HOUSEHOLD_TAN_PHI,
    PATTERNS,
    REACH,
    loss_coefficients,
    reach_kw,
)
from mosaik_bottomup.grid.medium_voltage import BUSBAR, feeder_losses
from mosaik_bottomup.grid.network import NO_AREA, Network

_UNEVEN = (0.3, 1.0)  # what one area takes of its reach beside what another does
_FULL_PERCENT = 100.0


def fit_shared(network: Network, areas: Headroom, rng: np.random.Generator) -> Headroom:
    """Return the model of all congestion points that areas share.

    Parameters
    ----------
    network
        Areas, feeders and limits.
    areas
        The model of each area.
    rng
        Draws the patterns.
    """
    points, count = network.points, len(network.points.names)
    most_kw = reach_kw(network)
    coefficients = np.zeros((count, areas.p_coefficients.shape[1], 2))
    for point in range(count):
        rows = np.flatnonzero(points.member[point])
        weight = most_kw[rows, None] * rng.uniform(*_UNEVEN, (rows.size, PATTERNS))
        share = weight / weight.sum(axis=0)
        reach = min(REACH * points.limit_kva[point], most_kw[rows].sum())
        p_kw = share * reach * rng.uniform(-1.0, 1.0, PATTERNS)
        q_kvar = share * reach * rng.uniform(*HOUSEHOLD_TAN_PHI, PATTERNS)
        sum_kw, sum_kvar = p_kw.sum(axis=0), q_kvar.sum(axis=0)
        busbar_kw, busbar_kvar = _at_busbar(network, areas, rows, p_kw, q_kvar)
        lost = np.stack([busbar_kw - sum_kw, busbar_kvar - sum_kvar])
        coefficients[point] = loss_coefficients(sum_kw, sum_kvar, lost)
    return Headroom(
        rating_kva=points.limit_kva,
        mv_voltage_pu=np.ones(count),  # limits are powers, whatever the voltage
        p_coefficients=coefficients[:, :, 0],
        q_coefficients=coefficients[:, :, 1],
    )


def shared_limits_kw(
    shared: Headroom, q_kvar: FloatArray, margin_percent: float
) -> tuple[FloatArray, FloatArray]:
    """Return the largest import and export of the areas behind each limit, ``(m, t)``.

    Parameters
    ----------
    shared
        From `fit_shared`.
    q_kvar : (m, t) array
        Reactive power of all meters behind each limit.
    margin_percent
        Kept free, in percent of the limit.
    """
    count = shared.rating_kva.size
    full_percent, learnt_nothing = np.full(count, _FULL_PERCENT), np.ones(count)
    return limits_kw(shared, full_percent, q_kvar, learnt_nothing, margin_percent)


def _at_busbar(
    network: Network,
    areas: Headroom,
    rows: IntArray,
    p_kw: FloatArray,
    q_kvar: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return what the busbar gives to some areas, active and reactive, ``(n,)``.

    Parameters
    ----------
    network, areas
        As in `fit_shared`.
    rows
        The areas; with one on a feeder all that are on it.
    p_kw, q_kvar : (rows, n) array
        Power at their meters.
    """
    into_kw, into_kvar = at_transformers(take(areas, rows), p_kw, q_kvar)
    busbar_kw, busbar_kvar = into_kw.sum(axis=0), into_kvar.sum(axis=0)
    busbar_kv = network.mv_voltage_pu * float(network.bus_kv[BUSBAR])
    place = np.full(len(network.areas), NO_AREA)
    place[rows] = np.arange(rows.size)
    for feeder, along in zip(network.points.feeders, network.points.along, strict=True):
        on_it = place[along]
        if (on_it != NO_AREA).all():
            lost_kw, lost_kvar = feeder_losses(
                feeder, into_kw[on_it], into_kvar[on_it], busbar_kv
            )
            busbar_kw, busbar_kvar = busbar_kw + lost_kw, busbar_kvar + lost_kvar
    return busbar_kw, busbar_kvar
