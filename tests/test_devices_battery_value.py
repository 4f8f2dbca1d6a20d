"""Stored energy is worth what the best course from it costs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.battery_value import (
    battery_values,
    exchange_dkk,
    values_at,
)
from mosaik_bottomup.devices.chunks import CHUNK_SITES

ROUNDING_DKK = 1e-9
LADDER = np.linspace(-1, 1, 5)

seeds = st.integers(0, 2**32 - 1)


def batteries(rng, steps, points, n=2):
    """Return arguments of random batteries at random prices, none of them negative."""
    import_price = rng.uniform(0.5, 3, steps)
    low = rng.uniform(0, 1, n)
    return {
        "low_kwh": low,
        "high_kwh": low + rng.uniform(5, 9, n),
        "power_max_kw": rng.uniform(2, 5, n),
        "efficiency": rng.uniform(0.85, 1, n),
        "net_kw": rng.uniform(-6, 4, (n, steps)),
        "import_dkk_per_kwh": import_price,
        "export_dkk_per_kwh": rng.uniform(0, 0.9, steps) * import_price,
        "surcharge_dkk_per_kwh": rng.uniform(0, 1, (n, steps)),
        "wear_dkk_per_kwh": 0.25,
        "end_value_dkk_per_kwh": 1.2,
        "step_h": rng.choice([0.25, 1.0]),
        "ladder": LADDER,
        "points": points,
        "kept": steps,
    }


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_a_state_is_worth_its_best_choice_and_what_that_leads_to(seed):
    n, steps, points = 2, 3, 6
    it = batteries(np.random.default_rng(seed), steps, points, n)
    h = it["step_h"]

    values = battery_values(**it)

    size = it["high_kwh"] - it["low_kwh"]
    at_end = -it["end_value_dkk_per_kwh"] * size[:, None] * np.linspace(0, 1, points)
    np.testing.assert_allclose(values[:, -1], at_end)
    for i, k in product(range(n), range(1, steps)):
        grid = np.linspace(it["low_kwh"][i], it["high_kwh"][i], points)
        full_kw, efficiency = it["power_max_kw"][i], it["efficiency"][i]
        net = it["net_kw"][i, k]
        for stored, value in zip(grid, values[i, k - 1], strict=True):
            room_kw = min(full_kw, (grid[-1] - stored) / efficiency / h)
            stock_kw = min(full_kw, (stored - grid[0]) * efficiency / h)
            costs = []
            for ask in [*(LADDER * full_kw), -net]:
                charge = min(max(ask, 0), room_kw)
                discharge = min(max(-ask, 0), stock_kw)
                power = net + charge - discharge
                price = (
                    it["surcharge_dkk_per_kwh"][i, k]
                    + (
                        it["import_dkk_per_kwh"]
                        if power > 0
                        else it["export_dkk_per_kwh"]
                    )[k]
                )
                after = stored + h * (charge * efficiency - discharge / efficiency)
                costs.append(
                    h * power * price
                    + h * discharge * it["wear_dkk_per_kwh"]
                    + np.interp(after, grid, values[i, k])
                )
            assert value == pytest.approx(min(costs), abs=ROUNDING_DKK)


@settings(deadline=None, max_examples=20)
@given(
    prices=st.lists(st.floats(0.1, 3), min_size=3, max_size=3),
    net=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    end_value=st.floats(0, 2),
    wear=st.floats(0, 0.5),
)
def test_a_state_is_worth_the_cheapest_of_all_courses_from_it(
    prices, net, end_value, wear
):
    # lossless, 4 kWh, 2 kW, steps of an hour: every course stays on the grid
    steps, points = 3, 5
    price = np.array(prices)
    at_first = np.ones(1)  # a step whose end is what is valued
    values = battery_values(
        np.array([1.0]),
        np.array([5.0]),
        np.array([2.0]),
        np.ones(1),
        np.array([[0, *net]], dtype=float),
        np.concatenate([at_first, price]),
        np.concatenate([at_first, 0.5 * price]),
        np.zeros((1, 1 + steps)),
        wear,
        end_value,
        1.0,
        LADDER,
        points,
        kept=1,
    )

    for start in range(points):
        costs = []
        for course in product((-2, -1, 0, 1, 2), repeat=steps):
            stored = start + np.cumsum(course)
            if stored.min() < 0 or stored.max() >= points:
                continue
            power = np.array(net) + course
            bill = power @ np.where(power > 0, price, 0.5 * price)
            wears = -wear * np.minimum(course, 0).sum()
            costs.append(bill + wears - end_value * stored[-1])
        assert values[0, 0, start] == pytest.approx(min(costs), abs=ROUNDING_DKK)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_more_stored_energy_never_makes_the_future_dearer(seed):
    values = battery_values(**batteries(np.random.default_rng(seed), 8, 11))

    assert (np.diff(values, axis=2) <= ROUNDING_DKK).all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_the_future_costs_no_more_than_leaving_the_battery_alone(seed):
    it = batteries(np.random.default_rng(seed), 8, 11)

    values = battery_values(**it)

    idle = np.zeros(2)
    for i, k in product(range(2), range(1, 8)):
        idle[i] += exchange_dkk(
            it["net_kw"][i, k],
            it["import_dkk_per_kwh"][k],
            it["export_dkk_per_kwh"][k],
            it["surcharge_dkk_per_kwh"][i, k],
            it["step_h"],
        )
    assert (values[:, 0] <= idle[:, None] + values[:, -1] + ROUNDING_DKK).all()


@settings(deadline=None, max_examples=5)
@given(seed=seeds)
def test_only_values_that_are_asked_for_are_kept_and_they_are_the_same(seed):
    it = batteries(np.random.default_rng(seed), 8, 11)

    few, all_of_them = (battery_values(**it | {"kept": kept}) for kept in (2, 8))

    assert few.shape == (2, 2, 11)
    np.testing.assert_array_equal(few, all_of_them[:, :2])


def test_a_fleet_of_many_chunks_is_valued_as_each_battery_alone():
    n = 2 * CHUNK_SITES + 3
    it = batteries(np.random.default_rng(0), 3, 5, n)

    together = battery_values(**it)

    by_site = [
        name for name, at in it.items() if isinstance(at, np.ndarray) and len(at) == n
    ]
    for row in (0, CHUNK_SITES - 1, CHUNK_SITES, 2 * CHUNK_SITES, n - 1):
        alone = battery_values(**it | {name: it[name][[row]] for name in by_site})
        np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize(
    ("net_kw", "cost_dkk"),
    [(4.0, 0.25 * 4 * 2.5), (-4.0, -0.25 * 4 * 1.3), (0.0, 0.0)],
)
def test_import_and_export_have_prices_of_their_own_and_the_same_surcharge(
    net_kw, cost_dkk
):
    assert exchange_dkk(net_kw, 2.0, 0.8, 0.5, 0.25) == pytest.approx(cost_dkk)


def test_between_grid_points_values_are_interpolated_site_by_site():
    values = np.array([[8.0, 4.0, 2.0], [3.0, 3.0, 0.0]])
    stored_kwh = np.array([[0.25, 0.75, 1.0], [0.5, 1.75, 0.0]])

    worth = values_at(values, np.array([0.5, 1.0]), stored_kwh)

    np.testing.assert_allclose(worth, [[6.0, 3.0, 2.0], [3.0, 0.75, 3.0]])


def test_a_state_rounded_beyond_its_range_is_worth_what_its_limit_is():
    values = np.array([[8.0, 4.0, 2.0]])

    worth = values_at(values, np.array([0.5]), np.array([[-1e-12, 1.0 + 1e-12]]))

    np.testing.assert_array_equal(worth, [[8.0, 2.0]])


def test_no_batteries_have_no_values():
    rng = np.random.default_rng(0)
    arguments = batteries(rng, 4, 5, 0)

    assert battery_values(**arguments).shape == (0, 4, 5)
    assert values_at(np.zeros((0, 5)), np.zeros(0), np.zeros((0, 3))).shape == (0, 3)
