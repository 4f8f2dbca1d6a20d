"""A run that is stopped goes on from its last checkpoint to the same numbers."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np
import pytest
from mosaik_components.bottomup.checkpoint import UNFINISHED, Checkpoints, last

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.app.resuming import checkpoints, folder_of
from mosaik_bottomup.errors import InputError

EVERY_H = 5
HOURS = 30
"""Of a run in hourly steps: two days, each rehearsed when it begins."""
FEW = (
    "run.step_s=3600",
    f"run.duration_h={HOURS}",
    "run.warm_up_h=2",
    "sites.heat_pumps=8",
    "sites.pv_batteries=7",
    "grid.transformer_kva=[100.0, 105.0]",
)
PARTS = {"fleet-0", "aggregator-0", "dso-0", "recorder-0", "identity"}
ORDER = (
    '{product = "mFRR", aggregator = "aggregator-1", delta_kw = %s, '
    "start = 2016-01-04T%s:00:00+01:00, ramp_min = 60.0, duration_min = 240.0}"
)
UNDER_WAY = f"activations.orders=[{ORDER % (-4.0, '08')}, {ORDER % (3.0, '18')}]"
RUNS = {
    "two-stage": (),
    "two-stage with rehearsals repeated": (
        "dso.look_ahead=combined",
        "grid.loading_limit_percent=90",
    ),
    "two-stage on wrong forecasts, traded and activated": (
        "forecast.error_scale=1",
        "day_ahead.gate_closure_h=13",
        "intraday.every_h=2",
        UNDER_WAY,
    ),
    "packet": (),
    "price-iteration": ("grid.loading_limit_percent=90",),
    "static-cap": ("alternatives.site_cap_kw=0.5",),
}
IN_PROCESSES = f"""
import sys
from pathlib import Path
from mosaik_bottomup.app import world
from mosaik_bottomup.app.resuming import checkpoints
from mosaik_bottomup.scenario import parse

wanted, file = parse(sys.argv[1]), Path(sys.argv[2])
kept = checkpoints(wanted, file, {EVERY_H}, False)
world.run(wanted, file, processes=True, checkpoints=kept)
"""
ALSO = [name for name in RUNS if name != "two-stage"]


class StopError(Exception):
    """Stands in for whatever ends a run."""


def settled(name, *overrides):
    strategy = name.partition(" ")[0]
    return scenario.load("two_areas", [*FEW, *RUNS[name], *overrides], None, strategy)


def stop_at(step):
    def on_progress(done, total):
        if done == step:
            raise StopError

    return on_progress


def begin(wanted, file, until, resume=False, **how):
    """Run until a step, and be stopped there."""
    kept = checkpoints(wanted, file, EVERY_H, resume)
    with pytest.raises((StopError, RuntimeError)):
        world.run(wanted, file, stop_at(until), checkpoints=kept, **how)


def end(wanted, file, **how):
    """Go on to the end; return the steps that were reported."""
    seen = []
    kept = checkpoints(wanted, file, EVERY_H, resume=True)
    world.run(wanted, file, lambda done, _: seen.append(done), checkpoints=kept, **how)
    return seen


def arrays(file):
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(file) as opened:
        opened.visititems(keep)
    return found


def assert_same_bits(one, other):
    first, second = arrays(one), arrays(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name, strict=True)


def assert_goes_on(name, folder, **how):
    """Stop a run twice at random: it ends as if it never had been."""
    wanted, file = settled(name), folder / "stopped.h5"
    once, twice = sorted(random.Random(name).sample(range(6, HOURS), 2))

    world.run(wanted, folder / "whole.h5", **how)
    begin(wanted, file, once, **how)
    begin(wanted, file, twice, resume=True, **how)
    seen = end(wanted, file, **how)

    assert_same_bits(folder / "whole.h5", file)
    last_checkpoint = (twice - 1) // EVERY_H * EVERY_H
    assert seen == list(range(last_checkpoint + 1, HOURS + 1))
    assert sorted(folder.iterdir()) == [file, folder / "whole.h5"]


def test_a_run_stopped_twice_ends_with_the_same_bits(tmp_path):
    assert_goes_on("two-stage", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALSO)
def test_every_strategy_goes_on_to_the_same_bits(tmp_path, name):
    assert_goes_on(name, tmp_path)


def kill_after_a_checkpoint(command, folder):
    """Begin a run, and kill it with all its processes; return its last checkpoint."""
    begun = subprocess.Popen(command, start_new_session=True)
    while last(folder) is None and begun.poll() is None:
        time.sleep(0.01)
    time.sleep(random.Random(1).uniform(0.0, 0.2))
    with suppress(ProcessLookupError):
        os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    step, _ = last(folder)
    return step


@pytest.mark.slow
def test_simulators_in_processes_of_their_own_go_on_to_the_same_bits(tmp_path):
    wanted, file = settled("two-stage"), tmp_path / "killed.h5"
    command = [sys.executable, "-c", IN_PROCESSES, wanted.to_toml(), str(file)]

    step = kill_after_a_checkpoint(command, folder_of(file))
    seen = end(wanted, file, processes=True)

    world.run(wanted, tmp_path / "whole.h5")
    assert seen == list(range(step + 1, HOURS + 1))
    assert_same_bits(tmp_path / "whole.h5", file)


@pytest.mark.slow
def test_a_run_goes_on_after_all_its_processes_were_killed(tmp_path):
    whole, file = tmp_path / "whole.h5", tmp_path / "killed.h5"
    wanted = settled("two-stage")
    options = [word for override in FEW for word in ("--set", override)]
    command = [sys.executable, "-m", "mosaik_bottomup.app.cli", "run", *options]
    command += ["--quiet", "--checkpoint-every", "3", "--out", file]

    step = kill_after_a_checkpoint(command, folder_of(file))
    subprocess.run([*command, "--resume"], check=True)

    assert 0 < step < HOURS
    world.run(wanted, whole)
    assert_same_bits(whole, file)
    assert not folder_of(file).exists()


# --- what is refused ------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Return the file of a run that was stopped after its twelfth step."""
    file = tmp_path_factory.mktemp("stopped") / "run.h5"
    begin(settled("two-stage"), file, 12)
    return file


def refusal(wanted, file):
    with pytest.raises(InputError) as refused:
        checkpoints(wanted, file, EVERY_H, resume=True)
    return "\n".join(map(str, refused.value.problems))


def test_only_the_last_complete_checkpoint_is_kept(stopped):
    folder = folder_of(stopped)

    assert [it.name for it in folder.iterdir()] == ["10"]
    assert {it.name for it in (folder / "10").iterdir()} == PARTS


def test_a_run_without_a_checkpoint_cannot_go_on(tmp_path):
    said = refusal(settled("two-stage"), tmp_path / "none.h5")

    assert "none.h5: has no checkpoint to go on from" in said
    assert "without --resume" in said


def test_every_key_that_is_not_as_the_run_was_begun_is_named(stopped):
    said = refusal(settled("two-stage", "run.seed=7", "sites.heat_pumps=9"), stopped)

    assert "run.seed = 7: the run was begun with 1" in said
    assert "sites.heat_pumps = 9: the run was begun with 8" in said
    assert len(said.splitlines()) == 2


def test_a_run_does_not_go_on_by_other_code(stopped, monkeypatch):
    monkeypatch.setattr("mosaik_bottomup.app.runs.run_store.code_version", lambda: "x")

    assert "another version of this package" in refusal(settled("two-stage"), stopped)


def test_a_complete_run_has_nothing_to_go_on_with(tmp_path):
    wanted, file = settled("two-stage", "run.duration_h=6"), tmp_path / "run.h5"
    kept = checkpoints(wanted, file, EVERY_H, resume=False)
    world.run(wanted, file, checkpoints=kept)

    assert "is complete" in refusal(wanted, file)


def test_a_run_begun_anew_forgets_the_checkpoints_of_the_one_before(stopped, tmp_path):
    file = tmp_path / "run.h5"
    begin(settled("two-stage"), file, 12)

    begin(settled("two-stage"), file, 2)

    assert "no checkpoint" in refusal(settled("two-stage"), file)


# --- the checkpoint itself ------------------------------------------------------------


@dataclass
class Counter:
    """Carries a count, and not its name."""

    CARRIES: ClassVar[tuple[str, ...]] = ("count",)
    name: str
    count: int


def test_a_party_takes_up_what_it_carried_and_nothing_else(tmp_path):
    Checkpoints(str(tmp_path), 2).keep("sid", 4, {"party": Counter("one", 7)})
    Checkpoints(str(tmp_path), 2).complete(4)
    later = Counter("other", 0)

    Checkpoints(str(tmp_path), 2, first=4).take_up("sid", {"party": later})

    assert later == Counter("other", 7)


def test_what_is_taken_up_is_of_the_moment_at_which_it_was_kept(tmp_path):
    held = Counter("one", 7)
    Checkpoints(str(tmp_path), 2).keep("sid", 4, {"party": held})
    held.count = 8

    part = (tmp_path / f"4{UNFINISHED}" / "sid").read_bytes()

    assert pickle.loads(part) == {"party": {"count": 7}}


def test_a_checkpoint_counts_once_it_is_complete(tmp_path):
    kept = Checkpoints(str(tmp_path), 2, identity="mine")
    for step in (2, 4):
        kept.keep("sid", step, {"party": Counter("one", step)})
        before = last(tmp_path)
        kept.complete(step)
        assert before == (None if step == 2 else (2, "mine"))
        assert last(tmp_path) == (step, "mine")

    kept.keep("sid", 6, {"party": Counter("one", 6)})

    assert last(tmp_path) == (4, "mine")


@pytest.mark.parametrize("step", [0, 3, 4])
def test_no_checkpoint_is_made_where_none_is_due(tmp_path, step):
    kept = Checkpoints(str(tmp_path), 2, first=4)

    kept.keep("sid", step, {"party": Counter("one", 1)})
    kept.complete(step)

    assert not list(tmp_path.iterdir())


def test_nothing_is_kept_where_nothing_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    Checkpoints().keep("sid", 4, {"party": Counter("one", 1)})
    Checkpoints().complete(4)
    Checkpoints().remove()

    assert not list(tmp_path.iterdir())
