"""The command ``flexibility``: tables, picture, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from mosaik_bottomup.app.cli import app

ONE_HOUR = (
    "run.start=2016-01-04T10:00:00+01:00",
    "run.warm_up_h=1",
    "run.duration_h=1",
    "sites.heat_pumps=20",
    "sites.pv_batteries=20",
    "reserve.rebound_h=0",
)


def invoke(*words):
    return CliRunner().invoke(app, ["flexibility", *words])


def overrides(keys):
    return [word for key in keys for word in ("--set", key)]


@pytest.mark.slow
def test_it_tells_what_is_on_offer_and_that_it_holds(tmp_path):
    words = (
        *overrides(ONE_HOUR),
        "--hour",
        "0",
        "--verify",
        "--json",
        "--workers",
        "1",
    )
    said = invoke(*words, "--out", str(tmp_path))

    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert {(it["direction"], it["minutes"]) for it in told["offers"]} == {
        (way, minutes) for way in ("up", "down") for minutes in (15, 30, 60)
    }
    assert told["checks"]
    for check in told["checks"]:
        assert check["holds"]
        assert check["called_kw"] <= check["wanted_kw"]
    assert "held 60 min" in (tmp_path / "flexibility.svg").read_text()


def test_hours_after_the_run_are_refused(tmp_path):
    words = (*overrides(ONE_HOUR), "--hour", "0", "--hour", "1")
    said = invoke(*words, "--out", str(tmp_path / "new"))

    assert said.exit_code == 2
    assert "no block ends within run.duration_h = 1" in " ".join(said.output.split())


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("run.step_s=3600", "must be whole steps; 900 would do"),
        ("run.strategy=price-only", "offers stand beside schedules"),
        ("reserve.firm_share=0", "must be more than 0"),
        ("reserve.security_probability=1", "must be less than 1"),
        ("reserve.gate_min=-5", "must be at least 0"),
    ],
)
def test_what_cannot_be_offered_from_is_refused_with_a_remedy(tmp_path, key, remedy):
    said = invoke("--set", key, "--out", str(tmp_path / "new"))

    assert said.exit_code == 2
    assert remedy in " ".join(said.output.split())
    assert not (tmp_path / "new").exists()
