"""Every run of a sweep, its scenario checked before any of them begins."""

from collections.abc import Iterator
from dataclasses import dataclass

from mosaik_bottomup.app.input_files import series_problems
from mosaik_bottomup.app.runs.run_store import identity
from mosaik_bottomup.app.sweep.reading import Sweep
from mosaik_bottomup.app.sweep.sampling import Point, points
from mosaik_bottomup.case import homes_key
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import Scenario, StrategyName, load
from mosaik_bottomup.scenario.reading import OVERRIDE
from mosaik_bottomup.scenario.writing import value_text

MOST_PROBLEMS = 20
"""One wrong value in a grid is wrong at a thousand points."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run, and where it stands in the table."""

    number: int
    """Of the point, from 1."""
    point: Point
    scenario: Scenario
    run_id: str
    """Equal for points that are the same scenario."""
    homes: str
    """Equal for runs that have homes and input series in common."""

    @property
    def strategy(self) -> StrategyName:
        """What is compared at each point."""
        return self.scenario.run.strategy

    @property
    def seed(self) -> int:
        """What is drawn anew at each point."""
        return self.scenario.run.seed

    def __str__(self) -> str:
        return f"point {self.number}, {self.strategy}, seed {self.seed}"


def plan(sweep: Sweep) -> tuple[SweepRun, ...]:
    """Return every run, by point, then strategy, then seed.

    Raises
    ------
    InputError
        With everything that is wrong with any of their scenarios, or with a file that
        one of them names.
    """
    runs: list[SweepRun] = []
    problems: dict[Problem, None] = {}
    read: set[str] = set()
    for number, point in enumerate(points(sweep.axes, sweep.sampling), start=1):
        for strategy in sweep.strategies:
            try:
                scenario = _scenario(sweep, point, strategy)
            except InputError as error:
                problems |= dict.fromkeys(_told(sweep, error.problems))
                continue
            key = homes_key(scenario)
            if key not in read:
                read.add(key)
                problems |= dict.fromkeys(series_problems(scenario))
            runs += _of_each_seed(sweep, number, point, scenario)
        if len(problems) > MOST_PROBLEMS:
            break
    if problems:
        raise InputError(list(problems)[:MOST_PROBLEMS])
    return tuple(runs)


def _scenario(sweep: Sweep, point: Point, strategy: StrategyName) -> Scenario:
    overrides = [
        f"{axis.key}={value_text(value)}"
        for axis, value in zip(sweep.axes, point, strict=True)
    ]
    return load(sweep.scenario, overrides, strategy=strategy)


def _told(sweep: Sweep, problems: list[Problem]) -> Iterator[Problem]:
    """Lay the faults of values on the axes at the sweep file's door."""
    keys = tuple(axis.key for axis in sweep.axes)
    for it in problems:
        if it.source == OVERRIDE and it.key.startswith(keys):
            at = f'axes."{it.key}"'
        elif it.source == "--strategy":
            at = "strategies"
        elif it.source == "scenario":
            at = "scenario"
        else:
            yield it
            continue
        yield Problem(str(sweep.source), at, it.value, it.remedy)


def _of_each_seed(
    sweep: Sweep, number: int, point: Point, scenario: Scenario
) -> Iterator[SweepRun]:
    for seed in sweep.seeds:
        run = scenario.run.model_copy(update={"seed": seed})
        seeded = scenario.model_copy(update={"run": run})
        yield SweepRun(number, point, seeded, identity(seeded), homes_key(seeded))
