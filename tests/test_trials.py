"""Whole runs at the edges: tight limits, changes of the clock, bad input, a kill."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import typer.testing
import xarray as xr

from mosaik_bottomup import case, scenario
from mosaik_bottomup.app import cli, world
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.metrics import summarise
from mosaik_bottomup.results import Results, read

FEW = ("sites.heat_pumps=16", "sites.pv_batteries=14")
SHORT = (*FEW, "run.duration_h=2", "run.warm_up_h=2")
EVENING = (*SHORT, "run.start=2016-01-04T16:00:00+01:00")
BINDING = (*EVENING, "run.duration_h=1.5", "grid.transformer_kva=[72, 84]")
"""Price-only overloads these transformers at once; coordination need not."""
ZONE = "Europe/Copenhagen"
ENGINES_AGREE_PERCENT = 1e-4
CURTAILED_KW = 0.01
UNUSED_KW = 0.05


def ran(file: Path, *overrides: str) -> Results:
    """Run the default scenario with other values, and read what came of it."""
    world.run(scenario.load("two_areas", overrides), file)
    return read(file)


def failed(results: Results) -> list[str]:
    return [name for name, line in certify(results).items() if not line["pass"]]


def call(*words: object) -> typer.testing.Result:
    return typer.testing.CliRunner().invoke(cli.app, [str(word) for word in words])


def options(*overrides: str) -> list[str]:
    return list(itertools.chain.from_iterable(("--set", at) for at in overrides))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.h5"


# --- limits and rules ---------------------------------------------------------------


def test_price_only_overloads_what_coordination_does_not(file: Path) -> None:
    results = ran(file, *BINDING, "run.strategy=price-only")

    assert failed(results) == ["security_transformers"]


@pytest.mark.parametrize(
    "rule",
    [
        "dso.allocation=proportional",
        "dso.look_ahead=store",
        "dso.look_ahead=rehearsal",
        "dso.look_ahead=none",
        "day_ahead.rehearsal=false",
        "sites.min_run_h=0.75",
        "sites.inverter_share=0",
        "sites.inverter_share=1",
        "run.warm_up_h=0",
        "run.step_s=1800",
    ],
)
def test_every_rule_keeps_the_promises_at_a_binding_limit(
    file: Path, rule: str
) -> None:
    results = ran(file, *BINDING, rule)

    assert failed(results) == []
    assert np.abs(results.series("areas", "congestion_price")).max() > 0


@pytest.mark.slow
def test_both_engines_give_the_same_numbers(tmp_path: Path) -> None:
    fast = ran(tmp_path / "fast.h5", *BINDING)
    slow = ran(tmp_path / "slow.h5", *BINDING, "grid.engine=pandapower")

    for group, name in (("transformers", "loading"), ("lines", "loading")):
        np.testing.assert_allclose(
            slow.series(group, name),
            fast.series(group, name),
            rtol=0,
            atol=ENGINES_AGREE_PERCENT,
        )


def test_a_limit_below_the_load_runs_and_says_what_could_not_be_helped(
    file: Path,
) -> None:
    results = ran(file, *EVENING, "grid.loading_limit_percent=15")

    line = certify(results)["security_transformers"]
    assert failed(results) == ["security_transformers"]
    assert "no choice fitted" in line["text"]
    unavoidable = results.series("areas", "forecast_overload_kw") > 0
    flexible_kw = results.series("portfolios", "dispatched_kw").sum(0)
    least_kw = results.series("portfolios", "offer_low_kw").sum(0)
    both = unavoidable.all(0)
    assert both.any()
    np.testing.assert_allclose(flexible_kw[both], least_kw[both], atol=1e-6)


@pytest.mark.slow
def test_pv_is_curtailed_only_when_nothing_else_is_left(tmp_path: Path) -> None:
    sunny = (
        "sites.heat_pumps=8",
        "sites.pv_batteries=60",
        "sites.pv_kwp=[8, 8]",
        "run.start=2016-06-23T11:00:00+02:00",
        "run.warm_up_h=9",
        "run.duration_h=6",
        "run.step_s=1800",
    )
    ran(tmp_path / "free.h5", *sunny, "run.strategy=price-only")
    free = summarise(tmp_path / "free.h5")["areas"]
    limits = [0.6 * at["reverse_peak_loading_percent"] for at in free.values()]

    results = ran(tmp_path / "held.h5", *sunny, f"grid.loading_limit_percent={limits}")

    assert failed(results) == []
    site = results.static["pv_batteries"]
    begin_kwh = np.column_stack(
        [
            site["start_energy_kwh"],
            results.series("pv_batteries", "energy_kwh")[:, :-1],
        ]
    )
    room_kwh = site["energy_high_kwh"][:, None] - begin_kwh
    charge_kw = np.minimum(
        site["power_max_kw"][:, None],
        room_kwh / (site["efficiency"][:, None] * results.step_h),
    )
    unused_kw = charge_kw - results.series("pv_batteries", "battery_kw")
    curtailed_kw = results.series("pv_batteries", "curtailed_kw")
    for area in (0, 1):
        mine = site["area"] == area
        when = curtailed_kw[mine].sum(0) > CURTAILED_KW
        assert when.any()
        assert unused_kw[mine][:, when].max() < UNUSED_KW


# --- time ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "hours", "steps", "tariff_rises"),
    [
        ("2016-03-27T00:00:00+01:00", 23, 46, [10, 32]),
        ("2016-10-30T00:00:00+02:00", 25, 50, [14, 36]),
    ],
    ids=["march", "october"],
)
def test_a_day_the_clock_changes_is_as_long_as_it_is(
    file: Path, start: str, hours: int, steps: int, tariff_rises: list[int]
) -> None:
    results = ran(
        file,
        *FEW,
        f"run.start={start}",
        f"run.duration_h={hours}",
        "run.step_s=1800",
        "run.warm_up_h=0",
        "run.strategy=price-only",
        "tariff.vat_factor=1",
    )

    tariff = results.series("market", "import_price") - results.series(
        "market", "day_ahead_price"
    )
    assert results.steps_written == steps
    # at 6:00 and 17:00 of the wall clock
    assert (np.flatnonzero(np.diff(tariff) > 1e-9) + 1).tolist() == tariff_rises
    assert "00:00" in f"{pd.Timestamp(results.time_s[0], unit='s', tz=ZONE)}"


@pytest.mark.parametrize("day", ["2016-03-27", "2016-10-30"])
def test_prices_in_local_time_are_read_through_the_change_of_the_clock(
    file: Path, tmp_path: Path, day: str
) -> None:
    start = pd.Timestamp(day, tz=ZONE)
    local = pd.date_range(start.floor("h"), periods=72, freq="h")
    rows = [f"{at.isoformat()},{at.timestamp() % 86_400}" for at in local]
    (tmp_path / "local.csv").write_text(
        "time,day_ahead [DKK MWh-1]\n" + "\n".join(rows)
    )

    results = ran(
        file,
        *SHORT,
        f"run.start={start.isoformat()}",
        "run.duration_h=5",
        "run.warm_up_h=0",
        "run.strategy=price-only",
        f"prices.file={tmp_path / 'local.csv'}",
    )

    hour_s = results.time_s // 3600 * 3600 % 86_400
    price = results.series("market", "day_ahead_price")
    np.testing.assert_allclose(price.ravel(), hour_s / 1000)


@pytest.mark.slow
def test_every_day_has_a_schedule_of_its_own(file: Path) -> None:
    results = ran(file, *FEW, "run.duration_h=50", "run.warm_up_h=2", "run.step_s=3600")

    schedule_kw = results.series("aggregators", "schedule_kw")
    delivered_kw = results.series("aggregators", "delivered_kw")
    assert not np.isnan(schedule_kw).any()
    for day in (slice(0, 24), slice(24, 48), slice(48, 50)):
        missed = np.abs(delivered_kw - schedule_kw)[:, day].sum()
        assert missed < 0.02 * np.abs(delivered_kw[:, day]).sum()
    assert failed(results) == []


# --- the file -----------------------------------------------------------------------


def test_every_variable_has_a_unit_and_every_reader_reads_it(file: Path) -> None:
    ran(file, *SHORT)
    without: list[str] = []

    def look(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not item.attrs.get("units"):
            without.append(name)

    with h5py.File(file) as held:
        held.visititems(look)
    with xr.open_datatree(file) as tree:
        assert tree.attrs["complete"] == 1
        assert tree["transformers"].to_dataset()["loading"].shape == (8, 2)
    assert without == []


def test_every_stage_is_kept_as_a_problem_that_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "problems"

    ran(tmp_path / "run.h5", *BINDING, f"solver.write_lp={folder}")

    stages = {path.name.split("-")[0] for path in folder.iterdir()}
    assert stages == {"look_ahead", "stage_one", "stage_two"}
    text = next(folder.glob("stage_two-*.lp")).read_text()
    assert "overload_import_0" in text


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing to kill with")
def test_a_killed_run_leaves_all_but_its_last_steps(file: Path) -> None:
    words = [*FEW, "run.warm_up_h=0", "run.step_s=300", "day_ahead.rehearsal=false"]
    command = [sys.executable, "-m", "mosaik_bottomup.app.cli", "run", "--quiet"]
    process = subprocess.Popen([*command, "--out", str(file), *options(*words)])
    deadline = time.monotonic() + 120

    while steps_in(file) < 40 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    seen = steps_in(file)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert process.returncode == -signal.SIGKILL
    results = read(file)
    assert not results.complete
    assert seen <= results.steps_written < results.steps
    assert np.isfinite(results.series("transformers", "loading")).all()
    with xr.open_datatree(file) as tree:
        assert tree.attrs["complete"] == 0
    shown = call("show", file)
    assert shown.exit_code == 0
    assert f"no, {results.steps_written} of 288 steps" in shown.stdout


def steps_in(file: Path) -> int:
    """Return the steps on disk while another process writes."""
    try:
        with h5py.File(file, locking=False) as held:
            return int(held["steps_written"][()])
    except (OSError, KeyError, RuntimeError):
        return 0


# --- bad input ----------------------------------------------------------------------


def prices(rows: int = 96) -> list[str]:
    times = pd.date_range("2016-01-03T23:00Z", periods=rows, freq="h")
    return [f"{at.isoformat()},0.5" for at in times]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*prices()[:7], prices()[7].replace("0.5", "nan"), *prices()[8:]], "line 9"),
        (prices(20), "planning horizon"),
        ([*prices()[:7], *prices()[8:]], "fill the gap"),
    ],
    ids=["no-number", "too-short", "gap"],
)
def test_bad_prices_are_refused_before_anything_is_written(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("time,day_ahead [DKK kWh-1]\n" + "\n".join(rows))
    words = options(*SHORT, "run.warm_up_h=0", f"prices.file={file}")

    result = call("run", "--out", tmp_path / "new" / "run.h5", *words)

    assert result.exit_code == 2
    assert said in result.stderr
    assert str(file) in result.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_run_keeps_the_file_it_would_have_replaced(tmp_path: Path) -> None:
    file = tmp_path / "run.h5"
    file.write_text("precious")
    words = options(*SHORT, "grid.transformer_kva=0.001")

    result = call("run", "--out", file, "--force", *words)

    assert result.exit_code == 1
    assert "did not converge" in result.stderr
    assert file.read_text() == "precious"


def test_what_is_wrong_in_several_files_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "sky.csv").write_text("time,ambient [degF]\n2016-01-01T00:00Z,40\n")
    (tmp_path / "price.csv").write_text("time,price\n2016-01-01T00:00Z,1\n")
    files = [
        f"weather.file={tmp_path / 'sky.csv'}",
        f"prices.file={tmp_path / 'price.csv'}",
    ]

    with pytest.raises(InputError) as caught:
        case.build(scenario.load("two_areas", files))

    sources = {Path(problem.source).name for problem in caught.value.problems}
    assert sources == {"sky.csv", "price.csv"}
