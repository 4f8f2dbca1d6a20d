"""The command ``report``: one page about results files and folders with evidence."""

from pathlib import Path
from typing import Annotated

import typer

from mosaik_bottomup.app.options import FAILED, INTERRUPTED
from mosaik_bottomup.app.output_file import made, output_problems
from mosaik_bottomup.app.terminal import plain, refuse, say

DEFAULT_PAGE = Path("report.html")


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Results files of one scenario, and folders that compare or frontier "
            "made; or the folder of a sweep.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page.")] = DEFAULT_PAGE,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite an existing page.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure.")
    ] = False,
) -> None:
    """Write one HTML page with pictures, tables and where the numbers come from.

    The page needs no network and no other file.
    """
    if problems := output_problems(out, force):
        refuse(problems)
    from mosaik_bottomup.app.report import is_sweep, write_report, write_sweep_report
    from mosaik_bottomup.errors import InputError

    try:
        with made(out.parent):
            if is_sweep(paths):
                write_sweep_report(paths, out)
                typer.echo(f"page: {out}")
                return
            evidence = write_report(paths, out)
    except InputError as error:
        refuse(error.problems)
    except KeyboardInterrupt:
        say("interrupted; no page")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if debug:
            raise
        say(f"[red]the report failed:[/red] {plain(error)} (--debug shows where)")
        raise typer.Exit(FAILED) from error
    unfinished = sum(not run.results.complete for run in evidence.runs)
    if unfinished:
        say(f"{unfinished} of {len(evidence.runs)} runs did not end well; marked")
    typer.echo(f"page: {out}")
