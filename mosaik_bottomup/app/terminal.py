"""What is said on the terminal while a command works, and how it says no."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mosaik_bottomup.errors import Problem

BAD_INPUT = 2
"""Exit code."""


@contextmanager
def progress(
    name: str, quiet: bool, unit: str = ""
) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on the terminal, nothing where there is none.

    Yields what is to be called with the steps (or other units) done, and in all.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = stream(stderr=True)
    with Progress(
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("steps", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def refuse(problems: "list[Problem]") -> NoReturn:
    """End the command: the input is bad, and this is what would mend it."""
    noun = "problem" if len(problems) == 1 else "problems"
    say(f"[red]{len(problems)} {noun} in the input:[/red]")
    for problem in problems:
        typer.echo(f"  {problem}", err=True)
    raise typer.Exit(BAD_INPUT)


def say(markup: str) -> None:
    """Print one message on standard error, with rich's markup."""
    stream(stderr=True).print(markup, soft_wrap=True, highlight=False)


def stream(stderr: bool = False) -> "Console":
    """Return standard output or standard error as it is now."""
    from rich.console import Console

    return Console(file=sys.stderr if stderr else sys.stdout)


def plain(thing: BaseException | Path | str) -> str:
    """Return words, of an error or a file's name, safe within markup."""
    from rich.markup import escape

    return escape(str(thing) or type(thing).__name__)
