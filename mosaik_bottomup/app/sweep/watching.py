"""How far a sweep is: runs done, how fast, how many failed, how long it still takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mosaik_bottomup.app.runs.workers import Failed, Outcome
from mosaik_bottomup.app.sweep.plan import SweepRun
from mosaik_bottomup.app.terminal import stream

SECONDS_PER_MINUTE = 60.0


@dataclass(slots=True)
class Tally:
    """Runs of a sweep, counted as they end."""

    wanted: int
    """Runs to be made now."""
    made: int = 0
    failed: int = 0
    began_s: float = field(default_factory=time.monotonic)

    def count(self, outcome: Outcome) -> None:
        """Take note of a run that has ended."""
        self.made += 1
        self.failed += isinstance(outcome, Failed)

    @property
    def per_minute(self) -> float:
        """Runs that have ended per minute."""
        minutes = (time.monotonic() - self.began_s) / SECONDS_PER_MINUTE
        return self.made / minutes if minutes else 0.0

    def words(self) -> str:
        """Return speed, failures and the time that is left."""
        left = "?"
        if self.per_minute:
            minutes = (self.wanted - self.made) / self.per_minute
            left = f"{int(minutes // 60)}:{int(minutes % 60):02d} h"
        return f"{self.per_minute:.1f} runs/min, {self.failed} failed, {left} left"


@contextmanager
def watched(
    name: str, tally: Tally, quiet: bool
) -> Iterator[Callable[[SweepRun, Outcome], None]]:
    """Show a bar on the terminal, nothing where there is none."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = stream(stderr=True)
    with Progress(
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
        console=console,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("runs", total=tally.wanted, words=tally.words())

        def ended(run: SweepRun, outcome: Outcome) -> None:
            tally.count(outcome)
            bar.update(task, completed=tally.made, words=tally.words())

        yield ended
