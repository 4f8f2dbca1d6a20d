"""The imbalance price: a synthetic one has the spread it states, a file its numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mosaik_bottomup import scenario
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case.series import build_series
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.inputs import imbalance_price
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts

YEAR = Clock(pd.Timestamp("2015-12-31T23:00Z"), 3600, 8784)
SPREAD = 0.15


def synthetic(clock: Clock, seed: int = 0, spread: float = SPREAD) -> FloatArray:
    day_ahead = np.ones(clock.steps)
    rng = np.random.default_rng(seed)
    return imbalance_price.synthetic_dkk_per_kwh(day_ahead, clock, spread, rng)


def test_the_synthetic_price_has_the_spread_the_calm_and_the_memory_it_states() -> None:
    off = np.array([synthetic(YEAR, seed) for seed in range(8)]) - 1.0

    calm = off == 0
    assert calm.mean() == pytest.approx(1 / 3, abs=0.02)
    assert np.abs(off[~calm]).mean() == pytest.approx(SPREAD, rel=0.05)
    assert (off > 0).mean() == pytest.approx((off < 0).mean(), abs=0.03)
    stays = np.sign(off[:, 1:]) == np.sign(off[:, :-1])
    assert stays.mean() > 0.5


def test_it_is_the_same_at_any_resolution_and_in_any_part_of_the_year() -> None:
    day = Clock(YEAR.start + pd.Timedelta(hours=72), 900, 96)

    part = synthetic(day)

    assert_array_equal(mean_of_parts(part, 4), synthetic(YEAR)[72:96])


def test_without_a_spread_it_is_the_day_ahead_price() -> None:
    assert_array_equal(synthetic(YEAR, spread=0.0), 1.0)


def test_a_seed_has_its_own_price_and_leaves_all_else() -> None:
    short = scenario.load("two_areas", ["run.duration_h=1", "run.warm_up_h=0"])
    wide = short.model_copy(
        update={
            "settlement": short.settlement.model_copy(
                update={"imbalance_spread_dkk_per_kwh": 1.0}
            )
        }
    )

    one, other = build_series(short, 5), build_series(wide, 5)

    assert_allclose(
        other.imbalance_dkk_per_kwh - other.day_ahead_dkk_per_kwh,
        (one.imbalance_dkk_per_kwh - one.day_ahead_dkk_per_kwh) / SPREAD,
        atol=1e-12,
    )
    assert_array_equal(one.household_kw, other.household_kw)
    assert_array_equal(one.import_dkk_per_kwh, other.import_dkk_per_kwh)


def test_prices_of_ones_own_are_read_in_their_unit(tmp_path: Path) -> None:
    path = tmp_path / "imbalance.csv"
    path.write_text(
        "time,imbalance [EUR MWh-1]\n"
        "2016-01-04T00:00+01:00,100\n"
        "2016-01-04T01:00+01:00,-200\n"
    )
    clock = Clock(pd.Timestamp("2016-01-03T23:00Z"), 1800, 4)

    price = imbalance_price.read_csv(path, clock)

    assert_allclose(price, [0.746, 0.746, -1.492, -1.492])


def test_a_bad_file_is_reported_with_the_others(tmp_path: Path) -> None:
    for name in ("prices", "imbalance"):
        (tmp_path / f"{name}.csv").write_text("hour,price\n0,1\n")
    bad = scenario.load(
        "two_areas",
        [
            f"prices.file={tmp_path / 'prices.csv'}",
            f"settlement.imbalance_price_file={tmp_path / 'imbalance.csv'}",
        ],
    )

    with pytest.raises(InputError) as error:
        build_series(bad, 5)

    sources = {Path(problem.source).name for problem in error.value.problems}
    assert sources == {"prices.csv", "imbalance.csv"}


def test_a_file_that_is_not_there_is_told_by_its_key() -> None:
    with pytest.raises(InputError, match=r"settlement\.imbalance_price_file"):
        scenario.load("two_areas", ["settlement.imbalance_price_file=nowhere.csv"])
