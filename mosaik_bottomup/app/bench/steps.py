"""One process, one run: what each of its steps takes, and what all the rest does.

``python -m mosaik_bottomup.app.bench.steps [MOST]`` reads a scenario (TOML) from
standard input and writes a JSON object to standard output.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mosaik_components.bottomup.setting import case_of

from mosaik_bottomup.app import world
from mosaik_bottomup.app.bench.stopwatch import OUTSIDE_STEPS, PARTS, watched
from mosaik_bottomup.scenario import Scenario, parse

type Seconds = dict[str, float]
"""Of processor time, by part."""


@dataclass(frozen=True, slots=True)
class Laps:
    """Processor time of one run, everything imported already."""

    outside_s: Seconds
    """Series, start, warm-up, end."""
    steps_s: list[Seconds]
    """Each step."""
    after_s: Seconds
    """What the parts of a step still do after the last one."""

    @property
    def within_s(self) -> float:
        """All that goes with steps."""
        return sum(sum(lap.values()) for lap in [*self.steps_s, self.after_s])

    @property
    def run_s(self) -> float:
        """Wiring to sealed file."""
        return sum(self.outside_s.values()) + self.within_s


class _EnoughError(Exception):
    """No more steps are wanted."""


def laps(scenario: Scenario, folder: Path, most: int | None = None) -> Laps:
    """Run a scenario; its results file goes to a folder.

    Parameters
    ----------
    most
        Steps after which the run is given up: its first one has rehearsed the whole day
        all the same.
    """
    counted: list[Mapping[str, float]] = []

    def count(done: int, total: int) -> None:
        counted.append(watch.lap())
        if done == most:
            raise _EnoughError

    case_of.cache_clear()  # the building counts, even if one was here before
    with watched() as watch:
        watch.lap()
        with suppress(_EnoughError):
            world.run(scenario, folder / "run.h5", count)
        rest = watch.lap()
    *steps, after = [_within(lap) for lap in [*counted, rest]]
    outside = {
        part: sum(lap.get(part, 0.0) for lap in [*counted, rest])
        for part in OUTSIDE_STEPS
    }
    return Laps(outside, steps, after)


def _within(lap: Mapping[str, float]) -> Seconds:
    return {part: lap.get(part, 0.0) for part in PARTS if part not in OUTSIDE_STEPS}


def main() -> None:
    """Measure what standard input says."""
    scenario = parse(sys.stdin.read())
    most = int(sys.argv[1]) if sys.argv[1:] else None
    with TemporaryDirectory() as folder:
        json.dump(asdict(laps(scenario, Path(folder), most)), sys.stdout)


if __name__ == "__main__":
    main()
