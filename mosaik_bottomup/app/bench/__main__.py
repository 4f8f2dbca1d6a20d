"""Where the time goes, and how it grows: what ``make bench`` measures.

Machines are noisy, and so figures of one run are medians of several, parts are counted
in processor time, and what is to be compared with other machines or days is a ratio of
two times of one process.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from mosaik_bottomup.app.bench import growth, throughput
from mosaik_bottomup.app.bench.comparison import compared, read
from mosaik_bottomup.app.bench.figures import Extent, take
from mosaik_bottomup.app.bench.table import comparison, lines
from mosaik_bottomup.app.options import PACKAGED_DEFAULT, Overrides, ScenarioName
from mosaik_bottomup.app.terminal import refuse, stream
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.scenario import load

WIDTH = 88


def main(
    scenario: ScenarioName = PACKAGED_DEFAULT,
    overrides: Overrides = None,
    runs: Annotated[int, typer.Option(min=1, help="How many to take medians of.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="One run's parts and ratios, no more.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Fleets of up to 150 000 sites, a week, a sweep of 200 runs: hours.",
        ),
    ] = False,
    sites: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Size of a fleet, instead of the usual ones."),
    ] = None,
    year: Annotated[
        bool, typer.Option("--year", help="Run a year: an hour or more.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Keep the figures, too."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE", help="Figures kept before."),
    ] = None,
) -> None:
    """Measure where the time of a run goes, and how it grows."""
    try:
        asked = load(scenario, overrides or ())
        sizes = sites or (() if quick else growth.ALL if full else growth.SMALL)
        fleets = [growth.grown(asked, size) for size in sorted(set(sizes))]
        before = read(baseline) if baseline else None
    except InputError as error:
        refuse(error.problems)
    few = (throughput.FEW, min(throughput.FEW_H, asked.run.duration_h))
    many = (throughput.MANY, asked.run.duration_h)
    sweep = None if quick else many if full else few
    figures = take(asked, runs, Extent(fleets, full, year, sweep))
    if file:
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console = stream()
    if not console.is_terminal:
        console.width = WIDTH
    for line in lines(figures):
        console.print(line)
    if before is not None:
        console.print(comparison(before, compared(before, figures)))


if __name__ == "__main__":
    typer.run(main)
