"""What many fleets are together: one store per kind, of an area or of several."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray
from mosaik_bottomup.messages import StoreReport

TINY = 1e-9  # kW or kWh

TOTALS = (
    "stored_kwh",
    "capacity_kwh",
    "need_kwh",
    "charge_max_kw",
    "discharge_max_kw",
    "fixed_kw",
    "curtailable_kw",
    "reactive_kvar",
)
"""Fields of a report that add up."""
MEANS = {
    "keep": "capacity_kwh",
    "charge_gain": "charge_max_kw",
    "discharge_loss": "discharge_max_kw",
}
"""Fields that are averaged, and what by."""


def pool(stores: Sequence[StoreReport]) -> list[StoreReport]:
    """Return one store per kind: what all aggregators' fleets of it are together.

    Energies and powers are sums; what remains of a store is weighted by its capacity,
    gains and losses by the powers they apply to.
    """
    kinds: dict[str, list[StoreReport]] = {}
    for store in stores:
        kinds.setdefault(store.kind, []).append(store)
    return [_pooled(same) for same in kinds.values()]


def _pooled(same: list[StoreReport]) -> StoreReport:
    def total(name: str) -> FloatArray:
        values: FloatArray = np.stack([getattr(store, name) for store in same])
        summed: FloatArray = values.sum(axis=0)
        return summed

    def mean(name: str, weight: str) -> FloatArray:
        values = np.stack([getattr(store, name) for store in same])
        weights = np.stack([getattr(store, weight) for store in same])
        if weights.ndim > values.ndim:
            weights = weights[..., 0]
        weights = weights + TINY  # a kind that an area lacks still needs a mean
        average: FloatArray = np.average(values, axis=0, weights=weights)
        return average

    return _combined(same[0], total, mean)


def _combined(
    store: StoreReport,
    total: Callable[[str], FloatArray],
    mean: Callable[[str, str], FloatArray],
) -> StoreReport:
    fields: dict[str, Any] = {name: total(name) for name in TOTALS}
    fields |= {name: mean(name, weight) for name, weight in MEANS.items()}
    return replace(store, **fields)


def sums(store: StoreReport, member: BoolArray) -> StoreReport:
    """Return the report of ``m`` groups of areas, each as if it were one area.

    Parameters
    ----------
    store
        Of ``a`` areas.
    member : (m, a) array
        Which areas are in each group.
    """

    def total(name: str) -> FloatArray:
        summed: FloatArray = member @ getattr(store, name)
        return summed

    def mean(name: str, weight: str) -> FloatArray:
        values, weights = getattr(store, name), getattr(store, weight) + TINY
        if weights.ndim > values.ndim:
            weights = weights[..., 0]
        average: FloatArray = member @ (values * weights) / (member @ weights)
        return average

    return _combined(store, total, mean)
