"""The benchmark measures what it says, and leaves everything as it was."""

import json
from io import StringIO
from pathlib import Path

import mosaik
import pytest
from mosaik_components.bottomup import grid, profiles
from rich.console import Console

from mosaik_bottomup import scenario
from mosaik_bottomup.app.bench import __main__ as bench
from mosaik_bottomup.app.bench import bare, comparison, growth, steps, throughput, year
from mosaik_bottomup.app.bench import sample as bench_sample
from mosaik_bottomup.app.bench.process import Process, medians
from mosaik_bottomup.app.bench.stopwatch import (
    OUTSIDE_STEPS,
    PARTS,
    WARM_UP,
    Stopwatch,
    replaced,
    watched,
)
from mosaik_bottomup.app.bench.table import comparison as comparison_table
from mosaik_bottomup.app.bench.table import lines
from mosaik_bottomup.app.bench.tape import played, recorded
from mosaik_bottomup.app.sweep.plan import plan
from mosaik_bottomup.app.sweep.reading import read_sweep
from mosaik_bottomup.app.world import run
from mosaik_bottomup.errors import InputError

TINY = (
    "run.duration_h=1",
    "run.warm_up_h=1",
    "planning.every_h=0.5",
    "sites.heat_pumps=4",
    "sites.pv_batteries=4",
)
CONGESTED = (*TINY, "grid.transformer_kva=40")
BASELINE = Path(__file__).resolve().parents[1] / "benchmarks" / "baseline.json"


@pytest.fixture(scope="module")
def tiny():
    return scenario.load("two_areas", TINY)


@pytest.fixture(scope="module")
def sample(tiny, tmp_path_factory):
    return bench_sample.measure(tiny, tmp_path_factory.mktemp("bench"))


def test_every_part_takes_time(sample):
    assert set(sample.outside_steps_s) == set(OUTSIDE_STEPS)
    assert set(sample.first_step_ms) == set(PARTS) - set(OUTSIDE_STEPS)
    assert all(seconds > 0 for seconds in sample.outside_steps_s.values())
    assert all(first > 0 for first in sample.first_step_ms.values())


def test_the_parts_make_up_the_run(sample):
    whole_s = sum(sample.outside_steps_s.values()) + sample.steps_s

    assert whole_s == pytest.approx(sample.run_s)


def test_a_run_can_be_given_up(tiny, tmp_path):
    found = steps.laps(tiny, tmp_path, most=2)

    assert len(found.steps_s) == 2
    assert found.run_s > found.within_s > 0


def test_the_rehearsal_is_in_the_first_step_only(sample):
    ordinary_ms = sum(sample.ordinary_step_ms.values())

    assert sum(sample.first_step_ms.values()) > ordinary_ms
    assert 0 < sample.step_median_ms <= sample.step_max_ms


def test_a_run_takes_more_than_the_same_wiring_with_empty_simulators(sample):
    assert sample.exchanges > 0
    assert sample.whole_ratio > 1
    assert sample.steps_ratio > 1


def test_empty_simulators_say_by_rote_what_real_ones_said(tiny, tmp_path):
    with recorded() as tape:
        run(tiny, tmp_path / "real.h5")

    with played(tape) as again:
        run(tiny, tmp_path / "empty.h5")

    assert again.results == tape.results
    assert not (tmp_path / "empty.h5").exists()


def test_all_functions_are_given_back():
    held = {
        (holder, name): vars(holder).get(name)
        for places in PARTS.values()
        for holder, names in places
        for name in names
    }

    with watched(), recorded() as tape, played(tape):
        changed = vars(mosaik.World)["run"], vars(grid.Simulator)["step"]

    assert changed[0] is not held[mosaik.World, "run"]
    assert changed[1] is not held[grid.Simulator, "step"]
    for (holder, name), function in held.items():
        assert vars(holder).get(name) is function


def test_what_is_not_there_is_not_replaced():
    with pytest.raises(AttributeError), replaced(profiles, "nothing_of_the_kind", None):
        pass


class _Clock:
    """Goes by only when told to."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def work(self, seconds):
        self.now_s += seconds


def test_a_second_belongs_to_one_part_only():
    clock = _Clock()
    watch = Stopwatch("mine", clock=clock)
    inner = watch.wrap(lambda: clock.work(1), "inner")

    def both():
        clock.work(2)
        inner()
        clock.work(4)

    clock.work(8)
    watch.wrap(both, "outer")()

    assert watch.lap() == {"mine": 8, "outer": 6, "inner": 1}


def test_a_lap_begins_where_the_last_one_ended():
    clock = _Clock()
    watch = Stopwatch("mine", clock=clock)

    clock.work(1)
    first = watch.lap()
    clock.work(2)

    assert (first, watch.lap()) == ({"mine": 1}, {"mine": 2})


def test_the_warm_up_owns_all_it_calls():
    clock = _Clock()
    watch = Stopwatch("mine", clock=clock)
    inner = watch.wrap(lambda: clock.work(1), "inner")

    watch.wrap(inner, WARM_UP)()

    assert watch.lap() == {"mine": 0, WARM_UP: 1}


def test_time_counts_also_when_a_part_fails():
    clock = _Clock()
    watch = Stopwatch("mine", clock=clock)

    def fail():
        clock.work(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        watch.wrap(fail, "failing")()

    clock.work(2)

    assert watch.lap() == {"mine": 2, "failing": 1}


def test_stage_two_and_power_flow_stand_beside_the_bare_libraries():
    found = bare.measure(scenario.load("two_areas", CONGESTED), rounds=2)

    assert set(found) == {"stage_two", "power_flow"}
    for beside in found.values():
        assert min(beside.ours_ms, beside.bare_ms, beside.ratio) > 0


def test_where_nothing_is_congested_stage_two_stands_beside_nothing(tiny):
    assert set(bare.measure(tiny, rounds=1)) == {"power_flow"}


def test_ratios_are_of_neighbouring_calls():
    clock = _Clock()
    slowness = iter([9, 9, 1, 1, 10, 10, 2, 8])  # the first two are not counted

    def work(seconds):
        clock.work(seconds * next(slowness))

    beside = bare.in_turn(
        lambda: work(0.003), lambda: work(0.001), 3, lambda: clock.now_s
    )

    assert beside.ours_ms == pytest.approx(6)
    assert beside.bare_ms == pytest.approx(8)
    assert beside.ratio == pytest.approx(3)


def test_a_larger_fleet_is_as_dense():
    asked = scenario.load("two_areas")

    large = growth.grown(asked, 1500)

    assert large.grid.copies == 10
    assert (large.sites.heat_pumps, large.sites.pv_batteries) == (800, 700)
    assert large.run == asked.run


@pytest.mark.parametrize("sites", [0, 100, 151, 1501])
def test_a_fleet_that_is_no_multiple_is_refused(sites):
    with pytest.raises(InputError, match="multiple of the scenario's 150"):
        growth.grown(scenario.load("two_areas"), sites)


def test_the_slope_is_the_power_of_the_number_of_sites():
    fleets = {
        sites: {"step_s": 3.0 * sites, "first_step_s": 2.0 * sites**0.5}
        for sites in (150, 1500, 15000)
    }

    assert growth.slopes(fleets) == pytest.approx({"step_s": 1, "first_step_s": 0.5})


def test_a_year_is_the_start_once_and_all_its_hours():
    assert year.extrapolated_s(5.0, 10.0, 24.0) == 5.0 + 10.0 * 366


def test_a_sweep_counts_all_its_runs(monkeypatch):
    planned = []

    def timed(arguments):
        planned.append(len(plan(read_sweep(Path(arguments[3])))))
        workers = int(arguments[arguments.index("--workers") + 1])
        return Process(wall_s=120.0 / workers, cpu_s=0.0, peak_mb=0.0)

    monkeypatch.setattr(throughput, "timed", timed)
    found = throughput.throughput(scenario.load("two_areas"), 4, 1.0)

    assert planned == [4, 4]
    assert found == {
        "workers_1_per_min": 2.0,
        "workers_2_per_min": 4.0,
        "two_to_one": 2.0,
    }


def test_medians_reach_into_dicts():
    taken = [{"a": 1, "b": {"c": 5}}, {"a": 9, "b": {"c": 4}}, {"a": 2, "b": {"c": 6}}]

    assert medians(taken) == {"a": 2, "b": {"c": 5}}


def test_figures_stand_beside_those_of_the_baseline():
    before = {"ratios": {"whole": 2.0, "gone": 1.0}, "fleets": {"150": {"step_s": 0}}}
    now = {
        "ratios": {"whole": 3.0, "new": 4.0},
        "fleets": {"150": {"step_s": 5.0}},
        "runs": 3,
    }

    found = [(it.name, it.ratio) for it in comparison.compared(before, now)]

    assert found == [
        ("ratios / whole", 1.5),
        ("ratios / new", None),
        ("fleets / 150 / step_s", None),
    ]


@pytest.mark.parametrize("text", ["no JSON", "[1]", "{}", None])
def test_a_baseline_that_is_none_is_refused(text, tmp_path):
    file = tmp_path / "baseline.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(InputError, match="--compare"):
        comparison.read(file)


def test_the_baseline_of_the_checkout_has_all_figures():
    figures = comparison.read(BASELINE)

    found = comparison.compared(figures, figures)
    printed = _printed(*lines(figures), comparison_table(figures, found))

    assert {it.name.partition(" / ")[0] for it in found} == set(comparison.GROUPS)
    assert all(it.ratio in (1, None) for it in found)
    for heading in (
        "bare library",
        "ours [ms]",
        "fleet, sites",
        "slope",
        "a year",
        "sweep",
        "now",
    ):
        assert heading in printed


def _printed(*tables):
    console = Console(file=StringIO(), width=bench.WIDTH)
    for table in tables:
        console.print(table)
    return console.file.getvalue()


@pytest.mark.slow
def test_the_command_prints_tables_and_keeps_the_figures(tmp_path, capsys):
    file = tmp_path / "bench.json"

    bench.main(
        "two_areas",
        list(TINY),
        runs=1,
        quick=True,
        sites=[8, 16],
        file=file,
        baseline=BASELINE,
    )

    printed = capsys.readouterr().out
    figures = json.loads(file.read_text())
    headings = ("whole command", "one step", "same wiring", "bare library", "slope")
    for heading in (*headings, "a year", "peak memory", "baseline"):
        assert heading in printed
    assert all(len(line) <= bench.WIDTH for line in printed.splitlines())
    assert figures["command"]["cpu_s"] > figures["imports"]["cpu_s"]
    assert figures["command"]["peak_mb"] > 1
    assert figures["ratios"]["whole"] > 1
    command, start, parts = (figures[it] for it in ("command", "imports", "parts"))
    empty_s = start["cpu_s"] + parts["empty_run_s"]
    assert figures["ratios"]["process"] == pytest.approx(command["cpu_s"] / empty_s)
    assert set(figures["fleets"]) == {"8", "16"}
    assert figures["fleets"]["16"]["step_s"] > 0
    assert figures["year"]["from_1_h"]["cpu_s"] > figures["command"]["cpu_s"]
    assert "sweep" not in figures
