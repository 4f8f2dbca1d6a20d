"""Points of a sweep: laws of axes and samples, and what a sweep file may say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.app.sweep.axes import Levels, Range, Steps, levels
from mosaik_bottomup.app.sweep.plan import plan
from mosaik_bottomup.app.sweep.reading import read_sweep
from mosaik_bottomup.app.sweep.sampling import Sampling, count, places, points
from mosaik_bottomup.errors import InputError

SAMPLED = ("random", "latin-hypercube", "sobol", "saltelli")
HEAD = 'name = "s"\nstrategies = ["price-only"]\nseeds = [1]\n'

places_in_unit = st.floats(0, 1)
lows = st.floats(0.01, 1e3)
widths = st.floats(0.01, 1e3)


def written(folder, text):
    file = folder / "sweep.toml"
    file.write_text(text)
    return file


def remedies(folder, text):
    with pytest.raises(InputError) as caught:
        plan(read_sweep(written(folder, text)))
    return {problem.key: problem.remedy for problem in caught.value.problems}


# --- axes ---------------------------------------------------------------------------


@given(lows, widths, st.booleans(), places_in_unit)
def test_a_range_gives_only_values_within_it(low, width, log, place):
    axis = Range("pv.tilt_deg", low, low + width, log, whole=False)

    assert low <= axis.at(place) <= low + width


@given(st.integers(1, 100), st.integers(1, 100), st.booleans(), places_in_unit)
def test_a_range_of_whole_numbers_gives_whole_numbers_within_it(low, width, log, place):
    value = Range("sites.heat_pumps", low, low + width, log, whole=True).at(place)

    assert isinstance(value, int)
    assert low <= value <= low + width


@given(lows, widths, st.booleans(), places_in_unit, places_in_unit)
def test_a_place_further_up_gives_no_lower_value(low, width, log, one, other):
    axis = Range("pv.tilt_deg", low, low + width, log, whole=False)

    below, above = sorted((one, other))

    assert axis.at(below) <= axis.at(above)


def test_whole_numbers_are_drawn_equally_often():
    axis = Range("sites.heat_pumps", 1, 4, log=False, whole=True)

    drawn = [axis.at(place) for place in (np.arange(400) + 0.5) / 400]

    assert np.bincount(drawn).tolist() == [0, 100, 100, 100, 100]


@given(lows, widths, st.integers(2, 30), st.booleans())
def test_steps_begin_and_end_as_written_and_are_evenly_spaced(low, width, num, log):
    axis = levels("pv.tilt_deg", Steps(start=low, stop=low + width, num=num, log=log))

    values = np.array(axis.values)
    apart = np.diff(np.log(values) if log else values)

    assert (values[0], values[-1], values.size) == (low, low + width, num)
    assert apart == pytest.approx(apart.mean(), rel=1e-6)


# --- samples ------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_grid_is_the_product_of_its_axes_each_combination_once(sizes):
    axes = [Levels(f"a.{n}", tuple(range(size))) for n, size in enumerate(sizes)]

    found = points(axes, Sampling())

    assert len(found) == len({*found}) == count(axes, Sampling()) == np.prod(sizes)
    assert found == sorted(found)


@pytest.mark.parametrize("method", SAMPLED)
@settings(deadline=None, max_examples=15)
@given(exponent=st.integers(1, 6), axes=st.integers(1, 5), seed=st.integers(0, 2**40))
def test_samples_lie_in_the_unit_cube_as_many_as_counted_and_are_a_function_of_the_seed(
    method, exponent, axes, seed
):
    sampling = Sampling(method=method, samples=2**exponent, seed=seed)
    named = [Range(f"a.{n}", 0.0, 1.0, False, False) for n in range(axes)]

    drawn, again = places(sampling, axes), places(sampling, axes)

    assert drawn.shape == (count(named, sampling), axes)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert np.array_equal(drawn, again)


def test_another_seed_draws_other_samples():
    one, other = (
        places(Sampling(method="sobol", samples=4, seed=seed), 2) for seed in (1, 2)
    )

    assert not np.array_equal(one, other)


def test_a_latin_hypercube_has_one_sample_in_every_slice_of_every_axis():
    drawn = places(Sampling(method="latin-hypercube", samples=10), 3)

    assert (np.arange(10) == np.sort((drawn * 10).astype(int), axis=0).T).all()


# --- the file -----------------------------------------------------------------------


def test_runs_come_by_point_then_strategy_then_seed(tmp_path):
    text = (
        'name = "s"\nstrategies = ["two-stage", "price-only"]\nseeds = [3, 1]\n'
        '[axes]\n"sites.heat_pumps" = {start = 10, stop = 30, num = 2}\n'
        '"grid.transformer_kva" = [[160, 100]]'
    )

    runs = plan(read_sweep(written(tmp_path, text)))

    assert [(it.number, it.strategy, it.seed) for it in runs] == [
        (point, strategy, seed)
        for point in (1, 2)
        for strategy in ("two-stage", "price-only")
        for seed in (3, 1)
    ]
    assert [it.scenario.sites.heat_pumps for it in runs[::4]] == [10, 30]
    assert runs[0].scenario.grid.transformer_kva == (160, 100)
    assert len({run.run_id for run in runs}) == 8


def test_runs_that_differ_in_limits_and_strategies_share_homes_and_seeds_do_not(
    tmp_path,
):
    text = (
        'name = "s"\nstrategies = ["two-stage", "price-only"]\nseeds = [1, 2]\n'
        '[axes]\n"grid.transformer_kva" = [100, 160]\n"dso.allocation" = '
        '["least-cost", "proportional"]'
    )

    runs = plan(read_sweep(written(tmp_path, text)))

    homes = {seed: {it.homes for it in runs if it.seed == seed} for seed in (1, 2)}
    assert len(homes[1]) == len(homes[2]) == 1
    assert homes[1] != homes[2]


def test_a_scenario_and_series_are_found_beside_the_sweep_file(tmp_path):
    (tmp_path / "base.toml").write_text("[run]\nduration_h = 2")
    text = (
        f'scenario = "base.toml"\n{HEAD}'
        '[axes]\n"prices.file" = ["missing.csv"]\n"pv.tilt_deg" = [20]'
    )

    found = remedies(tmp_path, text)

    assert str(tmp_path / "missing.csv") in found['axes."prices.file"']


def test_everything_wrong_with_a_file_is_said_at_once(tmp_path):
    text = """
        name = "two words"
        strategies = ["two-stag"]
        seed = [1]
        seeds = []
        keep = "some"
        [axes]
        "sites.heat_pumps" = {start = 1, stop = 3, num = 5}
        "run.seed" = [1, 2]
        "pv.tilt_deg" = {low = 3, high = 2}
        "pv.azimuth_deg" = {from = 2}
        "dso.allocation" = []
        heat_pumps = [1]
        [sampling]
        samples = 0
    """

    found = remedies(tmp_path, text)

    assert {key.removeprefix("axes.") for key in found} == {
        "name",
        "strategies.0",
        "seed",
        "seeds",
        "keep",
        '"sites.heat_pumps".num',
        '"run.seed"',
        '"pv.tilt_deg".high',
        '"pv.azimuth_deg"',
        '"dso.allocation"',
        '"heat_pumps"',
        "sampling.samples",
    }
    assert found["seed"] == "unknown key; did you mean 'seeds'?"


@pytest.mark.parametrize(
    ("rest", "key", "words"),
    [
        ('"pv.tilt_deg" = {low = 0, high = 1}', 'axes."pv.tilt_deg"', "a range"),
        ('"pv.tilt_deg" = [1]\n[sampling]\nsamples = 3', "sampling.samples", "belongs"),
        ('"pv.tilt_deg" = [1]\n[sampling]\nmethod = "sobol"', "sampling.samples", "is"),
        (
            '"pv.tilt_deg" = [1]\n[sampling]\nmethod = "saltelli"\nsamples = 12',
            "sampling.samples",
            "power of two",
        ),
        ('"pv.tilt" = [1]', 'axes."pv.tilt"', "did you mean 'pv.tilt_deg'"),
        ('"sites.heat_pumps" = [1000]', 'axes."sites.heat_pumps"', "homes"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_anything_runs(
    tmp_path, rest, key, words
):
    found = remedies(tmp_path, f"{HEAD}[axes]\n{rest}")

    assert words in found[key]
