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
from mosaik_bottomup.app.bench.steps import laps
from mosaik_bottomup.app.bench.stopwatch import MOSAIK, Stopwatch, replaced
from mosaik_bottomup.app.bench.tape import SAID, played, recorded
from mosaik_bottomup.scenario import Scenario, parse

MS_PER_S = 1e3


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
    with recorded() as tape:
        real = laps(scenario, folder)
    empty = Stopwatch()
    loop = empty.wrap(mosaik.World.run, MOSAIK)
    with played(tape) as again, replaced(mosaik.World, "run", loop):
        empty.lap()
        world.run(scenario, folder / "none.h5")
        empty_lap = empty.lap()
    if again.counts() != tape.counts():
        raise RuntimeError("the empty simulators did not say all the real ones said")

    calendar = case_of(scenario.to_toml()).calendar
    ordinary = [
        lap for step, lap in enumerate(real.steps_s) if not calendar.rehearses_at(step)
    ]
    sums_ms = [MS_PER_S * sum(lap.values()) for lap in ordinary]
    first = real.steps_s[0]
    return Sample(
        run_s=real.run_s,
        outside_steps_s=real.outside_s,
        first_step_ms={part: MS_PER_S * value for part, value in first.items()},
        ordinary_step_ms={
            part: MS_PER_S * fmean(lap[part] for lap in ordinary) for part in first
        },
        step_median_ms=median(sums_ms),
        step_max_ms=max(sums_ms),
        steps_s=real.within_s,
        empty_run_s=sum(empty_lap.values()),
        empty_steps_s=empty_lap[MOSAIK],
        exchanges=sum(
            number for (_, name), number in tape.counts().items() if name == SAID[1]
        ),
    )


def main() -> None:
    """Measure what standard input says."""
    scenario = parse(sys.stdin.read())
    with TemporaryDirectory() as folder:
        sample = measure(scenario, Path(folder))
    json.dump(asdict(sample), sys.stdout)


if __name__ == "__main__":
    main()
