"""Any low-voltage grid of SimBench by name or code; two of them without its package."""

from dataclasses import astuple

import numpy as np
import pytest

from mosaik_bottomup.case.network import build_network
from mosaik_bottomup.data import simbench_tables
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.grid import simbench_grid
from mosaik_bottomup.grid.low_voltage import packaged
from mosaik_bottomup.grid.network import join
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.scenario import parse

needs_simbench = pytest.mark.skipif(
    not simbench_tables.installed(), reason="needs the extra [simbench]"
)
FEW_SITES = ("sites.heat_pumps=2", "sites.pv_batteries=0", "aggregators.count=1")


@pytest.fixture
def without_simbench(monkeypatch):
    monkeypatch.setattr(simbench_tables, "installed", lambda: False)


def problem_of(*overrides):
    with pytest.raises(InputError) as caught:
        parse("", "my.toml", overrides=[*FEW_SITES, *overrides])
    (problem,) = caught.value.problems
    return problem


# --- without the package ------------------------------------------------------------


@pytest.mark.usefixtures("without_simbench")
@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("LV2.101", "LV2.101"),
        ("1-LV-rural2--1-no_sw", "LV2.101"),
        ("1-LV-rural3--1-sw", "LV3.101"),
    ],
)
def test_what_is_packaged_needs_no_simbench(code, name):
    (grid,) = simbench_grid.named([code]).values()

    assert grid.name == name
    np.testing.assert_equal(astuple(grid), astuple(packaged([name])[name]))


@pytest.mark.usefixtures("without_simbench")
@pytest.mark.parametrize("code", ["LV4.105", "1-LV-rural1--0-no_sw"])
def test_without_simbench_an_area_says_how_to_get_it(code):
    problem = problem_of(f'grid.areas={{A="LV2.101", B="{code}"}}')

    assert (problem.source, problem.key) == ("--set", "grid.areas.B")
    assert problem.value == f'"{code}"'
    assert "pip install 'mosaik-bottomup[simbench]'" in problem.remedy
    assert "LV2.101, LV3.101" in problem.remedy


@pytest.mark.usefixtures("without_simbench")
def test_what_is_no_code_is_told_the_codes_even_without_simbench():
    unknown = simbench_grid.obstacle("1-LV-rural9--0-sw")
    known = simbench_grid.obstacle("1-LV-rural1--0-sw")

    for kind in simbench_grid.GRID_OF_TYPE:
        assert kind in unknown
    assert "TYPE" not in known


@pytest.mark.usefixtures("without_simbench")
def test_a_grid_that_is_not_here_is_not_read():
    with pytest.raises(ValueError, match=r"no grid 'LV4\.105'.*pip install"):
        simbench_grid.named(["LV2.101", "LV4.105"])


def test_every_problem_of_areas_is_said_at_once():
    with pytest.raises(InputError) as caught:
        parse("", overrides=['grid.areas={A="here", B="LV2.101", C="there"}'])

    keys = {problem.key for problem in caught.value.problems}
    assert {"grid.areas.A", "grid.areas.C"} <= keys


def test_a_problem_with_a_default_shows_it():
    problem = problem_of("sites.heat_pumps=300", "grid.areas.B=LV3.101")
    unwritten = problem_of("sites.pv_batteries=204", 'grid.areas={A="LV2.101"}')

    assert problem.value == "300"
    assert unwritten.value == "2"


# --- with it ------------------------------------------------------------------------


@needs_simbench
@pytest.mark.parametrize("name", ["LV2.101", "LV3.101"])
def test_what_simbench_holds_is_what_is_packaged(name):
    grid = simbench_grid._installed(name, simbench_tables.PACKAGED_SCENARIO)

    np.testing.assert_equal(astuple(grid), astuple(packaged([name])[name]))


@needs_simbench
def test_every_code_is_a_grid_that_can_be_solved():
    grids = simbench_grid.named(simbench_grid.CODES)

    assert len(grids) == 36
    assert {name: len(grids[f"1-LV-{name}--1-sw"].home_names) for name in HOMES} == (
        HOMES
    )
    network = join(grids, [grid.transformer.rating_kva[0] for grid in grids.values()])
    power_kw = np.full(len(network.home_names), 0.5)
    result = PowerFlow(network).solve(power_kw, np.zeros_like(power_kw))
    assert (result.voltage_pu > 0.9).all()


HOMES = {
    "rural1": 3,
    "rural2": 92,
    "rural3": 113,
    "semiurb4": 32,
    "semiurb5": 92,
    "urban6": 102,
}
"""Loads with a household profile in SimBench's tables."""


@needs_simbench
def test_scenarios_of_a_code_differ_in_the_tap_alone_and_switches_in_nothing():
    grids = simbench_grid.named(simbench_grid.CODES)

    for_today, later = grids["1-LV-rural2--0-sw"], grids["1-LV-rural2--1-sw"]
    no_switches = grids["1-LV-rural2--0-no_sw"]
    assert for_today.transformer.tap_pos == [0]
    assert later.transformer.tap_pos == [-1]
    assert for_today.name != later.name
    np.testing.assert_equal(astuple(for_today.lines), astuple(later.lines))
    np.testing.assert_equal(astuple(no_switches), astuple(for_today))


@needs_simbench
def test_an_area_may_be_any_low_voltage_grid():
    overrides = ['grid.areas={A="LV4.105", B="1-LV-rural1--0-no_sw"}', *FEW_SITES]

    scenario = parse("", overrides=[*overrides, "grid.transformer_kva=0"])

    network = build_network(scenario.grid)
    assert np.bincount(network.home_area).tolist() == [32, 3]
    assert network.transformers.rating_kva.tolist() == [400.0, 160.0]
    assert parse(scenario.to_toml()) == scenario


@needs_simbench
def test_an_unknown_name_is_told_those_near_it():
    misread = problem_of('grid.areas={A="LV2.101", B="1-LV-rural1--0-nosw"}')
    beyond = problem_of('grid.areas={A="LV2.101", B="LV4.999"}')

    assert "did you mean 1-LV-rural1--0-no_sw" in misread.remedy
    assert "LV1.101 to LV6.418" in beyond.remedy


@needs_simbench
def test_areas_for_different_voltages_have_no_busbar_in_common():
    problem = problem_of('grid.areas={A="LV2.101", B="LV5.301"}')

    assert problem.key == "grid.areas.B"
    assert "10 kV" in problem.remedy
    with pytest.raises(ValueError, match="one busbar"):
        join(simbench_grid.named(["LV2.101", "LV5.301"]), [160.0, 160.0])
