"""A file that keeps areas only: sums and extremes of what one that keeps sites has."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.metrics import evaluate, summarise
from mosaik_bottomup.results import BY_AREA, read
from mosaik_bottomup.results.by_area import reduced
from mosaik_bottomup.results.layout import LAYOUT, REDUCED

SHORT = (
    "run.duration_h=2",
    "run.warm_up_h=2",
    "sites.heat_pumps=8",
    "sites.pv_batteries=7",
)
OF_HOMES = {"home_cost_mean_dkk", "heat_pump_starts", "battery_full_cycles"}


@st.composite
def spread(draw):
    areas = draw(st.integers(1, 4))
    area = draw(st.lists(st.integers(-1, areas - 1), max_size=12))
    value = st.floats(-1e3, 1e3)
    values = draw(st.lists(value, min_size=len(area), max_size=len(area)))
    return np.array(values), np.array(area, dtype=np.int64), areas


@given(spread())
def test_reduced_values_are_those_of_each_area_alone(spread):
    values, area, areas = spread

    for how, alone in (("sum", np.sum), ("min", np.min), ("max", np.max)):
        of_areas = reduced(how, values, area, areas)
        for row, found in enumerate(of_areas):
            own = values[area == row]
            if own.size or how == "sum":
                assert found == pytest.approx(alone(own), abs=1e-9)
            else:
                assert np.isnan(found)


@given(spread())
def test_a_mean_times_the_number_is_the_sum_and_lies_between_the_extremes(spread):
    values, area, areas = spread

    total, low, mean, high = (
        reduced(how, values, area, areas) for how in ("sum", "min", "mean", "max")
    )

    number = np.bincount(area[area >= 0], minlength=areas)
    there = number > 0
    np.testing.assert_allclose((mean * number)[there], total[there], atol=1e-9)
    assert (low[there] <= mean[there] + 1e-9).all()
    assert (mean[there] <= high[there] + 1e-9).all()
    assert np.isnan(mean[~there]).all()


@pytest.fixture(scope="module", params=["two-stage", "price-only"])
def both(request, tmp_path_factory):
    """Return the same run, kept by sites and by areas."""
    folder = tmp_path_factory.mktemp("detail")
    files = []
    for detail in ("sites", "areas"):
        settled = scenario.load(
            "two_areas", [*SHORT, f"results.detail={detail}"], strategy=request.param
        )
        world.run(settled, folder / f"{detail}.h5")
        files.append(folder / f"{detail}.h5")
    return [read(file) for file in files]


def test_what_areas_keep_are_sums_and_extremes_of_what_sites_keep(both):
    sites, areas = both

    assert not set(REDUCED) & areas.entities.keys()
    for name in REDUCED:
        rows = sites.static[name]["area"].astype(np.int64)
        for each in LAYOUT[name].series:
            for how in each.by_area:
                expected = reduced(how, sites.series(name, each.name), rows, 2)
                kept = areas.series(f"{name}{BY_AREA}", f"{each.name}_{how}")
                np.testing.assert_allclose(kept, expected, rtol=1e-7, atol=1e-12)


def test_all_else_is_the_same_number_for_number(both):
    sites, areas = both

    with h5py.File(sites.path) as one, h5py.File(areas.path) as other:
        for name in areas.entities.keys() & sites.entities.keys():
            for each in LAYOUT[name].series:
                series = f"{name}/{each.name}"
                np.testing.assert_array_equal(one[series][()], other[series][()])


def test_the_certificate_says_the_same_of_areas_as_of_sites(both):
    lines = [certify(held) for held in both]

    assert lines[0].keys() == lines[1].keys()
    for name in lines[0]:
        assert lines[0][name]["pass"] == lines[1][name]["pass"], name
        figures = [line[name]["figure"] for line in lines]
        assert figures[0] == pytest.approx(figures[1], abs=1e-6), name


def test_figures_that_sums_tell_are_the_same_and_the_rest_is_left_out(both):
    sites, areas = (evaluate(held) for held in both)
    summary = summarise(both[1].path)

    assert areas.keys() < sites.keys()
    assert not OF_HOMES & areas.keys()
    # the medium-voltage bus is in no area
    for key in areas.keys() - {"voltage_min_pu", "voltage_max_pu"}:
        assert areas[key] == pytest.approx(sites[key], rel=1e-6, abs=1e-9), key
    assert summary["sites"] == {"heat_pumps": 8, "pv_batteries": 7, "households": 205}
    assert summary["heat_pump_starts"] is None
    assert summary["customer_cost_dkk"] == pytest.approx(sites["customer_cost_dkk"])


def test_who_asks_for_single_sites_is_told_how_to_get_them(both):
    _, areas = both

    with pytest.raises(InputError, match=r"results.detail.*heat_pumps one by one"):
        areas.series("heat_pumps", "air_c")


def test_comfort_above_the_band_counts_alike_however_it_is_kept(tmp_path):
    # too warm from the start: only heat pumps that ran lately are to blame
    warm = ("weather.offset_k=12", "sites.comfort_width_k=1.2", "run.duration_h=4")
    found = []
    for detail in ("sites", "areas"):
        overrides = [*SHORT, *warm, f"results.detail={detail}"]
        settled = scenario.load("two_areas", overrides, strategy="price-only")
        world.run(settled, tmp_path / f"{detail}.h5")
        found.append(evaluate(read(tmp_path / f"{detail}.h5")))

    key = "comfort_violation_kh"
    assert found[0][key] == pytest.approx(found[1][key], abs=1e-12)
