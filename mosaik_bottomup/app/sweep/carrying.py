"""Runs given to workers, one to each thread, until all have ended one way or another.

Only what a thread can begin at once is handed to Dask: what would wait at a worker
would fail with it, should the worker die.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from distributed import Client, Future, wait

from mosaik_bottomup.app.runs.run_store import RunStore
from mosaik_bottomup.app.runs.workers import Failed, Outcome
from mosaik_bottomup.app.sweep.dealing import Dealer
from mosaik_bottomup.app.sweep.plan import SweepRun
from mosaik_bottomup.app.sweep.reading import Keep
from mosaik_bottomup.app.sweep.work import Job, attempt

REFRESH_S = 1.0
"""How soon new workers are found."""
DIED = "its worker process has died; is there enough memory?"


@dataclass(frozen=True, slots=True)
class _Begun:
    run: SweepRun
    worker: str


def carry_out(
    runs: Iterable[SweepRun],
    client: Client,
    store: RunStore,
    keep: Keep,
    on_outcome: Callable[[SweepRun, Outcome], None] = lambda run, outcome: None,
) -> dict[str, Outcome]:
    """Make runs, in whatever order; return what came of each, by its identity.

    A run that fails stops no other; why it failed is kept beside its results.

    Raises
    ------
    ConnectionError
        If the scheduler goes away.
    """
    outcomes: dict[str, Outcome] = {}
    begun: dict[Future[Outcome], _Begun] = {}
    dealer, sweep = Dealer(runs), secrets.token_hex(4)
    while dealer or begun:
        busy = Counter(it.worker for it in begun.values())
        for worker, threads in client.nthreads().items():
            for _ in range(threads - busy[worker]):
                if dealer:
                    run = dealer.next_for(worker)
                    job = Job(store.folder, run.run_id, run.scenario, keep)
                    future = client.submit(
                        attempt,
                        job,
                        key=f"{run.run_id}-{sweep}",
                        workers=[worker],
                        allow_other_workers=True,
                    )
                    begun[future] = _Begun(run, worker)
        for future in _ended(begun):
            run = begun.pop(future).run
            outcomes[run.run_id] = outcome = _outcome(future)
            _record(store, run, outcome, keep)
            on_outcome(run, outcome)
    return outcomes


def _ended(begun: Iterable[Future[Outcome]]) -> list[Future[Outcome]]:
    """Wait a while for something to end, and return all that has."""
    futures = list(begun)
    with suppress(TimeoutError):
        wait(futures, REFRESH_S, "FIRST_COMPLETED")
    return [future for future in futures if future.done()]


def _outcome(future: Future[Outcome]) -> Outcome:
    if future.status == "error":  # the run's own errors are outcomes
        error = future.exception()
        return Failed(DIED, str(error))
    if future.status != "finished":
        raise ConnectionError("the Dask scheduler has gone")
    outcome: Outcome = future.result()
    return outcome


def _record(store: RunStore, run: SweepRun, outcome: Outcome, keep: Keep) -> None:
    if isinstance(outcome, Failed):
        why = {"run": str(run), "error": outcome.error, "traceback": outcome.trace}
        store.note_failure(run.run_id, why, keeps_file=keep != "none")
    else:
        store.forget_failure(run.run_id)
