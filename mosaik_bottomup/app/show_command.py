"""The command ``show``: what came of runs, as tables or as JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mosaik_bottomup.app.settle_command import show_ledgers
from mosaik_bottomup.app.terminal import refuse, stream

if TYPE_CHECKING:
    pass


def show(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Results of runs; several are shown side by side, with differences "
            "from the first in percent.",
        ),
    ],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object instead (a list for several files)."
        ),
    ] = False,
    ledger: Annotated[
        bool,
        typer.Option(
            "--ledger", help="Show who has paid whom instead: headings by parties."
        ),
    ] = False,
) -> None:
    """Show what came of a run: loading, cost, comfort and the certificate."""
    if ledger:
        show_ledgers(files, as_json)
        return
    if not as_json:
        print_table(files)
        return
    summaries = _summaries(files)
    whole = summaries[0] if len(summaries) == 1 else summaries
    typer.echo(json.dumps(whole, indent=2, allow_nan=False))


def print_table(files: list[Path]) -> None:
    """Print the summaries of runs side by side."""
    from mosaik_bottomup.app.show import LABEL_COLUMNS, VALUE_COLUMNS, table, titles

    summaries = _summaries(files)
    console = stream()
    if not console.is_terminal:
        console.width = LABEL_COLUMNS + VALUE_COLUMNS * len(files)
    names = titles(summaries, [file.stem for file in files])
    console.print(table(summaries, names))


def _summaries(files: list[Path]) -> list[dict[str, Any]]:
    from mosaik_bottomup.errors import InputError, Problem
    from mosaik_bottomup.metrics import summarise

    summaries: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for file in files:
        if not file.is_file():
            problems.append(Problem("show", "FILE", str(file), "there is no such file"))
            continue
        try:
            summaries.append(summarise(file))
        except InputError as error:
            problems += error.problems
        except (OSError, KeyError, ValueError) as error:
            remedy = f"cannot be shown: {error}"
            problems.append(Problem("show", "FILE", str(file), remedy))
    if problems:
        refuse(problems)
    return summaries
