"""The command ``sweep``: many runs of one scenario over axes, and their table."""

import os
import shlex
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mosaik_bottomup.app.options import FAILED, INTERRUPTED
from mosaik_bottomup.app.output_file import folder_problems, made
from mosaik_bottomup.app.terminal import plain, refuse, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client

    from mosaik_bottomup.app.runs.run_store import RunStore
    from mosaik_bottomup.app.runs.workers import Outcome
    from mosaik_bottomup.app.sweep.plan import SweepRun
    from mosaik_bottomup.app.sweep.reading import Sweep
    from mosaik_bottomup.app.sweep.watching import Tally

DEFAULT_FOLDER = Path("results")
RUNS = "runs"
"""Folder of the runs, in that of the sweep."""
DRY_POINTS = 10
"""Points that ``--dry-run`` shows."""


def sweep(
    file: Annotated[
        Path, typer.Argument(metavar="SWEEP.toml", help="What to run; docs/sweeps.md.")
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes on this machine. [default: one per CPU]",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on the workers of a Dask scheduler instead, as in "
            "tcp://node1:8786; they must see the same folders.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For runs and tables. Finished runs in it are used again. "
            "[default: results/NAME]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything and say what would be run."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing unless something is wrong.")
    ] = False,
) -> None:
    """Run a scenario at many points, with every strategy and seed, on all cores.

    Ends with one table, a row per run with its axes and metrics: summary.parquet and
    summary.csv. The same sweep, killed, grown or run elsewhere, makes only the runs
    that are not there. A run that fails is listed and stops no other; exit code 1 then.
    """
    from mosaik_bottomup.app.runs.run_store import RunStore
    from mosaik_bottomup.app.runs.workers import Done, Failed, Outcome
    from mosaik_bottomup.app.sweep.table import summary, write_table
    from mosaik_bottomup.app.sweep.watching import Tally
    from mosaik_bottomup.app.sweep.work import found

    asked, runs = _asked(file, workers, scheduler, out)
    folder = out or DEFAULT_FOLDER / asked.name
    store = RunStore((folder / RUNS).absolute())
    outcomes: dict[str, Outcome] = {}
    for run in runs:
        metrics = found(store, run.run_id, asked.keep)
        if metrics is not None:
            outcomes[run.run_id] = Done(metrics)
    there = len(outcomes)
    missing = [*{it.run_id: it for it in runs if it.run_id not in outcomes}.values()]
    if dry_run:
        _tell(asked, runs, there)
        return

    tally = Tally(len(missing))
    try:
        with made(folder), made(store.folder):
            store.tidy()
            if missing:
                cluster = _cluster(scheduler, min(workers or _cpus(), len(missing)))
                outcomes |= _carried_out(asked, missing, cluster, store, tally, quiet)
            table = summary(asked, runs, outcomes)
            parquet, csv = write_table(folder, asked, table, _again(file, out))
    except KeyboardInterrupt:
        store.tidy()
        say(
            f"interrupted; finished runs are kept in {plain(folder)}, and the same "
            "command goes on with them"
        )
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        say(f"[red]the sweep failed:[/red] {plain(error)}")
        raise typer.Exit(FAILED) from error

    failed = [
        (run, outcome)
        for run in runs
        if isinstance(outcome := outcomes[run.run_id], Failed)
    ]
    for run, failure in failed:
        say(f"[red]failed:[/red] {plain(f'{run}: {failure.error}')} ({run.run_id})")
    if not quiet:
        typer.echo(
            f"{asked.name}: {len(runs)} runs, {there} of them found, {tally.made} made "
            f"now ({tally.per_minute:.1f} per minute), {len(failed)} failed"
        )
        typer.echo(f"tables: {parquet}, {csv}")
    if failed:
        say(f"tracebacks are in {plain(store.folder)}, in files *.failure.json")
        raise typer.Exit(FAILED)


def _asked(
    file: Path, workers: int | None, scheduler: str | None, out: Path | None
) -> "tuple[Sweep, Sequence[SweepRun]]":
    from mosaik_bottomup.app.sweep.plan import plan
    from mosaik_bottomup.app.sweep.reading import read_sweep
    from mosaik_bottomup.errors import InputError, Problem

    problems: list[Problem] = []
    if workers is not None and scheduler is not None:
        remedy = "the scheduler has its own workers: leave --workers out"
        problems.append(Problem("--workers", "N", str(workers), remedy))
    try:
        asked = read_sweep(file)
        problems += folder_problems((out or DEFAULT_FOLDER / asked.name) / RUNS)
        runs = plan(asked)
    except InputError as error:
        refuse(problems + error.problems)
    if problems:
        refuse(problems)
    return asked, runs


def _cluster(scheduler: str | None, workers: int) -> "AbstractContextManager[Client]":
    # Dask takes a while to import, and a sweep that is done needs none of it
    from mosaik_bottomup.app.sweep.cluster import joined_cluster, own_cluster

    return own_cluster(workers) if scheduler is None else joined_cluster(scheduler)


def _carried_out(
    asked: "Sweep",
    runs: "Sequence[SweepRun]",
    cluster: "AbstractContextManager[Client]",
    store: "RunStore",
    tally: "Tally",
    quiet: bool,
) -> "dict[str, Outcome]":
    from mosaik_bottomup.app.sweep.carrying import carry_out
    from mosaik_bottomup.app.sweep.watching import watched

    with cluster as client, watched(asked.name, tally, quiet) as ended:
        if not client.nthreads():
            say("the scheduler has no worker yet; waiting for one")
        return carry_out(runs, client, store, asked.keep, ended)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _again(file: Path, out: Path | None) -> str:
    """Return the command that asks the same."""
    words = ["mosaik-bottomup", "sweep", str(file)]
    return shlex.join(words + ([] if out is None else ["--out", str(out)]))


def _tell(asked: "Sweep", runs: "Sequence[SweepRun]", there: int) -> None:
    from mosaik_bottomup.scenario.writing import value_text

    points = {run.number: run.point for run in runs}
    typer.echo(
        f"{asked.name}: {len(points)} points x {len(asked.strategies)} strategies x "
        f"{len(asked.seeds)} seeds = {len(runs)} runs, {there} of them finished"
    )
    for number, point in list(points.items())[:DRY_POINTS]:
        values = zip(asked.axes, point, strict=True)
        told = ", ".join(f"{axis.key} = {value_text(value)}" for axis, value in values)
        typer.echo(f"{number:>6}: {told}")
    if len(points) > DRY_POINTS:
        typer.echo(f"   ... and {len(points) - DRY_POINTS} more")
