"""What was ordered, vetoed, delivered and what came back, worked by hand."""

import numpy as np
import pytest

from mosaik_bottomup.metrics import evaluate, summarise
from mosaik_bottomup.metrics.activations import activated, granted_kw
from mosaik_bottomup.metrics.imbalance import imbalance_kwh, imbalance_percent
from mosaik_bottomup.results import Results, read

UP_THEN_DOWN = {
    "aggregators/schedule_kw": [[10.0, 10, 10, 10, 10, 10]],
    "aggregators/activation_ordered_kw": [[0.0, -4, -8, 0, 4, 4]],
    "aggregators/activation_vetoed_kw": [[0.0, 0, -2, 0, 0, 0]],
    "aggregators/activation_delivered_kw": [[0.0, -4, -5, 0, 4, 2]],
    "aggregators/delivered_kw": [[10.0, 6, 5, 10, 14, 12]],
    # limits are 100 and 80 % here
    "transformers/loading": [[50.0, 20, 20, 60, 55, 50], [40, 20, 20, 64, 20, 72]],
}
"""Quarter-hours; 1 kW missed in step 2, and 2 kW in step 5."""


@pytest.fixture
def run(small_run) -> Results:  # type: ignore[no-untyped-def]
    return read(small_run(UP_THEN_DOWN, steps=6))


def test_an_activation_is_a_row_of_steps_with_an_order(run: Results) -> None:
    up, down = activated(run)

    assert (up.first, up.steps, down.first, down.steps) == (1, 2, 4, 2)
    assert (up.ordered_kwh, up.vetoed_kwh, up.delivered_kwh) == (-3.0, -0.5, -2.25)
    assert up.error_kwh == 0.25
    assert up.error_percent == pytest.approx(100 * 0.25 / 3)
    assert up.delivered_percent == pytest.approx(75)
    assert (down.delivered_kwh, down.error_kwh) == (1.5, 0.5)


def test_a_rebound_is_the_highest_load_after_it_over_the_limit(run: Results) -> None:
    up, down = activated(run)

    assert up.rebound_ratio == pytest.approx(72 / 80)
    assert down.rebound_ratio is None


def test_what_was_vetoed_is_nobodys_imbalance(run: Results) -> None:
    assert granted_kw(run).tolist() == [[0, -4, -6, 0, 4, 4]]
    assert imbalance_kwh(run) == pytest.approx([0.25 * (1 + 2)])
    assert imbalance_percent(run) == pytest.approx(100 * 3 / 60)


def test_the_metrics_of_a_run_are_sums_and_the_worst(run: Results) -> None:
    found = evaluate(run)

    assert found["activation_ordered_kwh"] == pytest.approx(5)
    assert found["activation_vetoed_kwh"] == pytest.approx(0.5)
    assert found["activation_delivered_percent"] == pytest.approx(100 * 3.75 / 5)
    assert found["activation_error_percent"] == pytest.approx(25)
    assert found["activation_rebound_ratio"] == pytest.approx(0.9)


def test_the_summary_names_activations_by_their_time(run: Results) -> None:
    found = summarise(run.path)["activations"]

    assert list(found) == ["03 Jan 23:15Z X", "04 Jan 00:00Z X"]
    assert found["03 Jan 23:15Z X"]["minutes"] == 30
    assert found["03 Jan 23:15Z X"]["rebound_percent"] == pytest.approx(90)


def test_a_run_without_orders_has_no_activation(small_run) -> None:  # type: ignore[no-untyped-def]
    results = read(small_run())

    assert activated(results) == []
    assert not np.any(granted_kw(results))
