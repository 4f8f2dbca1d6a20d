"""The commands compare and frontier: what they run, find again, refuse and say."""

import json
import operator
from pathlib import Path

import h5py
import pytest
import typer.testing

from mosaik_bottomup.app import cli
from mosaik_bottomup.app.evidence import campaign
from mosaik_bottomup.app.evidence.variants import VARIANTS
from mosaik_bottomup.app.runs import workers
from mosaik_bottomup.app.runs.run_store import RunStore
from mosaik_bottomup.results import read
from mosaik_bottomup.scenario import load

FEW = tuple(
    word
    for key in (
        "sites.heat_pumps=6",
        "sites.pv_batteries=5",
        "run.duration_h=3",
        "run.warm_up_h=1",
    )
    for word in ("--set", key)
)
TWO_SEEDS = (*FEW, "--strategies", "price-only,two-stage", "--seeds", "1-2", "--json")
LIMITED = (*FEW, "--strategies", "two-stage,optimum", "--seeds", "1", "--limit", "80")
WANTED = (
    "cost_change_percent",
    "cost_gap_to_optimum_percent",
    "peak_reduction_percent",
    "overload_minutes",
    "comfort_violation_kh",
    "imbalance_percent",
)
BOUND_TOLERANCE_PERCENT = 1e-3
"""Forgives the solver's own, and the states' rounding."""


def call(*words):
    return typer.testing.CliRunner().invoke(cli.app, [str(word) for word in words])


def evidence_in(folder):
    return json.loads((folder / "evidence.json").read_text())


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return a folder of two seeds made by two processes, and what was printed."""
    folder = tmp_path_factory.mktemp("two")
    return folder, call("compare", *TWO_SEEDS, "--workers", 2, "--out", folder)


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limited")
    return folder, call("compare", *LIMITED, "--out", folder)


@pytest.fixture
def no_process(monkeypatch):
    """Let no process start: all has to be there."""
    monkeypatch.setattr(workers, "_Worker", None)


# --- what comes out -----------------------------------------------------------------


def test_json_is_all_there_is_on_standard_output(compared):
    _, result = compared

    whole = json.loads(result.stdout)

    assert result.exit_code == 0, result.output
    assert whole["reference"] == "price-only"
    assert list(whole["strategies"]) == ["price-only", "two-stage"]
    for metrics in whole["strategies"].values():
        for name in WANTED:
            each = metrics[name]
            assert each["low"] <= each["mean"] <= each["high"]
    assert whole["strategies"]["price-only"]["cost_change_percent"]["mean"] == 0.0


def test_the_evidence_names_complete_runs_with_their_metrics(compared):
    folder, _ = compared

    whole = evidence_in(folder)

    places = [(run["strategy"], run["seed"]) for run in whole["runs"]]
    assert places == [
        (name, seed) for name in ("price-only", "two-stage") for seed in (1, 2)
    ]
    assert (whole["limits_percent"], whole["seeds"]) == ([None], [1, 2])
    assert whole["failures"] == []
    for run in whole["runs"]:
        results = read(folder / run["file"])
        assert results.complete
        assert (results.attrs["strategy"], results.attrs["seed"]) == (
            run["strategy"],
            run["seed"],
        )
        assert set(WANTED) <= run["metrics"].keys()
        assert run["metrics"]["cost_gap_to_optimum_percent"] >= -BOUND_TOLERANCE_PERCENT
    assert not list((folder / "runs").glob("*.lock"))


def test_the_same_command_again_runs_nothing_and_says_the_same(compared, no_process):
    folder, first = compared
    command = evidence_in(folder)["command"].split()[1:]

    again = call(*command, "--json")
    shown = call(*command)

    assert again.stdout == first.stdout
    assert "0 of them made now" in shown.stdout
    assert "two-stage changes the customers' cost" in shown.stdout


def test_one_process_makes_the_same_numbers_as_two(compared, tmp_path):
    folder, first = compared

    alone = call("compare", *TWO_SEEDS, "--workers", 1, "--out", tmp_path)

    assert alone.stdout == first.stdout
    assert evidence_in(tmp_path)["runs"] == evidence_in(folder)["runs"]


def test_limits_are_shares_of_the_peaks_under_price_only(limited):
    folder, result = limited
    assert result.exit_code == 0, result.output
    runs = {
        (it["strategy"], it["limit_percent"]): it for it in evidence_in(folder)["runs"]
    }

    free = read(folder / runs["price-only", None]["file"])
    bound = read(folder / runs["two-stage", 80.0]["file"])
    peak_percent = free.series("transformers", "loading").max(axis=1)
    areas = bound.static["areas"]

    assert 100 * areas["limit"] / areas["rating"] == pytest.approx(0.8 * peak_percent)
    # under the same limits the reference is overloaded, and the same otherwise
    limited_reference = runs["price-only", 80.0]["metrics"]
    assert limited_reference["overload_minutes"] > 0
    assert limited_reference["peak_reduction_percent"] == pytest.approx(0.0)
    assert runs["two-stage", 80.0]["metrics"]["peak_reduction_percent"] > 19


def test_the_optimum_stands_beside_two_stage_at_its_limits_and_end(limited):
    folder, _ = limited
    metrics = {
        it["strategy"]: it["metrics"]
        for it in evidence_in(folder)["runs"]
        if it["limit_percent"]
    }

    best, run = metrics["optimum"], metrics["two-stage"]

    assert best["optimum_cost_dkk"] == run["optimum_cost_dkk"]
    assert best["customer_cost_raw_dkk"] <= run["customer_cost_raw_dkk"]
    assert best["cost_gap_to_optimum_percent"] == pytest.approx(0, abs=0.01)
    assert best["limit_cost_percent"] > 0


def test_a_frontier_uses_the_runs_of_a_comparison_at_the_same_limit(
    limited, no_process
):
    folder, _ = limited
    words = [*FEW, "--strategies", "two-stage,optimum", "--seeds", "1"]

    result = call("frontier", *words, "--limits", "80", "--out", folder, "--json")
    whole = json.loads(result.stdout)

    assert [point["strategy"] for point in whole["points"]] == ["two-stage", "optimum"]
    assert evidence_in(folder)["limits_percent"] == [80.0]
    assert whole["points"][1]["metrics"]["capture_percent"]["mean"] == pytest.approx(
        100
    )


def test_limits_that_differ_by_a_hair_are_runs_of_their_own():
    close = (73.0, 73.00000001)
    scenario = load("two_areas", strategy="two-stage")
    scenarios = dict.fromkeys(campaign.variants_needed(["two-stage"]), scenario)
    asked = campaign.all_points(["two-stage"], [1], close)

    tasks = campaign._tasks(scenarios, asked, RunStore(Path("nowhere")))

    assert str(asked[0]) == str(asked[1])  # in words they are the same
    assert len({task.key for task in tasks}) == len(tasks)


# --- what goes wrong ----------------------------------------------------------------


def test_a_limit_that_nobody_can_keep_is_said_and_is_no_failure(tmp_path):
    words = [*FEW, "--strategies", "optimum", "--seeds", "1", "--limit", "40"]

    result = call("compare", *words, "--out", tmp_path)

    assert result.exit_code == 0
    assert "infeasible: optimum, seed 1, limit 40%: no dispatch keeps" in result.stderr
    assert [it["infeasible"] for it in evidence_in(tmp_path)["failures"]] == [True]


def test_a_failed_run_is_listed_and_stops_no_other(compared, monkeypatch):
    folder, _ = compared
    monkeypatch.setattr(campaign, "perform", operator.neg)  # what nobody can do
    words = [*FEW, "--seeds", "1", "--strategies", "price-only,thermostat"]

    result = call("compare", *words, "--out", folder)

    assert result.exit_code == 1
    assert "failed: thermostat, seed 1" in result.stderr
    (failure,) = evidence_in(folder)["failures"]
    assert (failure["strategy"], failure["infeasible"]) == ("thermostat", False)
    assert [it["strategy"] for it in evidence_in(folder)["runs"]] == ["price-only"]
    assert "price-only" in result.stdout


def test_a_spoilt_run_is_made_again(compared, tmp_path, monkeypatch):
    folder, _ = compared
    run = next(it for it in evidence_in(folder)["runs"] if it["seed"] == 1)
    file = folder / run["file"]
    whole = file.read_bytes()
    with h5py.File(file, "r+") as opened:
        opened.attrs["complete"] = 0
    asked = []
    monkeypatch.setattr(
        workers._Pool, "start", lambda self, task, call: asked.append(task)
    )
    monkeypatch.setattr(workers._Pool, "busy", property(lambda self: False))

    with pytest.raises(ValueError, match="wait for each other"):
        campaign.carry_out(
            {"price-only": campaign_scenario()},
            [campaign.Point("price-only", 1)],
            folder,
            1,
        )

    file.write_bytes(whole)
    assert [str(task.key) for task in asked] == ["price-only, seed 1"]


def campaign_scenario():
    from mosaik_bottomup.scenario import load

    return load("two_areas", FEW[1::2], strategy="price-only")


@pytest.mark.parametrize("command", ["compare", "frontier"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--strategies", "two_stage"], "did you mean 'two-stage'"),
        (["--strategies", ""], "there are thermostat"),
        (["--seeds", "1-"], "--seeds"),
        (["--seeds", "a"], "--seeds"),
        (["--set", "run.sed=1"], "run.seed"),
        (["--set", "run.seed=1"], "say --seeds instead"),
        (["--set", "run.strategy=price-only"], "say --strategies instead"),
        (["--set", "prices.file=nowhere.csv"], "nowhere.csv"),
        (["--out", "file"], "is a file"),
        (["nowhere.toml"], "there is no such file"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_bad_input_ends_with_2_and_leaves_nothing(
    tmp_path, monkeypatch, no_process, command, words, told
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()

    result = call(command, *words)

    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "words", [["compare", "--limit", "0"], ["frontier", "--limits", "90,x"]]
)
def test_limits_that_cannot_be_are_refused(tmp_path, monkeypatch, no_process, words):
    monkeypatch.chdir(tmp_path)

    result = call(*words)

    assert result.exit_code == 2
    assert words[1] in result.stderr


def test_all_that_is_wrong_is_said_at_once(tmp_path, monkeypatch, no_process):
    monkeypatch.chdir(tmp_path)
    words = ["--strategies", "x", "--seeds", "a", "--limit", "-1", "--set", "x.y=1"]

    result = call("compare", *words)

    assert "4 problems" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_the_command_and_says_what_is_kept(tmp_path, monkeypatch):
    def interrupt(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign, "run_all", interrupt)

    result = call("compare", *FEW, "--seeds", "1", "--out", tmp_path / "new")

    assert result.exit_code == 130
    assert "goes on with them" in result.stderr


def test_every_variant_is_a_strategy_that_its_overrides_fit():
    from mosaik_bottomup.parties import STRATEGIES
    from mosaik_bottomup.scenario import load

    for variant in VARIANTS.values():
        scenario = load("two_areas", variant.overrides, strategy=variant.strategy)
        assert scenario.run.strategy in STRATEGIES
    assert {variant.strategy for variant in VARIANTS.values()} == set(STRATEGIES)


@pytest.mark.parametrize("command", ["compare", "frontier"])
def test_help_explains_and_gives_examples(command):
    result = call(command, "--help")

    assert result.exit_code == 0
    assert f"mosaik-bottomup {command}" in result.stdout
    assert "--workers" in result.stdout
