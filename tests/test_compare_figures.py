"""From records to means: what is paired with what, what is shown, what is missing."""

import io

import pytest
from rich.console import Console

from mosaik_bottomup.app import optimum_run
from mosaik_bottomup.app.evidence import comparison, frontier, measuring
from mosaik_bottomup.app.evidence import file as evidence
from mosaik_bottomup.app.evidence.campaign import Harvest, Missing, Point, Record
from mosaik_bottomup.app.evidence.capture import with_capture
from mosaik_bottomup.app.evidence.comparison import CHANGE, intervals
from mosaik_bottomup.app.evidence.markdown import markdown
from mosaik_bottomup.app.evidence.spread import with_reduction_from_spread
from mosaik_bottomup.app.runs.run_store import RunStore
from mosaik_bottomup.errors import StageError
from mosaik_bottomup.scenario import load


def record(variant, seed=1, limit_percent=None, **metrics):
    point = Point(variant, seed, limit_percent)
    named = {name.replace("__", "."): value for name, value in metrics.items()}
    return Record(point, f"runs/{variant}-{seed}.h5", named)


def printed(table):
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()


# --- means --------------------------------------------------------------------------


def test_changes_are_paired_seed_by_seed():
    records = [
        record("price-only", 1, overload_minutes=100.0),
        record("price-only", 2, overload_minutes=10.0),
        record("two-stage", 2, overload_minutes=9.0),
        record("two-stage", 1, overload_minutes=99.0),
    ]

    found = intervals(records, ["two-stage"], None)["two-stage"]

    assert found["overload_minutes"].mean == 54.0
    assert found["overload_minutes"].low == 9.0
    # each seed changes by one minute: paired, there is no doubt
    change = found[f"{CHANGE}overload_minutes"]
    assert (change.mean, change.low, change.high) == (-1.0, -1.0, -1.0)


def test_only_runs_at_the_limit_count_and_are_paired_at_the_same_one():
    records = [
        record("price-only", x=1.0),
        record("two-stage", x=2.0),
        record("price-only", limit_percent=73.0, x=10.0),
        record("two-stage", limit_percent=73.0, x=13.0),
        record("two-stage", limit_percent=60.0, x=100.0),
    ]

    at_73 = intervals(records, ["two-stage"], 73.0)["two-stage"]
    at_60 = intervals(records, ["two-stage"], 60.0)["two-stage"]

    assert (at_73["x"].mean, at_73[f"{CHANGE}x"].mean) == (13.0, 3.0)
    assert (at_60["x"].mean, f"{CHANGE}x" in at_60) == (100.0, False)


def test_a_metric_that_a_seed_lacks_is_a_mean_of_the_others():
    records = [record("two-stage", 1, x=1.0, y=5.0), record("two-stage", 2, x=3.0)]

    found = intervals(records, ["two-stage", "never-run"], None)

    assert list(found) == ["two-stage"]
    assert (found["two-stage"]["x"].mean, found["two-stage"]["y"].mean) == (2.0, 5.0)


def test_json_holds_values_and_no_changes():
    records = [record("price-only", x=1.0), record("two-stage", x=2.0)]

    whole = comparison.as_json(intervals(records, ["two-stage"], None))

    assert whole == {
        "reference": "price-only",
        "strategies": {"two-stage": {"x": {"mean": 2.0, "low": 2.0, "high": 2.0}}},
    }


def test_the_table_shows_intervals_and_what_there_is_not():
    records = [
        record("two-stage", 1, cost_change_percent=0.5),
        record("two-stage", 2, cost_change_percent=1.5),
    ]

    text = printed(comparison.table(intervals(records, ["two-stage"], None), "mine"))

    assert "+1.00" in text
    assert "+0.50 … +1.50" in text
    assert "│             - │" in text


def test_nothing_is_not_less_than_nothing():
    records = [record("two-stage", cost_change_percent=-1e-9)]

    found = intervals(records, ["two-stage"], None)
    text = printed(comparison.table(found, "mine")) + comparison.summary(found, 1)

    assert text.count("+0.00") == 2
    assert "-0.00" not in text


@pytest.mark.parametrize(
    ("variant", "bound"),
    [
        ("two-stage", "at its limits and end state"),
        ("packet", "at its limits and end state"),
        ("static-cap", "at its limits and end state"),
        ("stage-one", "at its end state without any limit"),
    ],
)
def test_the_summary_says_which_optimum_a_run_was_held_against(variant, bound):
    gap = {"cost_change_percent": 1.0, "cost_gap_to_optimum_percent": 2.0}
    records = [record("price-only", cost_change_percent=0.0), record(variant, **gap)]

    said = comparison.summary(intervals(records, ["price-only", variant], None), 1)

    assert f"2.00 % above the least cost {bound}" in said


# --- frontier -----------------------------------------------------------------------


def test_a_frontier_says_how_far_down_limits_are_kept_and_where_nobody_can():
    records = [
        record("two-stage", 1, 90.0, overload_minutes=0.0),
        record("two-stage", 1, 80.0, overload_minutes=0.0),
        record("two-stage", 1, 70.0, overload_minutes=15.0),
    ]
    nobody = Missing(Point("optimum", 1, 70.0), "cannot be kept", infeasible=True)
    harvest = Harvest(tuple(records), (nobody,), made=3)
    variants, limits = ("two-stage", "optimum"), (90.0, 80.0, 70.0)

    found = frontier.frontier(harvest, variants, limits)
    infeasible = frontier.infeasible_seeds(harvest)
    text = printed(frontier.table(found, infeasible, variants, "mine"))
    said = frontier.summary(found, infeasible, seeds=1)
    whole = frontier.as_json(found, infeasible)

    assert harvest.failures == ()
    assert "infeasible, seed 1" in text
    assert "two-stage keeps limits down to 80 %" in said
    assert "At 70 % not even the optimum" in said
    assert whole["infeasible"] == [
        {"limit_percent": 70.0, "strategy": "optimum", "seeds": [1]}
    ]
    assert [point["limit_percent"] for point in whole["points"]] == list(limits)


def test_a_limit_kept_by_chance_below_one_that_was_not_is_not_said_to_be_kept():
    records = [
        record("packet", 1, 90.0, overload_minutes=0.0),
        record("packet", 1, 80.0, overload_minutes=15.0),
        record("packet", 1, 70.0, overload_minutes=0.0),
        record("two-stage", 1, 80.0, overload_minutes=0.0),
        record("two-stage", 1, 70.0, overload_minutes=0.0),
    ]
    found = frontier.frontier(
        Harvest(tuple(records), (), made=5), ("packet", "two-stage"), (90.0, 80.0, 70.0)
    )

    said = frontier.summary(found, {}, seeds=1)

    assert "packet keeps limits down to 90 %" in said
    assert "two-stage keeps" not in said  # nobody knows of 90 %


def test_capture_is_the_share_of_what_the_optimum_does_at_the_same_cost():
    peak = {"customer_cost_dkk": 100.0, "peak_loading_percent__A": 120.0}
    dear = {"customer_cost_dkk": 120.0, "peak_loading_percent__A": 80.0}
    middle = {"customer_cost_dkk": 110.0, "peak_loading_percent__A": 110.0}
    harvest = Harvest(
        (
            record("price-only", **peak),
            record("optimum", 1, 100.0, **peak),
            record("optimum", 1, 67.0, **dear),
            # for 110 DKK the optimum reaches 100 %, half the way
            record("two-stage", 1, 90.0, **middle),
            record("two-stage", 2, 90.0, **middle),
            # lower than any optimum that was run
            record("packet", 1, 50.0, **dear | {"peak_loading_percent__A": 70.0}),
        ),
        (),
        made=6,
    )

    reference, unlimited, dearest, run, without, lower = with_capture(harvest).records

    assert run.metrics["capture_percent"] == pytest.approx(50.0)
    assert run.metrics["capture_percent.A"] == pytest.approx(50.0)
    assert dearest.metrics["capture_percent"] == pytest.approx(100.0)
    for lacking in (reference, unlimited, without, lower):
        assert "capture_percent" not in lacking.metrics


def test_of_two_areas_the_lesser_capture_counts():
    def both(variant, limit_percent, a, b):
        peaks = {"peak_loading_percent__A": a, "peak_loading_percent__B": b}
        return record(variant, 1, limit_percent, customer_cost_dkk=100.0, **peaks)

    reference = both("price-only", None, 120.0, 120.0)
    best = both("optimum", 67.0, 80.0, 80.0)
    run = both("two-stage", 67.0, 90.0, 110.0)

    metrics = with_capture(Harvest((reference, best, run), (), 3)).records[-1].metrics

    assert metrics["capture_percent.A"] == pytest.approx(75.0)
    assert metrics["capture_percent.B"] == pytest.approx(25.0)
    assert metrics["capture_percent"] == pytest.approx(25.0)


# --- evidence and runs --------------------------------------------------------------


def test_the_evidence_is_sorted_by_limit_and_says_what_is_missing():
    question = evidence.Question("again", "mine", ("two-stage",), (90.0, 80.0), (1,))
    lost = Missing(Point("optimum", 1, 90.0), "no memory", infeasible=False)
    harvest = Harvest(
        (
            record("two-stage", 1, 80.0, x=1.0),
            record("two-stage", 1, 90.0, x=2.0),
            record("price-only", x=3.0),
        ),
        (lost,),
        made=3,
    )

    whole = evidence.as_table(question, harvest)

    assert [run["limit_percent"] for run in whole["runs"]] == [None, 90.0, 80.0]
    assert whole["failures"] == [
        {
            "strategy": "optimum",
            "seed": 1,
            "limit_percent": 90.0,
            "error": "no memory",
            "infeasible": False,
        }
    ]
    assert (whole["format"], whole["reference"]) == (1, "price-only")


@pytest.mark.parametrize("at_all", [True, False])
def test_what_nobody_can_keep_is_remembered_and_its_problem_forgotten(
    tmp_path, monkeypatch, at_all
):
    folder = tmp_path / "lp"

    def cannot(job, file):
        folder.mkdir()
        problem = folder / "optimum-0-1.lp"
        problem.touch()
        raise StageError("optimum", 0, "Infeasible", problem)

    def anyhow(run):
        return 1.0 if at_all else cannot(None, run)

    monkeypatch.setattr(measuring, "_run", cannot)
    monkeypatch.setattr(measuring, "read", lambda file: file)
    monkeypatch.setattr(optimum_run, "kept_anyhow_dkk", anyhow)
    against = measuring.Finished("two-stage-1-abc", {})
    job = measuring.Job(tmp_path, "x", load("two_areas"), against)

    first = measuring.perform(job)
    again = measuring.found(tmp_path, "x")

    assert (first.reused, again.reused) == (False, True)
    why = measuring.AT_THAT_END if at_all else measuring.AT_ALL
    assert first.infeasible == again.infeasible == why
    assert not folder.exists()
    assert not RunStore(tmp_path).has("x")


@pytest.mark.parametrize("status", ["Infeasible", "Undefined"])
def test_a_stage_of_a_run_that_fails_is_a_failure(tmp_path, monkeypatch, status):
    def cannot(job, file):
        raise StageError("stage-two", 3, status, tmp_path / "x.lp")

    monkeypatch.setattr(measuring, "_run", cannot)

    with pytest.raises(StageError):
        measuring.perform(measuring.Job(tmp_path, "x", load("two_areas")))

    assert measuring.found(tmp_path, "x") is None


# --- what a doubter asks ------------------------------------------------------------


def test_a_reduction_beside_spread_ties_is_that_of_the_area_with_the_least():
    peaks = {"peak_loading_percent__A": 100.0, "peak_loading_percent__B": 120.0}
    lower = {"peak_loading_percent__A": 80.0, "peak_loading_percent__B": 90.0}
    spread = record("price-only-spread", **peaks)
    runs = (spread, record("two-stage", **lower), record("two-stage", seed=2, **lower))

    found = with_reduction_from_spread(Harvest(runs, (), 0)).records

    name = "peak_below_spread_percent"
    assert found[0].metrics[name] == pytest.approx(0.0)
    assert found[1].metrics[name] == pytest.approx(20.0)  # B: 25 %
    assert name not in found[2].metrics  # no such run of its seed


def test_a_markdown_table_has_a_row_for_each_variant_and_the_interval_of_its_cost():
    runs = [
        record("price-only", seed=seed, cost_change_percent=0.0) for seed in (1, 2)
    ] + [
        record("two-stage", seed=seed, cost_change_percent=cost, overload_minutes=15.0)
        for seed, cost in ((1, 0.1), (2, 0.3))
    ]

    lines = markdown(intervals(runs, ["price-only", "two-stage"], None)).splitlines()

    assert [line.count("|") for line in lines] == [10] * 4
    assert lines[2].startswith("| price-only | - | - | +0.00 | - |")
    assert "| +0.20 (+0.10 … +0.30) |" in lines[3]
    assert "| 15 |" in lines[3]
