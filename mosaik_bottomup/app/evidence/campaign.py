"""Which runs a comparison needs, what each waits for, and what they have come to.

Limits are shares of what price-only reaches with the same seed, so that every limited
run waits for that one; the optimum waits for the run whose limits and end state it has
to keep. All else runs as soon as a process is free.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mosaik_bottomup.app.evidence.measuring import (
    Finished,
    Job,
    Metrics,
    found,
    perform,
    relate,
    related_name,
)
from mosaik_bottomup.app.evidence.variants import AGAINST, REFERENCE, VARIANTS
from mosaik_bottomup.app.runs.run_store import RunStore, identity
from mosaik_bottomup.app.runs.workers import Call, Done, Failed, Outcome, Task, run_all
from mosaik_bottomup.scenario import Scenario

PERCENT = 100.0
RUNS = "runs"
"""Folder of the runs, in that of the evidence."""
OPTIMUM = "optimum"
"""The strategy that is computed against another one's run."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a comparison."""

    variant: str
    seed: int
    limit_percent: float | None = None
    """Of the reference's peak loading in each area; None: the scenario's own limits."""

    def __str__(self) -> str:
        limit = "" if self.limit_percent is None else f", limit {self.limit_percent:g}%"
        return f"{self.variant}, seed {self.seed}{limit}"

    @property
    def reference(self) -> "Point":
        """What this one is compared with."""
        return Point(REFERENCE, self.seed)


@dataclass(frozen=True, slots=True)
class Record:
    """What a run has come to."""

    point: Point
    file: str
    """Relative to the folder of the evidence."""
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Missing:
    """A run that is not there."""

    point: Point
    error: str
    infeasible: bool
    """Nobody can keep these limits: an answer, and no fault."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a comparison has come to."""

    records: tuple[Record, ...]
    missing: tuple[Missing, ...]
    made: int
    """Runs made now; all others were there."""

    @property
    def failures(self) -> tuple[Missing, ...]:
        """Return what is missing and ought not to be."""
        return tuple(it for it in self.missing if not it.infeasible)


def all_points(
    variants: Iterable[str], seeds: Iterable[int], limits: Iterable[float | None]
) -> tuple[Point, ...]:
    """Return all points asked for: by limit, then variant, then seed."""
    names, numbers = tuple(variants), tuple(seeds)
    return tuple(
        Point(name, seed, limit)
        for limit in limits
        for name in names
        for seed in numbers
    )


def variants_needed(variants: Iterable[str]) -> tuple[str, ...]:
    """Return the variants with those that they are compared with or computed against.

    In the order of the table.
    """
    wanted = {REFERENCE, *variants}
    if any(VARIANTS[name].strategy == OPTIMUM for name in wanted):
        wanted.add(AGAINST)
    return tuple(name for name in VARIANTS if name in wanted)


def carry_out(
    scenarios: Mapping[str, Scenario],
    points: Iterable[Point],
    folder: Path,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Harvest:
    """Make or find all runs.

    Parameters
    ----------
    scenarios
        By variant; at least all `variants_needed`. Their seeds do not matter.
    points
        The runs asked for.
    folder
        The evidence's; the runs go to `RUNS` in it.
    workers
        How many processes at once.
    on_progress
        Told of runs done, and in all.

    Returns
    -------
    harvest
        With the runs that those asked for need. In order, whatever ended first.
    """
    store = RunStore(folder / RUNS)
    store.tidy()
    asked = tuple(dict.fromkeys(points))
    wanted = _with_needed(asked)
    done = made = 0

    def count(task: Task, outcome: Outcome) -> None:
        nonlocal done, made
        if task.key in runs:
            done += 1
            if isinstance(outcome, Done):
                made += not (outcome.value.reused or outcome.value.infeasible)
            on_progress(done, len(runs))

    runs = {_run_key(point) for point in wanted}
    tasks = _tasks(scenarios, wanted, store)
    on_progress(0, len(runs))
    outcomes = run_all(tasks, workers, count)
    records: list[Record] = []
    missing: list[Missing] = []
    for point in _in_order(wanted, asked):
        run, relation = outcomes[_run_key(point)], outcomes[_relation_key(point)]
        if isinstance(run, Failed):
            missing.append(Missing(point, run.error, infeasible=False))
        elif run.value.infeasible:
            missing.append(Missing(point, run.value.infeasible, infeasible=True))
        elif isinstance(relation, Failed):
            missing.append(Missing(point, relation.error, infeasible=False))
        else:
            file = f"{RUNS}/{store.file(run.value.run_id).name}"
            records.append(Record(point, file, run.value.metrics | relation.value))
    return Harvest(tuple(records), tuple(missing), made)


def _in_order(points: Iterable[Point], asked: Sequence[Point]) -> list[Point]:
    """Return what was asked for as it was asked, after what else was needed."""
    return [*(point for point in points if point not in asked), *asked]


def _with_needed(asked: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points and what they need, in the order in which they best begin."""
    references = [point.reference for point in asked]
    against = [_against(point) for point in asked if _is_optimum(point)]
    longest_first = sorted(asked, key=lambda point: -VARIANTS[point.variant].length)
    return tuple(dict.fromkeys([*references, *against, *longest_first]))


def _is_optimum(point: Point) -> bool:
    return VARIANTS[point.variant].strategy == OPTIMUM


def _against(point: Point) -> Point:
    return Point(AGAINST, point.seed, point.limit_percent)


def _run_key(point: Point) -> Hashable:
    return point  # its words round the limit: two of them can be the same


def _relation_key(point: Point) -> Hashable:
    return point, point.reference


def _tasks(
    scenarios: Mapping[str, Scenario], points: Iterable[Point], store: RunStore
) -> list[Task]:
    tasks = []
    for point in points:
        reference, against = _run_key(point.reference), _run_key(_against(point))
        needs = [reference] if point.limit_percent is not None else []
        needs += [against] if _is_optimum(point) else []
        begin = partial(_begin_run, scenarios[point.variant], point, store)
        tasks.append(Task(_run_key(point), begin, tuple(needs)))
        both = _run_key(point), reference
        tasks.append(
            Task(_relation_key(point), partial(_begin_relation, both, store), both)
        )
    return tasks


def _begin_run(
    scenario: Scenario, point: Point, store: RunStore, needed: Mapping[Hashable, Any]
) -> Call | Done:
    run = scenario.run.model_copy(update={"seed": point.seed})
    scenario = scenario.model_copy(update={"run": run})
    if point.limit_percent is not None:
        reference: Finished = needed[_run_key(point.reference)]
        scenario = _limited(scenario, point.limit_percent, reference.metrics)
    against: Finished | None = None
    if _is_optimum(point):
        against = needed[_run_key(_against(point))]
    run_id = identity(scenario, against.run_id if against else "")
    there = found(store.folder, run_id)
    if there is not None:
        return Done(there)
    return Call(perform, (Job(store.folder, run_id, scenario, against),))


def _limited(scenario: Scenario, percent: float, reference: Metrics) -> Scenario:
    """Return the scenario with each area's limit at a share of the reference's peak."""
    limits = tuple(
        percent / PERCENT * reference[f"peak_loading_percent.{area}"]
        for area in scenario.grid.area_names
    )
    grid = scenario.grid.model_copy(update={"loading_limit_percent": limits})
    return scenario.model_copy(update={"grid": grid})


def _begin_relation(
    keys: tuple[Hashable, Hashable],
    store: RunStore,
    needed: Mapping[Hashable, Any],
) -> Call | Done:
    run, reference = (needed[key] for key in keys)
    if run.infeasible:
        return Done({})
    name = related_name(run.run_id, reference.run_id)
    figures = store.figures(name)
    if figures is not None:
        return Done(figures)
    return Call(relate, (store.folder, run.run_id, reference.run_id))
