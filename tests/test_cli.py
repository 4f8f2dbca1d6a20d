"""The command line: good input runs, bad input writes nothing, and help is quick."""

import io
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
import typer.testing
from rich.console import Console

from mosaik_bottomup.app import cli, show
from mosaik_bottomup.errors import InputError, Problem

SUMMARY = {
    "scenario": "two_areas",
    "strategy": "price-only",
    "seed": 1,
    "complete": True,
    "steps": 96,
    "step_s": 900,
    "areas": {"A": {"limit_kva": 160.0, "peak_loading_percent": 120.0}},
    "customer_cost_dkk": 1000.0,
    "heat_pump_starts": 200,
    "aggregators": {"agg-1": {"imbalance_kwh": 0.0}},
    "certificate": {
        "security_transformers": {"pass": False, "figure": 120.0, "text": "A, 18:15"},
        "qos_comfort": {"pass": True, "figure": 0.0, "text": "none"},
    },
    "wall_time_s": None,
    "step_time_ms": {"median": 4.0, "max": 9.0},
}
COORDINATED = SUMMARY | {
    "strategy": "two-stage",
    "areas": {"A": {"limit_kva": 160.0, "peak_loading_percent": 90.0}},
    "customer_cost_dkk": 1005.0,
}


class World:
    """Stands in for the simulation: remembers what it was asked."""

    def __init__(self):
        self.runs = []
        self.error = None

    def run(self, scenario, out, on_progress, *, checkpoints):
        """Write a summary instead of results, or fail as told."""
        self.runs.append((scenario, out))
        self.checkpoints = checkpoints
        on_progress(1, 2)
        if self.error:
            raise self.error
        out.write_text(json.dumps(SUMMARY | {"strategy": scenario.run.strategy}))


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World()
    module = types.ModuleType("mosaik_bottomup.app.world")
    module.run = world.run
    metrics = types.ModuleType("mosaik_bottomup.metrics")
    metrics.summarise = lambda path: json.loads(Path(path).read_text())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, metrics.__name__, metrics)
    monkeypatch.chdir(tmp_path)
    return world


def call(*words: str) -> typer.testing.Result:
    return typer.testing.CliRunner().invoke(cli.app, [str(word) for word in words])


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


# --- run ----------------------------------------------------------------------------


def test_run_without_words_runs_the_packaged_default(world, tmp_path):
    result = call("run")

    assert result.exit_code == 0, result.output
    ((scenario, out),) = world.runs
    assert scenario.name == "two_areas"
    assert out == Path("results/two_areas-two-stage-1.h5")
    assert "peak loading" in result.stdout
    assert str(out) in result.stdout


def test_options_reach_the_scenario_and_the_name_of_the_file(world):
    call("run", "--strategy", "price-only", "--seed", 7, "--set", "name=mine")

    ((scenario, out),) = world.runs
    assert (scenario.run.strategy, scenario.run.seed) == ("price-only", 7)
    assert out == Path("results/mine-price-only-7.h5")


def test_quiet_says_nothing(world):
    result = call("run", "--quiet", "--out", "new/x.h5")

    assert result.output == ""
    assert Path("new/x.h5").exists()


def test_results_are_overwritten_only_by_force(world):
    Path("x.h5").write_text("{}")

    refused = call("run", "--out", "x.h5")
    kept = Path("x.h5").read_text()
    forced = call("run", "--out", "x.h5", "--force")

    assert (refused.exit_code, kept) == (2, "{}")
    assert "--force" in refused.stderr
    assert forced.exit_code == 0
    assert Path("x.h5").read_text() != "{}"


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere.toml"],
        ["--set", "run.sed=1"],
        ["--set", "run.sed=1", "--out", "new/x.h5"],
        ["--seed", "-1"],
        ["--seed", "one"],
        ["--strategy", "guess"],
        ["--set", "prices.file=nowhere.csv"],
        ["--out", "."],
        ["--out", ".", "--force"],
        ["--out", "file/x.h5"],
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(world, tmp_path, words):
    Path("file").touch()
    before = everything_in(tmp_path)

    result = call("run", *words)

    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.output
    assert not world.runs
    assert everything_in(tmp_path) == before


def test_scenario_and_output_are_faulted_together(world):
    Path("file").touch()

    result = call("run", "--set", "run.sed=1", "--out", "file/x.h5")

    assert "run.seed" in result.stderr
    assert "--out" in result.stderr


def test_bad_series_found_by_the_run_are_bad_input_and_leave_nothing(world, tmp_path):
    world.error = InputError([Problem("p.csv", "row 7", "nan", "must be a number")])

    result = call("run", "--out", "new/newer/x.h5")

    assert result.exit_code == 2
    assert "p.csv: row 7 = nan: must be a number" in result.stderr
    assert everything_in(tmp_path) == []


def test_a_run_keeps_a_checkpoint_each_day_or_as_often_as_it_is_told(world):
    found = []
    for words in ((), ("--checkpoint-every", "2.5"), ("--checkpoint-every", "0")):
        call("run", "--force", "--out", "x.h5", *words)
        found.append(world.checkpoints.every_steps)

    assert found == [96, 10, 0]
    assert Path(world.checkpoints.folder).name == "x.h5.checkpoints"


def test_a_run_that_cannot_go_on_is_bad_input(world, tmp_path):
    result = call("run", "--resume", "--out", "new/x.h5")

    assert result.exit_code == 2
    assert "has no checkpoint to go on from" in result.stderr
    assert not world.runs
    assert everything_in(tmp_path) == []


def test_a_failed_run_ends_with_1_and_one_message(world, tmp_path):
    world.error = RuntimeError("stage two, step [3]: infeasible")

    result = call("run")

    assert result.exit_code == 1
    assert "the run failed: stage two, step [3]: infeasible" in result.stderr
    assert "Traceback" not in result.output
    assert everything_in(tmp_path) == []


def test_debug_shows_where_a_run_failed(world):
    world.error = RuntimeError("stage two")

    assert call("run", "--debug").exception is world.error


def test_an_interrupted_run_says_where_the_steps_are(world):
    world.error = KeyboardInterrupt()

    before = call("run", "--out", "x.h5")
    Path("x.h5").touch()
    after = call("run", "--out", "x.h5", "--force")

    assert before.exit_code == after.exit_code == 130
    assert "no results" in before.stderr
    assert "x.h5 holds the steps so far" in after.stderr
    assert "--resume" not in after.stderr


def test_an_interrupted_run_says_if_it_can_go_on(world):
    world.error = KeyboardInterrupt()
    checkpoint = Path("x.h5.checkpoints/96")
    checkpoint.mkdir(parents=True)
    (checkpoint / "identity").touch()

    result = call("run", "--out", "x.h5")

    assert "--resume goes on from the last checkpoint" in result.stderr


# --- show ---------------------------------------------------------------------------


def test_json_of_one_file_is_one_object_and_of_several_a_list(world):
    Path("a.h5").write_text(json.dumps(SUMMARY))

    one = call("show", "a.h5", "--json")
    two = call("show", "a.h5", "a.h5", "--json")

    assert json.loads(one.stdout) == SUMMARY
    assert json.loads(two.stdout) == [SUMMARY, SUMMARY]


def test_two_files_stand_side_by_side(world):
    Path("a.h5").write_text(json.dumps(SUMMARY))
    Path("b.h5").write_text(json.dumps(COORDINATED))

    result = call("show", "a.h5", "b.h5")

    peak = next(line for line in result.stdout.splitlines() if "peak loading" in line)
    assert "120.0" in peak
    assert "90.0  (-25.0%)" in peak


def test_what_is_not_there_and_what_is_no_results_file_are_bad_input(monkeypatch):
    result = call("show", __file__, "nowhere.h5")

    assert result.exit_code == 2
    assert "2 problems" in result.stderr
    assert "Traceback" not in result.output


def text_of(*summaries, stems=("one", "two")) -> str:
    console = Console(width=100, file=io.StringIO())
    names = show.titles(summaries, stems[: len(summaries)])
    console.print(show.table(summaries, names))
    return console.file.getvalue()


def line_of(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if label in line)


def test_differences_are_percent_of_the_first():
    cost = line_of(text_of(SUMMARY, COORDINATED), "end state settled")

    assert "1000.00" in cost
    assert "1005.00  (+0.5%)" in cost


def test_equal_values_and_values_from_zero_have_no_difference():
    moved = COORDINATED | {"aggregators": {"agg-1": {"imbalance_kwh": 3.0}}}
    text = text_of(SUMMARY, moved)

    assert "%" not in line_of(text, "heat pump starts")
    assert "%" not in line_of(text, "imbalance [kWh]")


def test_what_is_shown_as_nothing_is_no_measure_for_a_difference():
    rounding, real = (
        {"aggregators": {"agg-1": {"imbalance_kwh": kwh}}}
        for kwh in (
            1e-14,
            0.06,
        )
    )

    text = text_of(SUMMARY | rounding, SUMMARY | real)

    assert "%" not in line_of(text, "imbalance [kWh]")


def test_the_certificate_passes_or_fails_by_line():
    text = text_of(SUMMARY)

    assert "A, 18:15  FAIL" in line_of(text, "security transformers")
    assert "PASS" in line_of(text, "qos comfort")


def test_what_is_missing_is_a_dash():
    assert "-" in line_of(text_of(SUMMARY), "wall time")
    assert "-" in line_of(text_of(SUMMARY), "lowest voltage")


def test_a_stopped_run_says_how_far_it_came():
    stopped = SUMMARY | {"complete": False, "steps_written": 40, "certificate": {}}

    text = text_of(stopped)

    assert "no, 40 of 96 steps" in line_of(text, "complete")
    assert "PASS" not in text


def test_runs_are_headed_by_strategy_or_else_by_file():
    assert show.titles([SUMMARY, COORDINATED], ["a", "b"]) == [
        "price-only",
        "two-stage",
    ]
    assert show.titles([SUMMARY, SUMMARY], ["a", "b"]) == ["a", "b"]


def test_areas_of_any_of_the_runs_are_shown():
    other = SUMMARY | {"areas": {"B": {"peak_loading_percent": 50.0}}}

    text = text_of(SUMMARY, other)

    assert "area A" in text
    assert "area B" in text


def test_of_many_areas_the_worst_and_the_sums_are_shown():
    many = {
        f"A-{n}": {
            "limit_kva": 160.0 + n,
            "peak_loading_percent": 60.0 + n,
            "reverse_peak_loading_percent": 30.0 + n,
            "overload_minutes": 15,
            "overload_kwh": 0.5,
            "peak_kw": 90.0 + n,
        }
        for n in range(show.MOST_AREAS + 1)
    }
    check = {"rounds": 2}
    for n in range(show.MOST_AREAS + 1):
        check |= {f"margin_percent.A-{n}": 2.0 + n, f"overload_kw.A-{n}": 0.0}
    fewer = {"A-1": {"peak_loading_percent": 54.0}}

    text = text_of(
        SUMMARY | {"areas": many, "schedule_checks": {"2016-01-03T11:00": check}},
        SUMMARY | {"areas": fewer},
    )

    assert "13 areas" in text
    assert "area A-1" not in text
    shown = {
        "lowest limit": "160",
        "highest peak loading": "72.0",
        "highest reverse peak loading": "42.0",
        "total overload [min]": "195",
        "total overload [kWh]": "6.50",
        "highest peak power": "102.0",
    }
    for label, value in shown.items():
        assert f" {value} " in line_of(text, label)
    assert "54.0  (-25.0%)" in line_of(text, "highest peak loading")
    assert " - " in line_of(text, "total PV curtailed")
    assert "2 to 14 %" in text
    assert "0.0 kW" in text


def test_a_dozen_areas_are_shown_one_by_one():
    areas = {f"A-{n}": {"limit_kva": 160} for n in range(show.MOST_AREAS)}

    text = text_of(SUMMARY | {"areas": areas})

    assert all(f"area {name} " in text for name in areas)
    assert "lowest limit" not in text


# --- validate and help --------------------------------------------------------------


def test_validate_accepts_the_default_and_counts():
    result = call("validate", "two_areas")

    assert result.exit_code == 0
    assert "96 steps" in result.stdout


def test_a_resolved_scenario_is_a_start_for_ones_own(tmp_path):
    resolved = call("validate", "two_areas", "--set", "run.seed=9", "--resolved").stdout
    mine = tmp_path / "mine.toml"
    mine.write_text(resolved)

    assert call("validate", mine, "--resolved").stdout == resolved
    assert "seed = 9" in resolved


def test_validate_reports_every_problem():
    result = call(
        "validate", "two_areas", "--set", "run.sed=1", "--set", "pv.tilt_deg=x"
    )

    assert result.exit_code == 2
    assert "2 problems" in result.stderr


def test_validate_reads_the_series_a_scenario_names(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("time,price [DKK kWh-1]\n2016-01-04T00:00:00+01:00,nan\n")

    result = call("validate", "two_areas", "--set", f"prices.file={prices}")

    assert result.exit_code == 2
    assert "prices.csv" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["run", "show", "settle", "validate"])
def test_every_command_teaches_by_example(command):
    result = call(command, "--help")

    assert result.exit_code == 0
    assert f"mosaik-bottomup {command}" in result.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from mosaik_bottomup.app import cli\n"
        "try: cli.app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'h5py', 'mosaik', 'numpy', 'pandas', 'pulp', 'pydantic'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "validate" in done.stdout


def test_the_installed_command_starts():
    command = Path(sys.executable).with_name("mosaik-bottomup")

    done = subprocess.run(
        [command, "validate", "two_areas"], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
