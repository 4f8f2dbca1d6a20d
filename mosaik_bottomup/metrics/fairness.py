"""How evenly a burden, or what is granted, is spread: between customers, aggregators.

Both are measured by Jain's index, which says what share of the parties would give the
same picture if they had all and the rest nothing.
"""

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray
from mosaik_bottomup.results import Results


def jain_index(amounts: FloatArray) -> float:
    """Return ``(Σ x_i)² / (n · Σ x_i²)``, between 1/n and 1.

    1: all have the same, 1/n: one has all. Where all amounts are zero they are the
    same, and so it is for nobody: 1.

    Parameters
    ----------
    amounts
        Not negative, shape (party,).

    Raises
    ------
    ValueError
        If an amount is negative or not finite.

    References
    ----------
    R. Jain, D. Chiu, W. Hawe: A quantitative measure of fairness and discrimination for
    resource allocation in shared computer systems. DEC-TR-301, 1984.
    """
    if not (np.isfinite(amounts) & (amounts >= 0.0)).all():
        row = int(np.argmin(np.isfinite(amounts) & (amounts >= 0.0)))
        raise ValueError(f"amount {row} must not be negative, and is {amounts[row]:g}")
    largest = float(amounts.max(initial=0.0))
    if largest == 0.0:
        return 1.0
    # Scaled first, so that squares of tiny amounts do not vanish.
    shares = amounts / largest
    return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum()))


def burden_fairness(change_dkk: FloatArray) -> float:
    """Return Jain's index of the homes' added cost, ``x_i = max(Δc_i, 0)``.

    A home that gains bears no burden. 1: all homes bear the same, or nobody any.
    """
    return jain_index(np.maximum(change_dkk, 0.0))


def granted_share(
    offered_kw: tuple[FloatArray, FloatArray],
    envelope_kw: tuple[FloatArray, FloatArray],
    imports: BoolArray,
    bound: BoolArray,
) -> FloatArray:
    """Return the share of the flexible range that was granted, shape (portfolio,).

    Where import is scarce ``Σ_k (hi − P_min) / Σ_k (P_max − P_min)``, the range above
    the must-run that the DSO allows; where export is, ``Σ_k (P_max − lo)`` over the
    same. Only steps in which the limit bound count: in others there is nothing to
    share. NaN where there is no such step, or nobody granted, or nothing was offered.

    Parameters
    ----------
    offered_kw
        Lowest and highest power offered, each of shape (portfolio, time).
    envelope_kw
        Lowest and highest power granted, (portfolio, time); NaN: no bound.
    imports, bound
        Whether the portfolio's area imports, and its limit binds, (portfolio, time).
    """
    low_kw, high_kw = offered_kw
    range_kw = high_kw - low_kw
    granted_kw = np.where(
        imports,
        np.minimum(envelope_kw[1], high_kw) - low_kw,
        high_kw - np.maximum(envelope_kw[0], low_kw),
    )
    counted = bound & np.isfinite(granted_kw) & (range_kw > 0.0)
    offered = np.where(counted, range_kw, 0.0).sum(axis=1)
    granted = np.where(counted, np.clip(granted_kw, 0.0, range_kw), 0.0).sum(axis=1)
    share: FloatArray = np.full(len(offered), np.nan)
    np.divide(granted, offered, out=share, where=offered > 0.0)
    return share


def aggregator_fairness(results: Results, bound: BoolArray) -> dict[str, float]:
    """Return Jain's index of the shares granted to the aggregators, by area.

    An area in which nothing bound, or nobody grants envelopes, is left out; so is an
    aggregator that had nothing to offer there.

    Parameters
    ----------
    results
        The run.
    bound
        Where each area's limit bound, shape (area, time).
    """
    if "portfolios" not in results.entities:
        return {}
    row_of = {name: row for row, name in enumerate(results.entities["portfolios"])}
    offered_kw, envelope_kw = (
        tuple(
            results.series("portfolios", f"{what}_{end}_kw") for end in ("low", "high")
        )
        for what in ("offer", "envelope")
    )
    imports = results.series("transformers", "power_kw") >= 0.0
    found: dict[str, float] = {}
    for place, area in enumerate(results.entities["areas"]):
        names = (f"{each} {area}" for each in results.entities["aggregators"])
        rows = [row_of[name] for name in names if name in row_of]
        share = granted_share(
            (offered_kw[0][rows], offered_kw[1][rows]),
            (envelope_kw[0][rows], envelope_kw[1][rows]),
            imports[place],
            bound[place],
        )
        share = share[np.isfinite(share)]
        if len(share):
            found[area] = jain_index(share)
    return found
