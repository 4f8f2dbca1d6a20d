"""Both engines solve the same physics, and energy is kept."""

import pickle
import subprocess
import sys
from dataclasses import fields
from functools import cache

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mosaik_bottomup.data import simbench_file
from mosaik_bottomup.grid.network import build
from mosaik_bottomup.grid.power_flow import (
    PowerFlow,
    PowerFlowError,
    PowerFlowResult,
    area_sums,
)

TWO_AREAS = {"A": "LV2.101", "B": "LV3.101"}
AGREED_PU = 5e-7  # what two implementations of the same circuit may differ by
AGREED_LOADING_PERCENT = 2e-5
BALANCE_KW = 1e-6  # mismatch that Newton-Raphson leaves
HOMES = 205
# SimBench's own transformers, all homes at their rated power
LOADING_PERCENT = [63.714727865, 76.536004020]
IMPORT_KW = [149.933803303, 287.281662000]
LOWEST_PU = 0.99764066145
LINE_PERCENT = 41.490038815

home_kw = st.tuples(st.floats(-6, 5), st.floats(-6, 5))
seeds = st.integers(0, 2**32 - 1)
ratings_kva = st.sampled_from([(160.0, 160.0), (100.0, 400.0), (630.0, 250.0)])


@pytest.fixture(scope="module")
def power_flow():
    return PowerFlow(build(TWO_AREAS, [160.0, 160.0]))


def loads(seed, between_kw):
    """Homes anywhere between two powers, some of them with much reactive power."""
    rng = np.random.default_rng(seed)
    p_kw = rng.uniform(min(between_kw), max(between_kw), HOMES)
    return p_kw, rng.uniform(-0.2, 0.4, HOMES) * np.abs(p_kw)


def differences(one, other):
    return {
        field.name: np.abs(getattr(one, field.name) - getattr(other, field.name)).max(
            initial=0.0
        )
        for field in fields(PowerFlowResult)
    }


@cache
def engine_of(engine, kva):
    return PowerFlow(build(TWO_AREAS, kva), engine)


@settings(deadline=None, max_examples=8)
@given(seed=seeds, between_kw=home_kw, kva=ratings_kva)
@example(seed=0, between_kw=(-0.02, -0.02), kva=(160.0, 160.0))  # LV side leads
def test_both_engines_agree(seed, between_kw, kva):
    p_kw, q_kvar = loads(seed, between_kw)

    fast = engine_of("power-grid-model", kva).solve(p_kw, q_kvar)
    reference = engine_of("pandapower", kva).solve(p_kw, q_kvar)

    differ = differences(fast, reference)
    assert differ["voltage_pu"] < AGREED_PU
    assert differ["transformer_loading_percent"] < AGREED_LOADING_PERCENT
    assert differ["line_loading_percent"] < AGREED_LOADING_PERCENT
    assert differ["line_current_ka"] < AGREED_LOADING_PERCENT
    assert differ["transformer_p_kw"] < BALANCE_KW
    assert differ["transformer_q_kvar"] < BALANCE_KW
    assert differ["losses_kw"] < BALANCE_KW


@settings(deadline=None)
@given(seed=seeds, between_kw=home_kw)
def test_what_the_transformers_take_is_what_meters_and_losses_take(
    power_flow, seed, between_kw
):
    p_kw, q_kvar = loads(seed, between_kw)

    flow = power_flow.solve(p_kw, q_kvar)

    at_meters_kw = area_sums(power_flow.network, p_kw)
    assert np.abs(flow.transformer_p_kw - at_meters_kw - flow.losses_kw).max() < (
        BALANCE_KW
    )
    assert (flow.losses_kw > 0).all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, between_kw=home_kw, more=st.floats(1.01, 1.5))
def test_more_of_the_same_load_raises_loading_and_losses(
    power_flow, seed, between_kw, more
):
    p_kw, _ = loads(seed, np.abs(between_kw) + 0.1)

    flow = power_flow.solve(p_kw, 0.2 * p_kw)
    raised = power_flow.solve(more * p_kw, more * 0.2 * p_kw)

    assert (raised.transformer_loading_percent > flow.transformer_loading_percent).all()
    assert (raised.losses_kw > flow.losses_kw).all()
    assert (raised.voltage_pu[1:] < flow.voltage_pu[1:]).all()


@settings(deadline=None, max_examples=20)
@given(seed=seeds, between_kw=home_kw)
def test_an_area_does_not_feel_its_neighbour(power_flow, seed, between_kw):
    p_kw, q_kvar = loads(seed, between_kw)
    in_a = power_flow.network.home_area == 0

    both = power_flow.solve(p_kw, q_kvar)
    alone = power_flow.solve(np.where(in_a, p_kw, 0.0), np.where(in_a, q_kvar, 0.0))

    assert alone.transformer_loading_percent[0] == pytest.approx(
        both.transformer_loading_percent[0], abs=1e-6
    )


@pytest.mark.parametrize("engine", ["power-grid-model", "pandapower"])
def test_a_batch_is_its_members_side_by_side(engine):
    power_flow = PowerFlow(build(TWO_AREAS, [160.0, 160.0]), engine)
    members = [loads(seed, (-3.0, 3.0)) for seed in range(3)]
    p_kw, q_kvar = (np.stack(power, axis=1) for power in zip(*members, strict=True))

    batch = power_flow.solve_batch(p_kw, q_kvar)

    for k, member in enumerate(members):
        one = power_flow.solve(*member)
        for field in fields(PowerFlowResult):
            together = getattr(batch, field.name)[:, k]
            assert together == pytest.approx(getattr(one, field.name), abs=1e-9)


def test_no_load_leaves_only_what_iron_takes(power_flow):
    flow = power_flow.solve(np.zeros(HOMES), np.zeros(HOMES))

    rated = power_flow.network.transformers
    # iron losses grow with the square of the voltage; the tap divides it by 0.975
    square_pu = (1.025 / 0.975) ** 2
    assert flow.losses_kw == pytest.approx(rated.pfe_kw * square_pu, rel=1e-3)
    assert flow.voltage_pu[1:] == pytest.approx(1.025 / 0.975, abs=1e-3)
    assert flow.voltage_pu[0] == pytest.approx(1.025, abs=1e-12)


@pytest.mark.parametrize("engine", ["power-grid-model", "pandapower"])
def test_simbench_homes_at_their_rated_power_give_the_figures_of_its_own_tables(engine):
    """From a pandapower net made straight from SimBench's tables, homes only."""
    with h5py.File(simbench_file()) as file:
        tables = [file[f"grids/{code}/loads"] for code in TWO_AREAS.values()]
        homes = [table["is_home"][:] == 1 for table in tables]
        p_kw, q_kvar = (
            1e3
            * np.concatenate(
                [table[name][:][at] for table, at in zip(tables, homes, strict=True)]
            )
            for name in ("p_mw", "q_mvar")
        )

    flow = PowerFlow(build(TWO_AREAS, [250.0, 400.0]), engine).solve(p_kw, q_kvar)

    assert flow.transformer_loading_percent == pytest.approx(LOADING_PERCENT, abs=1e-5)
    assert flow.transformer_p_kw == pytest.approx(IMPORT_KW, abs=1e-5)
    assert flow.voltage_pu.min() == pytest.approx(LOWEST_PU, abs=1e-7)
    assert flow.line_loading_percent.max() == pytest.approx(LINE_PERCENT, abs=1e-5)


def test_the_same_grid_twice_is_loaded_the_same_twice():
    power_flow = PowerFlow(build({"east": "LV2.101", "west": "LV2.101"}, [160.0] * 2))
    p_kw = np.random.default_rng(1).uniform(0, 3, 92)

    flow = power_flow.solve(np.tile(p_kw, 2), np.tile(0.3 * p_kw, 2))

    east, west = flow.transformer_loading_percent
    assert east == pytest.approx(west, abs=1e-9)


@pytest.mark.parametrize("areas", [1, 10])
def test_any_number_of_areas_can_be_solved(areas):
    power_flow = PowerFlow(
        build({f"a{n}": "LV3.101" for n in range(areas)}, [160.0] * areas)
    )

    flow = power_flow.solve(np.ones(113 * areas), np.zeros(113 * areas))

    assert flow.transformer_loading_percent.shape == (areas,)
    assert np.ptp(flow.transformer_loading_percent) < 1e-9


@pytest.mark.parametrize("engine", ["power-grid-model", "pandapower"])
def test_a_load_beyond_all_wires_is_an_error_that_names_areas_and_loads(engine):
    power_flow = PowerFlow(build(TWO_AREAS, [160.0, 160.0]), engine)
    usual = loads(1, (0.0, 1.0))
    p_kw, q_kvar = np.full(HOMES, 100.0), np.full(HOMES, 10.0)

    before = power_flow.solve(*usual)
    with pytest.raises(PowerFlowError, match=r"A 9200\.0 kW 920\.0 kvar, B 113") as one:
        power_flow.solve(p_kw, q_kvar)
    with pytest.raises(PowerFlowError, match=r"A 9200\.0 kW"):
        power_flow.solve_batch(
            np.stack([usual[0], p_kw], axis=1), np.stack([usual[1], q_kvar], axis=1)
        )
    after = power_flow.solve(*usual)

    assert one.value.areas == ("A", "B")
    assert str(pickle.loads(pickle.dumps(one.value))) == str(one.value)
    assert max(differences(before, after).values()) < 1e-9


def test_a_load_that_is_no_number_names_the_home(power_flow):
    p_kw = np.zeros(HOMES)
    p_kw[3] = np.nan

    name = power_flow.network.home_names[3]
    with pytest.raises(ValueError, match=f"p_kw of {name}"):
        power_flow.solve(p_kw, np.zeros(HOMES))
    with pytest.raises(ValueError, match=f"q_kvar of {name}"):
        power_flow.solve_batch(np.zeros((HOMES, 1)), p_kw[:, None])


def test_shapes_that_do_not_fit_are_refused(power_flow):
    with pytest.raises(ValueError, match=r"\(204,\), not \(205,\)"):
        power_flow.solve(np.zeros(204), np.zeros(204))
    with pytest.raises(
        ValueError, match=r"q_kvar has shape \(205, 2\), not \(205, 3\)"
    ):
        power_flow.solve_batch(np.zeros((HOMES, 3)), np.zeros((HOMES, 2)))


def test_an_unknown_engine_is_refused(power_flow):
    with pytest.raises(ValueError, match=r"'abacus', only .*pandapower"):
        PowerFlow(power_flow.network, "abacus")


def test_the_fast_engine_does_without_pandapower():
    code = (
        "import sys; from mosaik_bottomup.grid.network import build;"
        "from mosaik_bottomup.grid.power_flow import PowerFlow;"
        "PowerFlow(build({'A': 'LV2.101'}, [160.0]));"
        "assert 'pandapower' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
