"""The kW that the DSO grants keep the power flow's loading within the limit."""

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.grid.headroom import (
    CORRECTION_MAX,
    MARGIN_PERCENT,
    Headroom,
    correct,
    limits_kw,
    loading_percent,
)
from mosaik_bottomup.grid.headroom_fit import fit, load_patterns
from mosaik_bottomup.grid.network import build
from mosaik_bottomup.grid.power_flow import PowerFlow, area_sums

TWO_AREAS = {"A": "LV2.101", "B": "LV3.101"}
HOMES = 205
LEARNT_NOTHING = np.ones(2)
DEVICE_TAN_PHI = np.tan(np.arccos(0.98))
LEAST_HEADROOM_USED_PERCENT = 95.0  # a limit that wastes more is not worth having
FOUND_PERCENT = 1e-5  # how well a limit in kW is found

seeds = st.integers(0, 2**32 - 1)
limits_percent = st.floats(15, 130)
reactive_kvar = st.floats(-10, 20)  # the transformers are of 160 kVA


@pytest.fixture(scope="module")
def power_flow():
    return PowerFlow(build(TWO_AREAS, [160.0, 160.0]))


@pytest.fixture(scope="module")
def headroom(power_flow):
    return fit(power_flow.network, np.random.default_rng(0))


def cold_evening(rng):
    """Households, heat pumps in 40 homes, batteries at work in 35 others."""
    p_kw = rng.uniform(0.3, 1.5, HOMES)
    q_kvar = rng.uniform(0.0, 0.4) * p_kw
    has_device = rng.permutation(HOMES)
    heat_kw = rng.uniform(1, 4, 40)
    p_kw[has_device[:40]] += heat_kw
    q_kvar[has_device[:40]] += DEVICE_TAN_PHI * heat_kw
    p_kw[has_device[40:75]] += rng.uniform(-4, 5, 35)
    return p_kw, q_kvar


def sunny_noon(rng):
    """Households and 70 homes with PV."""
    p_kw = rng.uniform(0.15, 0.75, HOMES)
    q_kvar = rng.uniform(0.0, 0.4) * p_kw
    p_kw[rng.permutation(HOMES)[:70]] -= rng.uniform(4, 8, 70)
    return p_kw, q_kvar


@settings(deadline=None, max_examples=200)
@given(seed=seeds, patterns=st.sampled_from([cold_evening, sunny_noon]))
def test_an_area_that_takes_all_it_may_stays_just_within_its_limit(
    power_flow, headroom, seed, patterns
):
    p_kw, q_kvar = patterns(np.random.default_rng(seed))
    area_kw, area_kvar = (
        area_sums(power_flow.network, power) for power in (p_kw, q_kvar)
    )
    # the limit at which this very load is all that may be drawn
    limit_percent = loading_percent(headroom, area_kw, area_kvar)
    limit_percent = limit_percent / (1 - MARGIN_PERCENT / 100)

    import_kw, export_kw = limits_kw(headroom, limit_percent, area_kvar, LEARNT_NOTHING)
    flow = power_flow.solve(p_kw, q_kvar)

    allowed_kw = np.where(area_kw > 0, import_kw, -export_kw)
    assert allowed_kw == pytest.approx(area_kw, abs=1e-3)
    used_percent = 100 * flow.transformer_loading_percent / limit_percent
    assert (used_percent <= 100).all()
    assert (used_percent >= LEAST_HEADROOM_USED_PERCENT).all()


@settings(deadline=None)
@given(limit=limits_percent, q=reactive_kvar, learnt=st.floats(1, CORRECTION_MAX))
def test_limits_are_where_the_model_reaches_the_limit(headroom, limit, q, learnt):
    limit_percent, q_kvar = np.array([limit, 100.0]), np.full(2, q)
    correction = np.full(2, learnt)

    import_kw, export_kw = limits_kw(headroom, limit_percent, q_kvar, correction, 0.0)

    for p_kw in (import_kw, -export_kw):
        found_percent = correction * loading_percent(headroom, p_kw, q_kvar)
        assert found_percent == pytest.approx(limit_percent, abs=FOUND_PERCENT)
        assert (found_percent <= limit_percent * (1 + 1e-12)).all()
    assert (export_kw > import_kw).all()  # losses come out of an export


@settings(deadline=None)
@given(limit=st.floats(0, 200), q=st.floats(-200, 200), share=st.floats(0, 1))
def test_everything_within_the_limits_fits(headroom, limit, q, share):
    limit_percent, q_kvar = np.full(2, limit), np.full(2, q)

    import_kw, export_kw = limits_kw(headroom, limit_percent, q_kvar, LEARNT_NOTHING)

    assert (import_kw >= 0).all()
    assert (export_kw >= 0).all()
    between_kw = -export_kw + share * (import_kw + export_kw)
    fits = loading_percent(headroom, between_kw, q_kvar) <= limit_percent + 1e-9
    assert (fits | ((import_kw == 0) & (export_kw == 0))).all()


@settings(deadline=None)
@given(limit=limits_percent, tighter=st.floats(0, 1), care=st.floats(1, CORRECTION_MAX))
def test_a_tighter_limit_more_care_or_more_reactive_power_never_allows_more(
    headroom, limit, tighter, care
):
    def allowed(limit_percent, q_kvar=20.0, correction=1.0, margin_percent=0.0):
        limits = limits_kw(
            headroom,
            np.full(2, limit_percent),
            np.full(2, q_kvar),
            np.full(2, correction),
            margin_percent,
        )
        return np.concatenate(limits)

    wide_kw = allowed(limit) + 1e-6

    assert (allowed(tighter * limit) <= wide_kw).all()
    assert (allowed(limit, correction=care) <= wide_kw).all()
    assert (allowed(limit, margin_percent=100 * (care - 1)) <= wide_kw).all()
    assert (allowed(limit, q_kvar=20.0 * care) <= wide_kw).all()


def test_the_model_is_the_formula_it_states():
    headroom = Headroom(
        rating_kva=np.array([100.0]),
        mv_voltage_pu=1.25,
        p_coefficients=np.array([[1.0, 0.1, 0.2, 0.01, 0.02]]),
        q_coefficients=np.array([[2.0, 0.3, 0.4, 0.03, 0.04]]),
    )

    percent = loading_percent(headroom, np.array([10.0]), np.array([5.0]))

    hv_kw = 10 + (1 + 1 + 1 + 1 + 0.5)
    hv_kvar = 5 + (2 + 3 + 2 + 3 + 1)
    assert percent == pytest.approx([100 * np.hypot(hv_kw, hv_kvar) / 125])


def test_an_area_that_fits_only_while_it_exports_is_allowed_nothing(headroom):
    nothing = np.zeros(2)
    limit_percent = 0.9 * loading_percent(headroom, nothing, nothing)

    limits = limits_kw(headroom, limit_percent, nothing, LEARNT_NOTHING, 0.0)

    assert np.array(limits).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_where_nothing_fits_nothing_is_allowed(headroom):
    q_kvar = np.array([0.0, 50.0])
    for limit_percent in (np.zeros(2), np.array([0.1, 25.0])):
        limits = limits_kw(headroom, limit_percent, q_kvar, LEARNT_NOTHING)

        assert np.array(limits).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_steps_side_by_side_are_each_step_alone(headroom):
    limit_percent, correction = np.array([60.0, 90.0]), np.array([1.0, 1.02])
    q_kvar = np.array([[0.0, 10.0, 40.0], [5.0, 30.0, 20.0]])

    together = limits_kw(headroom, limit_percent, q_kvar, correction)

    for k in range(3):
        alone = limits_kw(headroom, limit_percent, q_kvar[:, k], correction)
        assert np.array(together)[:, :, k] == pytest.approx(np.array(alone))


def test_the_model_follows_the_power_flow_over_all_it_was_fitted_on(
    power_flow, headroom
):
    p_kw, q_kvar = load_patterns(power_flow.network, np.random.default_rng(9), 200)
    area_kw, area_kvar = (
        area_sums(power_flow.network, power) for power in (p_kw, q_kvar)
    )

    flow = power_flow.solve_batch(p_kw, q_kvar)

    miss = flow.transformer_loading_percent - loading_percent(
        headroom, area_kw, area_kvar
    )
    assert np.abs(miss).max() < 2.0
    assert np.abs(miss.mean()) < 0.1
    assert (area_kw.min(axis=1) < -150).all()
    assert (area_kw.max(axis=1) > 150).all()


def test_a_spread_once_seen_is_allowed_for_without_a_margin(power_flow, headroom):
    """All load far from the transformer: the fit's mean spread is too hopeful."""
    network = power_flow.network
    idle = power_flow.solve(np.ones(HOMES), np.zeros(HOMES))
    far = idle.voltage_pu[network.home_bus]
    far = (
        far
        < np.array([np.median(far[network.home_area == a]) for a in (0, 1)])[
            network.home_area
        ]
    )
    p_kw = np.where(far, 3.0, 0.3)
    area_kw = area_sums(network, p_kw)
    nothing = np.zeros(2)
    measured_percent = power_flow.solve(p_kw, 0 * p_kw).transformer_loading_percent

    learnt = correct(headroom, area_kw, nothing, measured_percent, LEARNT_NOTHING)
    limit_percent = np.full(2, 90.0)
    import_kw, _ = limits_kw(headroom, limit_percent, nothing, learnt, 0.0)
    scaled_kw = p_kw * (import_kw / area_kw)[network.home_area]
    flow = power_flow.solve(scaled_kw, 0 * p_kw)

    assert (learnt > 1).all()
    assert flow.transformer_loading_percent == pytest.approx(limit_percent, abs=0.3)


@given(
    seen=st.floats(0.5, 2), before=st.floats(1, CORRECTION_MAX), p=st.floats(60, 200)
)
def test_care_rises_at_once_relaxes_slowly_and_stays_in_bounds(
    headroom, seen, before, p
):
    p_kw, q_kvar, correction = np.full(2, p), np.full(2, 10.0), np.full(2, before)
    measured_percent = seen * loading_percent(headroom, p_kw, q_kvar)
    if (measured_percent < 20).any():
        return

    learnt = correct(headroom, p_kw, q_kvar, measured_percent, correction)

    if seen >= before:
        assert learnt == pytest.approx(np.full(2, min(seen, CORRECTION_MAX)))
    else:
        slowly = before - 0.05 * (before - seen)
        assert learnt == pytest.approx(np.full(2, max(slowly, 1.0)))


def test_a_lightly_loaded_transformer_teaches_nothing(headroom):
    correction = np.array([1.01, 1.0])

    learnt = correct(
        headroom, np.zeros(2), np.zeros(2), np.array([19.9, 0.3]), correction
    )

    assert learnt.tolist() == correction.tolist()


def test_the_model_survives_json(headroom):
    read = Headroom.from_dict(json.loads(json.dumps(headroom.to_dict())))

    for field in fields(Headroom):
        assert np.array_equal(getattr(read, field.name), getattr(headroom, field.name))


def test_the_same_seed_fits_the_same_model(power_flow, headroom):
    again = fit(power_flow.network, np.random.default_rng(0))

    assert again.to_dict() == headroom.to_dict()


def test_copies_of_an_area_have_the_model_of_one(headroom):
    codes = ("LV2.101", "LV2.101", "LV3.101", "LV2.101")
    areas = {f"a{n}": code for n, code in enumerate(codes)}

    copied = fit(build(areas, [160.0] * 4), np.random.default_rng(0))

    for name in ("p_coefficients", "q_coefficients"):
        of_one = getattr(headroom, name)
        assert np.array_equal(getattr(copied, name), of_one[[0, 0, 1, 0]])


def test_areas_of_another_rating_have_a_model_of_their_own():
    areas = {"A": "LV2.101", "B": "LV2.101"}

    headroom = fit(build(areas, [160.0, 100.0]), np.random.default_rng(0), patterns=60)

    assert headroom.rating_kva.tolist() == [160.0, 100.0]
    assert (headroom.q_coefficients[0] != headroom.q_coefficients[1]).all()


@pytest.mark.parametrize("kva", [5.0, 40.0, 630.0, 2500.0])
def test_any_rating_and_number_of_areas_can_be_fitted(kva):
    areas = {f"a{n}": ("LV2.101", "LV3.101")[n % 2] for n in range(3)}
    network = build(areas, [kva] * 3)

    headroom = fit(network, np.random.default_rng(0), patterns=60)
    limit_percent, nothing = np.full(3, 80.0), np.zeros(3)
    import_kw, export_kw = limits_kw(headroom, limit_percent, nothing, np.ones(3))

    assert (import_kw > 0.6 * kva).all()
    assert (import_kw < 0.85 * kva).all()
    assert (export_kw > import_kw).all()


@pytest.mark.parametrize(
    ("limit_percent", "q_kvar", "margin_percent", "says"),
    [
        ([-1.0, 100.0], [0.0, 0.0], 1.0, r"0 or more, not \[-1.0, 100.0\]"),
        ([np.nan, 100.0], [0.0, 0.0], 1.0, "0 or more"),
        ([100.0, 100.0], [0.0, np.inf], 1.0, "q_kvar"),
        ([100.0, 100.0], [0.0, 0.0], 100.0, "margin_percent"),
    ],
)
def test_limits_of_nonsense_are_refused(
    headroom, limit_percent, q_kvar, margin_percent, says
):
    with pytest.raises(ValueError, match=says):
        limits_kw(
            headroom,
            np.array(limit_percent),
            np.array(q_kvar),
            LEARNT_NOTHING,
            margin_percent,
        )
