"""The benchmark measures what it says, and leaves everything as it was."""

import json

import mosaik
import pytest
from mosaik_components.bottomup import grid, profiles

from mosaik_bottomup import scenario
from mosaik_bottomup.app.bench import __main__ as bench
from mosaik_bottomup.app.bench import sample as bench_sample
from mosaik_bottomup.app.bench.stopwatch import (
    OUTSIDE_STEPS,
    PARTS,
    WARM_UP,
    Stopwatch,
    replaced,
    watched,
)
from mosaik_bottomup.app.bench.tape import played, recorded
from mosaik_bottomup.app.world import run

TINY = (
    "run.duration_h=1",
    "run.warm_up_h=1",
    "planning.every_h=0.5",
    "sites.heat_pumps=4",
    "sites.pv_batteries=4",
)


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


@pytest.mark.slow
def test_the_command_prints_tables_and_keeps_the_figures(tmp_path, capsys):
    file = tmp_path / "bench.json"

    bench.main("two_areas", list(TINY), 1, file)

    printed = capsys.readouterr().out
    figures = json.loads(file.read_text())
    for heading in ("whole command", "one step", "same wiring", "peak memory"):
        assert heading in printed
    assert figures["command"]["cpu_s"] > figures["imports"]["cpu_s"]
    assert figures["command"]["peak_mb"] > 1
    assert figures["ratios"]["whole"] > 1
