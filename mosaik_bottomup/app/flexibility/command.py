"""The command ``flexibility``: what aggregators can offer the TSO, hour by hour."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mosaik_bottomup.app.input_files import series_problems
from mosaik_bottomup.app.options import (
    FAILED,
    INTERRUPTED,
    PACKAGED_DEFAULT,
    Overrides,
    ScenarioName,
    Workers,
)
from mosaik_bottomup.app.output_file import folder_problems, made
from mosaik_bottomup.app.terminal import plain, progress, refuse, say, stream

if TYPE_CHECKING:
    from mosaik_bottomup.app.flexibility.work import Hour
    from mosaik_bottomup.app.runs.workers import Outcome, Task
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario import Scenario

HOURS = 24
MINUTES_PER_HOUR = 60


def flexibility(
    scenario: ScenarioName = PACKAGED_DEFAULT,
    overrides: Overrides = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Also call every offer at 40, 80 and 120 kW (never beyond the offer) "
            "on what really comes, and check delivery, and every transformer by power "
            "flow until the rebound is over. Exit code 1 if one does not hold.",
        ),
    ] = False,
    hours: Annotated[
        list[int] | None,
        typer.Option(
            "--hour",
            min=0,
            max=HOURS - 1,
            metavar="N",
            help="Begin blocks so many hours after the run only; may be given several "
            "times. [default: each hour of the first day]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for flexibility.svg.")
    ] = Path("results/flexibility"),
    workers: Workers = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing unless something is wrong.")
    ] = False,
) -> None:
    """Show what aggregators can offer the TSO in each hour of the first day.

    *Up* is less consumption, *down* is more, beside the schedule sold; each is held in
    every step for 15, 30 or 60 minutes (one, two or four blocks of the Danish mFRR
    energy market). An offer is made before gate closure (`reserve.gate_min`) and found
    by trial: a copy of the run goes on as it is foreseen then, the activation is
    ordered, the operator's limits and the homes' comfort included. It counts if it is
    delivered within 2 %, and neither it nor the rebound of the hours after
    (`reserve.rebound_h`) overloads a transformer; where forecasts err, also in courses
    with more and with less load than foreseen (`reserve.security_probability`). Of what
    held in all trials, `reserve.firm_share` is offered.

    The picture is flexibility.svg in the folder.
    """
    settled, problems = _settled(scenario, overrides or [], hours or [])
    problems += folder_problems(out)
    if settled is None or problems:
        refuse(problems)
    from mosaik_bottomup.app.flexibility import tables
    from mosaik_bottomup.app.flexibility.picture import FILE, write_picture

    try:
        with made(out):
            asked = sorted(set(hours or range(HOURS)))
            found = _found(
                settled, asked, verify, workers or os.cpu_count() or 1, quiet
            )
            step_min = settled.run.step_h * MINUTES_PER_HOUR
            first_hour = settled.run.start.hour
            write_picture(out / FILE, found, step_min, first_hour)
    except KeyboardInterrupt:
        say("interrupted; no picture")
        raise typer.Exit(INTERRUPTED) from None
    except (OSError, RuntimeError) as error:
        say(f"[red]the command failed:[/red] {plain(error)}")
        raise typer.Exit(FAILED) from error
    checks = [check for hour in found for check in hour.checks]
    if as_json:
        whole = tables.as_json(found, step_min)
        typer.echo(json.dumps(whole, indent=2, allow_nan=False))
    elif not quiet:
        console = stream()
        if not console.is_terminal:
            console.width = tables.WIDTH
        console.print(tables.offers_table(found, step_min, first_hour))
        if checks:
            console.print(tables.checks_table(checks, step_min))
        typer.echo(f"\n{tables.summary(found)}\npicture: {out / FILE}")
    failed = sum(not check.holds for check in checks)
    if failed:
        say(f"[red]{failed} of {len(checks)} calls did not hold[/red]")
        raise typer.Exit(FAILED)


def _settled(
    scenario: str, overrides: list[str], hours: list[int]
) -> "tuple[Scenario | None, list[Problem]]":
    from mosaik_bottomup.app.flexibility.work import block_steps
    from mosaik_bottomup.errors import InputError, Problem
    from mosaik_bottomup.reserve.products import DURATIONS_MIN
    from mosaik_bottomup.scenario import load

    try:
        settled = load(scenario, overrides)
    except InputError as error:
        return None, error.problems
    problems = series_problems(settled)
    if settled.run.strategy != "two-stage":
        remedy = "offers stand beside schedules that a DSO secures: two-stage"
        problems.append(Problem(scenario, "run.strategy", settled.run.strategy, remedy))
    step_min = settled.run.step_h * MINUTES_PER_HOUR
    if any(minutes % step_min for minutes in DURATIONS_MIN):
        remedy = f"blocks of {DURATIONS_MIN} min must be whole steps; 900 would do"
        problems.append(
            Problem(scenario, "run.step_s", str(settled.run.step_s), remedy)
        )
    elif not block_steps(settled):
        remedy = "is shorter than a block"
        problems.append(
            Problem(scenario, "run.duration_h", f"{settled.run.duration_h:g}", remedy)
        )
    elif late := [hour for hour in hours if not block_steps(settled, hour)]:
        remedy = f"no block ends within run.duration_h = {settled.run.duration_h:g}"
        problems.append(Problem(scenario, "--hour", str(late), remedy))
    return settled, problems


def _found(
    settled: "Scenario", asked: list[int], verify: bool, workers: int, quiet: bool
) -> "list[Hour]":
    """Share the start hours among processes; each goes through the day once."""
    from mosaik_bottomup.app.flexibility.work import block_steps, find
    from mosaik_bottomup.app.runs.workers import Call, Done, Task, run_all

    def task(hour: int) -> Task:
        return Task(hour, lambda _: Call(find, (text, hour, verify)))

    text = settled.to_toml()
    tasks = [task(hour) for hour in asked if block_steps(settled, hour)]
    with progress("flexibility", quiet, "hours") as on_progress:
        done = 0

        def tell(task: "Task", outcome: "Outcome") -> None:
            nonlocal done
            done += 1
            on_progress(done, len(tasks))

        outcomes = run_all(tasks, workers, tell)
    hours: list[Hour] = []
    for hour, outcome in outcomes.items():
        if not isinstance(outcome, Done):
            raise RuntimeError(f"hour {hour}: {outcome.error}")
        hours.append(outcome.value)
    return hours
