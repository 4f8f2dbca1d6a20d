"""The page of a sweep: its axes against its metrics, and which axis decides what."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaik_bottomup.app.report.heat_maps import MEANT_FOR_TWO, heat_maps
from mosaik_bottomup.app.report.page import Section, rendered, write_page
from mosaik_bottomup.app.report.parallel import parallel
from mosaik_bottomup.app.report.sensitivity import sensitivity, why_not
from mosaik_bottomup.app.report.style import look
from mosaik_bottomup.app.report.sweep_points import at_points, shown_metrics
from mosaik_bottomup.app.report.tables import NONE, Cell, Row, Table
from mosaik_bottomup.app.sweep.table import ABOUT, DONE, About, read_table
from mosaik_bottomup.errors import InputError, Problem

MOST_ROWS = 200
"""Points in the table of the page."""
NOTHING = "No run of this sweep ended well."


def is_sweep(paths: Sequence[Path]) -> bool:
    """Return whether any of the paths is a folder of a sweep."""
    return any((path / ABOUT).is_file() for path in paths)


def write_sweep_report(paths: Sequence[Path], out: Path) -> About:
    """Write one self-contained page about a sweep.

    Raises
    ------
    InputError
        If there is more than the one folder, or it is not what a sweep leaves.
    OSError
        If the page cannot be written there.
    """
    if len(paths) > 1:
        words = " ".join(map(str, paths))
        remedy = "a page shows one sweep, or files and folders without any"
        raise InputError([Problem("report", "PATH", words, remedy)])
    about = read_table(paths[0])
    write_page(sweep_page(about), out)
    return about


def sweep_page(about: About) -> str:
    """Return the page of a sweep."""
    table = about.table
    failed = table[table["status"] != DONE]
    return rendered(
        "sweep.html",
        _sections(about),
        about=about,
        runs=len(table),
        points=table["point"].nunique(),
        strategies=list(table["strategy"].unique()),
        seeds=table["seed"].nunique(),
        failed=[
            f"point {row.point}, {row.strategy}, seed {row.seed}: {row.error}"
            for row in failed.itertuples()
        ],
    )


def _sections(about: About) -> list[Section]:
    points = at_points(about)
    if points.empty:
        return [Section("points", "Points", left_out=NOTHING)]
    maps = heat_maps(about, points)
    reason = why_not(about)
    return [
        Section("parallel", "All points", (parallel(about, points),)),
        Section(
            "maps",
            "Over two axes",
            tuple(maps),
            left_out="" if maps else MEANT_FOR_TWO,
        ),
        Section(
            "sensitivity",
            "Which axis decides",
            tables=() if reason else (sensitivity(about),),
            left_out=reason,
        ),
        Section("points", "Points", tables=(_table(about, points),)),
    ]


def _table(about: About, points: pd.DataFrame) -> Table:
    metrics = shown_metrics(points)
    rows = tuple(
        Row(
            f"{row['point']}, {row['strategy']}",
            (
                *(Cell(_written(row[axis])) for axis in about.axes),
                *(Cell(_written(row[name])) for name in metrics),
            ),
            colour=look(str(row["strategy"])).colour,
        )
        for _, row in points.head(MOST_ROWS).iterrows()
    )
    more = len(points) - len(rows)
    rest = f" {more} more are in summary.csv." if more > 0 else ""
    return Table(
        "points",
        f"Means over the seeds; each key and metric ends in its unit.{rest}",
        "point, strategy",
        (*about.axes, *metrics),
        (("", rows),),
    )


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5g}" if value == value else NONE
    return str(value)
