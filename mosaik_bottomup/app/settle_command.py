"""The command ``settle``: the rules for congestion side by side, from the same runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mosaik_bottomup.app.terminal import refuse, stream

if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.results import Results

LABEL_COLUMNS = 45
RULE_COLUMNS = 20


def settle(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Results of runs in congestion."),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Price-only run of the same scenario and seed, to say who is worse "
            "off than without coordination.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, by file and rule.")
    ] = False,
) -> None:
    """Settle runs by each rule for congestion: who pays, who gains, who is worse off.

    The rule does not change what happens in a run, so one run shows them all.
    """
    from mosaik_bottomup.app.ledger_table import outcome_json, rules_table
    from mosaik_bottomup.errors import InputError
    from mosaik_bottomup.settlement import RULES, outcome

    held, problems = opened([*files, *([reference] if reference else [])])
    if problems:
        refuse(problems)
    against = held.pop() if reference else None
    found = {}
    for run in held:
        try:
            found[run.path] = [outcome(run, rule, against) for rule in RULES]
        except InputError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(_problem(run.path, str(error)))
    if problems:
        refuse(problems)
    if as_json:
        whole: Any = {str(path): outcome_json(at) for path, at in found.items()}
        typer.echo(json.dumps(whole, indent=2, allow_nan=False))
        return
    console = stream()
    if not console.is_terminal:
        console.width = LABEL_COLUMNS + RULE_COLUMNS * len(RULES)
    for path, outcomes in found.items():
        console.print(rules_table(outcomes, path.name))


def show_ledgers(files: list[Path], as_json: bool) -> None:
    """Print the ledger that each file holds, or that it holds none."""
    from mosaik_bottomup.app.ledger_table import (
        COLUMNS,
        NO_LEDGER,
        ledger_json,
        ledger_table,
        spread_line,
    )
    from mosaik_bottomup.settlement import recorded

    held, problems = opened(files)
    if problems:
        refuse(problems)
    ledgers = {run.path: recorded(run) for run in held}
    if as_json:
        told = {str(at): it and ledger_json(it) for at, it in ledgers.items()}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
        return
    console = stream()
    for run in held:
        ledger = ledgers[run.path]
        if ledger is None:
            typer.echo(f"{run.path}: {NO_LEDGER}")
            continue
        if not console.is_terminal:
            parties = len(ledger.parties) - ledger.homes
            console.width = COLUMNS * (parties + 3)
        console.print(ledger_table(ledger, _title(run)))
        typer.echo(spread_line(ledger))


def opened(files: list[Path]) -> "tuple[list[Results], list[Problem]]":
    """Return the files as far as they can be read, and what is wrong with the rest."""
    from mosaik_bottomup.errors import InputError
    from mosaik_bottomup.results import read

    held: list[Results] = []
    problems: list[Problem] = []
    for file in files:
        try:
            held.append(read(file))
        except InputError as error:
            problems += error.problems
        except (OSError, KeyError) as error:
            problems.append(_problem(file, str(error)))
    return held, problems


def _problem(file: Path, remedy: str) -> "Problem":
    from mosaik_bottomup.errors import Problem

    return Problem("settle", "FILE", str(file), remedy)


def _title(run: "Results") -> str:
    attrs = run.attrs
    return (
        f"{attrs['scenario_name']}, {attrs['strategy']}, seed {attrs['seed']}, "
        f"{run.steps} steps of {run.step_s} s: {run.path.name}"
    )
