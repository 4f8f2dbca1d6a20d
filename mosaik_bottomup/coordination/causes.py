"""Why sites do what they are told: by the plan, the DSO's limits or an activation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.bids import cost_at_dkk
from mosaik_bottomup.messages import BidBook, Envelope


@dataclass(frozen=True, slots=True, eq=False)
class SiteCauses:
    """What ``n`` sites of a fleet forgo, by their own bids; negative is a gain."""

    congestion_forgone_dkk: FloatArray
    """Against their part in the plan, shape ``(n,)``."""
    activation_forgone_dkk: FloatArray
    """Against what they would be told if nothing were activated, shape ``(n,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Causes:
    """What limits and activations came to in one step, per area where not of sites."""

    congestion_moved_kw: FloatArray
    """What the DSO's limits alone make of the plan, less the plan."""
    activation_planned_kw: FloatArray
    """Part of the activations that was meant for each area."""
    activation_vetoed_kw: FloatArray
    """Part of them that each area had no room for, nor another."""
    activation_relocated_kw: FloatArray
    """What an area delivers of that meant for others, negative what it leaves to them.
    """
    sites: Mapping[str, SiteCauses]
    """By fleet."""


def causes(
    book: BidBook,
    sizes: Mapping[str, int],
    powers_kw: tuple[FloatArray, FloatArray, FloatArray],
    meant_kw: FloatArray,
    envelope: Envelope,
) -> Causes:
    """Return what each of three powers follows from the one before by.

    Parameters
    ----------
    book
        What the sites bid.
    sizes
        How many of them are of each fleet, one after the other.
    powers_kw
        Of each site, ``(n,)``: by the plan, within the DSO's limits, and with the
        activations, the first two as if nothing were activated.
    meant_kw : (a,) array
        What the activations change in the plan.
    envelope
        What the DSO grants, and vetoes.
    """
    planned, secured, told = (cost_at_dkk(book, power) for power in powers_kw)
    by_plan_kw, within_kw, told_kw = powers_kw

    def sums(power_kw: FloatArray) -> FloatArray:
        by_area = np.bincount(book.area, power_kw, meant_kw.size)
        return by_area.astype(np.float64)

    delivered_kw = sums(told_kw - within_kw)
    vetoed_kw = vetoed_by_area_kw(meant_kw, delivered_kw, envelope)
    congestion = split(secured - planned, sizes)
    activation = split(told - secured, sizes)
    return Causes(
        sums(within_kw - by_plan_kw),
        meant_kw,
        vetoed_kw,
        delivered_kw + vetoed_kw - meant_kw,
        {name: SiteCauses(congestion[name], activation[name]) for name in sizes},
    )


def vetoed_by_area_kw(
    meant_kw: FloatArray, delivered_kw: FloatArray, envelope: Envelope
) -> FloatArray:
    """Return in which areas room was lacking for what is vetoed, shape ``(a,)``.

    What is vetoed of an area's own activations is vetoed there. The rest is shared out
    by what each area delivers less than was meant for it.

    Parameters
    ----------
    meant_kw, delivered_kw : (a,) arrays
        Part of the activations planned in each area, and what is delivered in it.
    envelope
        What the DSO grants, and vetoes.
    """
    if envelope.vetoed_kw is None or envelope.area_vetoed_kw is None:
        return np.zeros(meant_kw.size)
    there, rest = envelope.area_vetoed_kw, envelope.vetoed_kw
    lacking = np.maximum(np.sign(rest) * (meant_kw - delivered_kw - there), 0.0)
    whole = float(lacking.sum())
    # of what is delivered all the same, nobody can say where
    share = lacking / whole if whole > 0 else np.full(meant_kw.size, 1 / meant_kw.size)
    vetoed: FloatArray = there + rest * share
    return vetoed


def split(values: FloatArray, sizes: Mapping[str, int]) -> dict[str, FloatArray]:
    """Return the values of each fleet's sites."""
    ends = np.cumsum(list(sizes.values()))[:-1]
    return dict(zip(sizes, np.split(values, ends), strict=True))
