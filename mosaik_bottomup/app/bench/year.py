"""What a year takes: reckoned from fewer days, or run."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from mosaik_bottomup.app.bench import steps
from mosaik_bottomup.app.bench.process import Process, asked, timed
from mosaik_bottomup.scenario import Scenario, parse

START = "2016-01-01T00:00:00+01:00"
YEAR_H = 8784.0
WEEK_H = 168.0
COMMAND = ("-m", "mosaik_bottomup.app.cli", "run")


def extrapolated_s(outside_s: float, steps_s: float, duration_h: float) -> float:
    """Return the processor time of a year, every hour of it like these.

    Parameters
    ----------
    outside_s
        Start and end, once.
    steps_s
        The steps of so many hours.
    duration_h
        These hours.
    """
    return outside_s + steps_s * YEAR_H / duration_h


def from_week(scenario: Scenario) -> dict[str, float]:
    """Return a year as it follows from the week that begins with the scenario."""
    week = parse(scenario.to_toml(), overrides=[f"run.duration_h={WEEK_H}"])
    process, found = asked(steps.__name__, week.to_toml())
    steps_s = sum(sum(lap.values()) for lap in [*found["steps_s"], found["after_s"]])
    cpu_s = extrapolated_s(process.cpu_s - steps_s, steps_s, WEEK_H)
    return {"cpu_s": cpu_s, "peak_mb": process.peak_mb}


def run(scenario: Scenario) -> dict[str, float]:
    """Return what the year itself takes, a checkpoint every day included."""
    overrides = (f"run.start={START}", f"run.duration_h={YEAR_H}")
    year = parse(scenario.to_toml(), overrides=overrides)
    return asdict(commanded(year))


def commanded(scenario: Scenario) -> Process:
    """Return what the command ``mosaik-bottomup run`` takes."""
    with TemporaryDirectory() as folder:
        source = Path(folder, "scenario.toml")
        source.write_text(scenario.to_toml(), encoding="utf-8")
        return timed([*COMMAND, str(source), "--out", str(Path(folder, "run.h5"))])
