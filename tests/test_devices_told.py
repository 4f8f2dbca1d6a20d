"""Homes that are told what to do do it, and nothing beyond their reach."""

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import parties as makers
from mosaik_bottomup import scenario, set_points
from mosaik_bottomup.devices.told import IDLE_KW, ROUNDING_KW, Told
from mosaik_bottomup.messages import Moment

FEW = ("sites.heat_pumps=4", "sites.pv_batteries=4", "run.warm_up_h=1")
SHORT = ("run.duration_h=2", "aggregators.count=1")


@pytest.fixture(scope="module")
def case():
    return cases.build(
        scenario.load("two_areas", [*FEW, *SHORT, "run.strategy=optimum"])
    )


def fleet_of(case, kind):
    (fleet,) = (it for it in case.fleets if it.sites.kind == kind)
    return fleet


def test_heat_pumps_do_as_told_and_a_trickle_is_off(case):
    sites = fleet_of(case, "heat_pumps").sites
    told = np.array([[0.0, 1.0], [IDLE_KW / 2, 1.0], [0.7, 1.0], [2.0, 1.0]])
    now = makers.fleet_forecast(case, sites.fleet.home)(0, 0, 1)
    state = sites.start(0.0)

    book = Told(told).offer(sites, state, None, now, Moment(0))

    assert book.power_kw[:, 0].tolist() == [0.0, 0.0, 0.7, 2.0]


def test_a_battery_forgives_rounding_and_refuses_more(case):
    sites = fleet_of(case, "pv_batteries").sites
    now = makers.fleet_forecast(case, sites.fleet.home)(0, 0, 1)
    empty = sites.fleet.low_kwh
    least_kw = now.load_kw[:, 0] - sites.fleet.pv_kwp * now.pv_kw_per_kwp[0]

    def offer(below_kw):
        told = Told((least_kw - below_kw)[:, None])
        return told.offer(sites, empty, None, now, Moment(0))

    assert offer(ROUNDING_KW / 2).power_kw[:, 0] == pytest.approx(least_kw, abs=1e-9)
    with pytest.raises(ValueError, match="beyond its reach"):
        offer(2 * ROUNDING_KW)


def test_set_points_come_back_as_they_were_written(tmp_path):
    powers = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((1, 3))}

    set_points.write(tmp_path / "told.h5", powers)

    for name, values in powers.items():
        assert (set_points.read(tmp_path / "told.h5", name) == values).all()
    with pytest.raises(ValueError, match="no set-points for c"):
        set_points.read(tmp_path / "told.h5", "c")


@pytest.mark.parametrize(("strategy", "told"), [("optimum", False), ("packet", True)])
def test_set_points_and_the_strategy_that_needs_them_go_together(strategy, told):
    made = cases.build(
        scenario.load("two_areas", [*FEW, *SHORT, f"run.strategy={strategy}"])
    )
    fleet = made.fleets[0]

    with pytest.raises(ValueError, match="never without"):
        makers.fleet_agent(made, fleet, np.zeros((4, 8)) if told else None)
