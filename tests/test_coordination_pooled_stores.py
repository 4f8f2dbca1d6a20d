"""Fleets pooled by kind, or summed over areas, are what they are together."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup.coordination.pooled_stores import pool, sums
from mosaik_bottomup.messages import Moment, StoreReport

AREAS, STEPS = 5, 3
seeds = st.integers(0, 2**32 - 1)


def draw_store(rng, areas=AREAS):
    def by_area(*more):
        return rng.uniform(0.5, 2.0, (areas, *more))

    return StoreReport(
        kind="batteries",
        stored_kwh=by_area(),
        capacity_kwh=by_area(STEPS + 1),
        keep=by_area(),
        need_kwh=by_area(STEPS),
        charge_gain=by_area(STEPS),
        charge_max_kw=by_area(STEPS),
        discharge_loss=by_area(),
        discharge_max_kw=by_area(),
        wear_dkk_per_kwh=0.3,
        fixed_kw=by_area(STEPS),
        curtailable_kw=by_area(STEPS),
        reactive_kvar=by_area(),
        moment=Moment(0),
    )


def arrays_of(store):
    values = {it.name: getattr(store, it.name) for it in fields(store)}
    return {name: it for name, it in values.items() if isinstance(it, np.ndarray)}


@given(seeds)
def test_a_group_of_areas_is_what_its_areas_are_as_fleets_of_one(seed):
    rng = np.random.default_rng(seed)
    store, member = draw_store(rng), rng.random((2, AREAS)) < 0.5
    member[:, 0] = True

    group = sums(store, member)

    for row, mine in enumerate(member):
        alone = [
            replace(store, **{name: it[[a]] for name, it in arrays_of(store).items()})
            for a in np.flatnonzero(mine)
        ]
        (together,) = pool(alone)
        for name, values in arrays_of(together).items():
            assert getattr(group, name)[row] == pytest.approx(values[0]), name


def test_what_remains_goes_by_capacity_and_gains_and_losses_by_power():
    small = draw_store(np.random.default_rng(0), 1)
    small = replace(
        small,
        capacity_kwh=np.full((1, STEPS + 1), 1.0),
        charge_max_kw=np.full((1, STEPS), 4.0),
        discharge_max_kw=np.array([1.0]),
        keep=np.array([1.0]),
        charge_gain=np.full((1, STEPS), 1.0),
        discharge_loss=np.array([1.0]),
    )
    large = replace(
        small,
        capacity_kwh=np.full((1, STEPS + 1), 3.0),
        charge_max_kw=np.full((1, STEPS), 1.0),
        discharge_max_kw=np.array([4.0]),
        keep=np.array([0.8]),
        charge_gain=np.full((1, STEPS), 0.5),
        discharge_loss=np.array([1.5]),
    )

    (both,) = pool([small, large])

    assert both.keep == pytest.approx([0.85])
    assert both.charge_gain[0] == pytest.approx([0.9] * STEPS)
    assert both.discharge_loss == pytest.approx([1.4])
    assert both.capacity_kwh[0] == pytest.approx([4.0] * (STEPS + 1))


def test_kinds_are_kept_apart():
    store = draw_store(np.random.default_rng(1))
    other = replace(store, kind="heat_pumps")

    pooled = pool([store, other, store])

    assert [it.kind for it in pooled] == ["batteries", "heat_pumps"]
    assert pooled[0].stored_kwh == pytest.approx(2 * store.stored_kwh)
    assert pooled[1].stored_kwh == pytest.approx(store.stored_kwh)
