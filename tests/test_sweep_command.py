"""The command sweep: the same table however it is made, and what a failure costs."""

import gc
import json
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
import typer.testing

from mosaik_bottomup.app import cli
from mosaik_bottomup.app.sweep import command

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""Dask leaves sockets to the garbage collector."""
PATIENCE_S = 300
SCENARIO = """
[run]
duration_h = 1
warm_up_h = 0
[sites]
heat_pumps = 6
pv_batteries = 4
"""
SWEEP = """
name = "tiny"
scenario = "base.toml"
strategies = ["price-only", "two-stage"]
seeds = {seeds}
keep = "{keep}"
[axes]
"planning.guard_margin_k" = {margins}
"""
BAND_LEFT, NO_BAND_LEFT = 0.0, 1.5
"""With the second, homes have no comfort band left, and that shows in the run only."""
TABLES = ("summary.parquet", "summary.csv")


@pytest.fixture(autouse=True)
def _collected():
    """Have what Dask leaves collected here, and not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def call(*words):
    return typer.testing.CliRunner().invoke(cli.app, [str(word) for word in words])


def swept(folder, *words, seeds=(1, 2), keep="none", margins=(BAND_LEFT, NO_BAND_LEFT)):
    """Run a sweep into a folder, in this process."""
    return call(
        "sweep", sweep_file(folder, seeds, keep, margins), "--out", folder, *words
    )


def sweep_file(folder, seeds=(1, 2), keep="none", margins=(BAND_LEFT,)):
    folder.mkdir(exist_ok=True)
    (folder / "base.toml").write_text(SCENARIO)
    file = folder / "sweep.toml"
    told = SWEEP.format(seeds=list(seeds), keep=keep, margins=list(margins))
    file.write_text(told)
    return file


def tables_in(folder):
    return [(folder / name).read_bytes() for name in TABLES]


def runs_in(folder):
    return sorted(file.name for file in (folder / "runs").iterdir())


@contextmanager
def started(*words):
    """Have a process of its own, and end it."""
    process = subprocess.Popen([sys.executable, "-m", *map(str, words)])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def until(find):
    """Return what is found, as soon as anything is."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.01)
    raise TimeoutError


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return folder, swept(folder, "--workers", 2)


@pytest.fixture
def no_cluster(monkeypatch):
    """Let no process start: all has to be there."""
    monkeypatch.setattr(command, "_cluster", None)


def test_a_failed_run_is_recorded_and_listed_and_stops_no_other(two_workers):
    folder, result = two_workers
    table = pd.read_parquet(folder / "summary.parquet")

    assert result.exit_code == 1, result.output
    assert table["status"].tolist() == ["done"] * 4 + ["failed"] * 4
    assert table["error"][4:].str.contains("comfort band").all()
    assert table["customer_cost_dkk"][:4].notna().all()
    assert table["customer_cost_dkk"][4:].isna().all()
    assert "point 2, price-only, seed 1" in result.output
    failures = [*(folder / "runs").glob("*.failure.json")]
    assert len(failures) == 4
    assert "Traceback" in json.loads(failures[0].read_text())["traceback"]


def test_only_metrics_stay_of_runs_whose_files_nobody_keeps(two_workers):
    folder, _ = two_workers

    assert all(name.endswith(".json") for name in runs_in(folder))


def test_both_tables_say_the_same(two_workers):
    parquet = pd.read_parquet(two_workers[0] / "summary.parquet")
    csv = pd.read_csv(two_workers[0] / "summary.csv", keep_default_na=False)

    assert csv["run_id"].tolist() == parquet["run_id"].tolist()
    assert list(csv) == list(parquet)


def test_one_worker_and_a_sweep_that_grew_make_the_same_table(two_workers, tmp_path):
    swept(tmp_path, "--workers", 1, seeds=(2,), keep="failed")
    before = {
        file: file.stat().st_mtime_ns
        for file in (tmp_path / "runs").glob("*.json")
        if "failure" not in file.name
    }

    grown = swept(tmp_path, "--workers", 1)

    assert tables_in(tmp_path) == tables_in(two_workers[0])
    assert len(before) == 2
    assert "2 of them found" in grown.output
    assert all(file.stat().st_mtime_ns == at for file, at in before.items())


def test_a_finished_sweep_starts_no_process(two_workers, tmp_path, no_cluster):
    shutil.copytree(two_workers[0], tmp_path / "again")

    result = swept(tmp_path / "again", margins=(BAND_LEFT,))

    assert result.exit_code == 0, result.output
    assert "4 runs, 4 of them found, 0 made now" in result.output


def test_a_dry_run_says_what_would_be_run_and_leaves_nothing(tmp_path, no_cluster):
    file = sweep_file(tmp_path, margins=(0.0, 0.1))

    result = call("sweep", file, "--dry-run", "--out", tmp_path / "out")

    assert result.exit_code == 0
    assert "2 points x 2 strategies x 2 seeds = 8 runs, 0 of them" in result.output
    assert not (tmp_path / "out").exists()


def test_workers_of_ones_own_and_a_scheduler_exclude_each_other(tmp_path):
    file = sweep_file(tmp_path)

    result = call("sweep", file, "--workers", 2, "--scheduler", "tcp://nowhere:1")

    assert result.exit_code == 2
    assert "leave --workers out" in result.output


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_only_its_run(tmp_path):
    words = ("sweep", sweep_file(tmp_path), "--out", tmp_path, "--workers", 2)

    def one_at_work(process):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                for file in map(Path, (it.path for it in child.open_files())):
                    # in the folder of runs: Dask has locks of its own elsewhere
                    if (file.parent.name, file.suffix) == ("runs", ".lock"):
                        return child, file.stem
        return None

    with started("mosaik_bottomup.app.cli", *words) as process:
        worker, run_id = until(lambda: one_at_work(process))
        worker.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE_S) == 1

    table = pd.read_parquet(tmp_path / "summary.parquet")
    assert table["run_id"][table["status"] == "failed"].tolist() == [run_id]
    assert len(table) == 4


@pytest.mark.slow
def test_a_scheduler_started_by_hand_gives_the_same_table(two_workers, tmp_path):
    at = tmp_path / "scheduler.json"
    joining = ("--scheduler-file", at, "--nthreads", 1, "--no-dashboard")
    scheduler = ("--port", 0, "--scheduler-file", at, "--no-dashboard")
    with (
        started("distributed.cli.dask_scheduler", *scheduler),
        started("distributed.cli.dask_worker", *joining),
        started("distributed.cli.dask_worker", *joining),
    ):
        address = until(lambda: at.exists() and json.loads(at.read_text())["address"])

        result = swept(tmp_path / "out", "--scheduler", address)

    assert result.exit_code == 1, result.output
    assert tables_in(tmp_path / "out") == tables_in(two_workers[0])
