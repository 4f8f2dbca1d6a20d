"""The look-ahead prices room when it is scarce, and as the linear program says."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination import look_ahead
from mosaik_bottomup.coordination.look_ahead import (
    CURTAILMENT_DKK_PER_KWH,
    OVERLOAD_DKK_PER_KWH,
    SHORTAGE_DKK_PER_KWH,
    AreaAhead,
    congestion_prices,
)
from mosaik_bottomup.coordination.pooled_stores import pool
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.messages import Moment, StoreReport

STEP_H = 0.25
STEPS = 12
TOLERANCE = 1e-6

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=30)


def heat(steps=STEPS, need_kw=6.0, stored=8.0, step_h=STEP_H, areas=1):
    """Return heat pumps of 10 kW with a COP of 3 that need some heat in every step."""
    one, each = np.ones(areas), np.ones((areas, steps))
    return StoreReport(
        kind="heat_pumps",
        stored_kwh=stored * one,
        capacity_kwh=20.0 * np.ones((areas, steps + 1)),
        keep=0.999 ** (step_h / STEP_H) * one,
        need_kwh=step_h * need_kw * each,
        charge_gain=3.0 * each,
        charge_max_kw=10.0 * each,
        discharge_loss=one,
        discharge_max_kw=0.0 * one,
        wear_dkk_per_kwh=0.0,
        fixed_kw=0.0 * each,
        curtailable_kw=0.0 * each,
        reactive_kvar=2.0 * one,
        moment=Moment(5),
    )


def battery(steps=STEPS, fixed_kw=1.0, pv_kw=0.0, areas=1):
    """Return batteries of 10 kWh and 4 kW, half full, and their homes' net load."""
    one, each = np.ones(areas), np.ones((areas, steps))
    return StoreReport(
        kind="pv_batteries",
        stored_kwh=5.0 * one,
        capacity_kwh=10.0 * np.ones((areas, steps + 1)),
        keep=one,
        need_kwh=0.0 * each,
        charge_gain=0.94 * each,
        charge_max_kw=4.0 * each,
        discharge_loss=one / 0.94,
        discharge_max_kw=4.0 * one,
        wear_dkk_per_kwh=0.25,
        fixed_kw=(fixed_kw - pv_kw) * each,
        curtailable_kw=pv_kw * each,
        reactive_kvar=0.0 * one,
        moment=Moment(5),
    )


def ahead(steps=STEPS, limit_kw=100.0, export_kw=100.0, uncontrolled_kw=5.0):
    price = 1.5 + 0.5 * np.sin(np.arange(steps) * 2 * np.pi / steps)
    flat = np.ones(steps)
    return AreaAhead(
        uncontrolled_kw * flat, limit_kw * flat, export_kw * flat, price, price - 1.0
    )


def prices(stores, view, area=0, step_h=STEP_H):
    return congestion_prices(stores, area, view, step_h, Solver())


def objective(stores, view, step_h=STEP_H):
    """Return the optimal cost beside the prices."""
    found = []

    def spy(solved):
        def run(problem, *args):
            result = solved(problem, *args)
            found.append(problem.objective.value())
            return result

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("is_solved", "solve"):
            patch.setattr(look_ahead, name, spy(getattr(look_ahead, name)))
        price = prices(stores, view, step_h=step_h)
    return found[-1], price


def cheapest_step_loads(view):
    """Return a view whose limit binds in the cheapest step."""
    limit = view.import_kw.copy()
    limit[view.import_dkk_per_kwh.argmin()] = view.uncontrolled_kw[0] + 4.0
    return replace(view, import_kw=limit)


def draw(seed):
    rng = np.random.default_rng(seed)
    view = ahead(uncontrolled_kw=0.0)
    view = replace(
        view,
        uncontrolled_kw=rng.uniform(-12, 12, STEPS),
        import_kw=rng.uniform(3, 14, STEPS),
        export_kw=rng.uniform(3, 14, STEPS),
    )
    cold = replace(heat(), need_kwh=STEP_H * rng.uniform(0, 20, (1, STEPS)))
    sun = rng.uniform(0, 15, (1, STEPS))
    home = replace(
        battery(), fixed_kw=rng.uniform(0, 5, (1, STEPS)) - sun, curtailable_kw=sun
    )
    return [cold, home], view


def test_room_for_everybody_costs_nothing():
    assert not prices([heat(), battery()], ahead()).any()


def test_scarce_import_has_a_positive_price_in_that_step():
    view = cheapest_step_loads(ahead())

    price = prices([heat(stored=1.0), battery()], view)

    scarce = view.import_dkk_per_kwh.argmin()
    assert price[scarce] > 0
    assert not np.delete(price, scarce).any()


def test_scarce_export_has_a_negative_price():
    price = prices([battery(pv_kw=12.0)], ahead(export_kw=1.0, uncontrolled_kw=0.0))

    assert (price <= 0).all()
    assert price.min() < 0


@law
@given(seeds)
def test_no_price_is_higher_than_overload_is_worth(seed):
    stores, view = draw(seed)

    price = prices(stores, view)

    assert (np.abs(price) <= OVERLOAD_DKK_PER_KWH + TOLERANCE).all()


@law
@given(seeds, st.integers(0, STEPS - 1))
def test_the_price_is_what_a_kwh_of_room_is_worth(seed, step):
    stores, view = draw(seed)
    cost, price = objective(stores, view)
    little = 1e-4

    shifted = [
        objective(stores, replace(view, uncontrolled_kw=view.uncontrolled_kw + more))[0]
        for more in (
            little * (np.arange(STEPS) == step),
            -little * (np.arange(STEPS) == step),
        )
    ]

    up = (shifted[0] - cost) / little / STEP_H
    down = (cost - shifted[1]) / little / STEP_H
    # convex: the dual lies between the slopes to both sides
    assert down - 1e-3 <= price[step] <= up + 1e-3


def test_an_overload_nobody_can_avoid_costs_its_price():
    price = prices([battery()], ahead(limit_kw=10.0, uncontrolled_kw=30.0))

    np.testing.assert_allclose(price, OVERLOAD_DKK_PER_KWH)


def test_of_two_fleets_that_could_wait_the_one_that_loses_less_sets_the_price():
    stores = [battery(fixed_kw=0.0)]
    view = ahead(steps=2, uncontrolled_kw=6.0)
    view = replace(
        view,
        import_kw=np.array([5.0, 100.0]),
        import_dkk_per_kwh=np.full(2, 2.0),
        export_dkk_per_kwh=np.full(2, 1.0),
    )
    stores = [battery(steps=2, fixed_kw=0.0)]

    price = prices(stores, view)

    # to feed in 1 kW a battery gives up 2.0 / 0.94 stored at 1 / 0.94 each, and wears
    given_up = 2.0 / 0.94 / 0.94 + 0.25 - 1.0
    np.testing.assert_allclose(price, [given_up, 0.0])


def test_a_battery_that_saves_its_home_an_import_gives_up_less():
    view = ahead(steps=2, uncontrolled_kw=6.0)
    view = replace(
        view,
        import_kw=np.array([8.0, 100.0]),
        import_dkk_per_kwh=np.full(2, 2.0),
        export_dkk_per_kwh=np.full(2, 1.0),
    )

    price = prices([battery(steps=2, fixed_kw=3.0)], view)

    given_up = 2.0 / 0.94 / 0.94 + 0.25 - 2.0
    np.testing.assert_allclose(price, [given_up, 0.0])


def test_what_is_stored_for_a_scarce_step_loses_on_the_way_in_and_out():
    view = ahead(steps=2, uncontrolled_kw=5.0)
    view = replace(
        view,
        import_kw=np.array([100.0, 7.0]),
        import_dkk_per_kwh=np.array([2.0, 1.0]),
        export_dkk_per_kwh=np.zeros(2),
    )
    empty = replace(battery(steps=2, fixed_kw=3.0), stored_kwh=np.zeros(1))

    price = prices([empty], view)

    np.testing.assert_allclose(price, [0.0, 2.0 / 0.94 / 0.94 + 0.25 - 1.0])


def test_a_battery_stores_no_more_than_its_inverter_lets_through():
    empty = replace(battery(steps=1, fixed_kw=0.0, pv_kw=12.0), stored_kwh=np.zeros(1))
    view = ahead(steps=1, export_kw=6.0, uncontrolled_kw=0.0)

    price = prices([empty], view)

    lost = view.export_dkk_per_kwh[0]
    np.testing.assert_allclose(price, [-CURTAILMENT_DKK_PER_KWH - lost])


def test_homes_without_a_battery_count_with_what_they_feed_in():
    none = {"charge_max_kw": np.zeros((1, 1)), "discharge_max_kw": np.zeros(1)}
    sunny = replace(battery(steps=1, fixed_kw=0.0, pv_kw=12.0), **none)

    price = prices([sunny], ahead(steps=1, export_kw=6.0, uncontrolled_kw=0.0))

    assert (price < -CURTAILMENT_DKK_PER_KWH + 1).all()


def test_no_more_is_curtailed_than_is_generated():
    view = ahead(steps=1, export_kw=6.0, uncontrolled_kw=-20.0)

    price = prices([battery(steps=1, fixed_kw=0.0, pv_kw=2.0)], view)

    np.testing.assert_allclose(price, [-OVERLOAD_DKK_PER_KWH])


def test_what_heat_pumps_cannot_draw_needs_no_room():
    freezing = heat(steps=1, need_kw=60.0, stored=0.0)

    assert not prices([freezing], ahead(steps=1, limit_kw=11.0, uncontrolled_kw=0.0))


def test_what_has_no_space_cannot_be_stored_for_a_scarce_step():
    view = replace(ahead(steps=2), import_kw=np.array([100.0, 6.0]))
    needs = {"need_kwh": np.array([[0.0, 5.5]]), "stored_kwh": np.zeros(1)}

    roomy, narrow = (
        prices([replace(heat(steps=2), capacity_kwh=capacity, **needs)], view)
        for capacity in (np.array([[20, 6.5, 20.0]]), np.array([[20.0, 1.0, 20.0]]))
    )

    assert roomy[1] < 1
    np.testing.assert_allclose(narrow[1], OVERLOAD_DKK_PER_KWH)


def test_feeding_in_dearer_than_drawing_is_no_error():
    """Tax on a very negative price does that; nobody buys and sells at once."""
    view = ahead(steps=2)
    view = replace(view, export_dkk_per_kwh=view.import_dkk_per_kwh + 0.1)

    assert not prices([heat(steps=2), battery(steps=2)], view).any()


def test_feed_in_that_only_curtailment_can_end_costs_what_curtailment_does():
    full = replace(
        battery(steps=1, fixed_kw=0.0, pv_kw=8.0), stored_kwh=np.full(1, 10.0)
    )
    view = ahead(steps=1, export_kw=6.0, uncontrolled_kw=0.0)

    price = prices([full], view)

    lost = view.export_dkk_per_kwh[0]
    np.testing.assert_allclose(price, [-CURTAILMENT_DKK_PER_KWH - lost])


def test_heat_that_must_be_made_outbids_what_can_wait_until_overload_is_cheaper():
    cold = replace(heat(steps=1, need_kw=24.0, stored=0.0))
    view = ahead(steps=1, limit_kw=4.0, uncontrolled_kw=0.0)

    price = prices([cold], view)

    assert SHORTAGE_DKK_PER_KWH * 3.0 > OVERLOAD_DKK_PER_KWH
    np.testing.assert_allclose(price, [OVERLOAD_DKK_PER_KWH])


def test_a_store_too_full_to_take_its_gains_spills_them():
    sunny = replace(heat(steps=2, need_kw=-40.0), charge_max_kw=np.full((1, 2), 1.0))

    assert not prices([sunny], ahead(steps=2)).any()


def test_what_is_kept_between_steps_counts():
    """Storing early for a scarce step pays, less so where the store leaks."""
    scarce = replace(ahead(steps=2), import_kw=np.array([100.0, 6.0]))
    scarce = replace(scarce, import_dkk_per_kwh=np.full(2, 1.0))
    needs = {"need_kwh": np.array([[0.0, 5.5]]), "stored_kwh": np.zeros(1)}
    wide = {
        "capacity_kwh": np.full((1, 3), 6.5),
        "charge_max_kw": np.full((1, 2), 20.0),
    }

    tight, leaky = (
        prices([replace(heat(steps=2), keep=np.array([keep]), **needs, **wide)], scarce)
        for keep in (1.0, 0.8)
    )

    np.testing.assert_allclose(tight, [0, 0], atol=1e-9)
    # 1 kWh of heat for the second step is 1.25 in the first; but the worth at the end
    # is the price of making it
    np.testing.assert_allclose(leaky, [0, 0.25], atol=1e-9)


def test_a_store_starts_with_what_is_in_it_less_what_a_step_loses():
    scarce = ahead(steps=1, limit_kw=5.5, uncontrolled_kw=5.0)
    exact = replace(heat(steps=1, need_kw=12.0), keep=np.array([0.5]))

    enough = replace(exact, stored_kwh=np.array([2 * (3.0 - 0.5 * 3 * STEP_H) + 0.02]))
    short = replace(exact, stored_kwh=np.array([2 * (3.0 - 0.5 * 3 * STEP_H) - 0.02]))

    assert prices([enough], scarce)[0] < 1e-6
    assert prices([short], scarce)[0] > 1


def test_only_the_area_asked_for_counts():
    stores = [heat(areas=2), battery(areas=2)]
    stores = [
        replace(it, charge_max_kw=it.charge_max_kw * np.array([[0.0], [1.0]]))
        for it in stores
    ]
    view = cheapest_step_loads(ahead())

    one = prices([replace_area(it, 1) for it in stores], view)
    two = prices(stores, view, area=1)

    assert two.tolist() == one.tolist()
    assert two.any()


def replace_area(store, area):
    """Return the store with this area alone."""
    only = {
        f.name: getattr(store, f.name)[[area]]
        for f in fields(store)
        if isinstance(getattr(store, f.name), np.ndarray)
    }
    return replace(store, **only)


def test_an_area_without_sites_has_no_price_while_its_load_fits():
    nobody = [
        replace(it, charge_max_kw=0 * it.charge_max_kw, discharge_max_kw=np.zeros(1))
        for it in (heat(), replace(battery(), fixed_kw=np.zeros((1, STEPS))))
    ]

    assert not prices(nobody, ahead()).any()
    assert (prices(nobody, ahead(limit_kw=1.0)) > 0).all()


def test_limits_of_zero_are_no_error():
    view = ahead(limit_kw=0.0, export_kw=0.0)

    assert (prices([heat(), battery()], view) > 0).all()


@law
@given(seeds)
def test_two_half_steps_are_one_step(seed):
    rng = np.random.default_rng(seed)
    limit = rng.uniform(6, 16, STEPS)
    coarse = replace(ahead(), import_kw=limit)
    fine = AreaAhead(*(np.repeat(getattr(coarse, f.name), 2) for f in fields(coarse)))

    cost, _ = objective([heat()], coarse)
    halves = heat(steps=2 * STEPS, step_h=STEP_H / 2)
    fine_cost, _ = objective([halves], fine, STEP_H / 2)

    # what is lost within a step differs; prices may, where two would do
    assert np.isclose(fine_cost, cost, rtol=0.01, atol=0.02)


def test_pooling_sums_energies_and_powers_and_keeps_kinds_apart():
    stores = [heat(areas=2), battery(areas=2), heat(areas=2, stored=4.0)]

    pooled = {it.kind: it for it in pool(stores)}

    assert set(pooled) == {"heat_pumps", "pv_batteries"}
    both = pooled["heat_pumps"]
    for name in (
        "stored_kwh",
        "capacity_kwh",
        "need_kwh",
        "charge_max_kw",
        "discharge_max_kw",
        "fixed_kw",
        "curtailable_kw",
        "reactive_kvar",
    ):
        total = getattr(stores[0], name) + getattr(stores[2], name)
        assert getattr(both, name).tolist() == total.tolist(), name
        alone = getattr(pooled["pv_batteries"], name)
        assert alone.tolist() == getattr(stores[1], name).tolist(), name
    assert both.moment == stores[0].moment
    assert pooled["pv_batteries"].wear_dkk_per_kwh == stores[1].wear_dkk_per_kwh


def test_pooled_gains_and_losses_are_means_weighted_by_what_they_apply_to():
    small = replace(
        battery(),
        keep=np.array([0.9]),
        discharge_loss=np.array([1.4]),
        charge_gain=np.full((1, STEPS), 0.5),
    )
    large = replace(
        battery(),
        capacity_kwh=np.full((1, STEPS + 1), 30.0),
        charge_max_kw=np.full((1, STEPS), 12.0),
        discharge_max_kw=np.full(1, 36.0),
        keep=np.array([1.0]),
        discharge_loss=np.array([1.0]),
        charge_gain=np.full((1, STEPS), 0.9),
    )

    both = pool([small, large])[0]

    np.testing.assert_allclose(both.keep, [0.975])  # 10 and 30 kWh
    np.testing.assert_allclose(both.charge_gain, 0.8)  # 4 and 12 kW
    np.testing.assert_allclose(both.discharge_loss, [1.04])  # 4 and 36 kW


def test_pooling_one_changes_nothing():
    store = battery()

    same = pool([store])[0]

    for field in fields(store):
        before, after = getattr(store, field.name), getattr(same, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_allclose(after, before)
        else:
            assert after == before


def test_a_kind_that_an_area_lacks_still_has_gains():
    none = replace(
        battery(), charge_max_kw=np.zeros((1, STEPS)), discharge_max_kw=np.zeros(1)
    )

    both = pool([none, none])[0]

    np.testing.assert_allclose(both.charge_gain, 0.94)


def test_two_pooled_fleets_act_like_two():
    stores = [battery(), battery()]
    view = ahead(limit_kw=8.0, uncontrolled_kw=5.0)

    apart, _ = objective(stores, view)
    together, _ = objective(pool(stores), view)

    assert np.isclose(apart, together)


def test_its_problem_reads_like_the_formula(tmp_path):
    congestion_prices(
        [heat(), battery()], 0, ahead(limit_kw=9.0), STEP_H, Solver(lp_folder=tmp_path)
    )

    text = next(tmp_path.glob("look_ahead-5-*.lp")).read_text()
    for name in ("charge_0_0", "stored_1_3", "export_1_0", "import_0:", "energy_0_0:"):
        assert name in text
