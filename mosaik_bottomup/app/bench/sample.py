"""One process, one measurement: a real run by part, then the same wiring, empty.

``python -m mosaik_bottomup.app.bench.sample`` reads a scenario (TOML) from standard
input and writes a JSON object to standard output.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import mosaik
from mosaik_components.bottomup.setting import case_of

from mosaik_bottomup.app import world
from mosaik_bottomup.app.bench.stopwatch import (
    MOSAIK,
    OUTSIDE_STEPS,
    PARTS,
    Stopwatch,
    replaced,
    watched,
)
from mosaik_bottomup.app.bench.tape import SAID, played, recorded
from mosaik_bottomup.scenario import Scenario, parse

MS_PER_S = 1e3

type Lap = dict[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process measured: processor time in seconds, steps in milliseconds."""

    run_s: float
    """Wiring to sealed file, everything imported already."""
    outside_steps_s: dict[str, float]
    first_step_ms: dict[str, float]
    """By part; the rehearsal of the first day is in it."""
    ordinary_step_ms: dict[str, float]
    """By part, mean over all steps that rehearse nothing."""
    step_median_ms: float
    step_max_ms: float
    """Of the ordinary steps."""
    steps_s: float
    """All steps."""
    empty_run_s: float
    empty_steps_s: float
    exchanges: int
    """Calls of ``step`` of all simulators, the same in both."""

    @property
    def whole_ratio(self) -> float:
        """Whole run to the whole of the empty one."""
        return self.run_s / self.empty_run_s

    @property
    def steps_ratio(self) -> float:
        """The same without start, warm-up and end."""
        return self.steps_s / self.empty_steps_s


def measure(scenario: Scenario, folder: Path) -> Sample:
    """Run a scenario twice, for real and empty.

    Parameters
    ----------
    scenario
        With two steps or more.
    folder
        Where the results file goes.

    Raises
    ------
    RuntimeError
        If the empty run does not say as much as the real one.
    """
    laps: list[Lap] = []
    case_of.cache_clear()  # the building counts, even if one was here before
    with recorded() as tape, watched() as watch:
        watch.lap()
        world.run(scenario, folder / "run.h5", lambda *_: laps.append(watch.lap()))
        rest = watch.lap()
    empty = Stopwatch()
    loop = empty.wrap(mosaik.World.run, MOSAIK)
    with played(tape) as again, replaced(mosaik.World, "run", loop):
        empty.lap()
        world.run(scenario, folder / "none.h5")
        empty_lap = empty.lap()
    if again.counts() != tape.counts():
        raise RuntimeError("the empty simulators did not say all the real ones said")

    calendar = case_of(scenario.to_toml()).calendar
    steps = [_within_steps(lap) for lap in laps]
    ordinary = [
        lap for step, lap in enumerate(steps) if not calendar.rehearses_at(step)
    ]
    sums_ms = [MS_PER_S * sum(lap.values()) for lap in ordinary]
    return Sample(
        run_s=sum(sum(lap.values()) for lap in [*laps, rest]),
        outside_steps_s={
            part: sum(lap.get(part, 0.0) for lap in [*laps, rest])
            for part in OUTSIDE_STEPS
        },
        first_step_ms={part: MS_PER_S * value for part, value in steps[0].items()},
        ordinary_step_ms={
            part: MS_PER_S * fmean(lap[part] for lap in ordinary) for part in steps[0]
        },
        step_median_ms=median(sums_ms),
        step_max_ms=max(sums_ms),
        steps_s=sum(sum(_within_steps(lap).values()) for lap in [*laps, rest]),
        empty_run_s=sum(empty_lap.values()),
        empty_steps_s=empty_lap[MOSAIK],
        exchanges=sum(
            number for (_, name), number in tape.counts().items() if name == SAID[1]
        ),
    )


def _within_steps(lap: Lap) -> Lap:
    return {part: lap.get(part, 0.0) for part in PARTS if part not in OUTSIDE_STEPS}


def main() -> None:
    """Measure what standard input says."""
    scenario = parse(sys.stdin.read())
    with TemporaryDirectory() as folder:
        sample = measure(scenario, Path(folder))
    json.dump(asdict(sample), sys.stdout)


if __name__ == "__main__":
    main()
