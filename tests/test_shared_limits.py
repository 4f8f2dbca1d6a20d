"""What areas share on the medium voltage reaches the DSO in kW at their meters."""

import numpy as np

from mosaik_bottomup import case, parties, scenario

NORTH = 'grid.feeders=[{name = "north", areas = ["A", "B"], limit_kva = 240.0}]'
FEW = ("sites.heat_pumps=2", "sites.pv_batteries=2", "run.duration_h=1")
STEPS = 3


def dso(*overrides):
    made = case.build(scenario.load("two_areas", [*FEW, *overrides]))
    headroom = parties.fit_headroom(made.network)
    return parties.system_operator(made, headroom, lambda: np.ones(2))


def test_a_dso_whose_areas_share_nothing_is_told_of_nothing():
    assert dso().shared is None


def test_a_feeder_leaves_less_than_its_limit_to_take_and_more_to_give():
    shared = dso(NORTH).shared(np.zeros((2, STEPS)))

    assert shared.member.tolist() == [[True, True]]
    assert shared.import_kw.shape == shared.export_kw.shape == (1, STEPS)
    assert (shared.import_kw < 0.99 * 240.0).all()
    assert (shared.import_kw > 0.9 * 240.0).all()
    assert (shared.export_kw > shared.import_kw).all()


def test_more_margin_and_more_reactive_power_leave_less():
    kvar = np.full((2, STEPS), 40.0)

    usual = dso(NORTH).shared(kvar).import_kw
    careful = dso(NORTH, "dso.loading_margin_percent=3").shared(kvar).import_kw
    reactive = dso(NORTH).shared(2 * kvar).import_kw

    assert (careful < usual).all()
    assert (reactive < usual).all()


def test_the_transformer_above_all_is_one_more_limit():
    shared = dso(NORTH, "grid.hv_mv_kva=200").shared(np.zeros((2, STEPS)))

    assert shared.member.tolist() == [[True, True], [True, True]]
    assert (shared.import_kw[1] < shared.import_kw[0]).all()
