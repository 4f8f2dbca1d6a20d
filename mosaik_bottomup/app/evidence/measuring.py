"""One run made or found again, and its figures: what a process does for a comparison.

A run is compared with the least cost at its own start and end states: within its limits
if its strategy is to keep them, else without any. The optimum's own run is compared
with what it was computed against.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaik_bottomup.app.runs.run_store import RunStore
from mosaik_bottomup.errors import StageError
from mosaik_bottomup.metrics import against_optimum, evaluate, relative
from mosaik_bottomup.parties import STRATEGIES
from mosaik_bottomup.results import read
from mosaik_bottomup.scenario import Scenario

PERCENT = 100.0
BOUND = "optimum_cost_dkk"
"""Name of the least cost that a run's own cost is compared with."""
AT_THAT_END = "no dispatch keeps comfort and limits and ends as the run it is against"
AT_ALL = "no dispatch keeps comfort and limits"

type Metrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is in the store, or that nobody can make."""

    run_id: str
    metrics: Metrics
    infeasible: str = ""
    """Why no dispatch keeps the limits, if none does."""
    reused: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made."""

    folder: Path
    run_id: str
    scenario: Scenario
    against: Finished | None = None
    """Whose limits and end state the optimum has to keep."""


def found(folder: Path, run_id: str) -> Finished | None:
    """Return a run of the store with its figures, if all of it is there."""
    store = RunStore(folder)
    figures = store.figures(run_id)
    if figures is None:
        return None
    if figures["infeasible"]:
        return Finished(run_id, {}, figures["infeasible"])
    return Finished(run_id, figures["metrics"]) if store.has(run_id) else None


def perform(job: Job) -> Finished:
    """Make a run and its figures, or return what somebody has made meanwhile."""
    store = RunStore(job.folder)
    with store.claimed(job.run_id):
        there = found(job.folder, job.run_id)
        if there is not None:
            return there
        metrics: Metrics = {}
        infeasible = ""
        try:
            if not store.has(job.run_id):
                store.make(job.run_id, lambda file: _run(job, file))
            metrics = _measured(job, store.file(job.run_id))
        except StageError as error:
            if job.against is None or not error.infeasible:
                raise
            _forget(error, job.scenario)
            infeasible = _why_infeasible(job, job.against)
        store.keep(job.run_id, {"metrics": metrics, "infeasible": infeasible})
    return Finished(job.run_id, metrics, infeasible, reused=False)


def related_name(run_id: str, reference_id: str) -> str:
    """Return what the figures of one run beside another are called in the store."""
    return f"{run_id}.to.{reference_id}"


def relate(folder: Path, run_id: str, reference_id: str) -> Metrics:
    """Return the figures of a run that need the reference's run, and keep them."""
    store = RunStore(folder)
    run, reference = (read(store.file(at)) for at in (run_id, reference_id))
    metrics = _finite(relative(run, reference))
    store.keep(related_name(run_id, reference_id), metrics)
    return metrics


def _run(job: Job, file: Path) -> None:
    # what takes long to import is imported where it is used
    if job.against is None:
        from mosaik_bottomup.app.world import run

        run(job.scenario, file)
    else:
        from mosaik_bottomup.app.optimum_run import run_optimum

        run_optimum(job.scenario, file, _file_against(job, job.against))


def _measured(job: Job, file: Path) -> Metrics:
    metrics = dict(evaluate(read(file)))
    if job.against is None:
        limited = STRATEGIES[job.scenario.run.strategy].asks_dso
        bound_dkk = _bound_dkk(file, limited, job.scenario)
    else:
        bound_dkk = job.against.metrics.get(BOUND)
        free_dkk = _bound_dkk(_file_against(job, job.against), False, job.scenario)
        if bound_dkk is not None and free_dkk:
            more_dkk = bound_dkk - free_dkk
            metrics["limit_cost_percent"] = PERCENT * more_dkk / abs(free_dkk)
    if bound_dkk is not None:
        metrics[BOUND] = bound_dkk
        metrics |= against_optimum(metrics["customer_cost_raw_dkk"], bound_dkk)
        if "optimum_gap_percent" in metrics:
            metrics["cost_gap_to_optimum_percent"] = metrics["optimum_gap_percent"]
    return _finite(metrics)


def _bound_dkk(file: Path, limited: bool, scenario: Scenario) -> float | None:
    """Return the least cost at a run's start, end and limits; None if none keeps them.

    A run that nobody secured may have left the comfort band, and then be no run that
    the bound's rules allow.
    """
    from mosaik_bottomup.app.optimum_run import bound_dkk

    try:
        return bound_dkk(read(file), limited)
    except StageError as error:
        if not error.infeasible:
            raise
        _forget(error, scenario)
        return None


def _why_infeasible(job: Job, against: Finished) -> str:
    from mosaik_bottomup.app.optimum_run import kept_anyhow_dkk

    try:
        kept_anyhow_dkk(read(_file_against(job, against)))
    except StageError as error:
        if not error.infeasible:
            raise
        _forget(error, job.scenario)
        return AT_ALL
    return AT_THAT_END


def _file_against(job: Job, against: Finished) -> Path:
    return RunStore(job.folder).file(against.run_id)


def _finite(metrics: Mapping[str, float]) -> Metrics:
    """Return what is a number: JSON knows no other, and no mean does."""
    return {
        name: float(value) for name, value in metrics.items() if math.isfinite(value)
    }


def _forget(error: StageError, scenario: Scenario) -> None:
    """Remove the problem that a solver could not solve, if nobody asked to keep it."""
    if not scenario.solver.write_lp:
        error.lp_file.unlink(missing_ok=True)
        if not any(error.lp_file.parent.iterdir()):
            error.lp_file.parent.rmdir()
