"""The commands ``compare`` and ``frontier``: many runs, a table, and the evidence."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mosaik_bottomup.app.options import (
    FAILED,
    INTERRUPTED,
    PACKAGED_DEFAULT,
    Overrides,
    ScenarioName,
    Workers,
)
from mosaik_bottomup.app.output_file import made
from mosaik_bottomup.app.terminal import plain, progress, refuse, say, stream

if TYPE_CHECKING:
    from rich.table import Table

    from mosaik_bottomup.app.evidence.asking import Asked, Words
    from mosaik_bottomup.app.evidence.campaign import Harvest, Point
    from mosaik_bottomup.app.evidence.file import Question
    from mosaik_bottomup.errors import Problem

COMPARED_SEEDS = "1-10"
FRONTIER_SEEDS = "1-3"
FRONTIER_LIMITS = "100,90,80,70,65,60,55,50"

Strategies = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME,...",
        help="What to run; a wrong name lists all. [default: see below]",
        show_default=False,
    ),
]
Seeds = Annotated[
    str, typer.Option(metavar="SEEDS", help="As in 1-10 or 1,3,7-9; each is one run.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="For runs and evidence.json. Finished runs in it are used again. "
        "[default: results/SCENARIO-COMMAND]",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the table.")
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Say nothing unless something is wrong, or --json."),
]


def compare(
    scenario: ScenarioName = PACKAGED_DEFAULT,
    strategies: Strategies = None,
    seeds: Seeds = COMPARED_SEEDS,
    limit: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENT",
            help="Limit each area to so many percent of its peak loading under "
            "price-only with the same seed. Without, the scenario's limits hold.",
        ),
    ] = None,
    overrides: Overrides = None,
    workers: Workers = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare strategies with price-only, seed by seed.

    Every strategy meets the same homes, weather, prices and network. Shown are means
    over the seeds and their 95 % bootstrap intervals; changes are paired, each with
    price-only of the same seed. Without --strategies, all are compared. The folder
    holds the table of a paper or README too, as compare.md.

    Runs finished before are used again if scenario, files, strategy, seed and code are
    the same. A run that fails is listed and stops no other; exit code 1 then.
    """
    from mosaik_bottomup.app.evidence.asking import Words
    from mosaik_bottomup.app.evidence.campaign import all_points
    from mosaik_bottomup.app.evidence.choices import limit_problems
    from mosaik_bottomup.app.evidence.comparison import WIDTH, intervals, summary, table
    from mosaik_bottomup.app.evidence.comparison import as_json as to_json
    from mosaik_bottomup.app.evidence.markdown import FILE as MARKDOWN
    from mosaik_bottomup.app.evidence.markdown import markdown
    from mosaik_bottomup.app.evidence.spread import with_reduction_from_spread
    from mosaik_bottomup.app.evidence.variants import REFERENCE, VARIANTS
    from mosaik_bottomup.app.runs.run_store import write_whole

    given = tuple(overrides or ())
    others = () if limit is None else ("--limit", f"{limit:.15g}")
    words = Words("compare", scenario, strategies, seeds, given, out, others)
    problems = [] if limit is None else limit_problems(limit, "--limit")
    asked = _asked(words, tuple(VARIANTS), (limit,), problems)
    question = asked.question
    points = all_points((REFERENCE, *question.variants), question.seeds, (limit,))
    harvest = _gathered(asked, points, workers, quiet, with_reduction_from_spread)

    found = intervals(harvest.records, question.variants, limit)
    write_whole(asked.folder / MARKDOWN, markdown(found))
    if as_json:
        _print_json(to_json(found))
    elif not quiet:
        limits = "" if limit is None else f", limits {limit:g} % of {REFERENCE} peaks"
        _print_table(table(found, f"{_heading(question)}{limits}"), WIDTH)
    for missing in harvest.missing:
        if missing.infeasible and not quiet:
            say(f"infeasible: {plain(f'{missing.point}: {missing.error}')}")
    _end(asked, harvest, summary(found, len(question.seeds)), as_json or quiet)


def frontier(
    scenario: ScenarioName = PACKAGED_DEFAULT,
    limits: Annotated[
        str,
        typer.Option(
            metavar="PERCENT,...",
            help="Limits in each area, in percent of its peak loading under price-only "
            "with the same seed.",
        ),
    ] = FRONTIER_LIMITS,
    strategies: Strategies = None,
    seeds: Seeds = FRONTIER_SEEDS,
    overrides: Overrides = None,
    workers: Workers = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Put cost against peak reduction, limit by limit, for strategies and the optimum.

    The limits are lowered from the price-only peaks down to where not even the optimum
    can keep them. Without --strategies, those that try to keep a limit are run, and
    price-only-spread; who knows no limit is run at the first one only. The picture is
    frontier.svg in the folder.

    Finished runs are used again and failed ones listed, as `compare` does.
    """
    from mosaik_bottomup.app.evidence import frontier as pictures
    from mosaik_bottomup.app.evidence.asking import Words
    from mosaik_bottomup.app.evidence.campaign import all_points
    from mosaik_bottomup.app.evidence.capture import with_capture
    from mosaik_bottomup.app.evidence.choices import limits_in
    from mosaik_bottomup.app.evidence.picture import FILE as PICTURE
    from mosaik_bottomup.app.evidence.picture import write_picture
    from mosaik_bottomup.app.evidence.spread import with_reduction_from_spread
    from mosaik_bottomup.app.evidence.variants import VARIANTS, of_frontier

    given = tuple(overrides or ())
    others = ("--limits", limits)
    words = Words("frontier", scenario, strategies, seeds, given, out, others)
    percents, problems = limits_in(limits)
    asked = _asked(words, of_frontier(), percents, problems)
    question = asked.question
    once = [it for it in question.variants if not VARIANTS[it].tries_to_keep_a_limit]
    moved = [name for name in question.variants if name not in once]
    points = (
        *all_points(once, question.seeds, percents[:1]),
        *all_points(moved, question.seeds, percents),
    )
    harvest = _gathered(
        asked,
        points,
        workers,
        quiet,
        lambda whole: with_reduction_from_spread(with_capture(whole)),
    )

    found = pictures.frontier(harvest, question.variants, percents)
    infeasible = pictures.infeasible_seeds(harvest)
    if as_json:
        _print_json(pictures.as_json(found, infeasible))
    elif not quiet:
        heading = _heading(question)
        lines = pictures.table(found, infeasible, question.variants, heading)
        _print_table(lines, pictures.WIDTH)
    write_picture(asked.folder / PICTURE, found, question.variants)
    said = pictures.summary(found, infeasible, len(question.seeds))
    _end(asked, harvest, said, as_json or quiet)


def _asked(
    words: "Words",
    default_strategies: Sequence[str],
    limits_percent: tuple[float | None, ...],
    problems: "Sequence[Problem]",
) -> "Asked":
    from mosaik_bottomup.app.evidence.asking import ask
    from mosaik_bottomup.errors import InputError

    try:
        return ask(words, default_strategies, limits_percent, problems)
    except InputError as error:
        refuse(error.problems)


def _gathered(
    asked: "Asked",
    points: "Sequence[Point]",
    workers: int | None,
    quiet: bool,
    finish: "Callable[[Harvest], Harvest]" = lambda harvest: harvest,
) -> "Harvest":
    """Make or find all runs, and write down what came of them."""
    from mosaik_bottomup.app.evidence.campaign import carry_out
    from mosaik_bottomup.app.evidence.file import write_evidence

    name = asked.question.command.split()[1]
    try:
        with made(asked.folder), progress(name, quiet, "runs") as on_progress:
            harvest = finish(
                carry_out(
                    asked.scenarios,
                    points,
                    asked.folder,
                    workers or os.cpu_count() or 1,
                    on_progress,
                )
            )
            write_evidence(asked.folder, asked.question, harvest)
    except KeyboardInterrupt:
        say(
            f"interrupted; finished runs are kept in {plain(asked.folder)}, and the "
            "same command goes on with them"
        )
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        say(f"[red]the command failed:[/red] {plain(error)}")
        raise typer.Exit(FAILED) from error
    return harvest


def _end(asked: "Asked", harvest: "Harvest", summary: str, brief: bool) -> None:
    """Say what it means and where it is; a failed run is a failed command."""
    from mosaik_bottomup.app.evidence.file import FILE

    for missing in harvest.failures:
        say(f"[red]failed:[/red] {plain(f'{missing.point}: {missing.error}')}")
    if not brief:
        runs = len(harvest.records)
        typer.echo(f"\n{summary}")
        typer.echo(
            f"evidence: {asked.folder / FILE} ({runs} runs beside it in "
            f"{asked.folder / 'runs'}, {harvest.made} of them made now)"
        )
    if harvest.failures:
        raise typer.Exit(FAILED)


def _heading(question: "Question") -> str:
    seeds = question.seeds
    if len(seeds) == 1:
        return f"{question.scenario}, seed {seeds[0]}"
    return f"{question.scenario}, {len(seeds)} seeds"


def _print_json(whole: dict[str, Any]) -> None:
    typer.echo(json.dumps(whole, indent=2, allow_nan=False))


def _print_table(table: "Table", width: int) -> None:
    console = stream()
    if not console.is_terminal:
        console.width = width
    console.print(table)
