"""One run of a sweep made, or found again, by whatever process it was given to."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from mosaik_bottomup.app.runs.run_store import RunStore, identity
from mosaik_bottomup.app.runs.workers import Done, Failed, Outcome
from mosaik_bottomup.app.sweep.reading import Keep
from mosaik_bottomup.errors import InvariantError, StageError
from mosaik_bottomup.scenario import Scenario

type Metrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made, and what is to stay of it."""

    folder: Path
    run_id: str
    scenario: Scenario
    keep: Keep


def found(store: RunStore, run_id: str, keep: Keep) -> Metrics | None:
    """Return the metrics of a run that is finished, with all that is to stay of it."""
    figures = store.figures(run_id)
    if figures is None or (keep == "all" and not store.has(run_id)):
        return None
    metrics: Metrics = figures["metrics"]
    return metrics


def attempt(job: Job) -> Outcome:
    """Make a run and its metrics; return these, or why there are none."""
    try:
        return Done(_make(job))
    except Exception as error:
        return Failed(_words(error), "".join(traceback.format_exception(error)))


def _make(job: Job) -> Metrics:
    # what takes long to import is imported where it is used
    from mosaik_bottomup.metrics import evaluate
    from mosaik_bottomup.results import read

    if identity(job.scenario) != job.run_id:
        raise InvariantError(
            "this worker has another version of the code, or of the scenario's files, "
            "than the process that asked for the run"
        )
    store = RunStore(job.folder)
    with store.claimed(job.run_id):
        there = found(store, job.run_id, job.keep)
        if there is not None:
            return there
        if not store.has(job.run_id):
            store.make(
                job.run_id,
                lambda file: _run(job.scenario, file),
                keeps_unfinished=job.keep != "none",
            )
        metrics = dict(evaluate(read(store.file(job.run_id))))
        store.keep(job.run_id, {"metrics": metrics})
        if job.keep != "all":
            store.file(job.run_id).unlink()
    return metrics


def _run(scenario: Scenario, file: Path) -> None:
    if scenario.run.strategy == "optimum":
        from mosaik_bottomup.app.optimum_run import run_both

        run_both(scenario, file)
    else:
        from mosaik_bottomup.app.world import run

        run(scenario, file)


def _words(error: Exception) -> str:
    """Return an error on one line, the same wherever and whenever it happens."""
    if isinstance(error, StageError):  # its file's name is another one each time
        return f"{error.stage}, step {error.step}: solver says {error.status}"
    return " ".join(str(error).split()) or type(error).__name__
