"""Homes and their devices are drawn within their ranges, and from the seed alone."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.draw import (
    AIR_KWH_PER_K,
    APERTURE_M2,
    FLOOR_KWH_PER_K,
    FLOOR_W_PER_K,
    GAINS_KW,
    Population,
    draw_fleets,
    truncated_normal,
)

ROUNDING = 1e-9
HOMES = 205
AREA = (np.arange(HOMES) >= 92).astype(np.int64)
POPULATION = Population(
    heat_pumps=80,
    pv_batteries=70,
    inverter_share=0.5,
    ua_w_per_k=(100.0, 250.0),
    comfort_lower_c=(20.0, 20.5),
    comfort_width_k=2.0,
    pv_kwp=(4.0, 8.0),
    battery_kwh=(6.0, 12.0),
    battery_c_rate=(0.4, 0.5),
)

seeds = st.integers(0, 2**32 - 1)


def draw(population=POPULATION, seed=0):
    return draw_fleets(population, AREA, np.random.default_rng(seed))


def values_of(fleet):
    """Return every array of a fleet, by name."""
    houses = getattr(fleet, "houses", None)
    parts = [fleet] if houses is None else [fleet, houses]
    return {
        field.name: getattr(part, field.name)
        for part in parts
        for field in fields(part)
        if field.name != "houses"
    }


@settings(deadline=None, max_examples=30)
@given(seed=seeds, pumps=st.integers(0, 120), batteries=st.integers(0, 85))
def test_each_home_has_one_device_at_most_and_lies_where_it_lies(
    seed, pumps, batteries
):
    population = replace(POPULATION, heat_pumps=pumps, pv_batteries=batteries)

    with_pump, with_battery = draw(population, seed)

    assert len(with_pump.site) == with_pump.home.size == pumps
    assert len(with_battery.site) == with_battery.home.size == batteries
    homes = np.concatenate([with_pump.home, with_battery.home])
    assert np.unique(homes).size == pumps + batteries
    assert len({*with_pump.site, *with_battery.site}) == pumps + batteries
    for fleet in (with_pump, with_battery):
        np.testing.assert_array_equal(fleet.area, AREA[fleet.home])
        assert (np.diff(fleet.home) > 0).all()
        ends = [int(site.rsplit("-", 1)[1]) for site in fleet.site]
        np.testing.assert_array_equal(ends, fleet.home)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_sizes_lie_within_their_ranges(seed):
    pumps, batteries = draw(seed=seed)

    c_rate = batteries.power_max_kw / batteries.capacity_kwh
    for values, (low, high) in (
        (1000 * pumps.houses.envelope_kw_per_k, POPULATION.ua_w_per_k),
        (1000 * pumps.houses.floor_kw_per_k, FLOOR_W_PER_K),
        (pumps.houses.air_kwh_per_k, AIR_KWH_PER_K),
        (pumps.houses.floor_kwh_per_k, FLOOR_KWH_PER_K),
        (pumps.gains_kw, GAINS_KW),
        (pumps.aperture_m2, APERTURE_M2),
        (pumps.comfort_low_c, POPULATION.comfort_lower_c),
        (batteries.pv_kwp, POPULATION.pv_kwp),
        (batteries.capacity_kwh, POPULATION.battery_kwh),
        (c_rate, POPULATION.battery_c_rate),
    ):
        assert (values >= low - ROUNDING).all()
        assert (values <= high + ROUNDING).all()
        assert abs(values.mean() - (low + high) / 2) < 0.15 * (high - low)
    np.testing.assert_allclose(pumps.comfort_high_c - pumps.comfort_low_c, 2.0)
    np.testing.assert_array_equal(batteries.efficiency, 0.94)
    # 1.05 of the loss from 21 °C to -12 °C
    np.testing.assert_allclose(pumps.heat_kw, 34.65 * pumps.houses.envelope_kw_per_k)


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0, 1))
def test_the_share_of_inverters_is_met(share):
    pumps, _ = draw(replace(POPULATION, inverter_share=share))

    assert pumps.inverter.sum() == round(share * 80)


def test_devices_are_spread_over_both_areas_and_inverters_over_the_homes():
    pumps, batteries = draw()

    for fleet in (pumps, batteries):
        assert 0.3 < fleet.area.mean() < 0.8
    assert 0 < pumps.inverter[:40].sum() < 40


def test_sizes_are_normal_with_two_standard_deviations_to_each_bound():
    draws = truncated_normal(np.random.default_rng(0), (2.0, 6.0), 20_000)

    assert draws.min() >= 2 - ROUNDING
    assert draws.max() <= 6 + ROUNDING
    assert draws.mean() == pytest.approx(4, abs=0.02)
    assert draws.std() == pytest.approx(0.880, abs=0.02)  # of a normal cut at two
    assert (np.abs(draws - 4) < 1).mean() == pytest.approx(0.7152, abs=0.01)


def test_the_same_seed_draws_the_same_and_another_seed_another():
    for one, same, other in zip(draw(), draw(), draw(seed=1), strict=True):
        for name, value in values_of(one).items():
            np.testing.assert_array_equal(value, values_of(same)[name])
        assert not np.array_equal(one.home, other.home)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (
            {"ua_w_per_k": (150.0, 150.0)},
            {"envelope_kw_per_k", "heat_kw"},
        ),
        ({"comfort_lower_c": (19.0, 19.5)}, {"comfort_low_c", "comfort_high_c"}),
        ({"comfort_width_k": 3.0}, {"comfort_high_c"}),
        ({"pv_kwp": (5.0, 5.0)}, {"pv_kwp"}),
        ({"battery_kwh": (8.0, 8.0)}, {"capacity_kwh", "power_max_kw"}),
        ({"battery_c_rate": (0.5, 0.5)}, {"power_max_kw"}),
        ({"inverter_share": 0.25}, {"inverter"}),
    ],
)
def test_another_range_changes_only_what_it_is_the_range_of(change, moved):
    before, after = draw(), draw(replace(POPULATION, **change))

    changed = {
        name
        for one, two in zip(before, after, strict=True)
        for name, value in values_of(one).items()
        if not np.array_equal(value, values_of(two)[name])
    }
    assert changed == moved


def test_a_range_of_one_value_is_that_value():
    draws = truncated_normal(np.random.default_rng(0), (0.3, 0.3), 50)

    np.testing.assert_array_equal(draws, 0.3)


def test_more_devices_than_homes_are_refused():
    population = replace(POPULATION, heat_pumps=136)

    with pytest.raises(ValueError, match="206 devices for 205 homes"):
        draw(population)


def test_every_home_can_have_a_device():
    pumps, batteries = draw(replace(POPULATION, heat_pumps=135))

    homes = np.concatenate([pumps.home, batteries.home])
    np.testing.assert_array_equal(np.sort(homes), np.arange(HOMES))


def test_none_of_a_kind_is_an_empty_fleet():
    pumps, batteries = draw(replace(POPULATION, heat_pumps=0, pv_batteries=0))

    assert pumps.site == batteries.site == ()
    assert pumps.heat_kw.shape == batteries.pv_kwp.shape == (0,)
