"""Which part of the activations in the plans the envelopes have no room for."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.messages import AreaOffer

TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded


def vetoes(
    offers: Sequence[AreaOffer],
    plan_kw: FloatArray,
    low_kw: FloatArray,
    high_kw: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    r"""Return what envelopes leave no room for of the activations in the plans.

    .. math::
        V_{g} = \min\Big(R_{g}, \big[\sum_a (P_{ga} - hi_{ga})\big]_+\Big)
        \quad\text{if } R_{g} > 0, \qquad
        V_{g} = -\min\Big(-R_{g}, \big[\sum_a (lo_{ga} - P_{ga})\big]_+\Big)
        \quad\text{if } R_{g} < 0

    and alike for an activation of one area, without the sum, as it cannot go elsewhere;
    what is vetoed there is not counted again. A part that the plan itself misses is
    not vetoed.

    Parameters
    ----------
    offers
        Of ``g`` aggregators.
    plan_kw, low_kw, high_kw : (g, a) arrays
        Plans within what was offered, and what is granted.

    Returns
    -------
    tuple
        Of the portfolios, shape ``(g,)``, and of areas, ``(g, a)``; signed as ordered.
    """
    by_area = np.stack([area_activation_kw(offer) for offer in offers])
    whole = np.array([offer.activation_kw or 0.0 for offer in offers])
    over, under = plan_kw - high_kw, low_kw - plan_kw
    area_vetoed = _vetoed_of(by_area, over, under)
    rest_over = over.sum(axis=1) - np.maximum(area_vetoed, 0).sum(axis=1)
    rest_under = under.sum(axis=1) + np.minimum(area_vetoed, 0).sum(axis=1)
    return _vetoed_of(whole, rest_over, rest_under), area_vetoed


def _vetoed_of(
    ordered_kw: FloatArray, over_kw: FloatArray, under_kw: FloatArray
) -> FloatArray:
    lacking = np.where(ordered_kw > 0, over_kw, under_kw)
    lacking = np.where(lacking > TOLERANCE_KW, lacking, 0.0)
    vetoed: FloatArray = np.sign(ordered_kw) * np.minimum(np.abs(ordered_kw), lacking)
    return vetoed


def area_activation_kw(offer: AreaOffer) -> FloatArray:
    """Return what activations of single areas ask for, shape ``(a,)``."""
    given = offer.area_activation_kw
    return np.zeros(offer.base_kw.size) if given is None else given


def activated_kw(offer: AreaOffer) -> float:
    """Return what activations of portfolio and areas ask for together."""
    return (offer.activation_kw or 0.0) + float(area_activation_kw(offer).sum())


def without_activations(offers: Sequence[AreaOffer]) -> list[AreaOffer]:
    """Return offers as if nothing were activated."""
    plain = []
    for offer in offers:
        target = offer.target_kw
        if target is not None and offer.activation_kw is not None:
            target -= activated_kw(offer)
        plan = offer.plan_kw if offer.plain_plan_kw is None else offer.plain_plan_kw
        plain.append(
            replace(
                offer,
                plan_kw=plan,
                target_kw=target,
                activation_kw=None,
                area_activation_kw=None,
            )
        )
    return plain
