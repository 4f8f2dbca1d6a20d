"""All metrics of a run at once, and the table that says what they are."""

import json
import math

import h5py
import numpy as np
import pytest

from mosaik_bottomup.metrics import (
    METRICS,
    against_optimum,
    capture_percent,
    evaluate,
    metric,
    metrics_markdown,
    peak_at_cost_percent,
    relative,
)
from mosaik_bottomup.metrics.table import (
    AGAINST_OPTIMUM,
    AGAINST_REFERENCE,
    OF_A_RUN,
)
from mosaik_bottomup.results import read

LIVELY = {
    "areas/congestion_price": [[0, 0.1, 0, 0], [0, 0, 0, 0]],
    "aggregators/activation_ordered_kw": [[0, -4, 0, 0]],
    "portfolios/envelope_high_kw": 1.0,
    "portfolios/offer_high_kw": 4.0,
    "heat_pumps/bill_dkk": 1.0,
    "pv_batteries/pv_kw": 1.0,
}


def plain(keys):
    return {key.partition(".")[0] for key in keys}


def test_the_table_has_every_key_and_every_key_is_in_the_table(small_run):
    run = read(small_run(LIVELY, certificate={}, settled=True))

    assert plain(evaluate(run)) == set(OF_A_RUN)
    assert plain(relative(run, run)) == set(AGAINST_REFERENCE)
    assert set(against_optimum(2.0, 1.0)) == set(AGAINST_OPTIMUM)


def test_every_part_is_of_a_metric_that_has_parts(small_run):
    run = read(small_run(LIVELY))

    found = evaluate(run) | relative(run, run)

    for key in found:
        assert metric(key).unit
        assert metric(key).meaning
    parts = {key.partition(".")[0] for key in found if "." in key}
    assert parts == {name for name, each in METRICS.items() if each.parts}


@pytest.mark.parametrize("key", ["nothing", "ageing_h.", "voltage_min_pu.A"])
def test_what_is_no_metric_has_no_meaning(key):
    with pytest.raises(KeyError):
        metric(key)


def test_the_table_can_be_shown():
    lines = metrics_markdown().splitlines()

    assert len(lines) == 2 + len(METRICS)
    assert "| ageing_ratio | 1 | area | life used up over" in "\n".join(lines)


@pytest.mark.parametrize(
    "without",
    [
        (),
        ("heat_pumps",),
        ("pv_batteries",),
        ("heat_pumps", "pv_batteries", "aggregators", "portfolios", "messages"),
    ],
)
def test_all_figures_are_finite_numbers_whatever_is_missing(small_run, without):
    run = read(small_run(without=without))

    found = evaluate(run) | relative(run, run)

    assert all(type(value) is float for value in found.values())
    assert all(map(math.isfinite, found.values()))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_run_without_a_step_has_no_metrics(small_writer):
    with small_writer() as empty:
        pass

    with pytest.raises(ValueError, match="holds no step"):
        evaluate(read(empty.path))


def test_a_stopped_run_is_measured_as_far_as_it_came(small_writer, steps_of):
    with small_writer() as writer:
        for step in steps_of(4, {"transformers/loading": [[50, 60, 99, 99]] * 2})[:2]:
            writer.append(step)

    assert evaluate(read(writer.path))["peak_loading_percent"] == 60.0


def test_overload_is_summed_over_the_areas_and_told_for_each(small_run):
    loading = [[110, 50, 50, 50], [80, 100, 100, 60]]
    path = small_run({"transformers/loading": loading, "transformers/power_kw": 90.0})

    found = evaluate(read(path))

    assert found["overload_minutes.A"] == 15.0
    assert found["overload_minutes.B"] == 30.0
    assert found["overload_minutes"] == 45.0
    assert found["overload_kwh.B"] == pytest.approx(2 * 0.2 * 90 * 0.25)
    assert found["overload_kwh"] == pytest.approx(9 + (1 - 1 / 1.1) * 22.5)


def test_loading_by_export_is_told_apart(small_run):
    path = small_run(
        {
            "transformers/loading": [[90, 60, 0, 0], [20, 30, 40, 50]],
            "transformers/power_kw": [[9, -6, 0, 0], [1, 1, 1, 1]],
        }
    )

    found = evaluate(read(path))

    assert found["reverse_peak_loading_percent"] == 60.0
    assert found["reverse_peak_loading_percent.B"] == 0.0


def test_imbalance_is_a_share_of_all_that_was_sold(small_run):
    path = small_run(
        {
            "aggregators/schedule_kw": [[10, -10, np.nan, 20]],
            "aggregators/delivered_kw": [[12, -8, 5, 20]],
        }
    )

    found = evaluate(read(path))

    assert found["imbalance_kwh"] == found["imbalance_kwh.X"] == 1.0
    assert found["imbalance_percent"] == pytest.approx(10.0)
    assert found["imbalance_cost_dkk"] == found["imbalance_cost_dkk.X"] == 2.0


def test_what_was_traded_counts_for_itself_and_not_as_imbalance(small_run):
    path = small_run(
        {
            "aggregators/day_ahead_kw": [[10, 10, 10, 10]],
            "aggregators/schedule_kw": [[12, 10, 6, 10]],
            "aggregators/traded_kw": [[2, 6, 4, 0]],
            "aggregators/delivered_kw": [[12, 10, 6, 10]],
        }
    )

    found = evaluate(read(path))

    assert found["imbalance_percent"] == 0.0
    assert found["off_day_ahead_percent"] == pytest.approx(15.0)
    assert found["traded_intraday_kwh"] == found["traded_intraday_kwh.X"] == 3.0


def test_who_sold_nothing_misses_nothing(small_run):
    found = evaluate(read(small_run({"aggregators/schedule_kw": np.nan})))

    assert found["imbalance_percent"] == found["imbalance_kwh"] == 0.0


def test_comfort_is_told_in_kelvin_hours_and_homes(small_run):
    air_c = [[19, 20, 21, 18], [21, 21, 21, 21]]

    found = evaluate(read(small_run({"heat_pumps/air_c": air_c})))

    assert found["comfort_violation_kh"] == 0.75
    assert found["comfort_homes"] == 1.0


def test_extremes_of_the_network_are_among_the_metrics(small_run):
    series = {
        "buses/voltage": [[1.0, 0.95, 1, 1], [1, 1, 1.04, 1]],
        "lines/loading": [[10, 20, 30, 40], [90, 5, 5, 5]],
    }

    found = evaluate(read(small_run(series)))

    assert found["voltage_min_pu"] == pytest.approx(0.95)
    assert found["voltage_max_pu"] == pytest.approx(1.04)
    assert found["line_loading_max_percent"] == 90.0


def test_messages_and_their_bytes_are_those_of_a_mean_step(small_run):
    path = small_run(
        {
            "messages/sent": [[2, 4, 2, 4]],
            "messages/answered": [[2, 4, 2, 4]],
            "messages/payload_bytes": [[80, 160, 80, 160]],
        }
    )

    found = evaluate(read(path))

    assert found["messages_per_step"] == 6.0
    assert found["messages_per_step.fleets-aggregators"] == 6.0
    assert found["message_bytes_per_step"] == 120.0


def test_an_older_file_that_does_not_count_bytes_can_be_measured(small_run):
    path = small_run()
    with h5py.File(path, "r+") as file:
        del file["messages/payload_bytes"]

    found = evaluate(read(path))

    assert "messages_per_step" in found
    assert "message_bytes_per_step" not in found


def test_the_gap_to_the_optimum_is_a_share_of_its_cost():
    assert against_optimum(103.0, 100.0) == {
        "optimum_gap_dkk": 3.0,
        "optimum_gap_percent": 3.0,
    }
    assert against_optimum(-90.0, -100.0)["optimum_gap_percent"] == 10.0
    assert against_optimum(1.0, 0.0) == {"optimum_gap_dkk": 1.0}


def test_a_cost_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="nan"):
        against_optimum(math.nan, 1.0)
    with pytest.raises(ValueError, match="inf"):
        against_optimum(1.0, math.inf)


def test_capture_is_the_share_of_the_possible_reduction():
    assert capture_percent(140.0, 110.0, 100.0) == 75.0
    assert capture_percent(140.0, 140.0, 100.0) == 0.0
    assert capture_percent(140.0, 144.0, 100.0) == -10.0


def test_where_the_optimum_reduces_nothing_there_is_nothing_to_capture():
    with pytest.raises(ValueError, match="no reduction to capture"):
        capture_percent(140.0, 110.0, 140.0)


def test_the_optimum_at_equal_cost_lies_between_two_points_of_its_frontier():
    cost, peak = np.array([3.0, 0.0, 1.0, 1.0]), np.array([60.0, 100.0, 80.0, 90.0])

    assert peak_at_cost_percent(cost, peak, 2.0) == 70.0
    assert peak_at_cost_percent(cost, peak, 1.0) == 80.0
    assert peak_at_cost_percent(cost, peak, 9.0) == 60.0
    assert peak_at_cost_percent(cost, peak, -1.0) == 100.0


def test_a_dearer_point_with_a_higher_peak_is_no_use():
    cost, peak = np.array([0.0, 1.0, 2.0]), np.array([100.0, 70.0, 75.0])

    assert peak_at_cost_percent(cost, peak, 2.0) == 70.0


@pytest.mark.parametrize(("costs", "peaks"), [(0, 0), (2, 1)])
def test_a_frontier_without_points_is_refused(costs, peaks):
    with pytest.raises(ValueError, match=f"{costs} costs and {peaks} peaks"):
        peak_at_cost_percent(np.ones(costs), np.ones(peaks), 1.0)
