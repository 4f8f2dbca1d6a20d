"""Areas on feeders: the circuit, and the kW that a shared limit leaves to meters."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.grid.headroom import loading_percent
from mosaik_bottomup.grid.headroom_fit import fit
from mosaik_bottomup.grid.medium_voltage import (
    CABLES,
    HV_MV,
    Feeder,
    feeder_losses,
    loading_of_points,
)
from mosaik_bottomup.grid.network import NO_AREA, build
from mosaik_bottomup.grid.power_flow import PowerFlow, PowerFlowResult, area_sums
from mosaik_bottomup.grid.shared_headroom import fit_shared, shared_limits_kw

AREAS = {"A": "LV2.101", "B": "LV3.101", "C": "LV2.101", "D": "LV3.101"}
KVA = [160.0] * 4
CABLE = "NA2XS2Y 1x70"
NORTH = Feeder("north", ("A", "D", "B"), 300.0, 2.0, CABLE)
AGREED = 1e-5
LEAST_USED_PERCENT = 98.0  # a limit that wastes more is not worth having
MARGIN_PERCENT = 1.0

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def network():
    return build(AREAS, KVA, feeders=[NORTH], hv_mv_kva=420.0)


@pytest.fixture(scope="module")
def power_flow(network):
    return PowerFlow(network)


@pytest.fixture(scope="module")
def areas(network):
    return fit(network, np.random.default_rng(0))


@pytest.fixture(scope="module")
def shared(network, areas):
    return fit_shared(network, areas, np.random.default_rng(0))


def loads(network, seed, feeds_in=False):
    rng = np.random.default_rng(seed)
    p_kw = rng.uniform(0.3, 1.5, network.home_area.size)
    q_kvar = rng.uniform(0.0, 0.4) * p_kw
    device_kw = (
        rng.uniform(-8, -4, p_kw.size) if feeds_in else rng.uniform(1, 4, p_kw.size)
    )
    return p_kw + device_kw * (rng.random(p_kw.size) < 1 / 3), q_kvar


def test_a_feeder_runs_from_the_busbar_from_area_to_area(network):
    sections = np.flatnonzero(network.line_area == NO_AREA)
    ends = [
        (network.bus_names[one], network.bus_names[other])
        for one, other in zip(
            network.lines.from_bus[sections],
            network.lines.to_bus[sections],
            strict=True,
        )
    ]

    assert ends == [("MV", "A-MV"), ("A-MV", "D-MV"), ("D-MV", "B-MV")]
    hangs_on = [network.bus_names[bus] for bus in network.transformers.hv_bus]
    assert hangs_on == ["A-MV", "B-MV", "MV", "D-MV"]


def test_the_transformer_above_holds_all_areas_and_a_feeder_its_own(network):
    assert network.points.names == ("north", HV_MV)
    assert network.points.member.tolist() == [
        [True, True, False, True],
        [True, True, True, True],
    ]
    assert network.points.limit_kva.tolist() == [300.0, 420.0]


def test_without_feeders_and_limit_there_is_nothing_shared():
    network = build(AREAS, KVA)

    flow = PowerFlow(network).solve(*loads(network, 0))

    assert network.points.names == ()
    assert flow.point_p_kw.shape == (0,)
    assert (network.transformers.hv_bus == 0).all()


def test_both_engines_agree_on_feeders(network, power_flow):
    p_kw, q_kvar = loads(network, 1)

    fast = power_flow.solve(p_kw, q_kvar)
    reference = PowerFlow(network, "pandapower").solve(p_kw, q_kvar)

    for field in fields(PowerFlowResult):
        one, other = getattr(fast, field.name), getattr(reference, field.name)
        assert one == pytest.approx(other, abs=AGREED), field.name


@settings(deadline=None, max_examples=10)
@given(seed=seeds, feeds_in=st.booleans())
def test_a_feeder_takes_what_its_transformers_and_its_cables_take(
    network, power_flow, seed, feeds_in
):
    flow = power_flow.solve(*loads(network, seed, feeds_in))

    rows = network.points.along[0]
    into = flow.transformer_p_kw[rows], flow.transformer_q_kvar[rows]
    voltage_kv = network.mv_voltage_pu * network.bus_kv[0]
    lost_kw, lost_kvar = feeder_losses(NORTH, *into, voltage_kv)
    assert flow.point_p_kw[0] == pytest.approx(into[0].sum() + lost_kw, abs=0.2)
    assert flow.point_q_kvar[0] == pytest.approx(into[1].sum() + lost_kvar, abs=2.0)
    beside = [
        of_points[1] - of_points[0]
        for of_points in (flow.point_p_kw, flow.point_q_kvar)
    ]
    assert beside == pytest.approx(
        [flow.transformer_p_kw[2], flow.transformer_q_kvar[2]], abs=1e-6
    )


@settings(deadline=None, max_examples=60)
@given(seed=seeds, feeds_in=st.booleans(), point=st.sampled_from([0, 1]))
def test_areas_that_take_all_they_share_stay_just_within_the_limit(
    network, power_flow, shared, seed, feeds_in, point
):
    p_kw, q_kvar = loads(network, seed, feeds_in)
    member = network.points.member.astype(float)
    import_kw, export_kw = shared_limits_kw(
        shared, member @ area_sums(network, q_kvar)[:, None], MARGIN_PERCENT
    )
    wanted_kw = -export_kw[point, 0] if feeds_in else import_kw[point, 0]
    behind = network.points.member[point][network.home_area]
    scale = np.where(behind, wanted_kw / p_kw[behind].sum(), 1.0)

    flow = power_flow.solve(scale * p_kw, q_kvar)

    used = loading_of_points(network.points, flow.point_p_kw, flow.point_q_kvar)
    assert LEAST_USED_PERCENT <= used[point] <= 100.0


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_an_area_is_reckoned_with_the_lowest_voltage_its_feeder_allows(
    network, power_flow, areas, shared, seed
):
    p_kw, q_kvar = loads(network, seed)
    on_it = network.points.member[0][network.home_area]
    scale = 300.0 / np.hypot(p_kw[on_it].sum(), q_kvar[on_it].sum())
    p_kw, q_kvar = scale * p_kw, scale * q_kvar

    flow = power_flow.solve(p_kw, q_kvar)

    at_areas_pu = flow.voltage_pu[network.transformers.hv_bus]
    assert (at_areas_pu >= areas.mv_voltage_pu - 1e-4).all()
    assert (np.diff(flow.voltage_pu[-3:]) < 0).all()
    reckoned = loading_percent(
        areas, area_sums(network, p_kw), area_sums(network, q_kvar)
    )
    assert (flow.transformer_loading_percent <= 1.01 * reckoned).all()


def test_losses_are_current_squared_times_resistance_less_what_cables_charge():
    feeder = Feeder("one", ("A",), 100.0, 2.0, CABLE)
    r, x, c, _ = CABLES[CABLE]

    lost_kw, lost_kvar = feeder_losses(
        feeder, np.array([800.0]), np.array([600.0]), 20.0
    )

    ampere = 1000.0 / (np.sqrt(3) * 20.0)
    assert lost_kw == pytest.approx(3 * ampere**2 * 2 * r / 1e3)
    charging_kvar = 2 * np.pi * 50 * 2 * c * 1e-9 * 20e3**2 / 1e3
    assert lost_kvar == pytest.approx(3 * ampere**2 * 2 * x / 1e3 - charging_kvar)


@pytest.mark.parametrize("along", [("A", "A"), ("A", "Z")])
def test_feeders_that_are_no_tree_are_refused(along):
    with pytest.raises(ValueError, match="each but once"):
        build(AREAS, KVA, feeders=[Feeder("north", along, 100.0, 1.0, CABLE)])
