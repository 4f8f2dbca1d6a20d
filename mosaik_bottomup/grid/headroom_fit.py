"""How an area's loading depends on the power at its meters: a fit on power flows.

The areas share only a stiff medium-voltage bus, so that each pattern of loads teaches
something about every area at once, and areas of the same grid and rating are fitted
once.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.grid.headroom import Headroom
from mosaik_bottomup.grid.medium_voltage import BUSBAR, lowest_voltage_pu
from mosaik_bottomup.grid.network import Network, alike, take
from mosaik_bottomup.grid.power_flow import PowerFlow, area_sums

PATTERNS = 240

REACH = 1.3
"""Fitted up to this share of the rating, in both directions."""
HOUSEHOLD_TAN_PHI = (0.0, 0.4)
"""0.4 is SimBench's own."""

_REACH_KW_PER_HOME = 5.0  # but not beyond: lines, not transformers, would bind
_HOUSEHOLD_KW = (0.3, 1.5)
_DEVICE_TAN_PHI = (0.0, 0.2)  # 0.2 is a power factor of 0.98
_DEVICE_KW = (2.0, 5.0)
_FEED_IN_KW = -8.0
_DEVICE_SHARE = 1.0 / 3.0


def fit(
    network: Network, rng: np.random.Generator, patterns: int = PATTERNS
) -> Headroom:
    """Fit active and reactive losses by least squares, quadratic in P and Q.

    Parameters
    ----------
    network
        The areas.
    rng
        Draws the patterns.
    patterns
        How many; each is one power flow of one area of each kind.

    Raises
    ------
    PowerFlowError
        If a pattern has no solution.
    """
    representatives, kind = alike(network)
    sample = take(network, representatives)
    p_kw, q_kvar = load_patterns(sample, rng, patterns)
    flow = PowerFlow(sample).solve_batch(p_kw, q_kvar)
    area_kw, area_kvar = area_sums(sample, p_kw), area_sums(sample, q_kvar)
    lost = np.stack(
        [flow.transformer_p_kw - area_kw, flow.transformer_q_kvar - area_kvar]
    )
    coefficients = [
        loss_coefficients(area_kw[area], area_kvar[area], lost[:, area])
        for area in range(representatives.size)
    ]  # of each kind: (terms, 2)
    of_p, of_q = np.moveaxis(np.array(coefficients)[kind], -1, 0)
    busbar_kv = float(network.bus_kv[BUSBAR])
    return Headroom(
        rating_kva=network.transformers.rating_kva,
        mv_voltage_pu=lowest_voltage_pu(
            network.points, network.mv_voltage_pu, busbar_kv
        ),
        p_coefficients=of_p,
        q_coefficients=of_q,
    )


def loss_coefficients(
    p_kw: FloatArray, q_kvar: FloatArray, lost: FloatArray
) -> FloatArray:
    """Fit losses of shape ``(2, n)``; one column of `Headroom`'s coefficients each."""
    terms = np.stack([np.ones_like(p_kw), p_kw, q_kvar, p_kw**2, q_kvar**2])
    return np.asarray(np.linalg.lstsq(terms.T, lost.T, rcond=None)[0])


def reach_kw(network: Network) -> FloatArray:
    """Return up to which power, in both directions, areas are fitted, ``(areas,)``."""
    homes = np.bincount(network.home_area, minlength=len(network.areas))
    of_rating_kw = REACH * network.transformers.rating_kva
    return np.asarray(np.minimum(of_rating_kw, _REACH_KW_PER_HOME * homes))


def load_patterns(
    network: Network, rng: np.random.Generator, patterns: int
) -> tuple[FloatArray, FloatArray]:
    """Draw loads that bring every area anywhere between full import and full export.

    By turns: households alone; households and devices of 2-5 kW in a random third of
    the homes; households and 8 kW of feed-in in a random third. What is named last is
    scaled, also below zero, until the area's sum is what was drawn for it.

    Returns
    -------
    p_kw, q_kvar : (homes, patterns) arrays
    """
    homes = network.home_area
    shape = (homes.size, patterns)
    kind = np.arange(patterns) % 3
    has_device = rng.random(shape) < _DEVICE_SHARE
    household_kw = rng.uniform(*_HOUSEHOLD_KW, shape)
    device_kw = np.where(kind == 1, rng.uniform(*_DEVICE_KW, shape), _FEED_IN_KW)
    device_kw = np.where(has_device, device_kw, 0.0)

    most_kw = reach_kw(network)
    # households that a small transformer could not feed are made smaller
    too_large = area_sums(network, household_kw) / most_kw[:, None]
    household_kw = household_kw / np.maximum(too_large, 1.0)[homes]
    wanted_kw = most_kw[:, None] * rng.uniform(-1.0, 1.0, (most_kw.size, patterns))
    alone = kind == 0
    scaled_kw = np.where(alone, household_kw, device_kw)
    fixed_kw = np.where(alone, 0.0, household_kw)
    missing_kw = wanted_kw - area_sums(network, fixed_kw)
    scale = missing_kw / area_sums(network, scaled_kw)
    varied_kw = scaled_kw * scale[homes]
    household_tan_phi = rng.uniform(*HOUSEHOLD_TAN_PHI, patterns)
    device_tan_phi = rng.uniform(*_DEVICE_TAN_PHI, patterns)
    varied_tan_phi = np.where(alone, household_tan_phi, device_tan_phi)
    q_kvar = fixed_kw * household_tan_phi + np.abs(varied_kw) * varied_tan_phi
    return fixed_kw + varied_kw, q_kvar
