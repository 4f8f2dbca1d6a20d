"""Every scenario file says what it shows, is readable, and runs: here in hourly steps."""

from pathlib import Path

import pytest

from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.certificate import certify
from mosaik_bottomup.results import read

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
SHORT = ("run.step_s=3600", "run.duration_h=24", "run.warm_up_h=0")
"""A day, so that noon, the evening and every order are in it."""

by_name = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_there_are_scenario_files():
    assert len(FILES) > 5


@by_name
def test_a_scenario_file_is_named_and_says_what_it_shows(file):
    assert scenario.load(file).name == file.stem
    assert file.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.slow
@by_name
def test_a_scenario_file_runs_and_keeps_its_promises(file, tmp_path):
    out = tmp_path / "out.h5"

    world.run(scenario.load(file, SHORT), out)

    held = read(out)
    assert held.complete
    promises = ("qos", "obedience", "books")
    broken = [
        f"{name}: {line['text']}"
        for name, line in certify(held).items()
        if name.startswith(promises) and not line["pass"]
    ]
    assert not broken
