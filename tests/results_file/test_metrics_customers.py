"""What each home pays, and who pays more than in the reference run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaik_bottomup.metrics import customer_cost_dkk, evaluate, relative
from mosaik_bottomup.metrics.cost import (
    compensation_dkk,
    home_costs_dkk,
    mean_or_zero,
    worse_off,
    worst_decile,
)
from mosaik_bottomup.results import read

CHANGES = hnp.arrays(float, st.integers(0, 25), elements=st.floats(-50, 50))


@pytest.fixture
def small(small_run, tmp_path):
    """Return a function that writes a small run under a name and reads it."""

    def make(name, series=None, **options):
        return read(small_run(series, path=tmp_path / f"{name}.h5", **options))

    return make


def test_each_home_pays_its_bill_and_wear_less_what_is_stored(small):
    # Price 2. First heat pump: +1 K air (3 kWh) at COP 3: 1 kWh kept. Second battery:
    # 1 kWh less, at 0.9. Homes 0 and 2 have one of each kind.
    run = small(
        "run",
        {
            "heat_pumps/bill_dkk": [[1, 1, 1, 1], [2, 2, 2, 2]],
            "heat_pumps/air_c": [[21, 21, 21, 22], [21] * 4],
            "pv_batteries/bill_dkk": [[-0.5] * 4, [0.5] * 4],
            "pv_batteries/wear_dkk": [[0.25, 0, 0, 0], [0, 0, 0, 0.5]],
            "pv_batteries/energy_kwh": [[5] * 4, [5, 5, 5, 4]],
        },
    )

    home, cost_dkk = home_costs_dkk(run)

    assert home.tolist() == [0, 2]
    np.testing.assert_allclose(cost_dkk, [4 - 2 - 2 + 0.25, 8 + 2 + 0.5 + 1.8])
    assert cost_dkk.sum() == pytest.approx(customer_cost_dkk(run))
    assert evaluate(run)["home_cost_mean_dkk"] == pytest.approx(cost_dkk.mean())
    assert evaluate(run)["home_cost_worst_decile_dkk"] == pytest.approx(cost_dkk[1])


def test_homes_with_different_devices_are_told_apart(small):
    run = small(
        "run",
        {"heat_pumps/bill_dkk": 1.0, "pv_batteries/bill_dkk": 2.0},
        static={"pv_batteries/home": [1, 2]},
    )

    home, cost_dkk = home_costs_dkk(run)

    assert home.tolist() == [0, 1, 2]
    assert cost_dkk.tolist() == [4, 8, 12]


@pytest.mark.parametrize(
    ("homes", "expected"), [(0, 0.0), (1, 1.0), (10, 10.0), (11, 10.5), (20, 19.5)]
)
def test_the_worst_decile_is_a_tenth_of_the_homes_rounded_up(homes, expected):
    assert worst_decile(np.arange(1.0, homes + 1)) == expected


@given(values=CHANGES)
def test_the_worst_decile_is_never_better_than_the_mean(values):
    assert worst_decile(values) >= mean_or_zero(values) - 1e-9


def test_less_than_an_ore_more_makes_nobody_worse_off():
    change_dkk = np.array([-1.0, 0.0, 0.009, 0.011])

    assert worse_off(change_dkk).tolist() == [False, False, False, True]


@given(change=CHANGES, scale=st.floats(0, 9))
def test_compensation_is_never_negative_and_covers_every_loss(change, scale):
    needed = compensation_dkk(change)

    assert needed >= 0
    assert needed >= change.sum() - 1e-9
    assert needed == pytest.approx(change.clip(0).sum())
    assert compensation_dkk(scale * change) == pytest.approx(scale * needed)
    if not worse_off(change).any():
        assert needed <= 0.01 * len(change)


def test_a_run_held_against_itself_has_changed_nothing(small):
    run = small("run", {"heat_pumps/bill_dkk": 1.5, "transformers/loading": 70.0})

    assert relative(run, run) == {
        "peak_reduction_percent": 0.0,
        "peak_reduction_percent.A": 0.0,
        "peak_reduction_percent.B": 0.0,
        "ageing_ratio": 1.0,
        "ageing_ratio.A": 1.0,
        "ageing_ratio.B": 1.0,
        "cost_change_percent": 0.0,
        "cost_change_dkk": 0.0,
        "home_cost_change_mean_dkk": 0.0,
        "home_cost_change_worst_decile_dkk": 0.0,
        "customers_worse_off_percent": 0.0,
        "compensation_dkk": 0.0,
        "fairness_customers": 1.0,
    }


def test_a_run_is_held_against_its_reference(small):
    reference = small(
        "reference",
        {
            "transformers/loading": [[100, 50, 50, 50], [80, 80, 80, 80]],
            "heat_pumps/bill_dkk": [[2] * 4, [3] * 4],
        },
    )
    run = small(
        "run",
        {
            "transformers/loading": [[60, 75, 50, 50], [60, 60, 60, 60]],
            "heat_pumps/bill_dkk": [[3] * 4, [2.5] * 4],
        },
    )

    found = relative(run, reference)

    assert found["peak_reduction_percent.A"] == 25.0
    assert found["peak_reduction_percent.B"] == 25.0
    assert found["peak_reduction_percent"] == 25.0
    assert found["cost_change_dkk"] == 2.0
    assert found["cost_change_percent"] == pytest.approx(10.0)
    assert found["home_cost_change_mean_dkk"] == 1.0
    assert found["home_cost_change_worst_decile_dkk"] == 4.0
    assert found["customers_worse_off_percent"] == 50.0
    assert found["compensation_dkk"] == 4.0
    assert found["fairness_customers"] == 0.5
    assert found["ageing_ratio"] == max(
        found["ageing_ratio.A"], found["ageing_ratio.B"]
    )
    ages = [evaluate(each)["ageing_h.B"] for each in (run, reference)]
    assert found["ageing_ratio.B"] == pytest.approx(ages[0] / ages[1])
    assert found["ageing_ratio.B"] < 1


def test_the_peak_reduction_is_that_of_the_area_where_it_is_least(small):
    reference = small("reference", {"transformers/loading": 100.0})
    run = small("run", {"transformers/loading": [[60] * 4, [90] * 4]})

    found = relative(run, reference)

    assert found["peak_reduction_percent"] == pytest.approx(10.0)
    assert found["peak_reduction_percent.A"] == pytest.approx(40.0)


def test_customers_who_earn_in_the_reference_lose_if_they_earn_less(small):
    reference = small("reference", {"pv_batteries/bill_dkk": -1.0})
    run = small("run", {"pv_batteries/bill_dkk": -0.5})

    assert relative(run, reference)["cost_change_percent"] == pytest.approx(50.0)


def test_of_nothing_there_is_no_change_in_percent(small):
    found = relative(small("run", {"heat_pumps/bill_dkk": 1.0}), small("reference"))

    assert "cost_change_percent" not in found
    assert found["cost_change_dkk"] == 8.0


@pytest.mark.parametrize(
    ("series", "options", "differs"),
    [
        ({}, {"steps": 3}, "steps"),
        ({}, {"step_s": 300}, "steps"),
        ({"market/ambient": 1.0}, {}, "weather"),
        ({"market/import_price": 1.0}, {}, "prices"),
        ({}, {"static": {"heat_pumps/home": [1, 2]}}, "homes"),
        ({}, {"without": ("heat_pumps", "pv_batteries")}, "homes"),
    ],
)
def test_a_run_of_other_input_is_no_reference(small, series, options, differs):
    run, other = small("run"), small("other", series, **options)

    with pytest.raises(ValueError, match=f"not the same .*{differs}"):
        relative(run, other)


def test_a_run_of_another_seed_is_no_reference(small):
    run = small("run")
    other = small("other", attrs=run.attrs | {"seed": 8})

    with pytest.raises(ValueError, match="not the same seed"):
        relative(run, other)


def test_a_run_without_a_step_is_no_reference(small, small_writer, tmp_path):
    with small_writer(path=tmp_path / "empty.h5") as empty:
        pass

    with pytest.raises(ValueError, match="holds no step"):
        relative(small("run"), read(empty.path))
